"""Steered pulsing: chooses the next pulses that promise to tell most about the symmetry point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.analysis.symmetry.straight_steps import StraightSteps

if TYPE_CHECKING:
    from protocols.analysis.symmetry.estimate import Estimate

FARTHEST = 3.0  # half spans from the middle of what was seen: farther than this no line is drawn on


def next_counts(found: Estimate, length: int, generator: np.random.Generator, reads: int = 1) -> IntArray:
    """The next `length` single pulses (+1, −1), each read `reads` times, for a crosspoint of which `found` is known.

    Sequential optimal design (Chernoff, Ann. Math. Stat. 30, 755 (1959)): of ramps up and back, ramps down and back,
    random pulses here, and a drive to the estimate with random pulses there, that one whose expected information leaves
    the smallest error of G*; its first `length` pulses. Where steps are no straight lines, far ramps would tell of
    other places: then only the last.
    """
    steps, fit = found.steps, found.fit
    half = _balanced(length, generator)
    if steps is None or fit is None or not len(fit.smoothed):
        return half
    steps = _falling(steps)
    now = (float(fit.smoothed[-1]) - steps.centre) / steps.scale
    spread = (float(fit.smoothed_std[-1]) / steps.scale) ** 2
    aim = _aim(steps, found)
    if not fit.accepted:
        return _driven(steps, now, aim, length, generator)
    horizon = 4 * length
    choices = [_there_and_back(sign * k, horizon) for k in range(length, horizon + 1, length) for sign in (1, -1)]
    choices += [_driven(steps, now, aim, horizon, generator), _balanced(horizon, generator)]
    left = promised(steps, (now, spread), aim, np.array(choices), reads)
    best = int(np.argmin(left))
    return half if best == len(choices) - 1 else choices[best][:length]


def promised(
    steps: StraightSteps, state: tuple[float, float], aim: float, choices: IntArray, reads: int = 1
) -> FloatArray:
    """Variance of the net step at `aim` left after each of `choices` (m, n) pulses: ``cᵀ (C⁻¹ + I)⁻¹ c``, shape (m,).

    I is the expected information of readings on the four step numbers, noises taken as known; `state`: mean and
    variance of where the device is, scaled as in `StraightSteps`. The Kalman filter along the expected path::

        m' = m + f(m),  ∂m' = (1 + b) ∂m + (1, m),  P' = (1 + b)² P + σ_c² f²,  F = P' + σ_r²/reads,  I += ∂m' ∂m'ᵀ/F
    """
    theta, read = steps.theta, (steps.read / steps.scale) ** 2 / reads
    many = len(choices)
    m, p = np.full(many, state[0]), np.full(many, state[1])
    known = np.zeros((many, 4, 4))
    known[:] = np.linalg.pinv(steps.covariance, rcond=1e-13, hermitian=True)
    along = np.zeros((many, 4))
    for sign in choices.T:
        at = np.where(sign > 0, 0, 2)
        b = theta[at + 1]
        step = theta[at] + b * m
        along *= (1 + b)[:, np.newaxis]
        along[np.arange(many), at] += 1.0
        along[np.arange(many), at + 1] += m
        m = m + step
        p = (1 + b) ** 2 * p + (steps.cycle_to_cycle * step) ** 2
        total = p + max(read, 1e-12)
        known += along[:, :, np.newaxis] * along[:, np.newaxis, :] / total[:, np.newaxis, np.newaxis]
        along *= (1 - p / total)[:, np.newaxis]
        p = p - p**2 / total
    net = np.array([1.0, aim, 1.0, aim])
    return np.array([float(net @ np.linalg.pinv(one, rcond=1e-13, hermitian=True) @ net) for one in known])


def pulses_to(steps: StraightSteps, now: float, aim: float, most: int) -> int:
    """Signed number of pulses from the scaled conductance `now` to `aim`, at most `most`, by the mean steps."""
    sign = 1 if aim > now else -1
    at = 0 if sign > 0 else 2
    x, n = now, 0
    while n < most and sign * (aim - x) > 0:
        step = float(steps.theta[at] + steps.theta[at + 1] * x)
        if sign * step <= 0 or sign * (aim - x) < abs(step) / 2:
            break
        x, n = x + step, n + 1
    return sign * n


def _aim(steps: StraightSteps, found: Estimate) -> float:
    value = steps.crossing().value if found.value is None else found.value
    x = (value - steps.centre) / steps.scale
    return min(max(x, -FARTHEST), FARTHEST) if math.isfinite(x) else 0.0


def _falling(steps: StraightSteps) -> StraightSteps:
    """The same with slopes that are not positive: what growing steps would promise far away is not to be trusted."""
    if found_growing := [i for i in (1, 3) if steps.theta[i] > 0]:
        theta = steps.theta.copy()
        theta[found_growing] = 0.0
        return StraightSteps(steps.centre, steps.scale, theta, steps.covariance, steps.cycle_to_cycle, steps.read)
    return steps


def _there_and_back(first: int, length: int) -> IntArray:
    sign = 1 if first > 0 else -1
    return np.where(np.arange(length) < abs(first), sign, -sign).astype(np.int64)


def _driven(steps: StraightSteps, now: float, aim: float, length: int, generator: np.random.Generator) -> IntArray:
    """A drive to the aim, then random pulses: as many up as down but for an odd one."""
    drive = pulses_to(steps, now, aim, length)
    sign = 1 if drive >= 0 else -1
    rest = _balanced(length - abs(drive), generator)
    return np.concatenate([np.full(abs(drive), sign, dtype=np.int64), rest])


def _balanced(length: int, generator: np.random.Generator) -> IntArray:
    signs = np.where(np.arange(length) % 2 == 0, 1, -1).astype(np.int64)
    return generator.permuted(signs)
