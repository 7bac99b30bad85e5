"""Mean steps as smooth functions of G by generalised least squares, and read noise told apart from write noise.

The residuals ρ of a cubic ΔG±(G) along a ramp are an MA(1) process::

    ρ_k = w_k + e_k+1 − e_k      σ_r² = −Cov(ρ_k, ρ_k+1)      σ_w² = Var(ρ) + 2 Cov(ρ_k, ρ_k+1)

These moments start a maximum of the likelihood, which knows σ_w far better where read noise dominates: write noise
accumulates over a ramp, read noise does not. The covariance of the MA(1) process then weights the least squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.changes import Changes, States

_FEWEST = 20  # changes that an estimate of the noises needs


@dataclass(frozen=True)
class Noise:
    """Read noise σ_r of one reading and cycle-to-cycle noise σ_w of one pulse, [unit], each with its standard error.

    `relative`, `relative_std`: σ_w over the root mean square step, dimensionless.
    """

    read: float
    read_std: float
    write: float
    write_std: float
    relative: float
    relative_std: float


@dataclass(frozen=True)
class StepFit:
    """ΔG±(G) as polynomials of x = (G − centre)/scale, for changes by one pulse.

    `coefficients` (2, p): of up and of down steps [unit], p = 2 to 4 by Schwarz's criterion; `covariance` (2p, 2p) of
    both, up first; `covered`: the conductances that steps started from.
    """

    centre: float
    scale: float
    coefficients: FloatArray
    covariance: FloatArray
    covered: tuple[float, float]
    noise: Noise


def fit_steps(states: States, changes: Changes) -> StepFit | None:
    """Curves and noises; None with fewer than 20 neighbouring changes, or few in one direction, or without scatter.

    Read noise comes from repeated readings where most states have them.
    """
    neighbours = np.diff(changes.stretch) == 0
    counts = [int(np.sum(np.sign(changes.counts) == d)) for d in (1, -1)]
    if np.sum(neighbours) < _FEWEST or min(counts) < _FEWEST // 2:
        return None
    problem = _Problem(changes, np.ones(changes.change.size))
    rough = problem.solve(3, 1.0, 0.0)
    total = float(np.mean(rough.residual**2))
    if total <= 0:
        return None
    left, right = rough.residual[:-1][neighbours], rough.residual[1:][neighbours]
    product = float(np.mean(left * right))
    guess = max(total + 2 * product, 0.02 * total), max(-product, 0.02 * total)
    # Write noise of one size, or in proportion to the mean step: whichever the readings prefer.
    fits = [_restricted(p, guess, total) for p in (problem, _Problem(changes, _pattern(changes, rough)))]
    problem, write, read, _ = min(fits, key=lambda fit: fit[3])
    orders = [problem.solve(order, write[0], read[0]) for order in (1, 2, 3)]
    penalty = math.log(changes.change.size)  # of a coefficient (Schwarz): a cubic takes a random walk for curvature
    best = min(orders, key=lambda fit: fit.squares + penalty * fit.coefficients.size)
    centre, scale = problem.centre, problem.scale
    covered = float(changes.at.min()), float(changes.at.max())
    noise = _noise(states, changes, total, write, read)
    return StepFit(centre, scale, best.coefficients.reshape(2, -1), best.covariance, covered, noise)


def _pattern(changes: Changes, rough: _Solution) -> FloatArray:
    """Size of write noise of each change, proportional to the mean step, root mean square 1; never below a tenth."""
    size = np.abs(changes.change - rough.residual)
    size = size / (math.sqrt(float(np.mean(size**2))) or 1.0)
    size = np.maximum(size, 0.1)
    return size / math.sqrt(float(np.mean(size**2)))


def _restricted(
    problem: _Problem, guess: tuple[float, float], total: float
) -> tuple[_Problem, tuple[float, float], tuple[float, float], float]:
    """Restricted maximum likelihood of (σ_w², σ_r²) under cubic steps: variances, each with its error, and −2 ln L.

    Restricted, because a cubic takes up a good part of a random walk: the plain likelihood finds too little of it.
    """
    from scipy.optimize import minimize

    def loss(logs: FloatArray) -> float:
        return problem.solve(3, *np.exp(np.clip(logs, low, 30)).tolist()).deviance

    low = math.log(total) - 23  # 10 decades below what the readings scatter
    start = np.log(guess)
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.01, "maxfev": 150})
    best = np.clip(np.asarray(found.x, dtype=np.float64), low, 30)
    errors = [_upper(loss, best, float(found.fun), index) for index in (0, 1)]
    values = np.exp(best).tolist()
    return problem, (values[0], errors[0]), (values[1], errors[1]), float(found.fun)


def _upper(loss: Callable[[FloatArray], float], best: FloatArray, least: float, index: int) -> float:
    """Standard error of a variance: how far up −2 ln L has grown by 1, the other variance held."""
    value = math.exp(best[index])
    low, high = 0.0, 0.05
    while loss(_moved(best, index, high)) < least + 1 and high < 40:
        low, high = high, 2 * high
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(_moved(best, index, middle)) < least + 1 else (low, middle)
    return value * math.expm1(high)


def _moved(best: FloatArray, index: int, by: float) -> FloatArray:
    moved = best.copy()
    moved[index] += by
    return moved


@dataclass(frozen=True)
class _Solution:
    coefficients: FloatArray  # (2 (order + 1),), up first
    covariance: FloatArray
    residual: FloatArray
    squares: float  # residuals weighted by their covariance
    deviance: float  # −2 ln of the restricted likelihood, but for a constant


class _Problem:
    """Generalised least squares of changes on powers of G, up and down apart.

    Changes that follow each other share a reading: covariance σ_w² p_k² + 2σ_r² and, between neighbours, −σ_r²;
    p is the `pattern` of write noise.
    """

    def __init__(self, changes: Changes, pattern: FloatArray) -> None:
        self.changes, self.write = changes, pattern**2 * np.abs(changes.counts)
        self.linked = np.diff(changes.stretch) <= 1  # a ramp starts from the state that ended the one before
        self.centre, self.scale = float(changes.at.mean()), float(np.ptp(changes.at)) or 1.0
        x, up = (changes.at - self.centre) / self.scale, (changes.counts > 0)[:, np.newaxis]
        self.powers = np.abs(changes.counts)[:, np.newaxis] * np.vander(x, 4, increasing=True)
        self.up = up

    def solve(self, order: int, write: float, read: float) -> _Solution:
        """Coefficients for polynomials of `order`, with variances `write` of a pulse and `read` of a reading."""
        from scipy.linalg import cho_solve_banded, cholesky_banded

        bands = np.zeros((2, self.write.size))
        bands[0] = write * self.write + 2 * read
        bands[1, :-1] = np.where(self.linked, -read, 0.0)
        factor = cholesky_banded(bands, lower=True, check_finite=False)
        powers = self.powers[:, : order + 1]
        design = np.concatenate([np.where(self.up, powers, 0.0), np.where(self.up, 0.0, powers)], axis=1)
        both = np.concatenate([design, self.changes.change[:, np.newaxis]], axis=1)
        weighted: FloatArray = cho_solve_banded((factor, True), both, check_finite=False)
        information = design.T @ weighted[:, :-1]
        covariance: FloatArray = np.linalg.pinv(information, hermitian=True).astype(np.float64)
        coefficients = covariance @ (design.T @ weighted[:, -1])
        residual = self.changes.change - design @ coefficients
        squares = float(residual @ (weighted[:, -1] - weighted[:, :-1] @ coefficients))
        determinant = 2 * float(np.sum(np.log(factor[0]))) + float(np.linalg.slogdet(information)[1])
        return _Solution(coefficients, covariance, residual, squares, determinant + squares)


def _noise(
    states: States, changes: Changes, total: float, write: tuple[float, float], read: tuple[float, float]
) -> Noise:
    """Standard deviations, of one reading and of one pulse, from variances with their errors."""
    reads = float(np.mean(states.reads[states.reads > 0]))
    value, std = _root(*write)
    step = math.sqrt(max(float(np.mean(changes.change**2)) - total, 1e-30 * total))
    noise = Noise(*_root(read[0] * reads, read[1] * reads), value, std, value / step, std / step)
    if math.isfinite(states.within) and np.mean(states.reads > 1) > 0.5:
        freedom = int(np.sum(np.maximum(states.reads - 1, 0)))
        noise = replace(noise, read=states.within, read_std=states.within / math.sqrt(2 * freedom))
    return noise


def _root(variance: float, std: float) -> tuple[float, float]:
    """A standard deviation and its error from a variance and its error: δσ = δv/(2σ), √δv where σ is near zero."""
    value = math.sqrt(max(variance, 0.0))
    return value, min(std / (2 * value) if value > 0 else math.inf, math.sqrt(std))
