"""Whether a trace shows more than a plain device does: ramps that differ, history, wear; before any of it is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim_device.fit.measured.choice import bic
from sim_device.fit.measured.parts import Parts, lifted
from sim_device.fit.measured.search import Maximum, Rows, first_start, likelihood, maximise
from sim_device.fit.trace import Trace

CHANCE = 1e-3  # that a plain device is taken for a richer one by one of these
WORTH_A_LOOK = -1.5  # twice the gain of ln L by ramp factors from which on they are weighed in full
SPREADS = (-3.5, -2.5, -1.5)  # ln of the spread of ramp factors that is tried
SIZES = (2, 4)  # splines of the steps: straight, and curved


def asks_for_more(trace: Trace) -> bool:
    """By score tests at the maximum of the plain parts: ``sᵀ I⁻¹ s`` is of χ² where they hold."""
    from scipy.stats import chi2

    rows = Rows.of(trace)
    found = [maximise(rows, Parts(size=size), first_start(trace, size)) for size in SIZES]
    plain = found[int(np.argmin([bic(one, trace) for one in found]))]
    scatter = maximise(rows, replace(plain.parts, relative=False), plain.theta)
    plain = max((plain, scatter), key=lambda one: one.value.likelihood)
    if _gain(rows, plain, replace(plain.parts, wear=True), "wear", [0.0, 0.0], [0]) > chi2.isf(CHANCE, 1):
        return True
    history = replace(plain.parts, history=True)
    if _gain(rows, plain, history, "history", [0.0, 1.5, 0.0] * 2, [0, 3]) > chi2.isf(CHANCE, 2):
        return True
    if _untouched(rows, plain, replace(plain.parts, tails=True), "tails", (-1.5, 0.0)) > chi2.isf(CHANCE, 1):
        return True
    return rows.ramps > 1 and _ramps(rows, plain) > WORTH_A_LOOK


def _gain(rows: Rows, plain: Maximum, parts: Parts, name: str, start: list[float], tested: list[int]) -> float:
    """Score test of numbers of a part that are 0 in the plain one: ``sᵀ I⁻¹ s``, the plain numbers estimated, too."""
    theta = lifted(plain.theta, plain.parts, parts)
    at = parts.at(name)
    theta[at] = start
    value = likelihood(rows, theta, parts)
    chosen = [*range(len(plain.theta)), *(at.start + k for k in tested)]
    g, block = value.gradient[chosen], value.information[np.ix_(chosen, chosen)]
    scale = 1.0 / np.sqrt(np.maximum(np.diag(block), 1e-12))
    ridge = 1e-9 * np.eye(len(g))
    return float((g * scale) @ np.linalg.solve(block * np.outer(scale, scale) + ridge, g * scale))


def _ramps(rows: Rows, plain: Maximum) -> float:
    return _untouched(rows, plain, replace(plain.parts, ramps=1), "ramps", SPREADS)


def _untouched(rows: Rows, plain: Maximum, parts: Parts, name: str, values: tuple[float, ...]) -> float:
    """Twice the gain of ln L by a part at the best of some values, the other numbers as they are: less than it can."""
    start = lifted(plain.theta, plain.parts, parts)
    found: list[float] = []
    for value in values:
        start[parts.at(name)] = value
        found.append(likelihood(rows, start, parts).likelihood)
    return 2.0 * (max(found) - plain.value.likelihood)
