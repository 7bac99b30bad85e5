"""Steps over a grid of pulse voltages and widths, and the law by which they grow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.units import text
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.common.protocol import Series, known_counts

_FOLDS = 20.0  # factors e over the voltages applied: no reading resolves the smaller steps of a law that is steeper


@dataclass(frozen=True)
class Cell:
    """Steps at one voltage [V] and width [s]: mean, its standard error, standard deviation of one, number."""

    voltage: float
    width: float
    up: bool
    mean: float
    std: float
    scatter: float
    count: int


@dataclass(frozen=True)
class Law:
    """``|ΔG| = A exp(|V|/V0) (w/w0)^β``, w0 the longest width.

    `amplitude` A [unit], `e_fold` V0 [V] per factor e, `exponent` β; None where the grid does not tell it.
    `chi_square` per degree of freedom; above 1 the errors are widened by its root.
    """

    amplitude: float
    e_fold: float | None
    e_fold_std: float | None
    exponent: float | None
    exponent_std: float | None
    chi_square: float
    reference_width: float


def states(series: Series) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(conductance, signed count, voltage, width) of every state: readings with no pulse between them are averaged."""
    counts = series.counts[:, 0, 0]
    g = series.readings.conductance[:, 0, 0]
    assert series.pulse_voltage is not None
    assert series.pulse_width is not None
    starts = np.flatnonzero((counts != 0) | (np.arange(len(counts)) == 0))
    groups = np.split(g, starts[1:])
    mean = np.array([np.mean(one[np.isfinite(one)]) if np.any(np.isfinite(one)) else np.nan for one in groups])
    v, w = series.pulse_voltage[starts, 0, 0], series.pulse_width[starts, 0, 0]
    return mean, counts[starts].astype(np.float64), v, w


def cells(series: Series) -> list[Cell]:
    """Mean steps at each voltage and width.

    Pulses up and down take turns, so no two steps of one direction share a reading: their errors are independent and
    the standard error is s/√n.
    """
    if not len(series) or series.pulse_voltage is None:
        return []
    g, counts, voltage, width = states(series)
    step = np.concatenate([[np.nan], np.diff(g)])
    found: list[Cell] = []
    single = (np.abs(counts) == 1) & np.isfinite(step)
    shapes = {(v, w, up) for v, w, up in zip(voltage[single], width[single], counts[single] > 0, strict=True)}
    for v, w, up in sorted(shapes, key=lambda s: (not s[2], abs(s[0]), s[1])):
        of = step[single & (voltage == v) & (width == w) & ((counts > 0) == up)]
        if of.size >= 3:
            s = float(of.std(ddof=1))
            found.append(Cell(float(v), float(w), bool(up), float(of.mean()), s / math.sqrt(of.size), s, of.size))
    return found


def law(all_cells: list[Cell], *, up: bool, largest: float) -> Law | None:
    """The law of one direction by weighted least squares on the steps themselves, so that small ones do not bias it.

    The variance of a step is taken as r² + c²ΔG² (read noise, noise in proportion to the step) with r, c from the
    scatter of all cells: weights from the scatter of a single cell would favour cells that are small by chance. Steps
    beyond `largest` [unit] saturate and are left out. None with fewer than 3 cells or no resolved step.
    """
    used = [c for c in all_cells if c.up == up and abs(c.mean) < largest]
    v, w = np.array([abs(c.voltage) for c in used]), np.array([c.width for c in used])
    sign = 1.0 if up else -1.0
    y, n = sign * np.array([c.mean for c in used]), np.array([c.count for c in used])
    if len(used) < 3 or not np.any(y > 3 * np.array([c.std for c in used])):
        return None
    by_v, by_w = np.ptp(v) > 0, np.ptp(w) > 0
    reference = float(w.max())
    columns = [np.ones_like(v), *([v - v.max()] if by_v else []), *([np.log(w / reference)] if by_w else [])]
    X = np.column_stack(columns)
    scatter, errors_of_means = np.array([c.scatter for c in used]), np.array([c.std for c in used])
    theta = np.concatenate([[math.log(max(float(y.max()), 1e-300))], np.ones(X.shape[1] - 1)])
    theta = _least_squares(X, y, np.full(len(y), max(float(np.median(errors_of_means)), 1e-300)), theta)
    for _ in range(3):
        sigma = np.sqrt(_variance(_steps(X, theta), scatter) / n)
        theta = _least_squares(X, y, sigma, theta)
    fitted: FloatArray = _steps(X, theta)
    sigma = np.sqrt(_variance(fitted, scatter) / n)
    J: FloatArray = fitted[:, None] * X / sigma[:, None]
    spare = len(y) - X.shape[1]
    chi = float(np.sum(((fitted - y) / sigma) ** 2)) / spare if spare > 0 else 1.0
    variance = np.asarray(np.diag(np.linalg.pinv(J.T @ J)) * max(chi, 1.0), dtype=np.float64)
    errors = np.sqrt(np.maximum(variance, _jackknife(X, y, sigma, theta)))
    slope = (theta[1], errors[1]) if by_v else None
    power = (theta[-1], errors[-1]) if by_w else None
    folds = slope[0] * float(np.ptp(v)) if slope else 0.0
    resolved = slope is not None and slope[0] > 2 * slope[1] > 0 and folds < _FOLDS
    return Law(
        math.exp(theta[0] - (slope[0] * v.max() if slope else 0.0)) if folds < _FOLDS else math.nan,
        1 / slope[0] if slope and resolved else None,
        slope[1] / slope[0] ** 2 if slope and resolved else None,
        power[0] if power else None,
        power[1] if power else None,
        chi,
        reference,
    )


