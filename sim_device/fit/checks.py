"""Checks of a fit: innovations white, of the stated variance and without trend in G; steps that fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels, rounding
from sim_device.fit.curvature import trend
from sim_device.fit.estimate import Estimate

FAMILY = 0.03  # chance that a true model fails one check or more, split evenly over them (Bonferroni)


@dataclass(frozen=True)
class Check:
    """One check: `p` is the chance of so much or more under the model; `failed` against its share of `FAMILY`.

    A check that is no test but a definition (`is_test` False) has p of 0 or 1.
    """

    name: str
    p: float
    failed: bool
    told: str
    is_test: bool = True

    @property
    def sentence(self) -> str:
        """What failed, with its p-value where it is a test."""
        if not self.is_test:
            return self.told
        return f"{self.told} (p < 1e-99)" if self.p < 1e-99 else f"{self.told} (p = {self.p:.1g})"


@dataclass(frozen=True)
class Filtered:
    """Rows of a trace under an estimate: prediction, innovation and their variances, smoothed state and variance.

    All (n,) in scaled units; innovations are NaN where there is none (first of a piece, missing reading).
    """

    predicted: FloatArray
    predicted_variance: FloatArray
    innovation: FloatArray
    innovation_variance: FloatArray
    smoothed: FloatArray
    smoothed_variance: FloatArray
    smoothed_covariance: FloatArray

    @property
    def standardised(self) -> FloatArray:
        """(n,) innovation over its standard deviation; NaN where there is none."""
        return self.innovation / np.sqrt(self.innovation_variance)


def filtered(estimate: Estimate) -> Filtered:
    """Filter and smoother of a trace at the estimate."""
    s, trace = estimate.shape, estimate.trace
    out = np.empty((7, len(trace)))
    kernels.smoothed(s.kind, s.size, s.knots, estimate.theta, trace.compiled, out)
    return Filtered(*out)


def checks_of(estimate: Estimate, result: Filtered) -> tuple[Check, ...]:
    """All checks of a fit of straight steps as soft bounds; the chance of a false alarm is at most `FAMILY` in all."""
    white, scatter = _of_innovations(estimate, result)
    if min(white, scatter) < share_of(5) and rounding.is_coarse(estimate, result.innovation_variance):
        white, scatter = rounding.p_values(estimate, lambda drawn: _of_innovations(drawn, filtered(drawn)))
    found = [
        ("white innovations", white, "the innovations are correlated from reading to reading"),
        ("stated variance", scatter, "the scatter is not the stated one everywhere in G"),
        ("no trend in G", trend(estimate), "the steps are no straight lines in G: innovations have a trend"),
        ("steps fall", slopes(estimate), _grown(estimate)),
    ]
    share = share_of(len(found))
    return tuple(Check(name, p, p < share, told) for name, p, told in found)


def _of_innovations(estimate: Estimate, result: Filtered) -> tuple[float, float]:
    return whiteness(estimate, result), variance(estimate, result)


def share_of(checks: int) -> float:
    """Each check's share of the chance of a false alarm (Bonferroni)."""
    return FAMILY / checks


def whiteness(estimate: Estimate, result: Filtered) -> float:
    """Ljung-Box: ``Q = n(n + 2) Σ ρj²/(n − j) ~ χ²``, lags within pieces only; p-value."""
    z = result.standardised
    good = np.isfinite(z)
    n = int(np.sum(good))
    lags = int(min(20, n // 8))
    if lags < 3 or not np.any(z[good]):
        return 1.0
    z = np.where(good, z, 0.0)
    power = float(np.sum(z**2))
    piece = np.cumsum(estimate.trace.starts)
    q = 0.0
    for lag in range(1, lags + 1):
        together = piece[lag:] == piece[:-lag]
        pairs = int(np.sum(together & good[lag:] & good[:-lag]))
        rho = float(np.sum((z[lag:] * z[:-lag])[together])) / power
        q += n * (n + 2) * rho**2 / max(pairs, 1)
    return float(stats.chi2.sf(q, lags))


def variance(estimate: Estimate, result: Filtered) -> float:
    """Rank tests that the size of innovations depends neither on G (Spearman, each direction) nor on direction.

    Ranks, because a saturated ramp has few points far from the bound and these would dominate a regression; p-value
    of the most significant of the three, times three.
    """
    size, x, pulses = np.abs(result.standardised), result.predicted, estimate.trace.pulses
    good = np.isfinite(size)
    up, down = good & (pulses > 0), good & (pulses < 0)
    found = [float(stats.spearmanr(size[way], x[way]).pvalue) for way in (up, down) if _varied(size[way], x[way])]
    if min(np.sum(up), np.sum(down)) > 9:
        found.append(float(stats.mannwhitneyu(size[up], size[down]).pvalue))
    return min(1.0, len(found) * min(found)) if found else 1.0


def _varied(size: FloatArray, x: FloatArray) -> bool:
    return bool(len(x) > 9 and np.ptp(x) > 0 and np.ptp(size) > 0)


def slopes(estimate: Estimate) -> float:
    """One-sided test that neither step grows with G: p-value, for the more significant of two directions."""
    z = _slope_z(estimate)
    return float(min(1.0, 2 * stats.norm.sf(np.max(z))))


def _slope_z(estimate: Estimate) -> FloatArray:
    deviation = np.sqrt(np.maximum(np.diag(estimate.covariance()), 1e-300))
    usable = estimate.free & ~estimate.held
    return np.array([estimate.theta[i] / deviation[i] if usable[i] else 0.0 for i in (1, 3)])


def _grown(estimate: Estimate) -> str:
    worst = int(np.argmax(_slope_z(estimate)))
    way, i = ("up", 1) if worst == 0 else ("down", 3)
    deviation = float(np.sqrt(estimate.covariance()[i, i]))
    tendency = "grows with G" if way == "up" else "shrinks in size as G grows"
    return (
        f"the {way} step {tendency} (slope {estimate.theta[i]:+.2g} ± {deviation:.1g} per pulse), "
        "where soft bounds make it fall"
    )
