"""Readings at rest among the points of another protocol or program: stretches without pulses."""

from __future__ import annotations

import numpy as np

from instruments.errors import InputError
from protocols.analysis.common.foreign_trace import Trace
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

WHAT = "stretches without pulses"
_FEWEST = 10  # readings that a noise needs


def stretch_at_rest(trace: Trace, protocol: str, fewest: int, cycles: Cycles | None) -> tuple[int, int, str]:
    """(first, last + 1) of the stretch that is taken, and the sentence that says which; `InputError` without one.

    The longest, or the one that `cycles` names among all that are long enough, which the sentence lists.
    """
    found = trace.at_rest()
    needs = f"{protocol} needs at least {fewest} readings in a row without pulses"
    if not found:
        raise InputError(f"{needs}; {_why_none(trace)}")
    first, last = max(found, key=lambda one: one[1] - one[0])
    if last - first < fewest:
        raise InputError(f"{needs}; the longest stretch here has {last - first} ({trace.said(first, last)})")
    enough = [one for one in found if one[1] - one[0] >= fewest]
    which = "the longest"
    if cycles is not None:
        first, last = cycles.one(enough, WHAT)
        which = f"number {cycles}"
    said = f"{trace.said(first, last)} are taken for readings at rest"
    if len(enough) > 1:
        said += f", {which} of {len(enough)} {WHAT} ({trace.listed(enough)})"
    elif len(trace) > last - first:
        said += f": the only stretch of {fewest} or more without pulses"
    return first, last, said + "."


def _why_none(trace: Trace) -> str:
    if not np.any(trace.known):
        return (
            "what came before each reading is not known here (no pulse count); if there were no pulses, write 0 "
            "into the column pulses and import it again"
        )
    return "here every reading follows a pulse, or what nobody knows"


def at_rest(series: Series, cycles: Cycles | None) -> Foreign:
    """The readings of a stretch without pulses, as `read-noise` takes them."""
    trace = Trace.of(series)
    first, last, said = stretch_at_rest(trace, "read-noise", _FEWEST, cycles)
    trace.timed(first, last, "read-noise")
    rows = np.arange(first, last)
    return trace.taken(np.full(rows.size, "rest"), [said], rows)
