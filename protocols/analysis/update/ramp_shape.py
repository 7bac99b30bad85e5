"""How straight the ramps of an update response are: the largest distance from a straight line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.common.changes import states_of
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series

_DEGREE = 5  # of the polynomial that smooths a ramp: exact to 0.3 % of the range for saturation by up to 1 - e^-4
_FEWEST = 12  # states of a ramp for it


def ramps(series: Series, phase: str) -> list[FloatArray]:
    """The states of every ramp of a phase [unit], the one before it first; without those with gaps."""
    found: list[FloatArray] = []
    for name, first, last in stretches(series.phases):
        if name != phase or not first:
            continue
        states = states_of(series.where(_between(len(series), first, last))).conductance
        before = series.readings.conductance[first - 1, 0, 0]
        states = np.concatenate([[before], states])
        if states.size > _FEWEST and np.all(np.isfinite(states)):
            found.append(states)
    return found


def _between(length: int, first: int, last: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    chosen = np.zeros(length, dtype=bool)
    chosen[first:last] = True
    return chosen


def departure(states: FloatArray) -> float:
    """``max |y - x|`` of a ramp from 0 to 1 in pulses (x) and conductance (y), smoothed: 0 straight, 1 a jump."""
    x = np.linspace(-1, 1, states.size)
    smooth = np.polynomial.Polynomial.fit(x, states, _DEGREE)(x)
    span = float(smooth[-1] - smooth[0])
    if span == 0:
        return math.nan
    return float(np.max(np.abs((smooth - smooth[0]) / span - (x + 1) / 2)))


def straightness(series: Series) -> dict[str, Any]:
    """Mean departure from a straight line of ramps up and down, with standard errors over the ramps."""
    numbers: dict[str, Any] = {}
    for phase in ("up", "down"):
        each = np.array([departure(one) for one in ramps(series, phase)])
        each = each[np.isfinite(each)]
        numbers[phase] = float(each.mean()) if each.size else None
        numbers[f"{phase}_std"] = float(each.std(ddof=1) / math.sqrt(each.size)) if each.size > 1 else None
    return numbers
