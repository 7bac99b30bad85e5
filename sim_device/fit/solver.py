"""Compiled: maximum likelihood by damped Fisher scoring.

Step: ``(I + λ diag I) Δθ = ∂lnL/∂θ`` over the free parameters; λ shrinks when ln L grows and rises when it does not
(Levenberg-Marquardt). Log-variances have a floor and a ceiling; one that leans on its limit is held there. Converged
when the gain that a full step promises, ``½ Δθᵀ ∂lnL``, is tiny.

`prior` gives log-variances a weak prior: a standard deviation σ is half-Cauchy around 0, density ∝ 1/(1 + σ²/w). An
estimate that the data cannot tell from 0 stays about one standard error above it, so that the uncertainty of everything
else allows for a random walk that may be there; a well-identified one moves by less than 1/40 of its standard error.
(Gelman, Bayesian Analysis 1, 515 (2006): weakly informative prior of a standard deviation.)

What is known of the steps from elsewhere (other devices of an array, an earlier fit of this one) enters as a normal
prior of mean μ and inverse covariance Λ: ``ln π = −½ (θ − μ)ᵀ Λ (θ − μ)``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from sim_device.fit.kernels import Rows, compiled, log_likelihood


@compiled
def _solve(matrix: FloatArray, vector: FloatArray, damping: float, out: FloatArray) -> bool:
    """Solve (M + λ diag M) x = v by Cholesky, M scaled to a unit diagonal; False if M is not positive definite."""
    n = len(vector)
    scale = np.empty(n)
    for i in range(n):
        if not matrix[i, i] > 0.0:
            return False
        scale[i] = 1.0 / math.sqrt(matrix[i, i])
    low = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = matrix[i, j] * scale[i] * scale[j] + (damping if i == j else 0.0)
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                if not s > 1e-13:
                    return False
                low[i, i] = math.sqrt(s)
            else:
                low[i, j] = s / low[j, j]
    for i in range(n):
        s = vector[i] * scale[i]
        for k in range(i):
            s -= low[i, k] * out[k]
        out[i] = s / low[i, i]
    for i in range(n - 1, -1, -1):
        s = out[i]
        for k in range(i + 1, n):
            s -= low[k, i] * out[k]
        out[i] = s / low[i, i]
    for i in range(n):
        out[i] *= scale[i]
    return True


@compiled
def _active(
    theta: FloatArray,
    score: FloatArray,
    info: FloatArray,
    free: NDArray[np.bool_],
    floor: FloatArray,
    ceiling: FloatArray,
) -> NDArray[np.int64]:
    """Indices of the free parameters that do not lean on a limit."""
    chosen = np.empty(len(theta), np.int64)
    n = 0
    for i in range(len(theta)):
        stuck = (theta[i] <= floor[i] and score[i] <= 0.0) or (theta[i] >= ceiling[i] and score[i] >= 0.0)
        if free[i] and not stuck and info[i, i] > 0.0:
            chosen[n] = i
            n += 1
    return chosen[:n]


@compiled
def _direction(
    theta: FloatArray,
    score: FloatArray,
    info: FloatArray,
    free: NDArray[np.bool_],
    floor: FloatArray,
    ceiling: FloatArray,
    damping: float,
    move: FloatArray,
) -> float:
    """Fill `move` with the damped step; gives the gain it promises, or −1 where there is none."""
    active = _active(theta, score, info, free, floor, ceiling)
    n = len(active)
    matrix, vector, found = np.empty((n, n)), np.empty(n), np.zeros(n)
    for i in range(n):
        vector[i] = score[active[i]]
        for j in range(n):
            matrix[i, j] = info[active[i], active[j]]
    move[:] = 0.0
    if n == 0:
        return 0.0
    if not _solve(matrix, vector, damping, found):
        return -1.0
    gain = 0.0
    for i in range(n):
        move[active[i]] = found[i]
        gain += 0.5 * found[i] * vector[i]
    return gain


@compiled
def _add_prior(theta: FloatArray, prior: FloatArray, score: FloatArray, info: FloatArray) -> float:
    """Add the prior of log-variances ln q: ``ln π = ½ ln q − ln(1 + q/w)``, w = `prior` (0: flat); gives ln π."""
    total = 0.0
    for i in range(len(theta)):
        if prior[i] > 0.0:
            ratio = math.exp(theta[i]) / prior[i]
            total += 0.5 * theta[i] - math.log(1.0 + ratio)
            score[i] += 0.5 - ratio / (1.0 + ratio)
            # Where the data say little of q, ln L falls as −a q and the maximum is where a q = 1/2: curvature 1/2.
            info[i, i] += 0.5
    return total


@compiled
def _add_known(
    theta: FloatArray, mean: FloatArray, precision: FloatArray, score: FloatArray, info: FloatArray
) -> float:
    """Add what is known of the first numbers of θ, a normal density; gives ``−½ (θ − μ)ᵀ Λ (θ − μ)``."""
    total = 0.0
    for i in range(len(mean)):
        pull = 0.0
        for j in range(len(mean)):
            pull += precision[i, j] * (theta[j] - mean[j])
            info[i, j] += precision[i, j]
        score[i] -= pull
        total -= 0.5 * (theta[i] - mean[i]) * pull
    return total


@compiled
def maximise(
    kind: int,
    size: int,
    knots: FloatArray,
    theta: FloatArray,
    free: NDArray[np.bool_],
    floor: FloatArray,
    ceiling: FloatArray,
    prior: FloatArray,
    mean: FloatArray,
    precision: FloatArray,
    trace: Rows,
    most: int,
    tiny: float,
    score: FloatArray,
    info: FloatArray,
) -> tuple[float, int, bool]:
    """Maximise ``ln L + ln π`` from `theta`, in place, in at most `most` evaluations.

    `mean` (k,) and `precision` (k, k): what is known of the first k numbers; k = 0 for nothing. Stops when a full step
    promises to gain less than `tiny`. Gives (ln L + ln π, evaluations, converged); score and information are left as at
    the maximum.
    """
    total = len(theta)
    no_outer = np.empty((0, 0))
    trial, move = np.empty(total), np.zeros(total)
    new_score, new_info = np.empty(total), np.empty((total, total))
    best = log_likelihood(kind, size, knots, theta, trace, score, info, no_outer)
    best += _add_prior(theta, prior, score, info) + _add_known(theta, mean, precision, score, info)
    damping = 1e-3 if tiny < 1e-6 else 1e-8  # a rough answer is asked for from close by
    for evaluation in range(1, most):
        gain = _direction(theta, score, info, free, floor, ceiling, damping, move)
        if gain < 0.0:
            damping = max(1e-6, damping * 10.0)
            if damping > 1e9:
                return best, evaluation, False
            continue
        if gain < tiny and damping < 1.0:
            return best, evaluation, True
        for i in range(total):
            # A log-variance moves by at most 2 at once: the quadratic picture does not reach further.
            longest = 2.0 if floor[i] > -1e300 else 1e300
            trial[i] = theta[i] + max(-longest, min(longest, move[i]))
            trial[i] = max(floor[i], min(ceiling[i], trial[i]))
        value = log_likelihood(kind, size, knots, trial, trace, new_score, new_info, no_outer)
        value += _add_prior(trial, prior, new_score, new_info)
        value += _add_known(trial, mean, precision, new_score, new_info)
        if value > best or (value == best and gain < 1e-3):
            best, damping = value, max(1e-12, damping * 0.1)
            theta[:], score[:], info[:, :] = trial, new_score, new_info
        else:
            damping = max(1e-6, damping * 10.0)
            if damping > 1e9:
                return best, evaluation, gain < 1e-3
    return best, most, False
