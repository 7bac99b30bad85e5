"""Symmetry points of a fit, with errors and stability; none where the steps cancel everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.estimate import Estimate
from sim_device.fit.intervals import evenly, of_symmetry_point, quantile

GRID = 401  # points over the measured range on which a crossing is looked for
CLEAR = 3.0  # standard errors by which the slopes must differ from balance for the delta method to hold
NEAR = 0.25  # half ranges from an end: where a bound may be taken for a crossing
DRAWS = 4000  # of the steps, where they do not
REACH = 1.5  # half ranges from the middle: how far out a crossing of drawn steps counts


@dataclass(frozen=True)
class EstimatedSymmetryPoint:
    """A crossing of the up and the down step, ``f+(G*) + f−(G*) = 0``; conductances in the unit of the trace.

    Attributes
    ----------
    conductance, std
        G* and its standard deviation.
    interval
        (low, high) of 95 %; of straight steps it is wider on the side where less is known (`sim_device.fit.intervals`).
    step, step_std, step_interval
        δ*, the up step there, and its interval of 95 %.
    stable, stability
        Whether pulsing drives to it, and the chance of that given the uncertainty of the slopes.
    contraction, contraction_std
        Part of a deviation that one up/down pair removes.
    clear
        False where the steps are so nearly parallel that the range of the data decides the interval.
    inside
        Whether G* lies in the measured range.
    """

    conductance: float
    std: float
    interval: tuple[float, float]
    step: float
    step_std: float
    step_interval: tuple[float, float]
    stable: bool
    stability: float
    contraction: float
    contraction_std: float
    clear: bool
    inside: bool


def symmetry_points(estimate: Estimate, covariance: FloatArray) -> tuple[EstimatedSymmetryPoint, ...]:
    """All crossings in the measured range from low to high (for straight steps also beyond it); `covariance` of θ.

    Delta method where the crossing is clear: ``∂G*/∂θ = −(∂f+/∂θ + ∂f−/∂θ)/(f+' + f−')``; else the steps are drawn
    from their distribution and those that cross in or near the measured range give mean and spread.
    """
    if not (estimate.trace.has(+1) and estimate.trace.has(-1)) or balanced(estimate, covariance):
        return ()
    places = _crossings(estimate)
    if not _straight(estimate):
        places = [x for x in places if not at_bound(x, lambda at: _sum_at(estimate, at)[0])]
        if not places and _crossings(estimate):
            return ()
    found = [_by_delta(estimate, covariance, x) for x in places if _sum_at(estimate, x)[1]]
    clear = tuple(point for point in found if point.clear)
    if clear:
        return clear
    drawn = _by_draws(estimate, covariance)
    return (drawn,) if drawn else ()


def at_bound(x: float, total: Callable[[float], float]) -> bool:
    """Whether the steps cancel at the scaled conductance `x` only because one of them ends there: no symmetry point.

    So it is near an end of the window where their sum does not fall towards the crossing but at it: as large 0.3 before
    as 0.6 before, or half as large 0.15 before. Of straight steps it would be 0.5 and 0.25 of that.
    """
    if abs(x) < 1.0 - NEAR:
        return False
    at, near, far = (total(x - float(np.sign(x)) * way) for way in (0.15, 0.3, 0.6))
    return near * far > 0 and (abs(near) > 0.75 * abs(far) or abs(at) > 0.5 * abs(far))


def balanced(estimate: Estimate, covariance: FloatArray) -> bool:
    """Whether constant steps between hard bounds cancel within `CLEAR` errors: everywhere, so at no one point."""
    if estimate.shape.kind != kernels.HARD:
        return False
    total, _, gradient, _ = _sum_at(estimate, float(estimate.theta[1] + estimate.theta[3]) / 2)
    return abs(total) <= CLEAR * _std(covariance, gradient)


def why_none(estimate: Estimate, covariance: FloatArray) -> str:
    """Why `symmetry_points` finds none."""
    if not (estimate.trace.has(+1) and estimate.trace.has(-1)):
        return "it takes pulses in both directions"
    if balanced(estimate, covariance):
        return "steps up and down are alike everywhere between the bounds: each conductance there is as balanced as any"
    if _crossings(estimate) and not _straight(estimate):
        return "up and down steps cancel only where one of them ends: pulsing drives the device to that bound"
    return "up and down steps do not cross in the measured range"


def _straight(estimate: Estimate) -> bool:
    return estimate.shape.kind in (kernels.LINEAR, kernels.STRAIGHT)


def _sum_at(estimate: Estimate, x: float) -> tuple[float, float, FloatArray, FloatArray]:
    up, down = estimate.at(x, +1), estimate.at(x, -1)
    return up[0] + down[0], up[1] + down[1], up[2] + down[2], up[3] + down[3]


def _crossings(estimate: Estimate) -> list[float]:
    from scipy.optimize import brentq

    if _straight(estimate):
        value, slope, _, _ = _sum_at(estimate, 0.0)
        return [-value / slope] if slope else []
    grid = np.linspace(-1.0, 1.0, GRID)
    sums = np.array([_sum_at(estimate, x)[0] for x in grid])
    turns = np.flatnonzero(sums[:-1] * sums[1:] < 0)
    return [float(brentq(lambda x: _sum_at(estimate, x)[0], grid[i], grid[i + 1])) for i in turns]


def _by_delta(estimate: Estimate, covariance: FloatArray, x: float) -> EstimatedSymmetryPoint:
    from scipy.stats import norm

    _, slope, gradient, slope_gradient = _sum_at(estimate, x)
    move = -gradient / slope
    up, up_slope, up_gradient, up_slope_gradient = estimate.at(x, +1)
    _, down_slope, _, down_slope_gradient = estimate.at(x, -1)
    contraction = 1.0 - (1.0 + up_slope) * (1.0 + down_slope)
    by_slopes = -(1.0 + down_slope) * up_slope_gradient - (1.0 + up_slope) * down_slope_gradient
    slope_std = _std(covariance, slope_gradient)
    scale, centre = estimate.trace.scale, estimate.trace.centre
    std, step_std = _std(covariance, move), _std(covariance, up_gradient + up_slope * move)
    straight = of_symmetry_point(estimate, covariance) if _straight(estimate) else None
    return EstimatedSymmetryPoint(
        conductance=centre + scale * x,
        std=scale * std,
        interval=straight or evenly(centre + scale * x, scale * std),
        step=scale * up,
        step_std=scale * step_std,
        step_interval=evenly(scale * up, scale * step_std, quantile(estimate, covariance)),
        stable=slope < 0,
        stability=float(norm.cdf(-slope / max(slope_std, 1e-300))),
        contraction=contraction,
        contraction_std=_std(covariance, by_slopes),
        clear=abs(slope) > CLEAR * slope_std,
        inside=abs(x) <= 1.0,
    )


def _std(covariance: FloatArray, gradient: FloatArray) -> float:
    return float(np.sqrt(max(gradient @ covariance @ gradient, 0.0)))


def _by_draws(estimate: Estimate, covariance: FloatArray) -> EstimatedSymmetryPoint | None:
    """Mean and spread of the crossings in or near the measured range, of steps drawn from their distribution."""
    grid: FloatArray = np.linspace(-REACH, REACH, 151)
    rows = [(estimate.at(x, +1), estimate.at(x, -1)) for x in grid]
    ups, downs = np.array([row[0][2] for row in rows]), np.array([row[1][2] for row in rows])
    rng = np.random.default_rng(0)  # the same data give the same answer
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    away = rng.standard_normal((DRAWS, len(values))) @ root.T
    up: FloatArray = np.array([row[0][0] for row in rows]) + away @ ups.T
    total: FloatArray = up + np.array([row[1][0] for row in rows]) + away @ downs.T
    draw, at = np.nonzero(total[:, :-1] * total[:, 1:] < 0)
    if len(draw) < DRAWS // 20:
        return None
    left, right = total[draw, at], total[draw, at + 1]
    share = left / (left - right)
    x: FloatArray = grid[at] + share * (grid[1] - grid[0])
    step: FloatArray = up[draw, at] * (1 - share) + up[draw, at + 1] * share
    slope: FloatArray = (right - left) / (grid[1] - grid[0])
    scale, centre = estimate.trace.scale, estimate.trace.centre
    low, high = np.quantile(x, [0.025, 0.975])
    return EstimatedSymmetryPoint(
        conductance=centre + scale * float(np.mean(x)),
        std=scale * float(np.std(x)),
        interval=(centre + scale * float(low), centre + scale * float(high)),
        step=scale * float(np.mean(step)),
        step_std=scale * float(np.std(step)),
        step_interval=(scale * float(np.quantile(step, 0.025)), scale * float(np.quantile(step, 0.975))),
        stable=bool(np.mean(slope < 0) > 0.5),
        stability=float(np.mean(slope < 0)),
        contraction=float(np.mean(-slope)),
        contraction_std=float(np.std(slope)),
        clear=False,
        inside=bool(abs(np.mean(x)) <= 1.0),
    )
