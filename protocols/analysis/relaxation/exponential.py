"""One exponential fitted to many relaxations: a common time constant, a level and a size for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series, known_counts


@dataclass(frozen=True)
class Relaxing:
    """One relaxation: times [s] after its first reading, conductance [unit], where it was before, its direction."""

    time: FloatArray
    g: FloatArray
    before: float
    up: bool


@dataclass(frozen=True)
class RelaxationFit:
    """``G(t) = c + A exp(-t/tau)``, c and A of each relaxation, one tau [s]; t from the first reading after pulses.

    `share` is A over the change at the first reading, mean over relaxations, with its standard error.
    """

    tau: float
    tau_std: float
    share: float
    share_std: float
    level: FloatArray
    size: FloatArray
    misfit: float

    @property
    def resolved(self) -> bool:
        """Whether something relaxes, with a time constant known to better than a half."""
        return abs(self.share) > 3 * self.share_std and self.tau_std < 0.5 * self.tau


def relaxations(series: Series) -> list[Relaxing]:
    """The relaxations of one crosspoint with at least 6 readings each."""
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    counts = known_counts(series.counts[:, 0, 0])
    found: list[Relaxing] = []
    before = math.nan
    for phase, first, last in stretches(series.phases):
        if phase == "before":
            part = g[first:last]
            before = float(np.mean(part[np.isfinite(part)])) if np.any(np.isfinite(part)) else math.nan
            continue
        good = np.isfinite(g[first:last]) & np.isfinite(t[first:last])
        if np.count_nonzero(good) >= 6 and counts[first] != 0:
            times = t[first:last][good]
            found.append(Relaxing(times - times[0], g[first:last][good], before, counts[first] > 0))
    return found


def fit(found: list[Relaxing]) -> RelaxationFit | None:
    """Least squares for tau, its error by the jackknife over relaxations; None with fewer than 3.

    Leaving out one relaxation after the other makes no assumption about the noise within one (slow read noise is
    correlated there): ``var = (R - 1)/R sum (tau_-r - mean)^2``, in ln tau.
    """
    if len(found) < 3:
        return None
    log_tau = _log_tau(found)
    left_out = np.array([_log_tau(found[:r] + found[r + 1 :], near=log_tau) for r in range(len(found))])
    r = len(found)
    std = math.sqrt((r - 1) / r * float(np.sum((left_out - left_out.mean()) ** 2)))
    tau = math.exp(log_tau)
    parts = [_linear(one, tau) for one in found]
    size = np.array([p[1] for p in parts])
    shares = np.array([p[1] / (p[0] + p[1] - one.before) for p, one in zip(parts, found, strict=True)])
    shares = shares[np.isfinite(shares)]
    share_std = float(shares.std(ddof=1) / math.sqrt(shares.size)) if shares.size > 1 else math.inf
    spare = sum(one.g.size for one in found) - 2 * r - 1
    misfit = math.sqrt(sum(p[2] for p in parts) / max(spare, 1))
    level = np.array([p[0] for p in parts])
    return RelaxationFit(
        tau, tau * std, float(shares.mean()) if shares.size else math.nan, share_std, level, size, misfit
    )


def _linear(one: Relaxing, tau: float) -> tuple[float, float, float]:
    """(c, A, sum of squares) of one relaxation at a time constant."""
    x = np.exp(-one.time / tau)
    centred = x - x.mean()
    power = float(centred @ centred)
    size = float(centred @ one.g) / power if power > 0 else 0.0
    level = float(one.g.mean()) - size * float(x.mean())
    left = one.g - level - size * x
    return level, size, float(left @ left)


def _log_tau(found: list[Relaxing], near: float | None = None) -> float:
    from scipy.optimize import minimize_scalar

    def left(log_tau: float) -> float:
        return sum(_linear(one, math.exp(log_tau))[2] for one in found) / scale

    scale = max(sum(float(np.var(one.g)) * one.g.size for one in found), 1e-300)
    last = max(float(one.time[-1]) for one in found)
    shortest = min(float(np.min(np.diff(one.time)[np.diff(one.time) > 0], initial=last)) for one in found)
    grid = np.linspace(math.log(shortest / 3), math.log(3 * last), 60)
    start = near if near is not None else float(grid[int(np.argmin([left(x) for x in grid]))])
    width = float(grid[1] - grid[0])
    bounds = (start - 5 * width, start + 5 * width)
    return float(minimize_scalar(left, bounds=bounds, method="bounded", options={"xatol": 1e-4}).x)


def result(series: Series) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    found, unit = relaxations(series), series.unit
    fitted = fit(found)
    numbers: dict[str, Any] = {"pulses": int(np.sum(np.abs(known_counts(series.counts)))), "relaxations": len(found)}
    if fitted is None:
        return numbers | {"verdict": "Too few relaxations: at least 3 with 6 readings each are needed."}
    seen = fitted.resolved
    up = np.array([one.up for one in found])
    for name, of in (("up", up), ("down", ~up)):
        size = fitted.size[of]
        numbers[f"size_{name}_{unit}"] = float(size.mean()) if size.size else None
        numbers[f"size_{name}_std_{unit}"] = float(size.std(ddof=1) / math.sqrt(size.size)) if size.size > 1 else None
    numbers |= {
        "time_constant_s": fitted.tau if seen else None,
        "time_constant_std_s": fitted.tau_std if seen else None,
        "share_relaxing": fitted.share,
        "share_relaxing_std": fitted.share_std,
        f"residual_{unit}": fitted.misfit,
        "settled_to_1_percent_of_step_s": _settled(fitted) if seen else None,
    }
    return plain(numbers | {"verdict": _verdict(fitted)})


def _settled(fitted: RelaxationFit) -> float:
    """Time after the first reading when 1 % of the step is left to relax: ``tau ln(share/0.01)``, at least 0."""
    return max(0.0, fitted.tau * math.log(max(abs(fitted.share), 1e-300) / 0.01))


def _verdict(fitted: RelaxationFit) -> str:
    if not fitted.resolved:
        return "No relaxation is resolved: what changes after a pulse is within the noise, or outside the times seen."
    tau = value_text(fitted.tau, fitted.tau_std, "s")
    share = value_text(100 * fitted.share, 100 * fitted.share_std, "")
    return f"After the first reading {share} % of a step relaxes, with a time constant of {tau}."
