"""Crosspoints that are arithmetic: an array of simulated devices, seeded, compiled, on a simulated clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    counts_for,
    index_pair,
    steps_of,
)
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from sim_device import kernels
from sim_device.counter_random import keys
from sim_device.device_model import DeviceModel
from sim_device.fitted import FittedDevice
from sim_device.population import Floats, Population, Spread
from sim_device.presets import Preset, preset

NOMINAL = PulsePair(up=Pulse(1.0, 1e-6), down=Pulse(-1.0, 1e-6))
STREAMED = 65536  # readings that `stream` makes at once: large enough to be fast, small enough to keep memory flat
WORTH_A_THREAD = 32768  # crosspoints; below, starting a thread costs more than it saves
_Call: TypeAlias = Callable[[tuple[int, int]], None]


@dataclass(frozen=True)
class SimNoise:
    """Noise of simulated devices.

    `cycle_to_cycle` [1] relative to the step, ``ΔG = step(G)(1 + σc ξ)``, accumulates; `read` [unit] adds to every
    reading; `write` [unit] shows in readings, is drawn anew by every pulse and does not accumulate.
    """

    cycle_to_cycle: float = 0.0
    read: float = 0.0
    write: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no standard deviation."""
        wrong = [f"{key} = {value:g}" for key, value in vars(self).items() if not (np.isfinite(value) and value >= 0)]
        if wrong:
            raise InputError(f"noise must be finite and 0 or more: {', '.join(wrong)}")


@dataclass
class _Array:
    """State that a block and its views share."""

    population: Population
    noise: SimNoise
    conductance: Floats
    applied: NDArray[np.uint32]
    clock: Clock
    limits: Limits | None
    pulse_key: np.uint32
    read_key: np.uint32
    write_key: np.uint32
    chunk: np.int32
    readings: int = 0