def _steps(X: FloatArray, theta: FloatArray) -> FloatArray:
    return np.exp(np.clip(X @ theta, -300, 100))


def _least_squares(X: FloatArray, y: FloatArray, sigma: FloatArray, start: FloatArray) -> FloatArray:
    """The parameters that minimise ``sum(((exp(X theta) - y) / sigma)^2)``."""
    from scipy.optimize import least_squares

    def residual(theta: FloatArray) -> FloatArray:
        return (_steps(X, theta) - y) / sigma

    return np.asarray(least_squares(residual, start, method="lm").x)


def _jackknife(X: FloatArray, y: FloatArray, sigma: FloatArray, theta: FloatArray) -> FloatArray:
    """Variances of the parameters by leaving out one cell after the other; 0 where too few are left."""
    n = len(y)
    if n < X.shape[1] + 3:
        return np.zeros_like(theta)
    kept = [np.delete(np.arange(n), k) for k in range(n)]
    each: FloatArray = np.array([_least_squares(X[some], y[some], sigma[some], theta) for some in kept])
    apart: FloatArray = each - each.mean(axis=0)
    return np.asarray((n - 1) / n * np.sum(apart**2, axis=0), dtype=np.float64)


def _variance(step: FloatArray, scatter: FloatArray) -> FloatArray:
    """r² + c²ΔG² with r², c² ≥ 0 by least squares on the squared scatters, weighted by their own size."""
    from scipy.optimize import nnls

    scale = np.maximum(scatter**2, 1e-12 * float(np.max(scatter**2)) + 1e-300)
    (r2, c2), _ = nnls(np.column_stack([np.ones_like(step), step**2]) / scale[:, None], np.ones_like(step))
    # Few repeats may scatter little by chance: no cell weighs more than one with a tenth of the median scatter.
    return np.maximum(r2 + c2 * step**2, max(0.01 * float(np.median(scatter**2)), 1e-300))


def result(series: Series, largest_step: float) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    unit, found = series.unit, cells(series)
    finite = series.readings.conductance[np.isfinite(series.readings.conductance)]
    centre = float(np.median(finite)) if finite.size else math.nan
    laws = {name: law(found, up=up, largest=largest_step * abs(centre)) for name, up in (("up", True), ("down", False))}
    numbers: dict[str, Any] = {
        "pulses": int(np.sum(np.abs(known_counts(series.counts)))),
        f"conductance_{unit}": centre,
        "law": {name: None if one is None else _law_numbers(one, unit) for name, one in laws.items()},
        "smallest_resolved": {name: _smallest(found, up=up) for name, up in (("up", True), ("down", False))},
        "steps": {
            "pulse_voltage_V": [c.voltage for c in found],
            "pulse_width_s": [c.width for c in found],
            f"step_{unit}": [c.mean for c in found],
            f"step_std_{unit}": [c.std for c in found],
            f"scatter_{unit}": [c.scatter for c in found],
            "count": [c.count for c in found],
        },
    }
    return plain(numbers | {"verdict": _verdict(laws, found)})


def _law_numbers(one: Law, unit: str) -> dict[str, Any]:
    return {
        "volts_per_e_fold_V": one.e_fold,
        "volts_per_e_fold_std_V": one.e_fold_std,
        "width_exponent": one.exponent,
        "width_exponent_std": one.exponent_std,
        f"amplitude_{unit}": one.amplitude,
        "reference_width_s": one.reference_width,
        "chi_square_per_degree": one.chi_square,
    }


def _smallest(found: list[Cell], *, up: bool) -> dict[str, Any] | None:
    """The pulse of the smallest voltage, then width, whose step differs from zero by 3 standard errors."""
    right = [c for c in found if c.up == up and (c.mean if up else -c.mean) > 3 * c.std]
    if not right:
        return None
    best = min(right, key=lambda c: (abs(c.voltage), c.width))
    return {"pulse_voltage_V": best.voltage, "pulse_width_s": best.width}


def _verdict(laws: dict[str, Law | None], found: list[Cell]) -> str:
    if not found:
        return "Too few pulses for a step: at least 3 of a shape are needed."
    said: list[str] = []
    for name, one in laws.items():
        if one is None or one.e_fold is None:
            said.append(f"Steps {name} are not resolved to grow with voltage.")
            continue
        power = (
            ""
            if one.exponent is None
            else f", and as the width to the {value_text(one.exponent, one.exponent_std, '')}"
        )
        said.append(f"Steps {name} grow by a factor e every {value_text(one.e_fold, one.e_fold_std, 'V')}{power}.")
    top = max(found, key=lambda c: abs(c.voltage))
    return " ".join([*said, f"Largest voltage applied: {text(abs(top.voltage), 'V')}."])
