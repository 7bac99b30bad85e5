"""Virtual devices: richer than any model that is fitted to them, and honest to tests about what they are.

The core is soft bounds in conductance at a pair of reference pulses. Another pulse goes the same way `x` times as far,
``1 - s = (1 - s_ref)^x`` with ``x = sinh(|V|/v0) / sinh(|V_ref|/v0) * (w/w_ref)^beta``: exponential in voltage as ion
hopping is (sinh for protonic ECRAM after Onen 2022; exponential for metal-oxide ECRAM after Kim, IEDM 2019), a power
of the width. After a pulse a volatile share of its step decays; conductance drifts to a rest value; a reading has white
and slow noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError
from sim_device.models import SoftBounds
from sim_device.virtual_bench.ageing import NO_AGEING, Ageing, Telegraph
from sim_device.virtual_bench.noise import Normals, SlowNoise


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

    def fraction(self, pulse: Pulse) -> tuple[float, bool]:
        """Fraction of the remaining way that `pulse` goes [1], and whether it goes up."""
        up = (pulse.voltage > 0) == (self.reference.up.voltage > 0)
        at, base = (self.reference.up, self.core.s_up) if up else (self.reference.down, self.core.s_down)
        times = _sinh_ratio(abs(pulse.voltage) / self.voltage_scale, abs(at.voltage) / self.voltage_scale)
        times *= (pulse.width / at.width) ** self.width_exponent
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
            self, core=core, voltage_scale=self.voltage_scale * math.sqrt(scale), rest=(core.g_min + core.g_max) / 2
        )


def _sinh_ratio(x: float, reference: float) -> float:
    """``sinh(x) / sinh(reference)`` without overflow."""
    return math.exp(min(x - reference, 600.0)) * -math.expm1(-2 * x) / -math.expm1(-2 * reference)


class VirtualDevice:
    """One device with a state; time comes with every call and never runs backwards."""

    def __init__(
        self, parameters: DeviceParameters, seed: int | np.random.SeedSequence, conductance: float | None = None
    ):
        self.parameters = parameters
        self._normals = Normals(seed)
        self._slow = SlowNoise(parameters.slow_noise, parameters.slow_times, self._normals)
        self._telegraph = Telegraph(parameters.ageing, self._normals)
        self._pulses = 0
        self._pulsed_at = 0.0
        core = parameters.core
        self._core = (core.g_min + core.g_max) / 2 if conductance is None else conductance
        self._volatile = 0.0
        self._at = 0.0
        self._read_at = 0.0
        self._steps: dict[tuple[float, float], tuple[float, bool]] = {}

    def pulse(self, now: float, pulse: tuple[float, float], count: int) -> None:
        """Apply `count` pulses of (voltage [V], width [s]) at the time `now` [s]."""
        self._relax(now)
        p = self.parameters
        if p.stuck:
            return
        step = self._steps.get(pulse)
        if step is None:
            step = self._steps[pulse] = p.fraction(Pulse(*pulse))
        fraction, up = step
        self._core -= p.ageing.drifted(now - self._pulsed_at)
        self._pulses, self._pulsed_at = self._pulses + count, now
        low, high = p.ageing.window(p.core.g_min, p.core.g_max, self._pulses)
        bound = high if up else low
        normals, sigma, core = self._normals, p.cycle_to_cycle, self._core
        before = core
        for _ in range(count):
            core += fraction * (bound - core) * (1.0 + sigma * normals())
        self._core = min(max(core, low), high)
        self._volatile += p.volatile * (self._core - before)

    def conductance(self, now: float) -> float:
        """Conductance [S] at the time `now` [s], without noise of a reading."""
        self._relax(now)
        return self._core + self._volatile - self.parameters.ageing.drifted(now - self._pulsed_at)

    def read(self, now: float) -> float:
        """Conductance [S] as a reading at `now` [s] finds it."""
        elapsed, self._read_at = now - self._read_at, now
        p = self.parameters
        noisy = self.conductance(now) + self._slow.after(elapsed) + p.white_noise * self._normals()
        noisy += self._telegraph.after(elapsed)
        if not p.stuck:
            self._core += p.ageing.read_disturb * (p.core.g_max - self._core)
        return max(noisy, 0.0)

    def truth(self, pulses: PulsePair) -> DeviceTruth:
        """What this device is under `pulses`, once settled; for tests."""
        p = self.parameters
        core = p.core_under(pulses)
        (point,) = core.symmetry_points()
        return DeviceTruth(
            symmetry_point_S=point.conductance,
            step_S=point.step,
            g_min_S=core.g_min,
            g_max_S=core.g_max,
            s_up=core.s_up,
            s_down=core.s_down,
            read_noise_S=math.hypot(p.white_noise, p.slow_noise),
            white_noise_S=p.white_noise,
            slow_noise_S=p.slow_noise,
            cycle_to_cycle=p.cycle_to_cycle,
            stuck=p.stuck,
        )

    def _relax(self, now: float) -> None:
        """Let the volatile part decay and the core drift, exactly, from the last call to `now`."""
        elapsed = now - self._at
        if elapsed <= 0:
            return
        self._at = now
        p = self.parameters
        self._volatile *= math.exp(-elapsed / p.volatile_time)
        if not p.stuck:
            self._core += (p.rest - self._core) * -math.expm1(-elapsed / p.rest_time)


ECRAM = DeviceParameters(
    # Values are ours, chosen within what is published: some 400 states, tens of microsiemens, 500 ns pulses.
    core=SoftBounds(g_min=10e-6, g_max=50e-6, s_up=0.004, s_down=0.006),
    reference=PulsePair(Pulse(2.0, 500e-9), Pulse(-2.0, 500e-9)),
    voltage_scale=0.35,
    width_exponent=0.9,  # nearly linear in width (Tang, IEDM 2018)
    cycle_to_cycle=0.3,  # as the Li-ECRAM preset of aihwkit
    white_noise=15e-9,
    slow_noise=10e-9,
    slow_times=(0.1, 1.0, 10.0, 100.0),
    volatile=0.25,  # post-pulse jump and relaxation (Tang, IEDM 2018)
    volatile_time=2e-3,
    rest=30e-6,
    rest_time=1e7,
    spread=0.05,
)
RRAM = DeviceParameters(
    # Values are ours, chosen within what is published for filamentary HfO2: few, noisy, abrupt states.
    core=SoftBounds(g_min=20e-6, g_max=200e-6, s_up=0.05, s_down=0.07),
    reference=PulsePair(Pulse(1.2, 100e-9), Pulse(-1.2, 100e-9)),
    voltage_scale=0.08,
    width_exponent=0.3,
    cycle_to_cycle=0.5,
    white_noise=0.2e-6,
    slow_noise=0.3e-6,
    slow_times=(0.01, 0.1, 1.0, 10.0),
    volatile=0.1,
    volatile_time=1e-4,
    rest=110e-6,
    rest_time=1e8,
    spread=0.2,
)
PRESETS = {"ecram": ECRAM, "rram": RRAM}


def known() -> Mapping[str, DeviceParameters]:
    """The kinds of virtual devices by name."""
    return MappingProxyType(PRESETS)


def make_devices(
    names: Iterable[str], kind: DeviceParameters | str, seed: int, stuck: Iterable[str] = ()
) -> dict[str, VirtualDevice]:
    """Individuals of one kind, one for each name; `stuck` ones never move. `seed` alone decides what they are.

    Raises `InputError` for the name of a kind that is not known.
    """
    if isinstance(kind, str):
        if kind not in PRESETS:
            raise InputError(f"no virtual device is called {kind!r}; known are {', '.join(sorted(PRESETS))}")
        kind = PRESETS[kind]
    names, never_moving = list(names), frozenset(stuck)
    devices: dict[str, VirtualDevice] = {}
    for name, sequence in zip(names, np.random.SeedSequence(seed).spawn(len(names)), strict=True):
        make, noise = sequence.spawn(2)
        individual = kind.vary(np.random.default_rng(make))
        devices[name] = VirtualDevice(replace(individual, stuck=name in never_moving), noise)
    return devices
