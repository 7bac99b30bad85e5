"""A straight line in ln t through what is kept, against a straight line in t: slope, errors, extrapolation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.plain import plain
from protocols.analysis.rest_noise import autocorrelation, correlation_time
from protocols.analysis.style import value_text
from protocols.protocol import Series


@dataclass(frozen=True)
class Line:
    """``y = at_mean + slope (x - mean)`` by least squares; errors from residuals, widened where they correlate."""

    mean: float
    at_mean: float
    slope: float
    at_mean_std: float
    slope_std: float
    left: float  # sum of squared residuals

    def at(self, x: float) -> tuple[float, float]:
        """Value and standard error at x."""
        return self.at_mean + self.slope * (x - self.mean), math.hypot(
            self.at_mean_std, self.slope_std * (x - self.mean)
        )


def line(x: FloatArray, y: FloatArray) -> Line | None:
    """Least squares; None with fewer than 4 points."""
    n = x.size
    if n < 4 or np.ptp(x) == 0:
        return None
    centred = x - x.mean()
    power = float(centred @ centred)
    slope = float(centred @ y) / power
    residual = y - y.mean() - slope * centred
    left = float(residual @ residual)
    stretch = correlation_time(autocorrelation(residual, n // 4), n) if n >= 12 else 1.0
    s = math.sqrt(left / (n - 2) * stretch)
    return Line(float(x.mean()), float(y.mean()), slope, s / math.sqrt(n), s / math.sqrt(power), left)


def kept(series: Series) -> tuple[FloatArray, FloatArray]:
    """(time [s] after the start, mean conductance) of each time at which it was read."""
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    start, of = series.phases == "start", series.phases == "kept"
    if not np.any(start) or not np.any(of):
        return np.empty(0), np.empty(0)
    zero = float(t[start][-1])
    g, t = g[of], t[of] - zero
    # Readings of one time follow each other at once; a pause longer than those before begins the next.
    good = np.isfinite(g) & np.isfinite(t) & (t > 0)
    g, t = g[good], t[good]
    if g.size < 2:
        return t, g
    breaks = np.flatnonzero(np.diff(t) > 2.5 * max(float(np.min(np.diff(t))), 1e-12)) + 1
    groups = np.split(np.arange(g.size), breaks)
    return np.array([t[i].mean() for i in groups]), np.array([g[i].mean() for i in groups])


def result(series: Series, horizon: float) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    t, g = kept(series)
    unit = series.unit
    in_log = line(np.log(t), g) if t.size else None
    in_time = line(t, g) if t.size else None
    numbers: dict[str, Any] = {"times": int(t.size)}
    if in_log is None or in_time is None:
        return numbers | {"verdict": "Too few times: at least 4 are needed."}
    first, first_std = in_log.at(math.log(float(t[0])))
    end, end_std = in_log.at(math.log(horizon))
    drifts = abs(in_log.slope) > 3 * in_log.slope_std
    linear = drifts and in_time.left < 0.5 * in_log.left
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
