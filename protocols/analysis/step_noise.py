"""Mean steps as smooth functions of G by generalised least squares, and read noise told apart from write noise.

The residuals ρ of a cubic ΔG±(G) along a ramp are an MA(1) process::

    ρ_k = w_k + e_k+1 − e_k      σ_r² = −Cov(ρ_k, ρ_k+1)      σ_w² = Var(ρ) + 2 Cov(ρ_k, ρ_k+1)

These moments start a maximum of the likelihood, which knows σ_w far better where read noise dominates: write noise
accumulates over a ramp, read noise does not. The covariance of the MA(1) process then weights the least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.changes import Changes, States
from protocols.analysis.local_linear import fit_noise

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

    `coefficients` (2, p): of up and of down steps [unit], p = 2 to 4 by Akaike's criterion; `covariance` (2p, 2p) of
    both, up first; `covered`: the conductances that steps started from.
    """

    centre: float
    scale: float
    coefficients: FloatArray
    covariance: FloatArray
    covered: tuple[float, float]
    noise: Noise


def fit_steps(states: States, changes: Changes) -> StepFit | None:
    """Curves and noises; None with fewer than 20 neighbouring changes or with one direction only, or without scatter.

    Read noise comes from repeated readings of a state where there are any.
    """
    neighbours = np.diff(changes.stretch) == 0
    counts = [int(np.sum(np.sign(changes.counts) == d)) for d in (1, -1)]
    if np.sum(neighbours) < _FEWEST or min(counts) < _FEWEST // 2:
        return None
    residual = _least_squares(changes, 3, 1.0, 0.0)[2]
    left, right = residual[:-1][neighbours], residual[1:][neighbours]
    product, total = float(np.mean(left * right)), float(np.mean((left**2 + right**2) / 2))
    if total <= 0:
        return None
    write, read = (max(total + 2 * product, 1e-4 * total), 0.0), (max(-product, 0.01 * total), 0.0)
    for _ in range(3):
        guess = max(write[0], 1e-6 * total), read[0]
        residual = _least_squares(changes, 3, *guess)[2]
        write, read = fit_noise(residual, changes.counts, changes.stretch, guess)
    fits = [_least_squares(changes, order, max(write[0], 1e-6 * total), read[0]) for order in (1, 2, 3)]
    best = min(range(3), key=lambda k: fits[k][3] + 2 * 2 * (k + 2))
    coefficients, covariance, _, _ = fits[best]
    centre, scale = _frame(changes)
    noise = _noise(states, changes, total, write, read)
    covered = float(changes.at.min()), float(changes.at.max())
    return StepFit(centre, scale, coefficients.reshape(2, -1), covariance, covered, noise)


def _frame(changes: Changes) -> tuple[float, float]:
    return float(changes.at.mean()), float(np.ptp(changes.at)) or 1.0


def _noise(
    states: States, changes: Changes, total: float, write: tuple[float, float], read: tuple[float, float]
) -> Noise:
    """Standard deviations, of one reading and of one pulse, from variances with their errors."""
    reads = float(np.mean(states.reads[states.reads > 0]))
    value, std = _root(*write)
    step = math.sqrt(max(float(np.mean(changes.change**2)) - total, 1e-30 * total))
    noise = Noise(*_root(read[0] * reads, read[1] * reads), value, std, value / step, std / step)
    if math.isfinite(states.within):
        freedom = int(np.sum(np.maximum(states.reads - 1, 0)))
        noise = replace(noise, read=states.within, read_std=states.within / math.sqrt(2 * freedom))
    return noise


def _least_squares(
    changes: Changes, order: int, write: float, read: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Coefficients (2(order + 1),) up first, their covariance, residuals and weighted sum of squares.

    Changes along a stretch have the covariance of an MA(1) process: σ_w² + 2σ_r² and, between neighbours, −σ_r².
    """
    from scipy.linalg import solveh_banded

    bands = np.zeros((2, changes.change.size))
    bands[0] = write + 2 * read
    bands[1, :-1] = np.where(np.diff(changes.stretch) == 0, -read, 0.0)
    centre, scale = _frame(changes)
    powers = np.vander((changes.at - centre) / scale, order + 1, increasing=True)
    up = (changes.counts > 0)[:, np.newaxis]
    design = np.concatenate([np.where(up, powers, 0.0), np.where(up, 0.0, powers)], axis=1)
    weighted = solveh_banded(bands, design, lower=True)
    covariance: FloatArray = np.linalg.pinv(design.T @ weighted, hermitian=True).astype(np.float64)
    coefficients = covariance @ (weighted.T @ changes.change)
    residual = changes.change - design @ coefficients
    return coefficients, covariance, residual, float(residual @ solveh_banded(bands, residual, lower=True))


def _root(variance: float, std: float) -> tuple[float, float]:
    """A standard deviation and its error from a variance and its error: δσ = δv/(2σ), √δv where σ is near zero."""
    value = math.sqrt(max(variance, 0.0))
    return value, min(std / (2 * value) if value > 0 else math.inf, math.sqrt(std))
