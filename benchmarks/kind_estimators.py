"""Estimators of the symmetry point that the table of kinds of devices can be printed for, all as `Judged`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from device_kinds import BALANCED, NONE, ONE, SEVERAL, Case

from sim_device.fit.fitting import fit_trace
from sim_device.fit.flexible import robust_covariance
from sim_device.fit.measured.symmetry import EVERYWHERE, STABLE, UNSTABLE
from sim_device.fit.measured.symmetry import NONE as NOWHERE
from sim_device.fit.measured.symmetry import SEVERAL as SOME
from sim_device.fit.measured.symmetry import UNCLEAR as UNTOLD
from sim_device.fit.result import Fit
from sim_device.fit.symmetry import balanced

UNCLEAR, FAILED = "not identified", "error"  # verdicts that are never right


@dataclass(frozen=True)
class Judged:
    """What an estimator says: value and interval of 95 % [S], None where it gives none; `error` where it raised."""

    accepted: bool
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    seconds: float = 0.0
    error: str = ""


def verdict_of(fit: Fit) -> str:
    """In the words of the kinds. A point beyond the measured range is none."""
    if fit.balance is not None:
        return _WORDS[fit.balance.verdict]
    if not fit.symmetry_points:
        covariance = fit.estimate.covariance() if fit.accepted else robust_covariance(fit.estimate)
        return BALANCED if balanced(fit.estimate, covariance) else NONE
    if not all(point.clear for point in fit.symmetry_points):
        return UNCLEAR
    inside = [point for point in fit.symmetry_points if point.inside]
    if not inside:
        return NONE
    return ONE if len(inside) == 1 and inside[0].stable else SEVERAL


def by_model(case: Case, model: str) -> Judged:
    """`fit_trace` with this model; every point that it states counts, also an unclear one."""
    fit = fit_trace(case.pulses, case.conductance, model=model, segments=case.segments)
    point = fit.symmetry_point
    if point is None:
        return Judged(fit.accepted, None, None, None, verdict_of(fit))
    return Judged(fit.accepted, point.conductance, *point.interval, verdict_of(fit))


def best(case: Case) -> Judged:
    """`fit_trace` with the kind of steps that holds best."""
    return by_model(case, "best")


def measured(case: Case) -> Judged:
    """Steps of any shape, and what else a real device does."""
    return by_model(case, "measured")


_WORDS = {
    STABLE: ONE, UNSTABLE: SEVERAL, SOME: SEVERAL, EVERYWHERE: BALANCED, NOWHERE: NONE, UNTOLD: UNCLEAR,
}  # fmt: skip


ESTIMATORS: dict[str, Callable[[Case], Judged]] = {"best": best, "measured": measured}


def judged(case: Case, estimator: str) -> Judged:
    """One trace by one estimator, timed; whatever it raises is its answer."""
    return timed(lambda: ESTIMATORS[estimator](case))


def told(case: Case) -> Judged | None:
    """The fit that is told the true kind of steps; None where there is no such fit."""
    model = case.told
    return None if model is None else timed(lambda: by_model(case, model))


def timed(fit: Callable[[], Judged]) -> Judged:
    """With the seconds that it took."""
    began = time.perf_counter()
    try:
        found = fit()
    except Exception as error:  # an estimator that breaks on a device is a result, not the end of the table
        found = Judged(False, None, None, None, FAILED, error=f"{type(error).__name__}: {error}")
    return replace(found, seconds=time.perf_counter() - began)
