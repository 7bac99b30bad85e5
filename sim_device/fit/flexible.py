"""Steps of any smooth shape: as many terms as the data ask for, with a covariance that trusts no model."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.estimate import Estimate, Shape, likelihood, maximum, scaled_inverse

LARGEST = 6  # terms of a step
PIECES = (8, 16)  # knots of a step
ROWS_A_PIECE = 250  # of both directions together
FEW_PIECES = 10  # fewer than these say nothing of how pieces differ


def flexible(straight: Estimate) -> Estimate:
    """The steps with the lowest ``BIC = −2 ln L + p ln n``, started from straight ones.

    Legendre series of 2 to `LARGEST` terms; where there are data for it also straight pieces between `PIECES` knots at
    quantiles of the readings.
    """
    trace = straight.trace
    best = last = straight
    for size in range(3, LARGEST + 1):
        last = maximum(trace, Shape(kernels.POLYNOMIAL, size), [_longer(last, size)])
        best = min(best, last, key=bic)
    for count in PIECES:
        if len(trace) < ROWS_A_PIECE * count:
            break
        knots = np.quantile(trace.mean[trace.count > 0], np.linspace(0.0, 1.0, count))
        if np.min(np.diff(knots)) > 1e-3:
            start = [np.concatenate([*_values(last, knots), last.theta[2 * last.shape.size :][:2]])]
            best = min(best, maximum(trace, Shape(kernels.PIECEWISE, count, knots), start), key=bic)
    return best


def _values(estimate: Estimate, x: FloatArray) -> list[FloatArray]:
    return [np.array([estimate.at(at, way)[0] for at in x]) for way in (+1, -1)]


def robust_covariance(estimate: Estimate) -> FloatArray:
    """(p, p) covariance of θ that allows for what the model leaves out.

    Many pieces: sandwich over pieces, ``I⁻¹ (Σ s sᵀ) I⁻¹`` with the score s of each piece, since steps differ from
    ramp to ramp. Few: the larger, element by element of the diagonal, of plain and sandwich over readings.
    """
    pieces = estimate.trace.pieces()
    if len(pieces) >= FEW_PIECES:
        return _over_pieces(estimate, pieces)
    plain, sandwich = estimate.covariance(), estimate.covariance(robust=True)
    ratio = np.sqrt(np.maximum(1.0, np.diag(sandwich) / np.maximum(np.diag(plain), 1e-300)))
    return plain * np.outer(ratio, ratio)


def _over_pieces(estimate: Estimate, pieces: list[slice]) -> FloatArray:
    total = np.zeros_like(estimate.information)
    for rows in pieces:
        score = likelihood(estimate.trace.part(rows), estimate.shape, estimate.theta)[1]
        total += np.outer(score, score)
    total *= len(pieces) / (len(pieces) - 1)
    chosen = np.flatnonzero(estimate.free & ~estimate.held)
    block = np.ix_(chosen, chosen)
    inverse = scaled_inverse(estimate.information[block])
    full = np.zeros_like(total)
    full[block] = inverse @ total[block] @ inverse
    return full


def bic(estimate: Estimate) -> float:
    """``−2 ln L + p ln n`` with p numbers estimated from n readings after pulses; lower is better."""
    readings = int(np.sum((estimate.trace.count > 0) & ~estimate.trace.starts))
    return -2.0 * estimate.log_likelihood + estimate.numbers * float(np.log(readings))


def _longer(estimate: Estimate, size: int) -> FloatArray:
    """Start of a series of `size` terms: the shorter one and a zero."""
    old, theta = estimate.shape.size, estimate.theta
    start = np.zeros(2 * size + 2)
    start[:old], start[size : size + old] = theta[:old], theta[old : 2 * old]
    start[2 * size :] = theta[2 * old : 2 * old + 2]
    return start
