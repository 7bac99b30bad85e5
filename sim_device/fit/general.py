"""Fits steps of any kind, and compares kinds by BIC and by how well they predict readings left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.fit.abrupt import abrupt
from sim_device.fit.average import averaged
from sim_device.fit.checks import Check, Filtered, filtered, share_of, variance, whiteness
from sim_device.fit.estimate import Estimate
from sim_device.fit.families import Family
from sim_device.fit.flexible import bic, robust_covariance
from sim_device.fit.noise import noise_intervals, noise_of
from sim_device.fit.plausible import checked
from sim_device.fit.result import Fit
from sim_device.fit.symmetry import symmetry_points, why_none
from sim_device.fit.trace import Trace
from sim_device.models.device_model import DeviceModel
from sim_device.models.table import TableStep

FOLDS = 3  # readings are left out in so many turns, and predicted from the others
MOVE = 1e-3  # standard errors by which a parameter is moved for a derivative


@dataclass(frozen=True)
class Candidate:
    """One kind of steps tried on a trace.

    `bic` is ``−2 ln L + p ln n`` (lower is better); `score` the mean ln probability density, per reading and in scaled
    units, of readings that were left out when it was fitted (higher is better); `numbers` is p.
    """

    fit: Fit
    numbers: int
    bic: float
    score: float


def fit_family(family: Family, straight: Estimate) -> Fit:
    """Fit one kind of steps to the trace of `straight`. `InputError` where the estimate is none of this kind."""
    try:
        with np.errstate(all="ignore"):
            fit = checked(_fit(family, straight))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        fit = None
    if fit is None or not _is_finite(fit):
        raise InputError(f"{family.name}: no steps of this kind come near to this trace")
    return fit


def _is_finite(fit: Fit) -> bool:
    numbers = [
        *fit.parameters.values(),
        *fit.std.values(),
        *(n for p in fit.symmetry_points for n in (p.std, p.step_std)),
    ]
    known = [number for number in numbers if number is not None]
    return bool(np.all(np.isfinite(known)) and np.all(np.isfinite(fit.covariance)) and np.isfinite(fit.log_likelihood))


def _fit(family: Family, straight: Estimate) -> Fit:
    if not (straight.trace.has(+1) and straight.trace.has(-1)):
        raise InputError(f"{family.name}: it takes pulses in both directions")
    estimate = averaged(family.fit(straight))
    result = filtered(estimate)
    checks = (*_checks(estimate, result), abrupt(estimate.trace))
    accepted = estimate.converged and not any(check.failed for check in checks)
    covariance = estimate.covariance() if accepted else robust_covariance(estimate)
    model = family.model(estimate)
    values, deviation, names, of_values = _parameters(family, estimate, model, covariance)
    points, noise = symmetry_points(estimate, covariance), noise_of(estimate)
    return Fit(
        model_name=family.name,
        unit=estimate.trace.unit,
        model=model,
        parameters=values,
        std=deviation,
        names=names,
        covariance=of_values,
        noise=noise,
        symmetry_points=points,
        other_symmetry_points=(),
        accepted=accepted,
        why=_why(family.name, estimate, checks, accepted),
        checks=checks,
        not_identified=() if points else (f"symmetry_point: {why_none(estimate, covariance)}",),
        estimate=estimate,
        filtered=result,
        intervals=noise_intervals(noise, estimate.trace.unit),
    )


def candidate(family: Family, straight: Estimate) -> Candidate:
    """Fit one kind of steps and say how well it predicts."""
    fit = fit_family(family, straight)
    with np.errstate(all="ignore"):
        score = predictive_score(family, straight)
    return Candidate(fit, fit.estimate.numbers, bic(fit.estimate), score)


def predictive_score(family: Family, straight: Estimate) -> float:
    """Mean ln density of each reading given all before it, its own fold left out of the fit.

    Readings are left out in turns of three, as missing readings between pulses that were applied, so that every
    stretch of the trace is in every fold.
    """
    trace = straight.trace
    total, counted = 0.0, 0
    rows = np.arange(len(trace))
    for fold in range(FOLDS):
        left_out = (rows % FOLDS == fold) & ~trace.starts & (trace.count > 0)
        without = replace(trace, count=np.where(left_out, 0.0, trace.count))
        fitted = family.fit(replace(straight, trace=without))
        result = filtered(replace(fitted, trace=trace))
        v, f = result.innovation[left_out], np.maximum(result.innovation_variance[left_out], 1e-300)
        total -= 0.5 * float(np.sum(np.log(2 * np.pi * f) + v**2 / f))
        counted += int(np.sum(left_out))
    return total / max(counted, 1)


def _checks(estimate: Estimate, result: Filtered) -> tuple[Check, ...]:
    found = [
        ("white innovations", whiteness(estimate, result), "the innovations are correlated from reading to reading"),
        ("stated variance", variance(estimate, result), "the scatter is not the stated one everywhere in G"),
        ("no trend in G", _trend(estimate.trace, result), "innovations have a trend in G"),
    ]
    share = share_of(len(found))
    return tuple(Check(name, p, p < share, told) for name, p, told in found)


def _trend(trace: Trace, result: Filtered) -> float:
    """F test of standardised innovations against four Legendre terms of G in each direction; p-value.

    The fit has taken part of these up already, which makes the test cautious.
    """
    z, x = result.standardised, np.clip(result.predicted, -1.2, 1.2)
    good = np.isfinite(z)
    terms = np.polynomial.legendre.legvander(x, 3)
    design = np.hstack([terms * (np.sign(trace.pulses) == way)[:, np.newaxis] for way in (+1, -1)])[good]
    coefficients, _, rank, _ = np.linalg.lstsq(design, z[good], rcond=None)
    explained = float(np.sum((design @ coefficients) ** 2))
    rest = float(np.sum((z[good] - design @ coefficients) ** 2)) / max(int(np.sum(good)) - int(rank), 1)
    return float(stats.f.sf(explained / int(rank) / rest, int(rank), max(int(np.sum(good)) - int(rank), 1)))


def _parameters(
    family: Family, estimate: Estimate, model: DeviceModel, covariance: FloatArray
) -> tuple[dict[str, float | None], dict[str, float | None], tuple[str, ...], FloatArray]:
    """Parameters, standard deviations, names and covariance; numeric derivatives. A table's are in its table."""
    unit = estimate.trace.unit
    values = {} if isinstance(model, TableStep) else _scalars(model, unit)
    names = tuple(values)
    jacobian = np.zeros((len(names), len(estimate.theta)))
    deviations = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    for i in np.flatnonzero(deviations[: 2 * estimate.shape.size]):
        theta = estimate.theta.copy()
        theta[i] += MOVE * deviations[i]
        moved = _scalars(family.model(replace(estimate, theta=theta)), unit)
        jacobian[:, i] = [(moved[key] - values[key]) / (MOVE * deviations[i]) for key in names]
    of_values = jacobian @ covariance @ jacobian.T
    spread = np.sqrt(np.maximum(np.diag(of_values), 0.0))
    std: dict[str, float | None] = {key: float(s) for key, s in zip(names, spread, strict=True)}
    return dict(values), std, names, of_values


def _scalars(model: DeviceModel, unit: str) -> dict[str, float]:
    return {key: value for key, value in model.parameters(unit).items() if isinstance(value, float)}


def _why(name: str, estimate: Estimate, checks: tuple[Check, ...], accepted: bool) -> str:
    if accepted:
        passed = ", ".join(f"{check.name} (p = {check.p:.2g})" for check in checks if check.is_test)
        return f"{name} holds for {int(np.sum(estimate.trace.count))} readings: {passed}"
    failed = [check for check in checks if check.failed]
    told = [check.sentence for check in failed]
    if not estimate.converged:
        told.append("the likelihood has no clear maximum")
    return f"{name} does not hold: " + "; ".join(told)
