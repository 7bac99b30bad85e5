"""Retention: a line in ln t compared with a line in t; slope with error, and extrapolation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.common.protocol import Series

START, KEPT = "start", "kept"
_RATIOS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # variance of a decade of 1/f noise over that of white noise


@dataclass(frozen=True)
class Line:
    """``y = at_mean + slope (x - mean)``; `covariance` of (at_mean, slope); `left` squares of the residuals."""

    mean: float
    at_mean: float
    slope: float
    covariance: FloatArray
    left: float

    @property
    def slope_std(self) -> float:
        """Standard error of the slope."""
        return math.sqrt(float(self.covariance[1, 1]))

    def at(self, x: float) -> tuple[float, float]:
        """Value and standard error at x."""
        by: FloatArray = np.array([1.0, x - self.mean])
        return self.at_mean + self.slope * (x - self.mean), math.sqrt(float(by @ self.covariance @ by))


def line(x: FloatArray, y: FloatArray, time: FloatArray) -> Line | None:
    """Generalised least squares of y on x under white and 1/f noise in `time` [s]; None with fewer than 4 points.

    1/f noise is a sum of relaxations, one a decade of time constants from the shortest distance in time to the
    longest (Dutta and Horn 1981), each of variance r times the white one. r is not known: line and covariance are
    averaged over values of r by their restricted likelihood, the spread between them included.
    """
    n = x.size
    if n < 4 or np.ptp(x) == 0 or np.ptp(time) == 0:
        return None
    middle = float(x.mean())
    X: FloatArray = np.column_stack([np.ones(n), x - middle])
    flicker = _flicker(time)
    found = [_generalised(X, y, np.eye(n) + ratio * flicker) for ratio in _RATIOS]
    likelihood: FloatArray = np.array([one[2] for one in found])
    weight: FloatArray = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    thetas: FloatArray = np.array([one[0] for one in found])
    theta: FloatArray = weight @ thetas
    covariance: FloatArray = np.zeros((2, 2))
    for w, (one, cov, _) in zip(weight.tolist(), found, strict=True):
        covariance += w * (cov + np.outer(one - theta, one - theta))
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return Line(middle, float(theta[0]), float(theta[1]), covariance, float(left @ left))


def _flicker(time: FloatArray) -> FloatArray:
    apart: FloatArray = np.abs(time[:, None] - time[None, :])
    shortest = float(np.min(apart[apart > 0]))
    decades = np.arange(math.floor(math.log10(shortest)), math.log10(float(apart.max())) + 1)
    total: FloatArray = np.zeros_like(apart)
    for tau in 10.0**decades:
        total += np.exp(-apart / tau)
    return total


def _generalised(X: FloatArray, y: FloatArray, V: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """(theta, covariance, restricted log likelihood) for noise of covariance ``s² V``, s² from the residuals."""
    n, p = X.shape
    inverse = np.linalg.inv(V)
    information: FloatArray = X.T @ inverse @ X
    theta = np.asarray(np.linalg.solve(information, X.T @ inverse @ y), dtype=np.float64)
    residual: FloatArray = y - X @ theta
    s2 = max(float(residual @ inverse @ residual) / (n - p), 1e-300)
    logs = float(np.linalg.slogdet(V)[1]) + float(np.linalg.slogdet(information)[1]) + (n - p) * math.log(s2)
    return theta, np.asarray(s2 * np.linalg.inv(information), dtype=np.float64), -0.5 * logs


def _pauses(t: FloatArray) -> IntArray:
    """Where the readings of the next time begin: those of one follow each other at once, a longer pause ends them."""
    return np.flatnonzero(np.diff(t) > 2.5 * max(float(np.min(np.diff(t))), 1e-12)) + 1


def times_of(t: FloatArray) -> int:
    """How many times the readings at `t` (n,) [s] were taken at, told by the pauses between them."""
    return 1 + len(_pauses(t)) if t.size > 1 else t.size


def kept(series: Series) -> tuple[FloatArray, FloatArray]:
    """(time [s] after the start, mean conductance) of each time at which it was read.

    Readings of one time are told by the pauses between times, or by the number in their phase, "kept 3".
    """
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    start, of = series.phases == START, np.char.startswith(series.phases, KEPT)
    if not np.any(start) or not np.any(of):
        return np.empty(0), np.empty(0)
    zero = float(t[start][-1])
    g, t, names = g[of], t[of] - zero, series.phases[of]
    good = np.isfinite(g) & np.isfinite(t) & (t > 0)
    g, t, names = g[good], t[good], names[good]
    if g.size < 2:
        return t, g
    numbered = bool(np.any(names != KEPT))
    breaks = np.flatnonzero(names[1:] != names[:-1]) + 1 if numbered else _pauses(t)
    groups = np.split(np.arange(g.size), breaks)
    return np.array([t[i].mean() for i in groups]), np.array([g[i].mean() for i in groups])


def result(series: Series, horizon: float) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    t, g = kept(series)
    unit = series.unit
    in_log = line(np.log(t), g, t) if t.size else None
    in_time = line(t, g, t) if t.size else None
    numbers: dict[str, Any] = {"times": int(t.size)}
    if in_log is None or in_time is None:
        return numbers | {"verdict": "Too few times: at least 4 are needed."}
    first, first_std = in_log.at(math.log(float(t[0])))
    end, end_std = in_log.at(math.log(horizon))
    linear = abs(in_time.slope) > 3 * in_time.slope_std and in_time.left < 0.5 * in_log.left
    drifts = abs(in_log.slope) > 3 * in_log.slope_std
    law = "linear in t" if linear else "logarithmic" if drifts else "none resolved"
    numbers |= {
        f"conductance_{unit}": float(first),
        f"conductance_std_{unit}": first_std,
        f"slope_per_ln_t_{unit}": in_log.slope,
        f"slope_per_ln_t_std_{unit}": in_log.slope_std,
        f"slope_per_decade_{unit}": in_log.slope * math.log(10),
        f"slope_per_decade_std_{unit}": in_log.slope_std * math.log(10),
        f"rate_{unit}_per_s": in_time.slope,
        f"rate_std_{unit}_per_s": in_time.slope_std,
        "law": law,
        "horizon_s": horizon,
        f"at_horizon_{unit}": None if linear else end,
        f"at_horizon_std_{unit}": None if linear else end_std,
    }
    return plain(numbers | {"verdict": _verdict(numbers, in_log, unit, float(t[-1]))})


def with_spread(found: dict[str, Any], unit: str) -> dict[str, Any]:
    """The results of a block with mean and device-to-device spread of the slopes.

    ``spread^2 = variance of the slopes - mean of their squared errors``, not below 0.
    """
    key = f"slope_per_ln_t_{unit}"
    each = [(one[key], one[f"slope_per_ln_t_std_{unit}"]) for one in found["crosspoints"] if one.get(key) is not None]
    if len(each) < 2:
        return found
    slope: FloatArray = np.array([one[0] for one in each], dtype=np.float64)
    std: FloatArray = np.array([one[1] for one in each], dtype=np.float64)
    variance = float(slope.var(ddof=1))
    block = {
        f"slope_mean_{unit}": float(slope.mean()),
        f"slope_mean_std_{unit}": math.sqrt(variance / slope.size),
        f"slope_spread_{unit}": math.sqrt(max(variance - float(np.mean(std**2)), 0.0)),
    }
    return {**found, "block": plain(block)}


def _verdict(numbers: dict[str, Any], in_log: Line, unit: str, last: float) -> str:
    slope = value_text(in_log.slope, in_log.slope_std, unit)
    if numbers["law"] == "none resolved":
        return f"No drift beyond its error: {slope} per factor e in time, over {last:.3g} s."
    if numbers["law"] == "linear in t":
        rate = value_text(numbers[f"rate_{unit}_per_s"], numbers[f"rate_std_{unit}_per_s"], unit)
        return f"It drifts in proportion to time, by {rate} per second, rather than to its logarithm."
    end = value_text(numbers[f"at_horizon_{unit}"], numbers[f"at_horizon_std_{unit}"], unit)
    return f"It drifts by {slope} per factor e in time; at {numbers['horizon_s']:.3g} s the line is at {end}."