class SimCrosspoints(Crosspoints):
    """An array of simulated devices of one model.

    Parameters
    ----------
    model
        Mean response of the devices [unit]; see `sim_device.models`.
    shape
        (rows, columns).
    noise, spread
        Noise of every device; how devices differ. None unless given.
    seed
        Everything random comes from it: the same seed and the same calls give the same bits, with any number of
        threads.
    initial
        Conductance [unit] at the start, broadcast to `shape`; the middle of the range of the model unless given.
    unit
        "S", or "normalised" where the model has no siemens.
    pulses
        The pair that `pulse` is said to apply. The models know no voltage: a call that names another pair is refused.
    read_voltage, read_time
        [V], [s] of one reading of the whole block.
    limits
        Pulses and bias are checked against them, and pulses of every crosspoint against its budget.
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
        population = Population.of(model, shape, spread, noise.cycle_to_cycle, seed)
        start = _start(initial, population, shape, seed, model)
        pulse_key, read_key, write_key = keys(seed, 3)
        self._array = _Array(
            population, noise, start, np.zeros(shape, dtype=np.uint32), clock or VirtualClock(), limits,
            pulse_key, read_key, write_key, np.int32(_chunk(population, noise)),
        )  # fmt: skip
        self._rows, self._columns = range(shape[0]), range(shape[1])
        self.shape, self.unit, self.name, self.pulses = shape, unit, name, pulses
        self.model, self.read_voltage, self.read_time = model, read_voltage, read_time
        self._details = {
            "model": model.name, "parameters": model.parameters(unit), "noise": vars(noise), "spread": vars(spread),
            "seed": seed, "shape": list(shape), **(details or {}),
        }  # fmt: skip

    @classmethod
    def from_fitted(cls, fitted: FittedDevice, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
        """Devices as fitted from a measurement: its model and noise, started where the measured device was left.

        Noise that was not identified is taken as 0. `more` are the other arguments of `SimCrosspoints`.
        """
        found = fitted.noise
        given: dict[str, Any] = {
            "noise": SimNoise(found.cycle_to_cycle or 0.0, found.read or 0.0, found.write or 0.0),
            "initial": fitted.measured.last if fitted.measured else None,
            "unit": fitted.unit,
            "details": {"fitted_from": fitted.provenance.run, "accepted": fitted.verdict.accepted},
        }
        if fitted.provenance.read_voltage_V:
            given["read_voltage"] = fitted.provenance.read_voltage_V
        return cls(fitted.model(), shape, **(given | more))

    @classmethod
    def from_preset(cls, name: str | Preset, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
        """Devices with published parameters, such as "li-ecram" (`sim_device.presets`), mapped to siemens."""
        chosen = preset(name) if isinstance(name, str) else name
        given: dict[str, Any] = {
            "noise": SimNoise(chosen.cycle_to_cycle, chosen.read_noise, chosen.write_noise),
            "spread": chosen.spread,
            "details": {"preset": chosen.name, "source": chosen.source},
        }
        return cls(chosen.model, shape, **(given | more))

    @property
    def origin(self) -> Origin:
        """Simulated, with model, parameters, noise, spread and seed."""
        return Origin("simulated", dict(self._details))

    @property
    def conductance(self) -> FloatArray:
        """The conductance itself [unit], without read or write noise; shape (rows, columns). Takes no time."""
        return self._mine(self._array.conductance).astype(np.float64)

    @property
    def pulses_applied(self) -> IntArray:
        """Pulses, of either sign, that each crosspoint has seen since it was made; shape (rows, columns)."""
        return self._mine(self._array.applied).astype(np.int64)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Which crosspoints do not move; shape (rows, columns)."""
        return self._mine(self._array.population.stuck)

    def device(self, row: int, column: int) -> dict[str, float]:
        """True parameters of one device as drawn: g_min, g_max [unit], s_up, s_down [1] (`sim_device.population`)."""
        p, at = self._array.population, (self._rows[row], self._columns[column])
        arrays = {"g_min": p.low, "g_max": p.high, "s_up": p.s_up, "s_down": p.s_down}
        return {key: float(array[at]) for key, array in arrays.items()}

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """Apply `counts` pulses; see `Crosspoints.pulse`. A pair that is not this block's own is refused."""
        wanted = counts_for(counts, self.shape)
        self._check(pulses, np.abs(wanted))
        self._apply(wanted)

    def read(self, repeats: int = 1) -> Readings:
        """Read every crosspoint `repeats` times: shape (repeats, rows, columns)."""
        if repeats < 1:
            raise InputError(f"{repeats} readings are none; ask for 1 or more")
        return self._trace(np.zeros((repeats, *self.shape), dtype=np.int64))

    def wait(self, seconds: float) -> None:
        """Advance the clock by `seconds` [s]."""
        self._array.clock.wait(seconds)

    def safe(self) -> None:
        """Nothing is ever driven."""

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """Pulse and read, step by step, many steps at once; checked as a whole before the first pulse."""
        steps = steps_of(counts, self.shape)
        self._check(pulses, np.abs(steps).sum(axis=0))
        at_once = max(1, STREAMED // (self.shape[0] * self.shape[1]))
        return (self._trace(steps[first : first + at_once]) for first in range(0, len(steps), at_once))

    def coincide(self, rows: PulseTrains, columns: PulseTrains) -> None:
        """Stochastic outer-product update, counted and applied by compiled loops; see `Crosspoints.coincide`."""
        counts = np.empty(self.shape, dtype=np.int32)
        row_words, row_signs = _packed(rows, self.shape[0], "rows")
        column_words, column_signs = _packed(columns, self.shape[1], "columns")

        def count(part: tuple[int, int]) -> None:
            kernels.coincidences(part, row_words, row_signs, column_words, column_signs, counts)

        _over_rows(count, self.shape)
        if self._array.limits is not None:
            self._check(None, np.abs(counts))
        self._apply(counts)

    def __getitem__(self, index: Index) -> SimCrosspoints:
        """A view on the same devices."""
        row, column = index_pair(index)
        view = copy(self)
        view._rows, view._columns = self._rows[row], self._columns[column]
        view.shape = (len(view._rows), len(view._columns))
        if 0 in view.shape:
            raise InputError(f"{index} picks no crosspoint out of {self.name} of shape {self.shape}")
        return view

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, of the whole array: `restore` continues from it bit for bit."""
        a = self._array
        return {
            "conductance": a.conductance.copy(), "applied": a.applied.copy(), "readings": a.readings,
            "time": a.clock.now(),
        }  # fmt: skip

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back (or on) to a `snapshot` of an array made with the same arguments; its clock may only run on."""
        a = self._array
        if np.shape(snapshot["conductance"]) != a.conductance.shape:
            raise InputError(f"a snapshot of shape {np.shape(snapshot['conductance'])} is not of {a.conductance.shape}")
        a.conductance[...], a.applied[...] = snapshot["conductance"], snapshot["applied"]
        a.readings = int(snapshot["readings"])
        a.clock.wait(max(0.0, float(snapshot["time"]) - a.clock.now()))

    def _mine(self, array: NDArray[Any]) -> NDArray[Any]:
        return array[np.ix_(self._rows, self._columns)]

    def _check(self, pulses: PulsePair | None, more: NDArray[Any]) -> None:
        """Refuse a pulse pair that is not ours, and `more` pulses beyond the budget of any crosspoint."""
        if pulses is not None and pulses != self.pulses:
            raise InputError(
                f"{self.name} is simulated by a model that knows no pulse voltage or width: it can apply its own pair "
                f"({self.pulses}) but not {pulses}; rehearse on the virtual bench to vary pulses"
            )
        limits = self._array.limits
        if limits is None:
            return
        spent = self.pulses_applied
        row, column = np.unravel_index(np.argmax(spent + more), self.shape)
        try:
            limits.check_budget(int(spent[row, column]), int(more[row, column]), f"{self.name}[{row}, {column}]")
        except LimitError:
            if more[row, column]:
                raise

    def _apply(self, counts: NDArray[Any]) -> None:
        a, box, boxed = self._array, *self._boxed(counts)

        arguments = [box, *self._devices(), boxed, *self._physics()]
        _over_rows(lambda part: kernels.pulse_rows(part, *arguments), boxed.shape)
        a.clock.wait(self._pulse_time(counts))

    def _trace(self, counts: NDArray[Any]) -> Readings:
        a, box, boxed = self._array, *self._boxed(counts)
        out = np.empty(boxed.shape)
        reading = (
            np.uint32(a.readings), np.float32(a.noise.read), np.float32(a.noise.write), a.read_key, a.write_key,
        )  # fmt: skip
        arguments = [box, *self._devices(), boxed, *self._physics(), *reading, out]
        _over_rows(lambda part: kernels.trace_rows(part, *arguments), boxed.shape)
        a.readings += len(counts)
        conductance = out if out.shape == counts.shape else self._unboxed(out, box)
        durations = np.array([self._pulse_time(step) for step in counts]) + self.read_time
        times = a.clock.now() + np.cumsum(durations)
        a.clock.wait(float(durations.sum()))
        return self._readings(conductance, times)

    def _readings(self, conductance: FloatArray, times: FloatArray) -> Readings:
        volts = self.read_voltage if self.unit == "S" else np.nan
        return Readings(
            conductance=conductance,
            voltage=np.broadcast_to(np.float64(volts), conductance.shape),
            current=conductance * volts,
            time=np.broadcast_to(times[:, np.newaxis, np.newaxis], conductance.shape),
            status=np.broadcast_to(np.uint8(0), conductance.shape),
        )

    def _pulse_time(self, counts: NDArray[Any]) -> float:
        """Time [s] that a step takes: crosspoints side by side, each pulse as long as the longer one, half duty."""
        return 2 * max(self.pulses.up.width, self.pulses.down.width) * float(np.abs(counts).max())

    def _devices(self) -> tuple[Any, ...]:
        a = self._array
        p = a.population
        return a.conductance, p.low, p.high, p.s_up, p.s_down, a.applied

    def _physics(self) -> tuple[Any, ...]:
        a = self._array
        saturation = (np.float32(a.population.saturation[0]), np.float32(a.population.saturation[1]))
        return saturation, a.population.table, np.float32(a.noise.cycle_to_cycle), a.pulse_key, a.chunk

    def _boxed(self, counts: NDArray[Any]) -> tuple[tuple[int, int, int], NDArray[Any]]:
        """(first row, first column, columns) of the box around the view, and counts of it: 0 between a view's rows."""
        first_row, first_column = min(self._rows), min(self._columns)
        height, width = max(self._rows) - first_row + 1, max(self._columns) - first_column + 1
        box = (first_row, first_column, width)
        if self._rows.step == 1 and self._columns.step == 1:
            return box, np.array(counts, dtype=np.int32)
        boxed = np.zeros((*counts.shape[:-2], height, width), dtype=np.int32)
        boxed[(..., *self._within(box))] = counts
        return box, boxed

    def _within(self, box: tuple[int, int, int]) -> tuple[Any, ...]:
        return np.ix_(np.array(self._rows) - box[0], np.array(self._columns) - box[1])

    def _unboxed(self, array: FloatArray, box: tuple[int, int, int]) -> FloatArray:
        return array[(..., *self._within(box))]


def _start(initial: ArrayLike | None, p: Population, shape: tuple[int, int], seed: int, model: DeviceModel) -> Floats:
    middle = (model.g_min + model.g_max) / 2
    given = np.asarray(middle if initial is None else initial, dtype=np.float64)
    try:
        start = np.array(np.broadcast_to(given, shape), dtype=np.float32)
    except ValueError:
        raise InputError(f"initial conductances of shape {given.shape} do not fit crosspoints of {shape}") from None
    if not np.all(np.isfinite(start)):
        raise InputError("initial conductances must be finite")
    anywhere = p.low + (p.high - p.low) * np.random.default_rng([seed, 0x51]).random(shape, dtype=np.float32)
    return np.where(p.stuck, anywhere, np.clip(start, p.low, p.high)).astype(np.float32)


def _chunk(p: Population, noise: SimNoise) -> int:
    """Pulses that one closed-form step may stand for: while its noise is small against what it moves."""
    slope = float(max(p.s_up.max() * abs(p.saturation[0]), p.s_down.max() * abs(p.saturation[1])))
    hard = min(p.saturation) < 1 and noise.cycle_to_cycle > 0.5  # many a noisy step would be cut at the bound
    if hard or slope >= 0.5:
        return 1
    relative = noise.cycle_to_cycle * slope / (1 - slope)
    return int(np.clip((0.15 / relative) ** 2, 1, kernels.LONGEST)) if relative > 0 else kernels.LONGEST


def _packed(trains: PulseTrains, lines: int, which: str) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    slots = np.ascontiguousarray(trains.slots, dtype=np.int8)
    if slots.ndim != 2 or len(slots) != lines:
        raise InputError(f"pulse trains of shape {slots.shape} do not fit {lines} {which}; give (lines, slots)")
    words = np.empty((max(1, -(-slots.shape[1] // 32)), lines), dtype=np.uint32)
    signs = np.empty(lines, dtype=np.int32)
    mixed = kernels.packed(slots, words, signs)
    if mixed >= 0:
        raise InputError(f"the train on line {mixed} of the {which} carries both signs; one update takes one")
    return words, signs


@cache
def _threads() -> tuple[int, ThreadPoolExecutor]:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return available, ThreadPoolExecutor(available, thread_name_prefix="crosspoints")


def _over_rows(call: _Call, shape: tuple[int, ...]) -> None:
    """Run `call` on (first, last) parts of the rows, side by side where that pays; the result is the same."""
    rows, size = shape[-2], int(np.prod(shape))
    if rows < 2 or size < 2 * WORTH_A_THREAD:
        call((0, rows))
        return
    count, pool = _threads()
    parts = min(count, rows, size // WORTH_A_THREAD)
    edges = [rows * k // parts for k in range(parts + 1)]
    list(pool.map(call, pairwise(edges)))
