"""Checks for coarsely rounded readings: compared with what the model gives when rounded alike.

Rounding to a quantum that is not small against the innovations is no white noise: while the conductance crosses one
quantum slowly, its errors of rounding form a saw-tooth. The p-value of a statistic is then its rank among traces that
are drawn from the fitted model and rounded as the readings were (parametric bootstrap; Davison & Hinkley, 1997, 4.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.kernels import LINEAR, STRAIGHT

if TYPE_CHECKING:
    from sim_device.fit.estimate import Estimate

COARSE = 0.7  # quantum over the median standard deviation of an innovation from which on rounding shows
DRAWS = 199  # 1/200 is below the share of one check
WORK = 4_000_000  # rows in all draws together, that a check may cost
Chances: TypeAlias = "Callable[[Estimate], tuple[float, ...]]"


def is_coarse(estimate: Estimate, innovation_variance: FloatArray) -> bool:
    """Whether the rounding of the readings shows in the innovations."""
    usual = float(np.sqrt(np.nanmedian(innovation_variance)))
    return estimate.shape.kind in (LINEAR, STRAIGHT) and estimate.trace.quantum > COARSE * usual


def p_values(estimate: Estimate, chances: Chances) -> list[float]:
    """Chance of each of several p-values, or a smaller one, if the model holds and readings are rounded as these were.

    `chances` gives the p-values of the checks that do not know of rounding. At least 1/(draws + 1). Long traces get
    fewer draws, at least 39, so that no check takes longer than seconds.
    """
    draws = int(np.clip(WORK // max(len(estimate.trace), 1), 39, DRAWS))
    found = np.array(chances(estimate))
    drawn = _draw(estimate, draws, np.random.default_rng(len(estimate.trace)))
    below = np.zeros(len(found))
    for mean in drawn:
        below += np.array(chances(replace(estimate, trace=replace(estimate.trace, mean=mean)))) <= found
    return ((1 + below) / (draws + 1)).tolist()


def _draw(estimate: Estimate, draws: int, rng: np.random.Generator) -> FloatArray:
    """(draws, rows) readings of the fitted model, rounded; started where each piece of the trace starts."""
    trace, theta = estimate.trace, estimate.theta
    cycle, read = np.exp(theta[4]), np.exp(theta[5])
    # The read noise of the fit holds the variance of rounding, quantum²/12, which rounding adds here by itself.
    sigma = np.sqrt(max(read - trace.quantum**2 / 12, 0.0))
    state, out = np.zeros(draws), np.full((draws, len(trace)), np.nan)
    for row in range(len(trace)):
        if trace.starts[row]:
            state = np.full(draws, trace.mean[row]) + trace.quantum * (rng.random(draws) - 0.5)
        else:
            state = _pulsed(state, int(trace.pulses[row]), theta, cycle, rng)
        if trace.count[row] > 0:
            out[:, row] = _read(state, int(trace.count[row]), sigma, trace.quantum, trace.mean[0], rng)
    return out


def _pulsed(state: FloatArray, pulses: int, theta: FloatArray, cycle: float, rng: np.random.Generator) -> FloatArray:
    """``g' = g + f(g)(1 + σc ξ)``, pulse after pulse, with straight steps f."""
    constant, slope = (theta[0], theta[1]) if pulses > 0 else (theta[2], theta[3])
    for _ in range(abs(pulses)):
        state = state + (constant + slope * state) * (1 + np.sqrt(cycle) * rng.standard_normal(len(state)))
    return state


def _read(
    state: FloatArray, count: int, sigma: float, quantum: float, grid: float, rng: np.random.Generator
) -> FloatArray:
    """Mean of `count` readings of each state, each rounded to the grid of the measured ones."""
    noisy = state + sigma * rng.standard_normal((count, len(state)))
    return np.mean(grid + quantum * np.round((noisy - grid) / quantum), axis=0)
