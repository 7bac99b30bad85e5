"""Damping and period of SHD on one weight as trained, from the recorded steps of several trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from labshd.training.tasks import OneParameter


@dataclass(frozen=True)
class Oscillator:
    """Rate [per step] at which A is damped near the target, and the period [steps], undamped; with standard errors.

    NaN where the steps do not tell: a period of a C that does not follow A, errors of a single training.
    """

    damping: float
    damping_std: float
    period: float
    period_std: float


def measured_oscillator(histories: Sequence[Mapping[str, FloatArray]], task: OneParameter, every: int) -> Oscillator:
    """What trainings of one weight by SHD, with a transfer `every` so many steps, tell of damping and period.

    `histories` are the columns of `Training.history`, one for each seed. Between two transfers

        ΔA = c − b Σ(C − w0) − κ' Σ S(C) A + noise,   ΔC = a A + noise,

    so that A is damped at κ' S(w0) and the period is 2π √(τ/(a b)). S(C) = E|g| stands beside A because gradients far
    from the target are larger and damp more. The asymmetry of C makes its steps towards a target away from zero
    smaller: that is part of a, so that the period comes out somewhat longer than that of equal steps.

    C as read is what the gradient was taken of, so that its read noise does no harm. That of A would bias κ'; its
    reading one transfer earlier stands for it (an instrumental variable). The sums of all trainings are put into one
    estimate, since one for each would be biased by the correlation of A; errors are those of the jackknife over
    trainings.
    """
    sums = [_moments(history, task, every) for history in histories]
    whole = _solved(sums, task, every)
    if len(sums) < 2:
        return Oscillator(whole[0], math.nan, whole[1], math.nan)
    without = np.array([_solved(sums[:k] + sums[k + 1 :], task, every) for k in range(len(sums))])
    std = np.sqrt((len(sums) - 1) * np.var(without, axis=0))
    return Oscillator(whole[0], float(std[0]), whole[1], float(std[1]))


_Moments = tuple[FloatArray, FloatArray, FloatArray]


def _moments(history: Mapping[str, FloatArray], task: OneParameter, every: int) -> _Moments:
    """Products of instruments with what drives A, (3, 3), and with ΔA, (3,); of A with A and with ΔC."""
    number = len(history["step"]) // every
    a = history["auxiliary_weight"][every - 1 : number * every : every]
    c = history["core_weight"][: number * every].reshape(number, every)[1:].mean(axis=1)  # between two transfers each
    pull = np.array([task.mean_gradient(weight) for weight in c[1:]])
    before, at, after = a[:-2], a[1:-1], a[2:]
    ones, force = np.ones(len(at)), c[1:] - task.target
    drives = every * np.stack([ones, -force, -pull * at])
    instruments = np.stack([ones, force, pull * before])
    return instruments @ drives.T, instruments @ (after - at), np.array([before @ at, before @ np.diff(c)])


def _solved(sums: Sequence[_Moments], task: OneParameter, every: int) -> tuple[float, float]:
    """Damping [per step] and period [steps]."""
    drives, driven, transfers = (
        _summed([one[0] for one in sums]),
        _summed([one[1] for one in sums]),
        _summed([one[2] for one in sums]),
    )
    try:
        coefficients = np.linalg.solve(drives, driven)
    except np.linalg.LinAlgError:  # an A that never moved
        return math.nan, math.nan
    stiffness, kappa = float(coefficients[1]), float(coefficients[2])
    rate = float(transfers[1] / transfers[0]) if transfers[0] else math.nan
    squared = stiffness * rate / every
    period = 2 * math.pi / math.sqrt(squared) if squared > 0 else math.nan
    return kappa * task.mean_gradient(task.target), period


def _summed(arrays: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(np.stack(arrays).sum(axis=0), dtype=np.float64)
