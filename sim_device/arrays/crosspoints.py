"""Simulated crosspoints: an array of device models, seeded and compiled, on a simulated clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.asked import readings_of, seconds_of, volts_of
from instruments.clock import Clock, VirtualClock
from instruments.crosspoints import (
    Crosspoints,
    FloatArray,
    Index,
    IntArray,
    Origin,
    Pulse,
    PulsePair,
    PulseTrains,
    Readings,
    Sweep,
    coinciding,
    counts_for,
    pair_of,
    steps_of,
)
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.levels import Levels
from instruments.limits import Limits
from sim_device.arrays.budget import check_budget, foresee
from sim_device.arrays.device_array import Loop, Response, SimNoise
from sim_device.arrays.known_devices import of_fitted, of_preset
from sim_device.arrays.making import array_of
from sim_device.arrays.other_pulses import AppliedPair, applied
from sim_device.arrays.simulated_reading import pulse_time, readings_at
from sim_device.arrays.simulated_sweep import swept
from sim_device.arrays.window import Window, distinct
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import FittedDevice
from sim_device.models.population import Spread
from sim_device.models.presets import Preset, preset
from sim_device.models.voltage_law import VoltageLaw

__all__ = ["NOMINAL", "SimCrosspoints", "SimNoise", "Spread"]

NOMINAL = PulsePair(up=Pulse(1.0, 1e-6), down=Pulse(-1.0, 1e-6))
STREAMED = 65536  # readings that `stream` makes at once: large enough to be fast, small enough to keep memory flat


class SimCrosspoints(Crosspoints):
    """An array of simulated devices of one model.

    Parameters
    ----------
    model
        Mean response of the devices [unit]; see `sim_device.models.formulas`.
    shape
        (rows, columns).
    noise, spread
        Noise of every device; how devices differ. None unless given.
    seed
        Everything random comes from it: same seed, same calls, same bits, with any number of threads.
    initial
        Conductance [unit] at the start, broadcast to `shape`; the middle of the range of the model unless given.
    unit
        "S", or "normalised" where the model has no siemens.
    pulses
        The pair whose steps are those of the model. The models know no voltage: without a `law` a call that names
        another pair is refused.
    read_voltage, read_time
        [V], [s] of one reading of the whole block.
    limits
        Pulses and bias are checked against them, and pulses of every crosspoint against its budget.
    law
        How far pulses of other voltage and width go than those of the pair (`sim_device.arrays.other_pulses`); without
        it there are none, and nothing is held above the read voltage.
    """

    def __init__(
        self,
        model: DeviceModel,
        shape: tuple[int, int] = (1, 1),
        *,
        noise: SimNoise | None = None,
        spread: Spread | None = None,
        seed: int = 0,
        initial: ArrayLike | None = None,
        unit: str = "S",
        pulses: PulsePair = NOMINAL,
        read_voltage: float = 0.1,
        read_time: float = 0.02,
        limits: Limits | None = None,
        law: VoltageLaw | None = None,
        clock: Clock | None = None,
        name: str = "simulated",
        details: dict[str, Any] | None = None,
    ) -> None:
        if min(shape) < 1:
            raise InputError(f"crosspoints of shape {shape} are none; give at least one row and one column")
        if limits is not None:
            limits.check_pulse(pulses.up)
            limits.check_pulse(pulses.down)
            limits.check_bias(read_voltage, limits.current)
        noise, spread = noise or SimNoise(), spread or Spread()
        self._array = array_of(model, shape, noise, spread, seed, initial)
        self._clock, self._limits = clock or VirtualClock(), limits
        self._window = Window(range(shape[0]), range(shape[1]))
        self.shape, self.unit, self.name, self.pulses = shape, unit, name, pulses
        self.model, self.read_voltage, self.read_time = model, read_voltage, read_time
        self.law = law
        self._details = {
            "model": model.name, "parameters": model.parameters(unit), "noise": vars(noise), "spread": vars(spread),
            "seed": seed, "shape": list(shape), **({"law": vars(law)} if law else {}), **(details or {}),
        }  # fmt: skip

    @classmethod
    def from_fitted(cls, fitted: FittedDevice, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
        """Devices as fitted from a measurement: its model and noise, started where the measured device was left.

        Noise that was not identified is taken as 0. `more` are the other arguments of `SimCrosspoints`.
        """
        return cls(fitted.model(), shape, **(of_fitted(fitted) | more))

    @classmethod
    def from_preset(cls, device: str | Preset, /, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
        """Devices with published parameters, such as "li-ecram" (`sim_device.models.presets`), mapped to siemens."""
        chosen = preset(device) if isinstance(device, str) else device
        return cls(chosen.model, shape, **(of_preset(chosen) | more))

    @property
    def origin(self) -> Origin:
        """Simulated, with model, parameters, noise, spread and seed."""
        return Origin("simulated", dict(self._details))

    @property
    def conductance(self) -> FloatArray:
        """The conductance itself [unit], without read or write noise; shape (rows, columns). Takes no time."""
        return self._window.cut(self._array.present()).astype(np.float64)

    @property
    def pulses_applied(self) -> IntArray:
        """Pulses, of either sign, that each crosspoint has seen since it was made; shape (rows, columns)."""
        return self._window.cut(self._array.applied).astype(np.int64)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Which crosspoints do not move."""
        return self._window.cut(self._array.population.stuck)

    def device(self, row: int, column: int) -> dict[str, float]:
        """True parameters of one device as drawn: g_min, g_max [unit], s_up, s_down [1]
        (`sim_device.models.population`).
        """
        p, at = self._array.population, (self._window.rows[row], self._window.columns[column])
        arrays = {"g_min": p.low, "g_max": p.high, "s_up": p.s_up, "s_down": p.s_down}
        return {key: float(array[at]) for key, array in arrays.items()}

    def check(self, steps: IntArray, pulses: PulsePair | None = None) -> None:
        """Against law, limits and budget, where there are any."""
        self._checked(steps, pulses)

    def foresee(self, foreseen: Foreseen, counted: Mapping[str, int] | None = None) -> None:
        """Against the limits, where there are any."""
        if self._limits is not None:
            foresee(foreseen, self._limits, self.pulses_applied, self.name)

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """Apply `counts` pulses; see `Crosspoints.pulse`. Another pair than this block's own needs a `law`."""
        wanted, pair = counts_for(counts, self.shape), self._pair(pulses)
        self._check_budget(np.abs(wanted))
        self._array.pulse(self._window.box, self._window.boxed(pair.sign * wanted), self._array.under(pair.times))
        self._clock.wait(pulse_time(pair.pulses) * int(np.abs(wanted).max()))

    def read(self, repeats: int = 1) -> Readings:
        """Read every crosspoint `repeats` times: shape (repeats, rows, columns)."""
        repeats = readings_of(repeats)
        return self._trace(np.broadcast_to(np.int64(0), (repeats, *self.shape)), AppliedPair(self.pulses))

    def wait(self, seconds: float) -> None:
        """Advance the clock by `seconds` [s]."""
        self._clock.wait(seconds_of(seconds))

    def safe(self) -> None:
        """Nothing is ever driven."""

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """Pulse and read, step by step, many steps at once; checked as a whole before the first pulse."""
        steps, pair = self._checked(counts, pulses)
        at_once, response = max(1, STREAMED // (self.shape[0] * self.shape[1])), self._array.under(pair.times)
        parts = (steps[first : first + at_once] for first in range(0, len(steps), at_once))
        return (self._trace(part, pair, response) for part in parts)

    def trace(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Readings:
        """The whole of `stream` in one compiled loop."""
        steps, pair = self._checked(counts, pulses)
        return self._trace(steps, pair, self._array.under(pair.times))

    def sweep(self, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike = 0.0) -> Sweep:
        """Hold all side by side, as `Crosspoints.sweep`: what is held counts as pulses of the pair, by the `law`."""
        levels = Levels.of(voltages, compliance, dwell, self.shape)
        if self._limits is not None:
            levels.check(self._limits)
        return swept(
            self, levels, self.law, lambda counts: self._array.pulse(self._window.box, self._window.boxed(counts))
        )

    def coincide(self, rows: PulseTrains, columns: PulseTrains) -> None:
        """Stochastic outer-product update, counted and applied in one compiled loop; see `Crosspoints.coincide`."""
        if self._limits is not None or not self._window.dense or self._array.rich:
            super().coincide(rows, columns)
            return
        up, across = coinciding(rows, columns, self.shape)
        self._array.coincide(self._window.box, PulseTrains(up), PulseTrains(across), self.shape[0])
        self._clock.wait(pulse_time(self.pulses) * up.shape[1])

    def forward(self, volts: ArrayLike) -> FloatArray:
        """Row currents for column voltages, of shape (columns,) or (columns, batch); see `Crosspoints.forward`.

        Read noise of one reading, independent between crosspoints, adds up to ``σ |V| ξ`` on each row: that is drawn.
        """
        return self._multiplied(volts_of(volts, self.shape[1]), transposed=False)

    def backward(self, volts: ArrayLike) -> FloatArray:
        """Column currents for row voltages, of shape (rows,) or (rows, batch); as `forward`."""
        return self._multiplied(volts_of(volts, self.shape[0]), transposed=True)

    def __getitem__(self, index: Index) -> SimCrosspoints:
        """A view on the same devices."""
        view = copy(self)
        view._window = self._window.of(index)
        view.shape = view._window.shape
        if 0 in view.shape:
            raise InputError(f"{index} picks no crosspoint out of {self.name} of shape {self.shape}")
        return view

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, of the whole array: `restore` continues from it bit for bit."""
        return {**self._array.state(), "time": self._clock.now()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back (or on) to a `snapshot` of an array made with the same arguments; its clock may only run on."""
        self._array.take_up(snapshot)
        self._clock.wait(max(0.0, float(snapshot["time"]) - self._clock.now()))

    def _multiplied(self, volts: FloatArray, *, transposed: bool) -> FloatArray:
        if self._array.noise.write > 0 or not self._window.covers(self._array.conductance.shape):
            g = self.read().conductance[0]
            return (g.T if transposed else g) @ volts
        currents = self._array.currents(volts, transposed=transposed)
        self._clock.wait(self.read_time)
        return currents

    def _pair(self, pulses: PulsePair | None) -> AppliedPair:
        """How a pair acts here; refused where no law says it, or limits forbid it."""
        pair = applied(pair_of(pulses, self.pulses), self.pulses, self.law, self.name)
        if self._limits is not None:
            self._limits.check_pulse(pair.pulses.up)
            self._limits.check_pulse(pair.pulses.down)
        return pair

    def _checked(self, counts: ArrayLike, pulses: PulsePair | None) -> tuple[IntArray, AppliedPair]:
        """Counts (steps, rows, columns) and the pair, once pair, counts and budget are all in order."""
        steps, pair = steps_of(counts, self.shape), self._pair(pulses)
        if self._limits is not None:
            self._check_budget(np.abs(steps).sum(axis=0))
        return steps, pair

    def _check_budget(self, more: IntArray) -> None:
        """Refuse `more` pulses beyond the budget of any crosspoint."""
        if self._limits is None:
            return
        check_budget(more, self.pulses_applied, self._limits, self.name)

    def _trace(self, counts: NDArray[Any], pair: AppliedPair, response: Response | None = None) -> Readings:
        signed = counts if pair.sign > 0 else -counts
        read = self._array.trace(self._window.box, self._window.boxed(signed), response=response)
        return self.timed(self._window.unboxed(read), counts, pair.pulses)

    def loop(self) -> Loop | None:
        """What a compiled loop needs to pulse and read these devices itself; None unless they are a plain block.

        Such a loop bypasses limits, so that a block with limits has none. Afterwards it tells `timed` what it did.
        """
        whole = self._window.covers(self._array.conductance.shape)
        if self._limits is not None or not whole or self._array.rich:
            return None
        return self._array.loop(self._window.box)

    def timed(self, conductance: FloatArray, counts: NDArray[Any], pulses: PulsePair | None = None) -> Readings:
        """Readings of these conductances, each after its `counts`, at the time they take; the clock goes on by that."""
        every = distinct(counts)
        most = np.broadcast_to(np.abs(every).max(axis=(1, 2)), len(counts))
        durations = pulse_time(pulses or self.pulses) * most + self.read_time
        times = self._clock.now() + np.cumsum(durations)
        self._clock.wait(float(durations.sum()))
        return readings_at(times, conductance, self.read_voltage if self.unit == "S" else np.nan)
