"""Change of conductance against the delay between two spikes, with an exponential for each order."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.units import quantity, text
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series, known_counts

BEFORE = "before"
_DELAY = re.compile(r"delay ([+-])(.+)")
_ALONE = "none"  # stands for the infinite delay of a spike alone


def phase_of(delay: float) -> str:
    """The phase of a delay [s], which the analysis reads again: "delay +10 ms"; "delay +none" for a spike alone."""
    sign = "+" if delay > 0 else "-"
    return f"delay {sign}{_ALONE if math.isinf(delay) else text(abs(delay), 's', 12)}"


def delay_of(phase: str) -> float | None:
    """The delay [s] of such a phase; None of any other."""
    found = _DELAY.fullmatch(phase)
    if found is None:
        return None
    size = math.inf if found[2] == _ALONE else quantity(found[2], "s")
    return size if found[1] == "+" else -size


@dataclass(frozen=True)
class Curve:
    """Mean change [unit] with its standard error at each delay [s] of one order, infinity for a spike alone last."""

    delay: FloatArray
    change: FloatArray
    std: FloatArray


@dataclass(frozen=True)
class Exponential:
    """``dG(dt) = A exp(-|dt|/tau) + c``: (A [unit], tau [s], c [unit]), their covariance, chi^2 over freedom `misfit`.

    c is what a spike alone does. Errors are widened by the square root of a misfit above 1.
    """

    mean: FloatArray
    cov: FloatArray
    misfit: float

    def at(self, delay: FloatArray) -> FloatArray:
        """The change [unit] at delays [s]."""
        a, tau, c = self.mean
        return np.asarray(a * np.exp(-np.abs(delay) / tau) + c)


def changes(series: Series) -> list[tuple[float, float]]:
    """(delay [s], change [unit]) of every measurement of one crosspoint: mean after less mean before."""
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    found: list[tuple[float, float]] = []
    before: float | None = None
    for phase, first, last in stretches(series.phases):
        part = g[first:last]
        level = float(np.mean(part)) if part.size and np.all(np.isfinite(part)) else None
        delay = delay_of(phase)
        if delay is not None and before is not None and level is not None and counts[first] != 0:
            found.append((delay, level - before))
        before = level if phase == BEFORE else None
    return found


def curves(series: Series) -> dict[int, Curve]:
    """The curve of either order (+1, -1) from delays that were measured at least three times."""
    grouped: dict[float, list[float]] = {}
    for delay, change in changes(series):
        grouped.setdefault(delay, []).append(change)
    made: dict[int, Curve] = {}
    for sign in (1, -1):
        of = sorted((abs(delay), np.array(each)) for delay, each in grouped.items() if delay * sign > 0)
        whole = [(delay, each) for delay, each in of if each.size >= 3]
        if whole:
            made[sign] = Curve(
                np.array([delay for delay, _ in whole]),
                np.array([each.mean() for _, each in whole]),
                np.array([each.std(ddof=1) / math.sqrt(each.size) for _, each in whole]),
            )
    return made


def exponential(curve: Curve) -> Exponential | None:
    """Weighted least squares; None with fewer than four delays, or where it does not converge.

    A standard error from few repeats is itself uncertain: the weights are those of a straight line through the
    logarithm of the errors, against the size of the change, which pools them.
    """
    from scipy.optimize import curve_fit

    known = np.isfinite(curve.change) & (curve.std > 0)
    if np.count_nonzero(known & np.isfinite(curve.delay)) < 4:
        return None
    delay, change, std = curve.delay[known], curve.change[known], _pooled(curve.change[known], curve.std[known])
    finite = np.isfinite(delay)
    span = float(delay[finite].max())
    delay = np.where(finite, delay, 1e6 * span)  # curve_fit takes no infinity; here the exponential is gone
    start = (float(change[finite][0] - change[-1]), span / 3, float(change[-1]))

    def model(x: FloatArray, a: float, log_tau: float, c: float) -> FloatArray:
        return a * np.exp(-x / math.exp(log_tau)) + c

    try:
        mean, cov = curve_fit(
            model, delay, change, (start[0], math.log(start[1]), start[2]), sigma=std, absolute_sigma=True,
            bounds=((-np.inf, math.log(span / 300), -np.inf), (np.inf, math.log(span * 100), np.inf)),
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return None
    left = (change - model(delay, *mean)) / std
    misfit = float(left @ left) / max(len(left) - 3, 1)
    tau = math.exp(mean[1])
    scale = np.diag([1.0, tau, 1.0])
    return Exponential(np.array([mean[0], tau, mean[2]]), scale @ cov @ scale * max(misfit, 1.0), misfit)


def _pooled(change: FloatArray, std: FloatArray) -> FloatArray:
    """Errors that grow with the change: ``ln std`` as a straight line of ``|change|``."""
    size = np.abs(change)
    if len(size) < 3 or np.ptp(size) == 0:
        return np.full(len(std), float(np.sqrt(np.mean(std**2))))
    return np.exp(np.polyval(np.polyfit(size, np.log(std), 1), size))


def result(series: Series) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    found, unit = curves(series), series.unit
    numbers: dict[str, Any] = {"measurements": len(changes(series))}
    fits = {sign: exponential(curve) for sign, curve in found.items()}
    for sign, name in ((1, "pre_first"), (-1, "post_first")):
        numbers[name] = _of(fits.get(sign), unit)
    numbers["ratio_of_areas"], numbers["ratio_of_areas_std"] = _areas(fits.get(1), fits.get(-1))
    numbers["each"] = [
        {
            "delay_s": sign * float(delay) if math.isfinite(delay) else None,
            f"change_{unit}": float(change),
            f"change_std_{unit}": float(std),
        }
        for sign, curve in found.items()
        for delay, change, std in zip(curve.delay, curve.change, curve.std, strict=True)
    ]
    return plain(numbers | {"verdict": _verdict(fits.get(1), fits.get(-1), unit)})


def _of(fitted: Exponential | None, unit: str) -> dict[str, Any] | None:
    if fitted is None:
        return None
    (a, tau, c), (a_std, tau_std, c_std) = fitted.mean, np.sqrt(np.diag(fitted.cov))
    return {
        f"amplitude_{unit}": a, f"amplitude_std_{unit}": a_std, "time_constant_s": tau, "time_constant_std_s": tau_std,
        f"alone_{unit}": c, f"alone_std_{unit}": c_std, "misfit": fitted.misfit,
    }  # fmt: skip


def _areas(up: Exponential | None, down: Exponential | None) -> tuple[float | None, float | None]:
    """``A+ tau+ / |A- tau-|`` with its error by the delta method: above 1 random spikes strengthen a synapse."""
    if up is None or down is None or not down.mean[0]:
        return None, None
    ratio = abs(float(up.mean[0] * up.mean[1] / (down.mean[0] * down.mean[1])))
    relative = sum(_relative(one) for one in (up, down))
    return ratio, ratio * math.sqrt(max(relative, 0.0))


def _relative(fitted: Exponential) -> float:
    slope = np.array([1 / fitted.mean[0], 1 / fitted.mean[1]])
    return float(slope @ fitted.cov[:2, :2] @ slope)


def _verdict(up: Exponential | None, down: Exponential | None, unit: str) -> str:
    said: list[str] = []
    for fitted, order in ((up, "pre before post"), (down, "post before pre")):
        if fitted is None:
            said.append(f"{order}: too few delays")
            continue
        std = np.sqrt(np.diag(fitted.cov))
        if abs(fitted.mean[0]) < 3 * std[0]:
            said.append(f"{order}: no dependence on the delay is resolved")
            continue
        size, tau = value_text(fitted.mean[0], std[0], unit), value_text(fitted.mean[1], std[1], "s")
        said.append(f"{order}: {size} at no delay, falling with {tau}")
    return f"{'; '.join(said)}."
