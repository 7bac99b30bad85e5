"""Which parts a measured step has: forward, that first which lowers the BIC most; then those again left out that idle.

``BIC = -2 ln L + p ln n`` of n readings. All that might come next is tried for a few steps of the search; what promises
most is fitted to the end. What had looked like one part may be another (telegraph noise and heavy tails, history and
ramps): that is why the order is that of the data and not a fixed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from sim_device.fit.measured.parts import Parts, lifted
from sim_device.fit.measured.search import Maximum, Rows, first_start, maximise
from sim_device.fit.trace import Trace

SIZES = (2, 3, 4, 6, 9, 13)  # B-splines of a mean step
SCATTER = 3  # B-splines of the ln scatter of a step, where it depends on G
GLANCE = 5  # evaluations in which a part shows whether it is worth more
PROMISING = 3  # parts, at most, that are fitted to the end in one round
Change: TypeAlias = Callable[[Parts], Parts]

CHANGES: dict[str, Change] = {
    "finer steps": lambda p: replace(p, size=finer(p.size)),
    "much finer steps": lambda p: replace(p, size=finer(finer(p.size))),
    "scatter that does not go with the step": lambda p: replace(p, relative=not p.relative),
    "scatter that depends on G": lambda p: replace(p, scatter=SCATTER),
    "steps with heavy tails": lambda p: replace(p, tails=True),
    "history after a reversal": lambda p: replace(p, history=True),
    "steps that shrink or grow with pulses": lambda p: replace(p, wear=True),
    "a factor for each ramp": lambda p: replace(p, ramps=max(p.ramps, 1)),
    "ramp factors that differ by direction": lambda p: replace(p, ramps=2 if p.ramps else 0),
    "slow read noise": lambda p: replace(p, slow=True),
    "a share of each step that relaxes": lambda p: replace(p, relaxing=True),
    "read noise proportional to G": lambda p: replace(p, proportional=True),
}
LEFT_OUT: dict[str, Change] = {
    "scatter that depends on G": lambda p: replace(p, scatter=1),
    "steps with heavy tails": lambda p: replace(p, tails=False),
    "history after a reversal": lambda p: replace(p, history=False),
    "steps that shrink or grow with pulses": lambda p: replace(p, wear=False),
    "a factor for each ramp": lambda p: replace(p, ramps=0),
    "slow read noise": lambda p: replace(p, slow=False),
    "a share of each step that relaxes": lambda p: replace(p, relaxing=False),
    "read noise proportional to G": lambda p: replace(p, proportional=False),
}


def finer(size: int) -> int:
    """The next number of splines; the largest stays."""
    return next((each for each in SIZES if each > size), SIZES[-1])


def bic(found: Maximum, trace: Trace) -> float:
    """``-2 ln L + p ln n``."""
    readings = int(np.sum((trace.count > 0) & ~trace.starts))
    return -2.0 * found.value.likelihood + found.parts.numbers() * float(np.log(max(readings, 2)))


def chosen(rows: Rows, trace: Trace) -> tuple[Maximum, dict[str, float]]:
    """The maximum with the parts that the trace asks for, and by how much each lowers (or would lower) the BIC."""
    best = maximise(rows, Parts(), first_start(trace, SIZES[0]))
    evidence: dict[str, float] = {}
    while True:
        glances = _glances(rows, best, trace)
        evidence |= {name: gain for name, (gain, _) in glances.items()}
        better = _better(rows, best, trace, glances, evidence)
        if better is None:
            break
        best = better
    return _without_idle(rows, best, trace, evidence), evidence


def _glances(rows: Rows, best: Maximum, trace: Trace) -> dict[str, tuple[float, Maximum]]:
    """Every part that is not there yet after a few steps of the search: gain of BIC, and how far it came."""
    found: dict[str, tuple[float, Maximum]] = {}
    for name, change in CHANGES.items():
        parts = change(best.parts)
        if parts != best.parts and not any(one.parts == parts for _, one in found.values()):
            tried = maximise(rows, parts, lifted(best.theta, best.parts, parts), evaluations=GLANCE)
            found[name] = bic(best, trace) - bic(tried, trace), tried
    return found


def _better(
    rows: Rows, best: Maximum, trace: Trace, glances: dict[str, tuple[float, Maximum]], evidence: dict[str, float]
) -> Maximum | None:
    """The best of those that promise most, fitted to the end; None where none lowers the BIC."""
    order = sorted(glances, key=lambda name: -glances[name][0])[:PROMISING]
    for name in order:
        tried = maximise(rows, glances[name][1].parts, glances[name][1].theta)
        evidence[name] = bic(best, trace) - bic(tried, trace)
        if evidence[name] > 0:
            return tried
    return None


def _without_idle(rows: Rows, best: Maximum, trace: Trace, evidence: dict[str, float]) -> Maximum:
    """Parts that others have taken over since are left out again."""
    for name, change in LEFT_OUT.items():
        parts = change(best.parts)
        if parts == best.parts:
            continue
        tried = maximise(rows, parts, lifted(best.theta, best.parts, parts))
        evidence[name] = bic(tried, trace) - bic(best, trace)
        if evidence[name] < 0:
            best = tried
    return best
