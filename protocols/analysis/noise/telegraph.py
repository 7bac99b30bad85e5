"""Random telegraph noise by a hidden Markov model: two levels with dwell times and errors, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.common.protocol import Series

_ITERATIONS = 200
_MOST = 5000  # readings that are used: the recursion runs reading by reading


@dataclass(frozen=True)
class Telegraph:
    """Two levels [unit] with white noise `noise` of one size, and the mean times [s] spent in each.

    `better` is how much Schwarz's criterion prefers two levels to one level with white or with slowly forgotten noise:
    above 10 the evidence is very strong (Kass and Raftery, J. Am. Stat. Assoc. 90, 773 (1995)). `high` (n,) is the
    probability of the upper level at each reading.
    """

    low: float
    low_std: float
    separation: float
    separation_std: float
    noise: float
    low_time: float
    low_time_std: float
    high_time: float
    high_time_std: float
    switches: float
    better: float
    high: FloatArray

    @property
    def found(self) -> bool:
        """Very strong evidence, levels 2 noises apart or more, and at least 4 switches."""
        return self.better > 10 and self.separation > 2 * self.noise and self.switches >= 4


def telegraph(values: FloatArray, interval: float) -> Telegraph | None:
    """Fit two levels to readings (n,) [unit] that are `interval` [s] apart; None for fewer than 50 or without noise.

    Hidden Markov model: P(high at the next reading | low) = p, P(low | high) = q, a reading is its level plus white
    noise. Maximum likelihood by Baum and Welch. Mean times from ``exp(-(a + b) dt) = 1 - p - q``, ``a/b = p/q``, a = 1/
    low_time, so that switches between two readings that cancel are allowed for; errors by the delta method from the
    binomial errors of p and q.
    """
    y = np.asarray(values[np.isfinite(values)][:_MOST], dtype=np.float64)
    spread = float(y.std()) if y.size else 0.0
    if y.size < 50 or spread == 0 or not interval > 0:
        return None
    z = (y - y.mean()) / spread
    best = max((_fit(z, start) for start in _starts(z)), key=lambda one: one.likelihood)
    two = best.likelihood - 2.5 * math.log(y.size)
    one = max(_white(z) - 1.0 * math.log(y.size), _first_order(z) - 1.5 * math.log(y.size))
    n_low, n_high = max(y.size - best.weight, 1e-9), max(best.weight, 1e-9)
    noise = best.noise * spread
    low_time, high_time, low_std, high_std = _times(best, n_low, n_high, interval)
    return Telegraph(
        float(y.mean()) + best.low * spread, noise / math.sqrt(n_low),
        (best.high - best.low) * spread, noise * math.sqrt(1 / n_low + 1 / n_high), noise,
        low_time, low_std, high_time, high_std,
        best.up * n_low + best.down * n_high, 2 * (two - one), best.posterior,
    )  # fmt: skip


def telegraph_of(series: Series) -> Telegraph | None:
    """`telegraph` of the readings of one crosspoint."""
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    good = np.isfinite(t)
    return telegraph(g, float(np.ptp(t[good])) / max(np.count_nonzero(good) - 1, 1)) if np.any(good) else None


@dataclass(frozen=True)
class _Levels:
    low: float
    high: float
    noise: float
    up: float
    down: float
    likelihood: float
    weight: float
    posterior: FloatArray


def _starts(z: FloatArray) -> list[tuple[float, float, float, float]]:
    """(low, high, noise, p) to start from: far apart and often, far apart and seldom."""
    low, high = np.quantile(z, [0.1, 0.9]).tolist()
    return [(low, high, 0.5, 0.3), (low, high, 0.5, 0.02), (float(z.min()), float(z.max()), 0.3, 0.02)]


def _fit(z: FloatArray, start: tuple[float, float, float, float]) -> _Levels:
    low, high, noise, up = start
    down, likelihood = up, -math.inf
    share: FloatArray = np.full(z.size, 0.5)
    for _ in range(_ITERATIONS):
        share, pairs, found = _forward_backward(z, low, high, noise, up, down)
        weight = float(share.sum())
        if not 1e-6 < weight < z.size - 1e-6:
            break
        low, high = float((1 - share) @ z) / (z.size - weight), float(share @ z) / weight
        noise = math.sqrt(max(float((1 - share) @ (z - low) ** 2 + share @ (z - high) ** 2) / z.size, 1e-6))
        up = min(max(pairs[0] / max(pairs[0] + pairs[1], 1e-12), 1e-6), 1 - 1e-6)
        down = min(max(pairs[2] / max(pairs[2] + pairs[3], 1e-12), 1e-6), 1 - 1e-6)
        if found - likelihood < 1e-6 * abs(found):
            likelihood = found
            break
        likelihood = found
    if high < low:
        low, high, up, down, share = high, low, down, up, 1 - share
    return _Levels(low, high, noise, up, down, likelihood, float(share.sum()), share)


def _forward_backward(
    z: FloatArray, low: float, high: float, noise: float, up: float, down: float
) -> tuple[FloatArray, tuple[float, float, float, float], float]:
    """(probability of high (n,), expected low-high, low-low, high-low, high-high pairs, log likelihood)."""
    logs: FloatArray = -0.5 * ((z[:, None] - np.array([low, high])) / noise) ** 2
    top: FloatArray = logs.max(axis=1)
    emit: list[list[float]] = np.exp(logs - top[:, None]).tolist()
    n, p_high = z.size, up / (up + down)
    alpha: list[tuple[float, float]] = []
    scale: list[float] = []
    a0, a1 = 1 - p_high, p_high
    for e0, e1 in emit:
        b0, b1 = a0 * e0, a1 * e1
        s = b0 + b1
        b0, b1 = b0 / s, b1 / s
        alpha.append((b0, b1))
        scale.append(s)
        a0, a1 = b0 * (1 - up) + b1 * down, b0 * up + b1 * (1 - down)
    beta0 = beta1 = 1.0
    share: FloatArray = np.empty(n)
    share[-1] = alpha[-1][1]
    pairs = [0.0, 0.0, 0.0, 0.0]
    for k in range(n - 2, -1, -1):
        (e0, e1), (f0, f1), s = emit[k + 1], alpha[k], scale[k + 1]
        g0, g1 = e0 * beta0 / s, e1 * beta1 / s
        pairs[0] += f0 * up * g1
        pairs[1] += f0 * (1 - up) * g0
        pairs[2] += f1 * down * g0
        pairs[3] += f1 * (1 - down) * g1
        beta0, beta1 = (1 - up) * g0 + up * g1, down * g0 + (1 - down) * g1
        share[k] = f1 * beta1
    total = float(np.sum(np.log(scale)) + top.sum()) - n * (math.log(noise) + 0.5 * math.log(2 * math.pi))
    return share, (pairs[0], pairs[1], pairs[2], pairs[3]), total


def _white(z: FloatArray) -> float:
    """Log likelihood of one level with white noise; z has variance 1."""
    return -0.5 * z.size * (1 + math.log(2 * math.pi))


def _first_order(z: FloatArray) -> float:
    """Largest log likelihood of noise ``z' = a z + white``."""
    a = float(z[1:] @ z[:-1]) / float(z[:-1] @ z[:-1])
    left = max(float(np.mean((z[1:] - a * z[:-1]) ** 2)), 1e-12)
    return -0.5 * z.size * (1 + math.log(2 * math.pi * left))


def _times(found: _Levels, n_low: float, n_high: float, interval: float) -> tuple[float, float, float, float]:
    p, q = found.up, found.down
    var_p, var_q = p * (1 - p) / n_low, q * (1 - q) / n_high

    def mean_times(p: float, q: float) -> FloatArray:
        left = max(1 - p - q, 1e-9)
        rate = -math.log(left) / interval
        return np.array([(p + q) / (rate * p), (p + q) / (rate * q)])

    at = mean_times(p, q)
    by_p = (mean_times(p * 1.001, q) - at) / (0.001 * p)
    by_q = (mean_times(p, q * 1.001) - at) / (0.001 * q)
    std = np.sqrt(by_p**2 * var_p + by_q**2 * var_q)
    return float(at[0]), float(at[1]), float(std[0]), float(std[1])
