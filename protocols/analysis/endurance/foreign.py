"""Cycles of equal ramps among the points of another protocol or program: both ends of the window."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.value_text import count_text
from protocols.analysis.common.foreign_trace import RampRows, Trace
from protocols.analysis.endurance.window import CYCLING, HIGH, LOW
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST = 4  # cycles
_ALIKE, _SHARE = 0.2, 0.8  # ramps that differ by no more from the middle one, and how many of them must be alike


def cycles_up_and_down(series: Series, cycles: Cycles | None) -> Foreign:
    """The ends of ramps up and down, as `endurance` takes them: the readings after the last pulse of each."""
    trace = Trace.of(series)
    trace.one_pair("endurance")
    every, ends = trace.ramps(), _read_ends(trace)
    pairs, odd = _pairs(every, ends)
    of = f"here are {len(pairs)}" + (f", and ramps of {odd} pulses, which are no cycles" if odd else "")
    if len(pairs) < _FEWEST:
        raise InputError(
            f"endurance needs {_FEWEST} cycles or more, as many pulses up as down with a reading at either end; {of}"
        )
    chosen = pairs if cycles is None else cycles.pick(pairs, "cycles")
    if len(chosen) < _FEWEST:
        raise InputError(f"cycle {cycles}: endurance needs {_FEWEST} or more, of the {len(pairs)} that are here")
    phases = np.full(len(trace), CYCLING, dtype="<U16")
    keep = np.ones(len(trace), dtype=bool)
    for pair in chosen:
        for ramp, phase in zip(pair, (HIGH, LOW), strict=True):
            keep[ramp.first : ramp.end] = False  # their pulses count to the reading after the last one
            phases[ramp.end : ramp.last] = phase
    rows = np.flatnonzero(keep)
    return trace.taken(phases[rows], _said(trace, chosen, len(pairs), rows), rows)


def _read_ends(trace: Trace) -> NDArray[np.bool_]:
    """(n,) whether a row has a number."""
    return np.isfinite(trace.series.readings.conductance[:, 0, 0])


def _pairs(ramps: list[RampRows], read: NDArray[np.bool_]) -> tuple[list[tuple[RampRows, RampRows]], str]:
    """Ramps up with the ramps down after them, both read at their ends; and lengths of ramps, where they differ."""
    seen = [ramp for ramp in ramps if np.any(read[ramp.end : ramp.last])]
    if not seen:
        return [], ""
    lengths = np.array([ramp.pulses for ramp in seen])
    middle = float(np.median(lengths))
    alike = np.abs(lengths - middle) <= _ALIKE * middle
    if np.mean(alike) < _SHARE:
        return [], f"{lengths.min()} to {lengths.max()}"
    good = {ramp.first for ramp, one in zip(seen, alike.tolist(), strict=True) if one}
    follows = [
        (up, down)
        for up, down in pairwise(ramps)
        # Of ramps from elsewhere the first reading has a count that is not known, and stands between them.
        if (up.direction, down.direction) == (1, -1) and {up.first, down.first} <= good and down.first - up.last <= 1
    ]
    return follows, ""


def _said(trace: Trace, chosen: list[tuple[RampRows, RampRows]], every: int, rows: NDArray[np.int64]) -> list[str]:
    lengths = sorted({ramp.pulses for pair in chosen for ramp in pair})
    pulses = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
    where = trace.listed([(up.first, down.last) for up, down in chosen])
    of = f" of the {every} that are here" if len(chosen) < every else ""
    said = [f"{len(chosen)} cycles{of} of {pulses} pulses up and as many down are taken from {where}."]
    said.append("Their ends are the readings after the last pulse of a ramp.")
    if left := len(trace) - rows.size:
        said.append(f"{count_text(left)} readings within the ramps are left out; their pulses count.")
    if unknown := int(np.sum(~trace.known[1:])):
        said.append(
            f"Not known is what came before {count_text(unknown)} of the readings; pulses are those of known count."
        )
    return said
