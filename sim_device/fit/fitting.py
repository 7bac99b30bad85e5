"""Fits a trace: one device model by maximum likelihood, or the best of several; with errors and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError
from sim_device.fit.average import averaged
from sim_device.fit.estimate import Estimate, linear
from sim_device.fit.families import FAMILIES, family_named
from sim_device.fit.flexible import bic
from sim_device.fit.general import Candidate, candidate, fit_family
from sim_device.fit.known_steps import KnownSteps
from sim_device.fit.measured.asked import asks_for_more
from sim_device.fit.result import Fit
from sim_device.fit.straight import linear_step, soft_bounds
from sim_device.fit.trace import Trace, trace_of

STRAIGHT_MODELS = ("soft-bounds", "linear-step")
DOUBTFUL = 0.1  # probability of ramp factors above which a plain fit, which has none, tells too narrow intervals
MEASURED = "measured"  # name of a model: steps of any shape with all that a real device does
BEST = "best"  # name of a model: the kind that holds and has the lowest BIC


def fit_trace(
    pulses: ArrayLike,
    conductance: ArrayLike,
    *,
    unit: str = "S",
    model: str = "soft-bounds",
    segments: ArrayLike | None = None,
    time: ArrayLike | None = None,
    known: KnownSteps | None = None,
) -> Fit:
    """Fit one device's trace.

    Parameters
    ----------
    pulses
        (n,) signed number of pulses since the reading before, + up, − down, 0 for a repeated reading.
    conductance
        (n,) readings [unit], NaN where one is missing.
    unit
        "S", or "normalised".
    model
        "soft-bounds", "linear-step" (straight steps of any slope), "exponential-step", "power-step", "constant-step",
        "table" (steps of any smooth shape), "measured" (steps of any smooth shape with what else a real device does:
        `sim_device.fit.measured.fit`), or "best": of these the plainest that holds, see `compare_models`.
    segments
        (n,) labels of pieces that do not join: nothing is assumed between the last reading of one and the first of
        the next.
    time
        (n,) [s], never backwards. Where it is given, a slow drift of the conductance is fitted, too; it takes readings
        without pulses, or at unequal intervals, to tell it from the steps. Then repeated readings are taken one by
        one, and write noise is not told from read noise.
    known
        What is known of the steps before, of an earlier fit or of the population of an array: soft bounds and straight
        steps that hold for the trace alone are joined with it, unless the trace contradicts it (`Fit.before`).

    Raises
    ------
    InputError
        The trace cannot be fitted at all, or not by this model; the message says what is wrong.
    """
    names = [*(family.name for family in FAMILIES), MEASURED, BEST]
    if model not in names:
        raise InputError(f"{model!r} cannot be fitted to a trace; choose one of {', '.join(names)}")
    if known is not None and model not in (*STRAIGHT_MODELS, BEST):
        raise InputError(f"what is known before is of straight steps; {model} has others: fit without it")
    straight = _straight(pulses, conductance, unit=unit, segments=segments, time=time)
    ungathered = partial(trace_of, pulses, conductance, unit=unit, segments=segments, gather=False)
    if model == MEASURED:
        return _measured(ungathered())
    if model == BEST:
        return _best(straight, known, time is None and ungathered)
    return _fit(model, straight, known)


def compare_models(
    pulses: ArrayLike, conductance: ArrayLike, *, unit: str = "S", segments: ArrayLike | None = None
) -> list[Candidate]:
    """Every kind of steps on one trace, those that hold first, each part by rising BIC; arguments as for `fit_trace`.

    Kinds that cannot be fitted to the trace are left out. Two kinds whose BIC differ by less than 2 are as good as
    each other; `Candidate.score` says what that is worth in predicting readings that were left out.
    """
    straight = _straight(pulses, conductance, unit=unit, segments=segments)
    found: list[Candidate] = []
    for family in FAMILIES:
        try:
            tried = candidate(family, straight)
        except InputError:
            continue
        if family.name in STRAIGHT_MODELS:
            tried = Candidate(_fit(family.name, straight), tried.numbers, tried.bic, tried.score)
        found.append(tried)
    return sorted(found, key=lambda each: (not each.fit.accepted, each.bic))


def joined(
    traces: Sequence[tuple[ArrayLike, ArrayLike]],
) -> tuple[IntArray, FloatArray, IntArray]:
    """Several traces (pulses, conductance) of one device as one: (pulses, conductance, segments) for `fit_trace`."""
    parts = [(np.atleast_1d(np.asarray(p)), np.atleast_1d(np.asarray(g, dtype=np.float64))) for p, g in traces]
    wrong = [str(i + 1) for i, (p, g) in enumerate(parts) if p.shape != g.shape or p.ndim != 1]
    if wrong or not parts:
        raise InputError(f"each trace needs one pulse count a reading; trace {', '.join(wrong) or '1'} has not")
    labels = np.repeat(np.arange(len(parts)), [len(g) for _, g in parts])
    return np.concatenate([p for p, _ in parts]), np.concatenate([g for _, g in parts]), labels


def _straight(
    pulses: ArrayLike,
    conductance: ArrayLike,
    *,
    unit: str,
    segments: ArrayLike | None,
    time: ArrayLike | None = None,
) -> Estimate:
    trace = trace_of(pulses, conductance, unit=unit, segments=segments, time=time, gather=time is None)
    if int(np.sum((trace.count > 0) & ~trace.starts)) < 7:
        raise InputError("this trace cannot be fitted: fewer readings after pulses than the 6 numbers to be estimated")
    return averaged(linear(trace, drift=time is not None))


def _fit(model: str, straight: Estimate, known: KnownSteps | None = None) -> Fit:
    if model == "soft-bounds":
        return soft_bounds(straight, known)
    if model == "linear-step":
        return linear_step(straight, known)
    return fit_family(family_named(model), straight)


def _best(straight: Estimate, known: KnownSteps | None, ungathered: Callable[[], Trace] | Literal[False]) -> Fit:
    """Soft bounds where they hold, being what the field speaks in; else the plainest kind that holds.

    `ungathered` makes the trace one row a reading, as the measured step takes it; False for one with a drift.
    """
    first = soft_bounds(straight, known)
    if first.abrupt or not (straight.trace.has(+1) and straight.trace.has(-1)):
        return first
    if not ungathered:
        return first if first.accepted else _family(straight) or first
    trace = ungathered()
    if first.accepted and not asks_for_more(trace):
        return first
    measured = _measured(trace)
    if measured.measured is None or not measured.measured.parts.plain:
        return measured
    if measured.measured.ramps_differ > DOUBTFUL:
        return measured
    if first.accepted:
        return first
    found = _family(straight)
    return found if found is not None and found.accepted else measured


def _family(straight: Estimate) -> Fit | None:
    """The kind of steps by formula, or the table, that holds with the lowest BIC."""
    others: list[Fit] = []
    for family in FAMILIES[1:]:
        try:
            others.append(fit_family(family, straight))
        except InputError:
            continue
    return min(others, key=lambda each: (not each.accepted, bic(each.estimate))) if others else None


def _measured(trace: Trace) -> Fit:
    from sim_device.fit.measured.fit import fit_parts
    from sim_device.fit.measured_result import result_of

    return result_of(fit_parts(trace))
