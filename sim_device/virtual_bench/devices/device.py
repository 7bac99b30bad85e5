"""Virtual devices: richer than any model fitted to them, and open to tests about their true state.

The core is soft bounds in conductance at a pair of reference pulses. Another pulse goes the same way `x` times as far,
``1 - s = (1 - s_ref)^x`` with ``x = sinh(|V|/v0) / sinh(|V_ref|/v0) * (w/w_ref)^beta``: exponential in voltage as ion
hopping is (sinh for protonic ECRAM after Onen 2022; exponential for metal-oxide ECRAM after Kim, IEDM 2019), a power
of the width. After a pulse a volatile share of its step decays; conductance drifts to a rest value; a reading has white
and slow noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from instruments.crosspoints import FloatArray, Pulse, PulsePair
from instruments.errors import InputError
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.ageing import NO_AGEING, Telegraph
from sim_device.virtual_bench.devices.bipolar_switching import Forming, Hold, Switching
from sim_device.virtual_bench.devices.device_parameters import DeviceParameters, DeviceTruth
from sim_device.virtual_bench.devices.noise import Normals, SlowNoise
from sim_device.virtual_bench.devices.trains import Motion, State, Train, moved


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
        self._hold = Hold(parameters.law, self._normals)
        forming = parameters.switching.forming if parameters.switching else None
        self._pristine: Forming | None = forming if conductance is None and not parameters.stuck else None
        self._dose = 0.0
        if self._pristine is not None:
            self._core = self._pristine.leak

    def pulse(self, now: float, pulse: tuple[float, float], count: int) -> None:
        """Apply `count` pulses of (voltage [V], width [s]) at the time `now` [s]."""
        self._relax(now)
        p = self.parameters
        if p.stuck:
            return
        if self._pristine is not None:
            count -= self._dosed(self._pristine, pulse[0], pulse[1], count)
            if not count:
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

    def hold(self, since: float, now: float, voltage: float, limit: float) -> None:
        """From `since` to `now` [s] it was held at `voltage` [V], with at most `limit` [A] through it."""
        p = self.parameters
        if p.switching is None or p.stuck:
            return
        if abs(voltage) < p.switching.threshold:
            self._hold.released()
            return
        if now <= since:
            return
        self._relax(now)
        left = now - since
        if self._pristine is not None:
            forming = (1 - self._dose) / self._pristine.rate(voltage)
            if self._dosed(self._pristine, voltage, left, 1):
                return
            left -= min(forming, left)
        bound, fraction, reference = p.way(voltage)
        low, high = p.ageing.window(p.core.g_min, p.core.g_max, self._pulses)
        way = (high if bound == p.core.g_max else low), fraction, reference
        drive = voltage, max(limit, 1e-15)
        self._core = self._hold.moved(self._core, left, drive, way, p.switching.hold_to_hold)
        self._pulsed_at = now

    def _dosed(self, forming: Forming, voltage: float, seconds: float, count: int) -> int:
        """How many of `count` pulses leave a pristine device as it is; formed by the next, where there is one left."""
        dose = forming.rate(voltage) * seconds
        needed = (1 - self._dose) / max(dose, 1e-300)
        if needed > count:
            self._dose += count * dose
            return count
        self._pristine, self._core = None, self.parameters.core.g_min
        return math.ceil(needed) - 1

    @property
    def formed(self) -> bool:
        """Whether a filament is there; always, for a kind that needs no forming."""
        return self._pristine is None

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
        if self._pristine is not None:  # a leak fluctuates as little as it is small
            return max(self._core + (noisy - self._core) * self._core / p.core.g_min, 0.0)
        if not p.stuck:
            self._core += p.ageing.read_disturb * (p.core.g_max - self._core)
        return max(noisy, 0.0)

    def train(self, train: Train) -> FloatArray:
        """A train of pulses and readings (`sim_device.virtual_bench.devices.trains`): the conductance [S] that each
        finds.
        """
        times, levels = train.events()
        p = self.parameters
        if p.stuck or self._pristine is not None or p.ageing != NO_AGEING:
            return self._one_by_one(train, times, levels)

        def step(volts: float) -> tuple[float, bool]:
            return p.fraction(Pulse(volts, train.width))

        core = p.core
        motion = Motion(core.g_min, core.g_max, p.rest, p.volatile, p.cycle_to_cycle, train.limit, step)
        elapsed = np.maximum(np.diff(times, prepend=self._at), 0.0)
        kept, drifted = np.exp(-elapsed / p.volatile_time), -np.expm1(-elapsed / p.rest_time)
        xi = self._normals.take(len(levels))
        state, found = moved(State(self._core, self._volatile), motion, levels, kept, drifted, xi)
        self._core, self._volatile = state.core, state.volatile
        if len(times):
            self._at = max(self._at, float(times[-1]))
        self._pulses += int(np.count_nonzero(levels))
        slow = self._slow.series(np.diff(train.read_at, prepend=self._read_at))
        if len(found):
            self._read_at = float(train.read_at[-1])
        return np.maximum(found + slow + p.white_noise * self._normals.take(len(found)), 0.0)

    def _one_by_one(self, train: Train, times: FloatArray, levels: FloatArray) -> FloatArray:
        read: list[float] = []
        for now, level in zip(times.tolist(), levels.tolist(), strict=True):
            if level:
                held = abs(level) * self.conductance(now) > train.limit
                volts = math.copysign(train.limit / self.conductance(now), level) if held else level
                self.pulse(now, (volts, train.width), 1)
            else:
                read.append(self.read(now))
        return np.array(read)

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
        if not p.stuck and self._pristine is None:
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
    switching=Switching(threshold=0.3, hold_to_hold=0.5),
)
PRISTINE_RRAM = replace(
    RRAM,
    # HfO2 of some 5 nm: forms at 2 to 3 V, later by 0.1 to 0.2 V a decade of ramp rate, leaks nanosiemens before.
    switching=Switching(threshold=0.3, hold_to_hold=0.5, forming=Forming(2.4, 0.06, leak=50e-9, spread=0.15)),
)
PRESETS = {"ecram": ECRAM, "rram": RRAM, "rram-pristine": PRISTINE_RRAM}


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
