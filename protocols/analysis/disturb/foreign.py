"""Readings in bursts with pauses as long among the points of another protocol or program: stress and wait."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.units import text
from protocols.analysis.common.foreign_trace import Trace
from protocols.analysis.disturb.pairs import CONTROL, LEVEL, STRESS
from protocols.analysis.noise.foreign import stretch_at_rest
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST, _STRESS = 4, 10  # pairs of a burst and a pause, and readings of a burst beside its levels
_PAUSE = 10.0  # of the usual interval, at least
_LONGEST = 2.0  # a pause is at most so many times as long as the readings before it, or the other way round


def bursts_and_pauses(series: Series, cycles: Cycles | None, level: int) -> Foreign:
    """Bursts of readings with pauses as long, as `read-disturb` takes them: the ends of a burst are levels."""
    trace = Trace.of(series)
    first, last, where = stretch_at_rest(trace, "read-disturb", 2 * level + _STRESS, cycles)
    trace.timed(first, last, "read-disturb")
    time = trace.series.readings.time[first:last, 0, 0]
    parts = [(first + a, first + b) for a, b in _bursts(time)]
    needs = (
        f"read-disturb needs {_FEWEST} times {2 * level + _STRESS} readings or more ({level} at either end for the "
        "level, setting level) and then a pause as long without readings"
    )
    stressed = [(a, b) for a, b in parts[:-1] if b - a >= 2 * level + _STRESS]
    if len(stressed) < _FEWEST:
        longest = max(b - a for a, b in parts)
        raise InputError(f"{needs}; here are {len(stressed)}, in {len(parts)} bursts of up to {longest} readings")
    _check_pauses(trace, parts, needs)
    phases = np.full(len(trace), LEVEL, dtype="<U16")
    for k, (a, b) in enumerate(parts):
        phases[a : a + level] = CONTROL if k else LEVEL
        if b - a >= 2 * level + _STRESS:
            phases[a + level : b - level] = STRESS
    rows = np.arange(first, last)
    said = [
        where,
        f"Bursts of readings are taken from {trace.listed(parts)}; the first and last {level} readings of each are its "
        "levels (setting level), those between them the stress, the pauses the waits.",
    ]
    return trace.taken(phases[rows], said, rows)


def _bursts(time: FloatArray) -> list[tuple[int, int]]:
    apart = np.diff(time)
    pauses = np.flatnonzero(apart > _PAUSE * float(np.median(apart))) + 1
    return list(pairwise([0, *pauses.tolist(), time.size]))


def _check_pauses(trace: Trace, parts: list[tuple[int, int]], needs: str) -> None:
    """A change in a pause stands for that of a burst only where both are about as long."""
    time = trace.series.readings.time[:, 0, 0]
    for (a, b), (c, _) in pairwise(parts):
        burst, pause = float(time[b - 1] - time[a]), float(time[c] - time[b - 1])
        if not burst / _LONGEST <= pause <= burst * _LONGEST:
            raise InputError(
                f"{needs}; the pause after {trace.said(a, b)} is {text(pause, 's')}, these readings took "
                f"{text(burst, 's')}"
            )
