"""A measured step as the result of a fit: numbers with errors, verdict, filtered trace."""

from __future__ import annotations

import numpy as np

from sim_device.fit.abrupt import abrupt
from sim_device.fit.average import averaged
from sim_device.fit.checks import Check, Filtered, whiteness
from sim_device.fit.estimate import Estimate, linear
from sim_device.fit.measured.device import device_model, drawn_numbers, noise_of, numbers_of
from sim_device.fit.measured.fit import MeasuredFit, filtered, fit_parts
from sim_device.fit.measured.search import LAST
from sim_device.fit.measured.symmetry import EVERYWHERE, NONE, UNCLEAR, Balance, balance_of
from sim_device.fit.plausible import checked
from sim_device.fit.predictive import Prediction, enough, predicted, split_of
from sim_device.fit.result import Fit

NAME = "measured"
_WHY_NONE = {
    EVERYWHERE: "steps up and down are alike over most of the window: each conductance there is as balanced as any",
    NONE: "up and down steps do not cancel in the measured range",
    UNCLEAR: "up and down steps are nearly parallel: where they cancel is not told by this trace",
}
_PRESENT = {
    "history": "steps after a reversal of their own",
    "ramps": "a factor for each ramp",
    "tails": "steps with heavy tails",
    "wear": "steps that change with pulses",
    "relaxing": "a share of each step that relaxes",
    "slow": "slow read noise",
    "proportional": "read noise that goes with G",
}


def result_of(measured: MeasuredFit) -> Fit:
    """The fit, with straight steps of any slope behind it for what is asked of these.

    It is accepted where predictions of readings that were not fitted hold, too (`sim_device.fit.predictive`).
    """
    straight = averaged(linear(measured.trace))
    told = _filtered(measured)
    balance, drawn = balance_of(measured), drawn_numbers(measured)
    numbers, (noise, of_noise) = numbers_of(measured, drawn), noise_of(measured, drawn)
    prediction = _prediction(measured)
    checks = (*_checks(straight, told), *_of_prediction(prediction), abrupt(measured.trace))
    accepted = measured.maximum.converged and not any(check.failed for check in checks)
    names = tuple(numbers)
    return checked(
        Fit(
            model_name=NAME,
            unit=measured.trace.unit,
            model=device_model(measured),
            parameters={name: spread.value for name, spread in numbers.items()},
            std={name: spread.std for name, spread in numbers.items()},
            names=names,
            covariance=np.diag([numbers[name].std ** 2 for name in names]),
            noise=noise,
            symmetry_points=balance.points,
            other_symmetry_points=(),
            accepted=accepted,
            why=_why(measured, checks, accepted),
            checks=checks,
            not_identified=_not_identified(balance),
            estimate=straight,
            filtered=told,
            intervals={name: spread.interval for name, spread in (numbers | of_noise).items()},
            measured=measured,
            balance=balance,
            prediction=prediction,
        )
    )


def _filtered(measured: MeasuredFit) -> Filtered:
    """Predictions and what is known after each reading; there is no smoother of this model."""
    trace, told = measured.trace, np.full((5, len(measured.trace)), np.nan)
    filtered(measured.rows, measured.parts, measured.number(), np.zeros(LAST), told)
    innovation, variance, predicted, state, of_state = told
    starts = trace.starts
    state = np.where(starts, trace.mean, state)
    return Filtered(
        predicted, variance, innovation, variance, state, np.where(starts, 0.0, of_state), np.zeros(len(trace))
    )


def _checks(straight: Estimate, told: Filtered) -> tuple[Check, ...]:
    """What one-step predictions must hold, to a degree that matters in use; see also `sim_device.fit.predictive`."""
    z = told.standardised[np.isfinite(told.standardised)]
    inside = float(np.mean(np.abs(z) < 1.96))
    off = abs(inside - 0.95) > max(0.025, 3.0 * float(np.sqrt(0.0475 / max(len(z), 1))))
    lag = float(np.mean(z[1:] * z[:-1]) / np.mean(z**2)) if len(z) > 20 else 0.0
    p = whiteness(straight, told)
    following = p < 0.01 and abs(lag) > 0.15
    return (
        Check(
            "bands of one step",
            float(not off),
            off,
            f"95 % bands hold {100 * inside:.0f} % of the next readings",
            False,
        ),
        Check("white innovations", p, following, "what the model misses follows from reading to reading"),
    )


def _prediction(measured: MeasuredFit) -> Prediction | None:
    """Of the last part of the trace by a fit of the first; None where the trace is too short for that."""
    trace = measured.trace
    fitted = split_of(trace, measured.rows.ramps)
    if not enough(trace, fitted):
        return None
    return predicted(trace, fitted, fit_parts(trace.part(slice(0, fitted))))


def _of_prediction(prediction: Prediction | None) -> tuple[Check, ...]:
    if prediction is None or not prediction.horizons:
        return ()
    failed = prediction.failed
    return (Check("predictions", float(not failed), bool(failed), "; ".join(failed) or prediction.told, False),)


def _why(measured: MeasuredFit, checks: tuple[Check, ...], accepted: bool) -> str:
    parts = measured.parts
    asked = [said for key, said in _PRESENT.items() if getattr(parts, key)]
    if parts.size > 2:
        asked.insert(0, "curved steps")
    holds = f"a measured step with {', '.join(asked)}" if asked else "a measured step"
    readings = int(np.sum(measured.trace.count))
    if accepted:
        told = next((check.told for check in checks if check.name == "predictions"), checks[0].told)
        return f"{holds} holds for {readings} readings: {told}"
    failed = [check.sentence for check in checks if check.failed]
    if not measured.maximum.converged:
        failed.append("the likelihood has no clear maximum")
    return f"{holds} does not hold: " + "; ".join(failed)


def _not_identified(balance: Balance) -> tuple[str, ...]:
    return (
        (f"symmetry_point: {_WHY_NONE[balance.verdict]}",)
        if balance.verdict in _WHY_NONE and not balance.points
        else ()
    )
