"""Noise at rest: level, autocorrelation, Allan deviation and drift, each with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray


@dataclass(frozen=True)
class RestNoise:
    """What repeated readings of a crosspoint at rest say; [unit] of the readings, times [s].

    Attributes
    ----------
    mean, mean_std
        Mean and its standard error with the effective number of independent readings.
    std, std_std
        Standard deviation of a reading about the mean and its error, std/√(2(n_eff − 1)).
    slope, slope_std
        Drift by a straight line, per second; its error allows for autocorrelated residuals.
    correlation
        (lags,) autocorrelation of the residuals of that line at lags of 0, 1, 2 ... readings.
    correlation_time
        Integrated, in readings: n_eff = n/correlation_time; 1 for white noise.
    allan_time, allan, allan_std
        Averaging times [s], overlapping Allan deviation and its error.
    """

    count: int
    mean: float
    mean_std: float
    std: float
    std_std: float
    slope: float
    slope_std: float
    correlation: FloatArray
    correlation_time: float
    allan_time: FloatArray
    allan: FloatArray
    allan_std: FloatArray


def rest_noise(values: FloatArray, time: FloatArray) -> RestNoise | None:
    """Analyse readings `values` (n,) [unit] at `time` (n,) [s]; NaN are left out. None with fewer than 10."""
    keep = np.isfinite(values) & np.isfinite(time)
    y, t = values[keep], time[keep]
    n = y.size
    if n < 10:
        return None
    centred = t - t.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y / spread) if spread > 0 else 0.0
    residual = y - y.mean() - slope * centred
    correlation = autocorrelation(residual, min(n // 4, 200))
    stretch = correlation_time(correlation, n)
    independent = max(n / stretch, 2.0)
    std = float(y.std(ddof=1))
    interval = float(np.median(np.diff(t)))
    slope_std = math.sqrt(float(residual @ residual) / (n - 2) * stretch / spread) if spread > 0 else math.nan
    taus, allan, errors = allan_deviation(y, interval)
    return RestNoise(
        n,
        float(y.mean()),
        std / math.sqrt(independent),
        std,
        std / math.sqrt(2 * max(independent - 1, 1.0)),
        slope,
        slope_std,
        correlation,
        stretch,
        taus,
        allan,
        errors,
    )


def autocorrelation(residual: FloatArray, lags: int) -> FloatArray:
    """ρ_k = Σ x_i x_i+k / Σ x_i², for k = 0 ... lags; zeros beyond 0 where the residual does not vary."""
    power = float(residual @ residual)
    rho = np.zeros(lags + 1)
    rho[0] = 1.0
    if power > 0:
        for lag in range(1, lags + 1):
            rho[lag] = float(residual[lag:] @ residual[:-lag]) / power
    return rho


def correlation_time(correlation: FloatArray, n: int) -> float:
    """1 + 2 Σ ρ_k, summed to the first lag W ≥ 5 times the sum so far (Sokal's window); at least 1, at most n/2."""
    total = 1.0
    for lag in range(1, correlation.size):
        total += 2 * float(correlation[lag])
        if lag >= 5 * total:
            break
    return min(max(total, 1.0), n / 2)


def allan_deviation(values: FloatArray, interval: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """σ_A(τ) = √(½⟨(ȳ_i+m − ȳ_i)²⟩), overlapping means of m = 1, 2, 4 ... readings, τ = m·interval [s].

    White noise falls as τ^(−1/2), flicker noise is flat, drift and random walks rise. The error takes 1/2 of n/m as the
    number of independent differences (exact to 20 % for white noise).
    """
    n = values.size
    sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    sizes = [2**k for k in range(int(math.log2(max(n // 3, 1))) + 1)]
    deviations: list[float] = []
    for m in sizes:
        means: FloatArray = (sums[m:] - sums[:-m]) / m
        deviations.append(math.sqrt(0.5 * float(np.mean((means[m:] - means[:-m]) ** 2))))
    taus, allan = np.array(sizes) * interval, np.array(deviations)
    return taus, allan, allan / np.sqrt(np.maximum(n / np.array(sizes), 2.0))
