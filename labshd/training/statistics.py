"""The mean of a correlated series and its standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray


@dataclass(frozen=True)
class Mean:
    """Mean of a series, its standard error, and as how many independent samples the series counts."""

    mean: float
    std: float
    effective_samples: float


def mean_of_series(series: FloatArray) -> Mean:
    """``σ² 2τ/n`` for the variance of the mean of n correlated samples, τ the integrated autocorrelation time.

    τ is the largest sum of autocorrelations up to the first lag m >= 5 τ(m) (Sokal's automatic window). NaN for fewer
    than two numbers.
    """
    x = np.asarray(series, dtype=np.float64)
    n = len(x)
    if n < 2:
        return Mean(float(x.mean()) if n else np.nan, np.nan, float(n))
    centred = x - x.mean()
    variance = float(centred @ centred) / n
    if variance == 0:
        return Mean(float(x.mean()), 0.0, float(n))
    spectrum = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / (n * variance)
    times = 2 * np.cumsum(correlation) - 1  # 2τ for windows of 0, 1, 2 ... lags
    enough = np.flatnonzero(np.arange(n) >= 2.5 * np.maximum.accumulate(times))
    # An oscillating series (SHD below critical damping) sums down again after a quarter period, and noise decides how
    # far: the largest sum within the window is taken, which errs on the side of a larger error.
    twice = float(np.max(times[: enough[0] + 1 if len(enough) else n]))
    # A series no longer than its correlation cannot tell its own error: n/2τ is never taken to be below 1.
    effective = float(np.clip(n / twice, 1.0, n))
    return Mean(float(x.mean()), float(np.sqrt(variance * n / (n - 1) / effective)), effective)
