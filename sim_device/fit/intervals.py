"""95 % intervals for straight steps, which need not be symmetric about the estimate.

A bound, and the symmetry point, is where a straight line c₀ + c₁ x crosses 0. It is a ratio, whose error is skew where
the slope is not known well; the interval is of all x at which the line does not differ from 0 (Fieller, J. R. Stat.
Soc. B 16, 175 (1954)):

    (c₀ + c₁ x)² ≤ q² (C₀₀ + 2 C₀₁ x + C₁₁ x²)

Noise is positive: ``σ exp(± 1.96 std/σ)``. q is the quantile of Student's t with ``σc²/std(σc)²`` degrees of freedom:
the errors of the steps scale with a σc that is itself only known from so many. (That the covariance is averaged over σc
allows for most of it; without the t, intervals at 1000 states and 100 % cycle-to-cycle noise hold in 88 to 91 %.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.estimate import Estimate

NORMAL = 1.959964  # quantile of 97.5 %
FEWEST = 8.0  # degrees of freedom; with fewer σc is not told from none, and its allowance errs on the wide side already

Interval = tuple[float, float]


def quantile(estimate: Estimate, covariance: FloatArray) -> float:
    """Of the steps at 97.5 %: q above."""
    from scipy.special import stdtrit

    at = 2 * estimate.shape.size
    variance = float(covariance[at, at]) / 4  # of ln σc
    if estimate.held[at] or not variance > 0:
        return NORMAL
    return float(stdtrit(max(1.0 / variance, FEWEST), 0.975))


def evenly(value: float, std: float, q: float = NORMAL) -> Interval:
    """``value ± q std``."""
    return value - q * std, value + q * std


def of_noise(value: float, std: float) -> Interval:
    """``σ exp(± 1.96 std/σ)``."""
    factor = float(np.exp(NORMAL * std / value))
    return value / factor, value * factor


def of_root(line: tuple[float, float], covariance: FloatArray, q: float) -> Interval | None:
    """Of the root −c₀/c₁ of a line with the (2, 2) covariance of (c₀, c₁); None where no side, or one, has an end."""
    (c0, c1), (c00, c01), c11 = line, covariance[0], covariance[1, 1]
    a, b, c = c1**2 - q**2 * c11, c0 * c1 - q**2 * c01, c0**2 - q**2 * c00
    if a <= 0:
        return None
    root = float(np.sqrt(max(b**2 - a * c, 0.0)))
    return (-b - root) / a, (-b + root) / a


def of_symmetry_point(estimate: Estimate, covariance: FloatArray) -> Interval | None:
    """Of the crossing of straight steps, in the unit of the trace; None where it has no two ends."""
    steps = covariance[:4, :4].reshape(2, 2, 2, 2)  # (direction, number, direction, number)
    u0, u1, d0, d1 = estimate.theta[:4]
    return _placed(estimate, of_root((u0 + d0, u1 + d1), steps.sum(axis=(0, 2)), quantile(estimate, covariance)))


def of_bound(estimate: Estimate, covariance: FloatArray, begin: int) -> Interval | None:
    """Of Gmax (`begin` 0) or Gmin (`begin` 2) of soft bounds, in the unit of the trace."""
    block, q = covariance[begin : begin + 2, begin : begin + 2], quantile(estimate, covariance)
    return _placed(estimate, of_root((estimate.theta[begin], estimate.theta[begin + 1]), block, q))


def _placed(estimate: Estimate, interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    centre, scale = estimate.trace.centre, estimate.trace.scale
    return centre + scale * interval[0], centre + scale * interval[1]


@dataclass(frozen=True)
class Spread:
    """A number with its standard deviation and its 95 % interval."""

    value: float
    std: float
    interval: tuple[float, float]

    @staticmethod
    def of(values: FloatArray) -> Spread:
        """Of the estimate, which comes first, and of draws."""
        first = float(values[0])
        if len(values) < 2:
            return Spread(first, 0.0, (first, first))
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return Spread(first, float(np.std(values[1:])), (min(float(low), first), max(float(high), first)))
