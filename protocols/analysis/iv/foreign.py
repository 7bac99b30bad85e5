"""Sweeps among the points of another protocol or program: voltages out and back, told from what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import FloatArray, IntArray, Status
from instruments.errors import InputError
from instruments.units import text
from protocols.analysis.common.foreign_trace import Trace
from protocols.analysis.iv.loops import BACK, MEASURED, NEGATIVE, OUT, POSITIVE, phase_of
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST = 3  # levels of a way


@dataclass(frozen=True)
class _Way:
    """A loop by its rows: out, with the end of the sweep, and back, which begins there."""

    polarity: str
    out: IntArray
    back: IntArray


def sweeps(series: Series, cycles: Cycles | None, read_voltage: float) -> Foreign:
    """The loops as `iv-sweep` takes them; `read_voltage` [V] must be within them."""
    trace, limited = _as_asked(Trace.of(series))
    r = trace.series.readings
    volts, current = r.voltage[:, 0, 0], r.current[:, 0, 0]
    known = np.isfinite(volts) & np.isfinite(current)
    if trace.series.unit != "S" or np.count_nonzero(known) < 2 * _FEWEST:
        raise InputError(
            f"iv-sweep needs the voltage and the current of every reading; {np.count_nonzero(known)} of {len(trace)} "
            "readings here have both"
        )
    loops = _loops(volts, known, read_voltage)
    if not loops:
        low, high = float(np.min(volts[known])), float(np.max(volts[known]))
        raise InputError(
            f"iv-sweep needs voltages that go out beyond {text(read_voltage, 'V')} (setting read_voltage) and back, at "
            f"{_FEWEST} levels or more each way; here they lie between {text(low, 'V')} and {text(high, 'V')}"
        )
    numbers = [sum(one.polarity == loop.polarity for one in loops[: k + 1]) for k, loop in enumerate(loops)]
    first, last = (1, max(numbers)) if cycles is None else (cycles.first, cycles.last)
    if cycles is not None:
        cycles.pick(range(max(numbers)), "cycles")
    chosen = [loop for loop, k in zip(loops, numbers, strict=True) if first <= k <= last]
    ways = [(loop.polarity, way, rows) for loop in chosen for way, rows in ((OUT, loop.out), (BACK, loop.back))]
    phases = np.concatenate([np.full(rows.size, phase_of(polarity, way) + MEASURED) for polarity, way, rows in ways])
    rows = np.concatenate([rows for _, _, rows in ways])
    said = _said(trace, chosen, volts, np.unique(rows).size)
    if limited:
        said.append(
            f"{limited} readings at the current limit had less voltage than was asked for; they stand at that before "
            "them, so that a set voltage is a step lower at most, and areas are those without them."
        )
    return trace.taken(phases, said, rows)


def _as_asked(trace: Trace) -> tuple[Trace, int]:
    """The trace with readings at the current limit at no less voltage than the one before, and how many were less.

    A source that limits gives less than it was asked for, which is not known; a sweep would seem to turn back there.
    """
    r = trace.series.readings
    volts, changed = r.voltage[:, 0, 0].copy(), 0
    limited = (r.status[:, 0, 0] & int(Status.COMPLIANCE)) != 0
    for row in (np.flatnonzero(limited[1:]) + 1).tolist():
        if volts[row] * volts[row - 1] > 0 and abs(volts[row]) < abs(volts[row - 1]):
            volts[row], changed = volts[row - 1], changed + 1
    readings = replace(r, voltage=volts[:, np.newaxis, np.newaxis])
    return replace(trace, series=replace(trace.series, readings=readings)), changed


def _loops(volts: FloatArray, known: np.ndarray[tuple[int], np.dtype[np.bool_]], read_voltage: float) -> list[_Way]:
    """Loops on either side of 0 V that go beyond `read_voltage` and come back below it."""
    rows = np.flatnonzero(known)
    size = np.abs(volts[rows])
    steps = np.abs(np.diff(size))
    steps = steps[steps > 1e-6 * float(size.max())]
    if not steps.size:
        return []
    least = 0.25 * float(np.median(steps))  # a voltage that was measured scatters; a level that was set is a step away
    # At 0 V there is no conductance.
    sign = np.where(size > least, np.sign(volts[rows]), 0)
    edges = np.flatnonzero(np.concatenate([[True], np.diff(sign) != 0, [True]]))
    found: list[_Way] = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if sign[a]:
            polarity = POSITIVE if sign[a] > 0 else NEGATIVE
            found += [
                _Way(polarity, rows[a + one], rows[a + other])
                for one, other in _out_and_back(size[a:b], least)
                if _is_whole(size[a + one], size[a + other], read_voltage)
            ]
    return found


def _is_whole(out: FloatArray, back: FloatArray, read_voltage: float) -> bool:
    top = float(out.max())
    low = max(1.05 * read_voltage, 0.25 * top)
    return min(out.size, back.size) >= _FEWEST and top > read_voltage and max(out.min(), back.min()) <= low


def _out_and_back(size: FloatArray, least: float) -> list[tuple[IntArray, IntArray]]:
    """Rows of every way out with the way back after it; both hold the end, one row each where it was read twice."""
    turns, rising = [0], True
    extreme = 0
    for row in range(1, size.size):
        ahead = size[row] - size[extreme] if rising else size[extreme] - size[row]
        if ahead > 0:
            extreme = row
        elif ahead < -least:
            turns.append(extreme)
            rising, extreme = not rising, row
    turns.append(size.size - 1)
    found: list[tuple[IntArray, IntArray]] = []
    for begin, top, end in zip(turns[::2], turns[1::2], turns[2::2], strict=False):
        ends = _level(size, top, least)
        starts, stops = _level(size, begin, least), _level(size, end, least)
        first = int(starts[0]) if begin == 0 else int(starts[starts.size // 2])
        last = int(stops[-1]) if end == size.size - 1 else int(stops[max(stops.size // 2 - 1, 0)])
        out = np.arange(first, int(ends[max(ends.size // 2 - 1, 0)]) + 1)
        found.append((out, np.arange(int(ends[ends.size // 2]), last + 1)))
    return found


def _level(size: FloatArray, at: int, least: float) -> IntArray:
    """Rows around `at` that are at the same level."""
    first = last = at
    while first > 0 and abs(size[first - 1] - size[at]) <= least:
        first -= 1
    while last < size.size - 1 and abs(size[last + 1] - size[at]) <= least:
        last += 1
    return np.arange(first, last + 1)


def _said(trace: Trace, loops: list[_Way], volts: FloatArray, used: int) -> list[str]:
    said: list[str] = []
    for polarity in (POSITIVE, NEGATIVE):
        of = [loop for loop in loops if loop.polarity == polarity]
        if of:
            ends = sorted({f"{volts[loop.out[-1]]:.3g}" for loop in of}, key=float)
            to = f"{ends[0]} V" if len(ends) == 1 else f"{ends[0]} to {ends[-1]} V"
            where = trace.listed([(int(loop.out[0]), int(loop.back[-1]) + 1) for loop in of])
            said.append(f"{len(of)} {polarity} sweeps out to {to} and back are taken from {where}.")
    if left := len(trace) - used:
        said.append(f"{left} readings at 0 V, or of no sweep out and back, are left out.")
    return said
