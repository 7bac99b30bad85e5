"""How well the numbers of a measured step are known: normal distributions, mixed over the spread of ramp factors.

With few ramps the spread of their factors is hardly known, and the error of the mean steps goes with it: as in
Student's t, an error at the most likely spread alone would be too small. So the spread is taken at several values, and
each counts by its part of the posterior (Laplace's approximation of the others).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.measured_search import Maximum, Rows, maximise

STEPS = 0.5  # between values of ln spread
LEAST = 1e-3  # weight below which no further value is tried
MOST = 8  # values on each side


@dataclass(frozen=True)
class Node:
    """One normal distribution of θ: its mean, a root of its covariance (p, p), and its weight."""

    theta: FloatArray
    root: FloatArray
    weight: float


def nodes_of(rows: Rows, best: Maximum) -> tuple[Node, ...]:
    """One node; several where the ramps have factors of their own."""
    if not best.parts.ramps:
        return (Node(best.theta, _root(best, None)[0], 1.0),)
    at = best.parts.at("ramps").start
    middle = _fixed(rows, best, at, float(best.theta[at]))
    found = [middle]
    for way in (+1, -1):
        before = middle
        for k in range(1, MOST + 1):
            before = _fixed(rows, before[0], at, float(best.theta[at]) + way * STEPS * k)
            found.append(before)
            if before[2] < middle[2] + np.log(LEAST):
                break
    logs = np.array([log for _, _, log in found])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return tuple(Node(one.theta, root, float(w)) for (one, root, _), w in zip(found, weights, strict=True))


def _fixed(rows: Rows, near: Maximum, at: int, value: float) -> tuple[Maximum, FloatArray, float]:
    """The maximum with one number at `value`, the root of the covariance of the others, ln of the posterior of it."""
    start = near.theta.copy()
    start[at] = value
    found = maximise(rows, near.parts, start, fixed=at)
    root, log_volume = _root(found, at)
    return found, root, found.value.posterior + log_volume


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
