"""The parts of a measured step: which there are, and their numbers as tables for the compiled likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from instruments.crosspoints import FloatArray

NODES = 129  # of the tables of steps


@dataclass(frozen=True)
class Parts:
    """What a measured step is made of: how many splines for steps and ln scatter, and which of the other parts."""

    size: int = 2
    scatter: int = 1
    history: bool = False
    ramps: bool = False
    proportional: bool = False
    tails: bool = False

    def numbers(self) -> int:
        """How many numbers are estimated."""
        return 2 * self.size + 2 * self.scatter + 1 + 4 * self.history + 2 * self.ramps + self.proportional + self.tails


@dataclass(frozen=True)
class Tables:
    """The parts at their estimate, in scaled units, as the kernels take them."""

    steps: FloatArray
    scatter: FloatArray
    history: FloatArray
    ramps: FloatArray
    read: float
    proportional: float
    tails: float


def tables_of(theta: FloatArray, parts: Parts, typical: float) -> Tables:
    """Numbers as tables; `typical` is the size of a step, in which steps and noise are told."""
    k, s = parts.size, parts.scatter
    basis, spread = splines(k), splines(s)
    steps = typical * (theta[: 2 * k].reshape(2, k) @ basis)
    at = 2 * k + 2 * s
    scatter = typical * np.exp(np.clip(theta[2 * k : at].reshape(2, s), -12, 8) @ spread)
    read, at = typical * float(np.exp(np.clip(theta[at], -12, 8))), at + 1
    history, ramps, proportional = np.array([[0.0, 1.0], [0.0, 1.0]]), np.zeros(2), 0.0
    if parts.history:
        history = theta[at : at + 4].reshape(2, 2).copy()
        # beyond some 50 pulses a history is no other than steps of another shape
        history[:, 1] = np.exp(np.clip(history[:, 1], -1, 4))
        at += 4
    if parts.ramps:
        ramps, at = np.exp(np.clip(theta[at : at + 2], -12, 1)), at + 2
    if parts.proportional:
        proportional, at = float(np.exp(np.clip(theta[at], -12, 0))), at + 1
    # 1/nu between 0 and 0.45: the variance of t is finite, and is what the scatter tells
    tails = 0.45 / (1.0 + float(np.exp(-np.clip(theta[at], -12, 12)))) if parts.tails else 0.0
    return Tables(steps, scatter, history, ramps, read, proportional, tails)


_SPLINES: dict[int, FloatArray] = {}


def splines(size: int) -> FloatArray:
    """(size, NODES) B-splines over [-1, 1]: constant, else of degree 2 or 3."""
    if size not in _SPLINES:
        degree = min(3, size - 1)
        inner = np.linspace(-1.0, 1.0, size - degree + 1)
        knots = np.concatenate([np.full(degree, -1.0), inner, np.full(degree, 1.0)])
        x = np.linspace(-1.0, 1.0, NODES)
        _SPLINES[size] = np.ascontiguousarray(BSpline.design_matrix(x, knots, degree).toarray().T, dtype=np.float64)
    return _SPLINES[size]


def resized(row: FloatArray, size: int) -> FloatArray:
    """Coefficients of the curve of `row` with another number of splines, by least squares."""
    if len(row) == size:
        return row
    return np.asarray(np.linalg.lstsq(splines(size).T, row @ splines(len(row)), rcond=None)[0], dtype=np.float64)
