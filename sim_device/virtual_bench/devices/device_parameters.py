"""Parameters of a virtual device: soft bounds, response to other pulses, noise, ageing, switching.

Another pulse goes the same way `x` times as far, ``1 - s = (1 - s_ref)^x``, x by `sim_device.models.voltage_law`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError
from sim_device.models.formulas import SoftBounds
from sim_device.models.voltage_law import VoltageLaw
from sim_device.virtual_bench.devices.ageing import NO_AGEING, Ageing
from sim_device.virtual_bench.devices.bipolar_switching import Switching


@dataclass(frozen=True)
class DeviceTruth:
    """What a virtual device is, for a pair of pulses and settled readings: what tests compare estimates with.

    Conductances in [S]; `s_up`, `s_down` the fractions of the remaining way that one pulse goes [1]; `cycle_to_cycle`
    the standard deviation of a step relative to the step [1]; `read_noise_S` of a reading, white and slow together [S].
    """

    symmetry_point_S: float  # noqa: N815 - the unit is part of a name
    step_S: float  # noqa: N815
    g_min_S: float  # noqa: N815
    g_max_S: float  # noqa: N815
    s_up: float
    s_down: float
    read_noise_S: float  # noqa: N815
    white_noise_S: float  # noqa: N815
    slow_noise_S: float  # noqa: N815
    cycle_to_cycle: float
    stuck: bool


@dataclass(frozen=True)
class DeviceParameters:
    """A kind of device; `vary` makes individuals of it.

    Attributes
    ----------
    core
        Soft bounds [S] under the `reference` pulses.
    reference
        Pulses at which `core` holds; the sign of its up voltage says which sign moves conductance up.
    voltage_scale
        v0 [V] of the sinh law.
    width_exponent
        beta [1] of the power law in width.
    cycle_to_cycle
        Standard deviation of a step relative to the step [1].
    white_noise, slow_noise
        Standard deviations [S] of a reading that forget at once, and that remember `slow_times` [s].
    volatile, volatile_time
        Share of a step [1] that decays again, and its time constant [s].
    rest, rest_time
        Conductance [S] that a device drifts to when left alone, and the time constant [s].
    spread
        Device-to-device standard deviation of log conductance range, log fractions and (half of it) log v0 [1].
    ageing
        Wear, read disturb, telegraph noise, logarithmic drift; none unless given.
    switching
        How a voltage that is held moves it, and whether it must be formed; None where only pulses do.
    """

    core: SoftBounds
    reference: PulsePair
    voltage_scale: float
    width_exponent: float
    cycle_to_cycle: float
    white_noise: float
    slow_noise: float
    slow_times: tuple[float, ...]
    volatile: float
    volatile_time: float
    rest: float
    rest_time: float
    spread: float
    stuck: bool = False
    ageing: Ageing = NO_AGEING
    switching: Switching | None = None

    @property
    def law(self) -> VoltageLaw:
        """How far another pulse goes than the reference."""
        return VoltageLaw(self.voltage_scale, self.width_exponent)

    def way(self, voltage: float) -> tuple[float, float, Pulse]:
        """Where `voltage` [V] leads: the bound [S], the fraction of one reference pulse that way, and that pulse."""
        if (voltage > 0) == (self.reference.up.voltage > 0):
            return self.core.g_max, self.core.s_up, self.reference.up
        return self.core.g_min, self.core.s_down, self.reference.down

    def fraction(self, pulse: Pulse) -> tuple[float, bool]:
        """Fraction of the remaining way that `pulse` goes [1], and whether it goes up."""
        up = (pulse.voltage > 0) == (self.reference.up.voltage > 0)
        at, base = (self.reference.up, self.core.s_up) if up else (self.reference.down, self.core.s_down)
        times = self.law.times(pulse, at)
        return -math.expm1(times * math.log1p(-base)), up

    def core_under(self, pulses: PulsePair) -> SoftBounds:
        """The soft bounds [S] that settled readings follow under other pulses than the reference.

        Raises `InputError` if both pulses go the same way: then there is no symmetry point.
        """
        s_up, up = self.fraction(pulses.up)
        s_down, down_goes_up = self.fraction(pulses.down)
        if not up or down_goes_up:
            raise InputError(f"pulses {pulses} do not move this device up and down")
        return replace(self.core, s_up=s_up, s_down=s_down)

    def vary(self, rng: np.random.Generator) -> DeviceParameters:
        """Another individual of this kind, log-normally distributed by `spread`."""
        low, high, up, down, scale = np.exp(self.spread * rng.standard_normal(5)).tolist()
        core = SoftBounds(
            g_min=self.core.g_min * low,
            g_max=self.core.g_min * low + (self.core.g_max - self.core.g_min) * high,
            s_up=min(self.core.s_up * up, 0.9),
            s_down=min(self.core.s_down * down, 0.9),
        )
        return replace(
            self,
            core=core,
            voltage_scale=self.voltage_scale * math.sqrt(scale),
            rest=(core.g_min + core.g_max) / 2,
            switching=_varied(self.switching, rng),
        )


def _varied(switching: Switching | None, rng: np.random.Generator) -> Switching | None:
    """Another individual: its forming voltage differs."""
    forming = switching.forming if switching else None
    if switching is None or forming is None or not forming.spread:
        return switching
    voltage = forming.voltage + forming.spread * float(rng.standard_normal())
    return replace(switching, forming=replace(forming, voltage=voltage))
