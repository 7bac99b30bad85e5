"""Whether a trace shows more than a plain device does: ramps that differ, history, wear; before any of it is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim_device.fit.measured_parts import Parts, lifted
from sim_device.fit.measured_search import Rows, first_start, likelihood, maximise
from sim_device.fit.trace import Trace

CHANCE = 1e-3  # that a plain device is taken for a richer one by one of these
SPREADS = (-3.5, -2.5, -1.5)  # ln of the spread of ramp factors that is tried
SIZES = (2, 4)  # splines of the steps: straight, and curved


def asks_for_more(trace: Trace) -> bool:
    """By score tests at the maximum of the plain parts: ``½ sᵀ I⁻¹ s`` is half of a χ² where they hold."""
    from scipy.stats import chi2

    rows = Rows.of(trace)
    plain = min((maximise(rows, Parts(size=size), first_start(trace, size)) for size in SIZES), key=_bic_of(trace))
    scatter = maximise(rows, replace(plain.parts, relative=False), plain.theta)
    plain = max((plain, scatter), key=lambda one: one.value.likelihood)
    for change, numbers in (({"history": True}, 2), ({"wear": True}, 1)):
        parts = replace(plain.parts, **change)
        theta = lifted(plain.theta, plain.parts, parts)
        at = parts.at(next(iter(change)))
        theta[at] = [0.0, 1.5, 0.0] * 2 if "history" in change else [0.0, 0.0]
        value = likelihood(rows, theta, parts)
        tested = [at.start, at.start + 3] if "history" in change else [at.start]
        if _score(value.gradient, value.information, len(plain.theta), tested) > chi2.isf(CHANCE, numbers):
            return True
    return rows.ramps > 1 and _ramps(rows, plain.parts, plain.theta, plain.value.likelihood) > chi2.isf(2 * CHANCE, 1)


def _bic_of(trace: Trace):
    from sim_device.fit.measured_choice import bic

    return lambda one: bic(one, trace)


def _score(gradient: np.ndarray, information: np.ndarray, plain: int, tested: list[int]) -> float:
    chosen = [*range(plain), *tested]
    g, block = gradient[chosen], information[np.ix_(chosen, chosen)]
    scale = 1.0 / np.sqrt(np.maximum(np.diag(block), 1e-12))
    return float((g * scale) @ np.linalg.solve(block * np.outer(scale, scale) + 1e-9 * np.eye(len(g)), g * scale))


def _ramps(rows: Rows, parts: Parts, theta: np.ndarray, plain: float) -> float:
    """Twice the gain of ln L by factors of the ramps, the other numbers as they are: less than the whole gain."""
    richer = replace(parts, ramps=1)
    start = lifted(theta, parts, richer)
    found: list[float] = []
    for spread in SPREADS:
        start[richer.at("ramps")] = spread
        found.append(likelihood(rows, start, richer).likelihood)
    return 2.0 * (max(found) - plain)
