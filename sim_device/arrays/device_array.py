"""The state of an array of simulated devices, and the compiled loops over it, on all cores."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.asked import slots_of
from instruments.crosspoints import FloatArray, PulseTrains
from instruments.errors import InputError
from sim_device.arrays import counter_random, kernels
from sim_device.arrays.linear_rows import LONGEST
from sim_device.arrays.other_pulses import under
from sim_device.arrays.table_rows import pieces
from sim_device.arrays.window import Box, distinct
from sim_device.models.population import Floats, Population, nearly_linear_for

WORTH_A_THREAD = 32768  # crosspoints; below, starting a thread costs more than it saves
PARTS = 4  # of the rows, for each thread: small enough to share the work evenly, large enough to be worth a call
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


@dataclass(frozen=True)
class Response:
    """What pulses of one pair do, as the compiled loops take it: devices, pieces of their table, the longest step."""

    population: Population
    table: NDArray[np.float32] | None
    chunk: np.int32

    @staticmethod
    def of(population: Population, noise: SimNoise) -> Response:
        """How devices with this noise answer."""
        table = pieces(population.table) if population.table.shape[1] else None
        return Response(population, table, np.int32(longest_step(population, noise)))


@dataclass
class DeviceArray:
    """Devices, their conductance, pulses seen, and the keys of their random numbers; arrays of (rows, columns).

    Attributes
    ----------
    conductance, applied
        [unit] float32; pulses of either sign so far, which also number the random draws of a crosspoint.
    readings
        Readings of the whole array so far, which number the draws of read noise.
    """

    population: Population
    noise: SimNoise
    seed: int
    conductance: Floats
    applied: NDArray[np.uint32] = field(init=False)
    readings: int = 0
    rich: ClassVar[bool] = False  # devices that remember more than their conductance

    def __post_init__(self) -> None:
        """Start with no pulse applied."""
        self.applied = np.zeros(self.conductance.shape, dtype=np.uint32)
        self._pulse_key, self._read_key, self._write_key, self._line_key = counter_random.keys(self.seed, 4)
        self._own = Response.of(self.population, self.noise)

    def present(self) -> Floats:
        """Conductance [unit] (rows, columns) that a reading without noise would show."""
        return self.conductance

    def under(self, times: tuple[float, float]) -> Response | None:
        """What pulses do that count as so many (up, down) of the array's own; None for these (`other_pulses`)."""
        return None if times == (1.0, 1.0) else Response.of(under(self.population, times), self.noise)

    def pulse(self, box: Box, counts: NDArray[np.int32], response: Response | None = None) -> None:
        """Apply signed counts (rows of the box, its columns) of pulses that do as `response`, or the array's own."""
        arguments = [box, *self._devices(response), np.ascontiguousarray(counts)]
        over_rows(lambda part: kernels.pulse_rows(part, *arguments), counts.shape)

    def coincide(self, box: Box, rows: PulseTrains, columns: PulseTrains, height: int) -> None:
        """Count and apply the coincidences of trains on the lines of the box."""
        row_words, row_signs = _packed(rows, height, "rows")
        column_words, column_signs = _packed(columns, box[2], "columns")
        arguments = [box, *self._devices(), row_words, row_signs, column_words, column_signs]
        over_rows(lambda part: kernels.coincide_rows(part, *arguments), (height, box[2]))

    def trace(
        self, box: Box, counts: NDArray[np.int32], dtype: type[np.floating[Any]] = np.float64,
        response: Response | None = None,
    ) -> NDArray[Any]:  # fmt: skip
        """Apply counts, as `pulse`, and read, step by step: (steps, rows, columns of the box), as the readings."""
        out, alike = np.empty(counts.shape, dtype=dtype), distinct(counts).shape[1:] == (1, 1)
        given = np.ascontiguousarray(counts[:, :1, :1] if alike else counts)
        arguments = [box, *self._devices(response), *self._reading(), given, out]
        over_rows(lambda part: kernels.trace_rows(part, *arguments), counts.shape)
        self.readings += len(counts)
        return out

    def loop(self, box: Box) -> Loop:
        """What a compiled loop needs to pulse and read a box itself."""
        return Loop(self, (box, *self._devices()), tuple(self._reading()[1:]))

    def currents(self, volts: FloatArray, *, transposed: bool) -> FloatArray:
        """``G V``, or of the transposed array, of one reading; its noise is drawn as what it adds up to on a line."""
        g = self.conductance.T if transposed else self.conductance
        currents = (g @ volts.astype(np.float32)).astype(np.float64)
        if self.noise.read > 0:
            currents += self.noise.read * np.linalg.norm(volts, axis=0) * self.line_noise(currents.shape)
        return currents

    def state(self) -> dict[str, Any]:
        """Everything that changes, copied."""
        return {"conductance": self.conductance.copy(), "applied": self.applied.copy(), "readings": self.readings}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state` of an array of the same arguments; `InputError` for one of another shape."""
        if np.shape(state["conductance"]) != self.conductance.shape:
            raise InputError(f"a snapshot of shape {np.shape(state['conductance'])} is not of {self.conductance.shape}")
        self.conductance[...], self.applied[...] = state["conductance"], state["applied"]
        self.readings = int(state["readings"])

    def line_noise(self, shape: tuple[int, ...]) -> FloatArray:
        """Standard normal deviates of one reading, one for each line (and sample): what its read noise adds up to."""
        size = int(np.prod(shape))
        lines = np.arange(size, dtype=np.uint32)
        out = np.empty(size, dtype=np.float32)
        counter_random.normals(self._line_key, lines, np.full(size, self.readings, dtype=np.uint32), out)
        self.readings += 1
        return out.reshape(shape).astype(np.float64)

    def _reading(self) -> list[Any]:
        n = self.noise
        return [np.uint32(self.readings), np.float32(n.read), np.float32(n.write), self._read_key, self._write_key]

    def _devices(self, response: Response | None = None) -> list[Any]:
        by = response or self._own
        p = by.population
        saturation = None if p.saturation == (1.0, 1.0) else tuple(np.float32(share) for share in p.saturation)
        return [
            self.conductance, p.low, p.high, p.s_up, p.s_down, self.applied,
            saturation, by.table, np.float32(self.noise.cycle_to_cycle), self._pulse_key, by.chunk,
        ]  # fmt: skip


@dataclass(frozen=True)
class Loop:
    """Arguments of `kernels.pulse_rows` (between rows and counts) and of `kernels.read_rows` (between reading and out).

    A loop counts the readings it takes on from ``array.readings``, and leaves their number there.
    """

    array: DeviceArray
    devices: tuple[Any, ...]
    noise: tuple[Any, ...]


def longest_step(p: Population, noise: SimNoise) -> int:
    """Pulses that one closed-form step may stand for: while its noise is small against what it moves."""
    if p.table.shape[1]:
        measured = float(np.abs(p.table[2:]).max(initial=0.0)) > 0.5 * float(np.abs(p.table[:2]).max())
        if measured or noise.cycle_to_cycle > 0.5:
            return 1  # noisy steps that the hard bounds would cut
        return nearly_linear_for(p.table, float(max(p.s_up.max(), p.s_down.max())), LONGEST)
    slope = float(max(p.s_up.max() * abs(p.saturation[0]), p.s_down.max() * abs(p.saturation[1])))
    hard = min(p.saturation) < 1 and noise.cycle_to_cycle > 0.5  # many a noisy step would be cut at the bound
    if hard or slope >= 0.5:
        return 1
    relative = noise.cycle_to_cycle * slope / (1 - slope)
    return int(np.clip((0.15 / relative) ** 2, 1, LONGEST)) if relative > 0 else LONGEST


def start_of(initial: ArrayLike, p: Population, shape: tuple[int, int], seed: int) -> Floats:
    """(rows, columns) conductance [unit] at the start: within the bounds, stuck devices anywhere between them."""
    given = np.asarray(initial, dtype=np.float64)
    try:
        start = np.array(np.broadcast_to(given, shape), dtype=np.float32)
    except ValueError:
        raise InputError(f"initial conductances of shape {given.shape} do not fit crosspoints of {shape}") from None
    if not np.all(np.isfinite(start)):
        raise InputError("initial conductances must be finite")
    np.clip(start, p.low, p.high, out=start)
    if np.any(p.stuck):
        anywhere = np.random.default_rng([seed, 0x51]).random(shape, dtype=np.float32)
        start = np.where(p.stuck, p.low + (p.high - p.low) * anywhere, start).astype(np.float32)
    return start


def _packed(trains: PulseTrains, lines: int, which: str) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    slots = slots_of(trains.slots, lines, which)
    words = np.empty((max(1, -(-slots.shape[1] // 32)), lines), dtype=np.uint32)
    signs = np.empty(lines, dtype=np.int32)
    wrong = kernels.packed(slots, words, signs)
    if wrong >= 0:
        raise InputError(
            f"the train on line {wrong} of the {which} carries both signs, or more than one pulse in a slot; "
            "one update takes neither"
        )
    return words, signs


def threads_available() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads_available(), thread_name_prefix="crosspoints")


def over_rows(call: _Call, shape: tuple[int, ...]) -> None:
    """Run `call` on (first, last) parts of the rows, side by side where that pays; the result is the same.

    Threads take parts as they get to it, this one among them: a busy core does less, and a late one is not waited for.
    """
    rows, size = shape[-2], math.prod(shape)
    threads = min(threads_available(), rows, size // WORTH_A_THREAD)
    if threads < 2:
        call((0, rows))
        return
    number = min(PARTS * threads, rows)
    parts = deque(pairwise(rows * k // number for k in range(number + 1)))
    helpers = [_pool().submit(_take, parts, call) for _ in range(threads - 1)]
    try:
        _take(parts, call)
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _take(parts: deque[tuple[int, int]], call: _Call) -> None:
    """Do parts until none is left."""
    while parts:
        try:
            part = parts.popleft()
        except IndexError:  # another thread was quicker
            return
        call(part)
