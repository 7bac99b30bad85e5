"""How well the numbers of a measured step are known: normal distributions of θ, mixed over what is hard to tell apart.

With few ramps nobody knows whether their steps differ by a factor of each, wear off, or are alike; and if factors
differ, their spread is hardly known, and the error of the mean steps goes with it, as in Student's t. So each of these
counts by its posterior probability (Laplace's approximation; prior probabilities alike), and the spread of factors is
taken at several values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.measured.parts import Parts, lifted, log_prior_scale
from sim_device.fit.measured.search import Maximum, Rows, maximise

STEPS = 0.5  # between values of ln spread
LEAST = 1e-3  # weight below which no further value is tried
MOST = 10  # values on each side
MANY = 12  # ramps of a direction that tell by themselves what they are
FEW = 2  # ramps of a direction: a trend takes more
UNLIKELY = -1.5  # ln of the prior odds of wear over factors where ramps are so few


@dataclass(frozen=True)
class Node:
    """One normal distribution of θ for some parts: its mean, a root of its covariance (p, p), and its weight.

    `top` is ln of likelihood and prior at the mean.
    """

    parts: Parts
    theta: FloatArray
    root: FloatArray
    weight: float
    top: float


_Weighed = tuple[Maximum, FloatArray, float]


def nodes_of(rows: Rows, best: Maximum) -> tuple[Node, ...]:
    """One node; several where ramps have, or might have, factors of their own."""
    found: list[_Weighed] = []
    for parts in _alternatives(rows, best.parts):
        start = best if parts == best.parts else maximise(rows, parts, lifted(best.theta, best.parts, parts))
        one = _over_spread(rows, start) if parts.ramps == 1 else [_weighed(start, None)]
        odds = UNLIKELY if parts.wear and rows.ramps <= FEW else 0.0
        found += [(maximum, root, log + odds) for maximum, root, log in one]
    logs = np.array([log for _, _, log in found])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return tuple(
        Node(one.parts, one.theta, root, float(w), one.value.posterior)
        for (one, root, _), w in zip(found, weights, strict=True)
        if w > LEAST / 10
    )


def _alternatives(rows: Rows, parts: Parts) -> list[Parts]:
    """With and without factors and wear, where there are ramps to compare and not so many that they tell."""
    if not 1 < rows.ramps <= MANY or parts.ramps == 2:
        return [parts]
    return [replace(parts, ramps=ramps, wear=wear) for ramps in (0, 1) for wear in (False, True)]


def _over_spread(rows: Rows, start: Maximum) -> list[_Weighed]:
    at = start.parts.at("ramps").start
    middle = _fixed(rows, start, at, float(start.theta[at]))
    found = [middle]
    for way in (+1, -1):
        before = middle
        for k in range(1, MOST + 1):
            before = _fixed(rows, before[0], at, float(start.theta[at]) + way * STEPS * k)
            found.append(before)
            if before[2] < middle[2] + np.log(LEAST):
                break
    return found


def _fixed(rows: Rows, near: Maximum, at: int, value: float) -> _Weighed:
    """With one number at `value`: it stands for those nearer to it than to the next."""
    start = near.theta.copy()
    start[at] = value
    one, root, log = _weighed(maximise(rows, near.parts, start, fixed=at), at)
    root[at, at] = STEPS / np.sqrt(12.0)
    return one, root, log + float(np.log(STEPS) - 0.5 * np.log(2 * np.pi))


def _weighed(found: Maximum, fixed: int | None) -> _Weighed:
    """Maximum, root of the covariance (of all but one number), and ln of its part of the posterior."""
    root, log_volume = _root(found, fixed)
    return found, root, found.value.posterior + log_prior_scale(found.parts) + log_volume


def _root(found: Maximum, fixed: int | None) -> tuple[FloatArray, float]:
    """(p, p) root of the inverse information, and ln of the volume it spans."""
    size = len(found.theta)
    free = np.flatnonzero(np.arange(size) != (-1 if fixed is None else fixed))
    block = found.value.information[np.ix_(free, free)]
    scale = 1.0 / np.sqrt(np.maximum(np.diag(block), 1e-12))
    values, vectors = np.linalg.eigh(block * np.outer(scale, scale))
    values = np.maximum(values, 1e-9)
    root = np.zeros((size, size))
    root[np.ix_(free, free)] = scale[:, None] * vectors / np.sqrt(values)
    return root, float(np.sum(np.log(scale)) - 0.5 * np.sum(np.log(values)))
