"""Readings after pulses among the points of another protocol or program: how a conductance was kept."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.units import text
from protocols.analysis.common.foreign_trace import Trace
from protocols.analysis.retention.straight_line import KEPT, START, times_of
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST = 4  # times that a line needs
_MOST = 200  # times that are told apart by their pauses; more are averaged
_WHAT = "stretches of readings after pulses"


def after_pulses(series: Series, cycles: Cycles | None, per_decade: int) -> Foreign:
    """The readings after the last pulses, as `retention` takes them; of several stretches the one that lasts longest.

    Readings that follow each other evenly are averaged at `per_decade` times per factor 10.
    """
    trace = Trace.of(series)
    time = trace.series.readings.time[:, 0, 0]
    found = _stretches(trace)
    needs = f"retention needs readings at {_FEWEST} times or more after pulses, or at rest"
    if not found:
        raise InputError(f"{needs}; here are no two readings in a row without pulses between them")
    first, last = max(found, key=lambda one: _lasts(time, *one))
    which = "the longest in time"
    if cycles is not None:
        first, last, which = *cycles.one(found, _WHAT), f"number {cycles}"
    if last - first <= _FEWEST:
        raise InputError(f"{needs}; the longest stretch here has {last - first - 1} ({trace.said(first, last)})")
    trace.timed(first, last, "retention")
    phases, averaged = _phases(time[first:last] - time[first], per_decade)
    until = text(_lasts(time, first, last), "s")
    said = [_start(trace, first)]
    said.append(f"{trace.said(first + 1, last)} are taken for what is kept, until {until}{averaged}.")
    if len(found) > 1:
        said.append(f"It is {which} of {len(found)} {_WHAT} ({trace.listed(found)}).")
    return trace.taken(phases, said, np.arange(first, last))


def _stretches(trace: Trace) -> list[tuple[int, int]]:
    """Stretches of two readings or more: the first after the pulses (if there were any), and those after it at rest."""
    begins = [(max(first - 1, 0), last) for first, last in trace.at_rest()]
    return [(first, last) for first, last in begins if last - first > 1]


def _lasts(time: FloatArray, first: int, last: int) -> float:
    took = float(time[last - 1] - time[first])
    return took if math.isfinite(took) else 0.0


def _start(trace: Trace, first: int) -> str:
    at = trace.said(first, first + 1)
    if trace.pulses[first]:
        return f"Time counts from {at}, the first after {abs(int(trace.pulses[first]))} pulses."
    return f"Time counts from {at}, since no pulse before it is known; had it been pulsed before, all times are longer."


def _phases(since: FloatArray, per_decade: int) -> tuple[NDArray[np.str_], str]:
    """The phase of each reading `since` [s] the first, and what is said of averages."""
    phases = np.full(since.size, KEPT, dtype="<U24")
    phases[0] = START
    later = since[1:]
    times = times_of(later[later > 0])
    if _FEWEST <= times <= _MOST:
        return phases, f", at {times} times with pauses between them"
    shortest = float(np.min(later[later > 0], initial=math.inf))
    if not math.isfinite(shortest):
        raise InputError("retention needs readings at different times; all of these have the same")
    decade = np.log10(np.maximum(later, shortest) / shortest)
    number = np.floor(decade * per_decade + 1e-9).astype(np.int64)
    phases[1:] = np.array([f"{KEPT} {k + 1}" for k in number])
    told = f", averaged at {np.unique(number).size} times, {per_decade} per factor 10 (setting per_decade)"
    return phases, told
