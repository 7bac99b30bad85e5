"""Points of a run from the traces of devices: a block of rows and columns where one can hold them honestly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, Pulse, PulsePair, Readings, Status
from labshd.runs.tables.traces import Trace
from protocols.common.protocol import UNKNOWN_COUNT, Points

_MOSTLY_MISSING = 0.5  # a block of which more is missing would be mostly invented readings
_UNKNOWN = -1.0  # in place of voltage and width: pulsed, but nobody knows with what


@dataclass(frozen=True)
class Block:
    """Traces in their places: each (row, column) is one device, with as many readings as it has."""

    shape: tuple[int, int]
    places: list[tuple[int, int]]
    traces: list[Trace]

    @property
    def names(self) -> list[dict[str, int | str]]:
        """Name of the device at each place."""
        listed = zip(self.places, self.traces, strict=True)
        return [{"row": row, "column": column, "name": one.device} for (row, column), one in listed]


def blocks_of(traces: list[Trace]) -> tuple[list[Block], str]:
    """One block for all devices, or one for each; and in words why there are several."""
    one = Block(*_places(traces), traces)
    why = _why_not_one(one) if len(traces) > 1 else ""
    if why:
        return [Block((1, 1), [(0, 0)], [trace]) for trace in traces], why
    return [one], ""


def _places(traces: list[Trace]) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Rows are wordlines and columns bitlines where each crossing has a device; else one row of devices."""
    given = [one.place for one in traces if one.place is not None]
    words, bits = sorted({word for word, _ in given}), sorted({bit for _, bit in given})
    if len(given) == len(traces) == len(words) * len(bits) and len(traces) > 1:
        return (len(words), len(bits)), [(words.index(word), bits.index(bit)) for word, bit in given]
    return (1, len(traces)), [(0, at) for at in range(len(traces))]


def _why_not_one(block: Block) -> str:
    lengths = np.asarray([len(trace) for trace in block.traces])
    missing = 1 - lengths.sum() / (lengths.max() * len(lengths))
    if missing > _MOSTLY_MISSING:
        return (
            f"with {lengths.min()} to {lengths.max()} readings each, {missing:.0%} of a common block would be missing"
        )
    counts, voltage, width = _counts(block), _spread(block, "pulse_voltage"), _spread(block, "pulse_width")
    for sign in (1, -1):
        chosen = (np.sign(counts) == sign) & (counts != UNKNOWN_COUNT)
        for values in (voltage, width):
            low = np.where(chosen, values, np.inf).min(axis=(1, 2))
            high = np.where(chosen, values, -np.inf).max(axis=(1, 2))
            if np.any((low < high) & np.isfinite(low)):
                return "their pulses differ at the same step, but the devices of a block share one pair of pulses"
    return ""


def _spread(block: Block, role: str, fill: float = np.nan) -> FloatArray:
    """One column of all devices as (steps, rows, columns); `fill` below the last reading of a device."""
    steps = max(len(one) for one in block.traces)
    values = np.full((steps, *block.shape), fill)
    for place, trace in zip(block.places, block.traces, strict=True):
        if role in trace.values:
            values[(slice(0, len(trace)), *place)] = trace.values[role]  # type: ignore[index]
    return values


def _counts(block: Block) -> IntArray:
    counts = np.zeros((max(len(one) for one in block.traces), *block.shape), dtype=np.int64)
    for place, trace in zip(block.places, block.traces, strict=True):
        assert trace.counts is not None
        counts[(slice(0, len(trace)), *place)] = trace.counts
    return counts


