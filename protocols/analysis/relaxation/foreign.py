"""Pulses followed by readings at rest among the points of another protocol or program: relaxations."""

from __future__ import annotations

import numpy as np

from instruments.errors import InputError
from protocols.analysis.common.foreign_trace import Trace
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST, _READINGS = 3, 6  # relaxations, and readings of each
_BEFORE, _AFTER = "before", {1: "after up", -1: "after down"}


def after_bursts(series: Series, cycles: Cycles | None, reads: int) -> Foreign:
    """The relaxations, as `relaxation` takes them: the last `reads` readings before pulses say where it was."""
    trace = Trace.of(series)
    found = _relaxations(trace)
    longest = max((last - event for _, event, last in found), default=0)
    enough = [one for one in found if one[2] - one[1] >= _READINGS and one[0] > 0]
    if len(enough) < _FEWEST:
        raise InputError(
            f"relaxation needs {_FEWEST} times pulses with {_READINGS} readings or more after them and one before; "
            f"here are {len(enough)}, and the most readings in a row after pulses are {longest}"
        )
    chosen = enough
    if cycles is not None:
        chosen = cycles.pick(enough, "relaxations")
        if len(chosen) < _FEWEST:
            raise InputError(f"cycle {cycles}: relaxation needs {_FEWEST} or more, of the {len(enough)} that are here")
    for _, event, last in chosen:
        trace.timed(event, last, "relaxation")
    keep, phases = np.zeros(len(trace), dtype=bool), np.full(len(trace), _BEFORE, dtype="<U16")
    for first, event, last in chosen:
        keep[event:last] = True
        phases[event:last] = _AFTER[int(np.sign(trace.pulses[event]))]
        begin = _first_before(trace, first, reads)
        keep[begin:first], phases[begin:first] = True, _BEFORE
    rows = np.flatnonzero(keep)
    listed = trace.listed([(event, last) for _, event, last in chosen])
    said = [f"{len(chosen)} relaxations are taken from {listed}.", _of_before(reads)]
    return trace.taken(phases[rows], said, rows)


def _relaxations(trace: Trace) -> list[tuple[int, int, int]]:
    """(first row of the pulses, row of the last of them, last row + 1 of the readings after them) of each burst."""
    found: list[tuple[int, int, int]] = []
    sign = np.sign(trace.pulses)
    for start, last in trace.at_rest():
        event = start - 1
        if event < 0 or not sign[event]:
            continue
        first = event
        while first > 0 and sign[first - 1] == sign[event]:
            first -= 1
        found.append((first, event, last))
    return found


def _first_before(trace: Trace, first: int, reads: int) -> int:
    """The first of at most `reads` readings at rest before row `first`; of a relaxation before it 6 are left."""
    stretch = next((a for a, b in trace.at_rest() if b == first), None)
    if stretch is None:
        return first - 1
    spare = 0 if stretch == 0 else stretch - 1 + _READINGS
    return min(max(first - reads, spare), first - 1)


def _of_before(reads: int) -> str:
    many = f"The last {reads} readings" if reads > 1 else "The last reading"
    return f"{many} at rest before pulses (setting reads) say where it was."
