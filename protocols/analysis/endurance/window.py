"""The window of an endurance run against cycles, and when it closed."""

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

_BOUNDS = ([0.0, 0.0, math.log(0.3)], [10.0, 50.0, math.log(50.0)])  # W0 over the largest, ln n_half, ln k
CYCLING, HIGH, LOW = "cycling", "high", "low"
_FIRST = 3  # cycles that make the window that later ones are compared with


@dataclass(frozen=True)
class Window:
    """One check: `pulses` seen until its end, `cycle` number, ends of the window [unit] with standard errors."""

    cycle: int
    pulses: int
    high: float
    high_std: float
    low: float
    low_std: float

    @property
    def size(self) -> float:
        """High less low."""
        return self.high - self.low

    @property
    def std(self) -> float:
        """Its standard error."""
        return math.hypot(self.high_std, self.low_std)


@dataclass(frozen=True)
class Closure:
    """Pulses (and cycles) at which the window crossed the share; the error is of their logarithm."""

    pulses: float
    cycles: float
    log_std: float


def windows(series: Series) -> list[Window]:
    """Every whole check, in order."""
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    total = np.cumsum(np.abs(counts))
    found: list[Window] = []
    runs = stretches(series.phases)
    pending: tuple[int, int] | None = None
    for phase, first, last in _split(runs, counts):
        if phase == HIGH:
            pending = (first, last)
        elif phase == LOW and pending is not None:
            (high, high_std), (low, low_std) = _mean(g[slice(*pending)]), _mean(g[first:last])
            burst = abs(int(counts[first])) or 1
            if math.isfinite(high) and math.isfinite(low):
                pulses = int(total[last - 1])
                found.append(Window(round(pulses / (2 * burst)), pulses, high, high_std, low, low_std))
            pending = None
    return found


def _split(runs: list[tuple[str, int, int]], counts: np.ndarray[Any, Any]) -> list[tuple[str, int, int]]:
    """Stretches of one phase, cut where pulses were applied: checks may follow each other at once."""
    cut: list[tuple[str, int, int]] = []
    for phase, first, last in runs:
        starts = [first, *(first + 1 + np.flatnonzero(counts[first + 1 : last])).tolist()]
        cut += [(phase, a, b) for a, b in zip(starts, [*starts[1:], last], strict=True)]
    return cut


def _mean(g: np.ndarray[Any, Any]) -> tuple[float, float]:
    good = g[np.isfinite(g)]
    if not good.size:
        return math.nan, math.nan
    return float(good.mean()), float(good.std(ddof=1) / math.sqrt(good.size)) if good.size > 1 else 0.0


def reference(found: list[Window]) -> tuple[float, float]:
    """Mean window of the first three checks and its error from their scatter, at least from their readings."""
    size = np.array([one.size for one in found[:_FIRST]])
    read = math.sqrt(sum(one.std**2 for one in found[:_FIRST])) / size.size
    return float(size.mean()), max(float(size.std(ddof=1) / math.sqrt(size.size)) if size.size > 1 else 0.0, read)


def has_closed(found: list[Window], share: float, confirm: int) -> bool:
    """Whether the last `confirm` windows are all below `share` of the first one."""
    if len(found) < _FIRST + confirm:
        return False
    first = reference(found)[0]
    return all(one.size < share * first for one in found[-confirm:])


def closed_at(found: list[Window], share: float, confirm: int) -> Closure | None:
    """Where the window crossed `share` of its first size; None where it has not closed.

    The course ``W(n) = W0 / (1 + (n/n_half)^k)`` is fitted to all windows (least squares in W0, ln n_half, ln k; k from
    a slow wear to an edge), so that the scatter of single windows, which pulses leave, is averaged:
    ``n = n_half (1/share - 1)^(1/k)``. The error of ln n follows from the scatter of the residuals, and is at least a
    quarter of the interval between checks where k is large: the edge is somewhere within.
    """
    from scipy.optimize import least_squares

    if not has_closed(found, share, confirm):
        return None
    n, size = np.log([one.pulses for one in found]), np.array([one.size for one in found])
    scale = max(float(np.max(np.abs(size))), 1e-300)

    def course(theta: FloatArray) -> FloatArray:
        return theta[0] / (1 + np.exp(np.clip(np.exp(theta[2]) * (n - theta[1]), -500, 500)))

    def residual(theta: FloatArray) -> FloatArray:
        return course(theta) - size / scale

    best = min(
        (
            least_squares(residual, [reference(found)[0] / scale, middle, math.log(k)], bounds=_BOUNDS)
            for middle in (n[len(n) // 2], n[-confirm - 1])
            for k in (1.5, 4.0)
        ),
        key=lambda one: float(one.cost),
    )
    theta, J = np.asarray(best.x, dtype=np.float64), np.asarray(best.jac, dtype=np.float64)
    s2 = 2 * float(best.cost) / max(n.size - 3, 1)
    covariance = s2 * np.linalg.pinv(J.T @ J)
    k, odds = math.exp(theta[2]), math.log(1 / share - 1)
    by = np.array([0.0, 1.0, -odds / k])
    log_pulses = float(theta[1]) + odds / k
    after = min(max(int(np.searchsorted(n, log_pulses)), 1), n.size - 1)
    interval = float(n[after] - n[after - 1])
    std = math.hypot(math.sqrt(max(float(by @ covariance @ by), 0.0)), interval / 4 if k * interval > 2 else 0.0)
    pulses = math.exp(log_pulses)
    return Closure(pulses, pulses * found[-1].cycle / found[-1].pulses, std)


def result(series: Series, share: float, confirm: int) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    found, unit = windows(series), series.unit
    pulses = int(np.sum(np.abs(known_counts(series.counts))))
    if not found:
        return {"pulses": pulses, "checks": 0, "verdict": "Too few readings: no cycle was checked whole."}
    closure, (first, first_std) = closed_at(found, share, confirm), reference(found)
    last = found[-1]
    numbers: dict[str, Any] = {
        "pulses": pulses,
        "checks": len(found),
        "cycles": last.cycle,
        f"window_first_{unit}": first,
        f"window_first_std_{unit}": first_std,
        f"window_last_{unit}": last.size,
        f"window_last_std_{unit}": last.std,
        "window_left": last.size / first if first else None,
        "closed": closure is not None,
        "closed_at_pulses": closure.pulses if closure else None,
        "closed_at_pulses_std": closure.pulses * closure.log_std if closure else None,
        "closed_at_cycles": closure.cycles if closure else None,
        "closed_at_cycles_std": closure.cycles * closure.log_std if closure else None,
        "windows": {
            "cycle": [one.cycle for one in found],
            "pulses": [one.pulses for one in found],
            f"high_{unit}": [one.high for one in found],
            f"high_std_{unit}": [one.high_std for one in found],
            f"low_{unit}": [one.low for one in found],
            f"low_std_{unit}": [one.low_std for one in found],
        },
    }
    return plain(numbers | {"verdict": _verdict(numbers, closure, share, unit)})


def _verdict(numbers: dict[str, Any], closure: Closure | None, share: float, unit: str) -> str:
    first = value_text(numbers[f"window_first_{unit}"], numbers[f"window_first_std_{unit}"], unit)
    if closure is None:
        left = numbers["window_left"]
        kept = "" if left is None else f"; {100 * left:.0f} % of it is left"
        return f"The window of {first} did not close in {numbers['cycles']} cycles ({numbers['pulses']} pulses){kept}."
    at = value_text(closure.cycles, closure.cycles * closure.log_std, "")
    return f"The window of {first} closed to {100 * share:.0f} % after {at} cycles ({closure.pulses:.3g} pulses)."