def points_of(block: Block, pulse_width: float | None = None) -> list[Points]:
    """The points, cut where the direction, the cycle or the pulses change."""
    counts = _counts(block)
    conductance = _spread(block, "conductance")
    readings = Readings(
        conductance,
        _spread(block, "voltage"),
        _spread(block, "current"),
        _spread(block, "time"),
        np.where(np.isnan(conductance), int(Status.INVALID), 0).astype(np.uint8),
    )
    phases = _phases(block, counts)
    voltage, width = _spread(block, "pulse_voltage"), _spread(block, "pulse_width")
    if pulse_width is not None:
        width = np.where(np.isnan(width), pulse_width, width)
    up, down = _pulses(counts, voltage, width, 1), _pulses(counts, voltage, width, -1)
    keys = [phases[1:] != phases[:-1], *(np.any(one[1:] != one[:-1], axis=1) for one in (up, down))]
    edges = [0, *(np.flatnonzero(np.any(keys, axis=0)) + 1).tolist(), len(phases)]
    return [
        Points(str(phases[start]), counts[start:stop], _cut(readings, start, stop), _pair(up[start], down[start]))
        for start, stop in pairwise(edges)
    ]


def _cut(r: Readings, start: int, stop: int) -> Readings:
    part = slice(start, stop)
    return Readings(r.conductance[part], r.voltage[part], r.current[part], r.time[part], r.status[part])


def _pulses(counts: IntArray, voltage: FloatArray, width: FloatArray, sign: int) -> FloatArray:
    """(steps, 2) voltage and width of the pulses of one sign; the last one before where a step has none, else 0."""
    chosen = (np.sign(counts) == sign) & (counts != UNKNOWN_COUNT) & np.isfinite(voltage) & (voltage != 0)
    chosen &= np.isfinite(width) & (width > 0)
    steps = len(counts)
    there = chosen.reshape(steps, -1)
    first = there.argmax(axis=1)
    any_there = there.any(axis=1)
    last = np.maximum.accumulate(np.where(any_there, np.arange(steps), -1))
    pulses = np.zeros((steps, 2))
    for at, values in enumerate((voltage, width)):
        each = values.reshape(steps, -1)[np.arange(steps), first]
        pulses[:, at] = np.where(last >= 0, each[last], 0.0)
    # A pulse whose voltage or width is not known must not carry those of one before.
    unknown = ((np.sign(counts) == sign) & (counts != UNKNOWN_COUNT) & ~chosen).reshape(steps, -1).any(axis=1)
    pulses[unknown] = _UNKNOWN
    return pulses


def _pair(up: FloatArray, down: FloatArray) -> PulsePair | None:
    """The pair of pulses; of a direction in which nothing was pulsed, it is the other one the other way round."""
    if up[1] == _UNKNOWN or down[1] == _UNKNOWN or not (up.any() or down.any()):
        return None
    known = [Pulse(float(one[0]), float(one[1])) if one.any() else None for one in (up, down)]
    first, second = known
    return PulsePair(
        first or Pulse(-float(down[0]), float(down[1])),
        second or Pulse(-float(up[0]), float(up[1])),
    )


def _phases(block: Block, counts: IntArray) -> NDArray[np.str_]:
    """Of each step: up, down, read (rest where nothing was ever pulsed), with the cycle where there are cycles."""
    known = np.where(counts == UNKNOWN_COUNT, 0, counts).reshape(len(counts), -1)
    ups, downs = (known > 0).any(axis=1), (known < 0).any(axis=1)
    given = np.zeros(len(counts), dtype=np.int64)
    for trace in block.traces:  # a column of potentiation tells the direction of its first reading, too
        if trace.directions is not None and len(trace) == len(given):
            given = trace.directions
    quiet = "read" if np.any(known) or np.any(given) else "rest"
    phases = np.select(
        [ups & downs, ups | (given > 0), downs | (given < 0)], ["up and down", "up", "down"], default=quiet
    )
    cycles = _cycles(block, len(counts))
    return phases if cycles is None else np.char.add(np.char.add(phases, " "), cycles)


def _cycles(block: Block, steps: int) -> NDArray[np.str_] | None:
    """The cycle of each step; None where there are none, or devices are in different ones at a step."""
    found: NDArray[np.str_] | None = None
    for trace in block.traces:
        own = np.asarray(trace.words.get("cycle") or [], dtype=np.str_)
        if not len(own):
            return None
        if found is not None and not np.array_equal(found[: len(own)], own[: len(found)]):
            return None
        found = own if found is None or len(own) > len(found) else found
    return found if found is not None and len(found) == steps else None
