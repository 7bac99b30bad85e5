"""The parts of a measured step: which there are, their numbers, and how these are told to the compiled likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from instruments.crosspoints import FloatArray
from sim_device.fit.measured.kernels import (
    KEPT,
    LEFT,
    OTHERS,
    PROPORTIONAL,
    RAMP,
    READ,
    RELAXING,
    SHARE,
    SLOW,
    TAILS,
    WEAR,
)
from sim_device.models.measured import MOST_TAILS

NODES = 257  # of the splines over the measured window
Splines: TypeAlias = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Parts:
    """What a measured step is made of: how many B-splines for steps and ln scatter, and which of the other parts.

    `relative`: the scatter goes with the step, so that its splines are those of ln of the cycle-to-cycle noise. `ramps`
    is 0 for none, 1 for one spread of ramp factors, 2 for one of each direction.
    """

    size: int = 2
    scatter: int = 1
    relative: bool = True
    history: bool = False
    ramps: int = 0
    proportional: bool = False
    tails: bool = False
    slow: bool = False
    relaxing: bool = False
    wear: bool = False

    @property
    def layout(self) -> list[tuple[str, int]]:
        """What θ holds after the coefficients: names and how many numbers each has."""
        all_of = [
            ("read", 1), ("history", 6 * self.history), ("ramps", self.ramps), ("proportional", int(self.proportional)),
            ("tails", int(self.tails)), ("slow", 2 * self.slow), ("relaxing", 2 * self.relaxing),
            ("wear", 2 * self.wear),
        ]  # fmt: skip
        return [(name, size) for name, size in all_of if size]

    @property
    def plain(self) -> bool:
        """Whether there is nothing beyond steps, their scatter and read noise."""
        return not any((self.history, self.ramps, self.tails, self.slow, self.relaxing, self.wear, self.proportional))

    @property
    def coefficients(self) -> int:
        """Numbers of steps and scatter."""
        return 2 * (self.size + self.scatter)

    def numbers(self) -> int:
        """How many numbers are estimated."""
        return self.coefficients + sum(size for _, size in self.layout)

    def at(self, name: str) -> slice:
        """Where the numbers of a part stand in θ."""
        begin = self.coefficients
        for part, size in self.layout:
            if part == name:
                return slice(begin, begin + size)
            begin += size
        return slice(begin, begin)


# Each number beyond the steps has a weak prior: normal, of this mean and standard deviation, in the terms of θ. They
# hold what the data do not tell within what devices are known to do; the data outweigh them in a few readings.
_PRIORS: dict[str, list[tuple[float, float]]] = {
    "read": [(0.0, np.inf)],  # ln of read noise over a typical step; see `half_cauchy`
    "history": [(0.0, 0.7), (1.5, 1.0), (0.0, 1.0)] * 2,  # share missing, ln pulses, ln by which scatter is larger
    "ramps": [(-2.0, 1.2), (-2.0, 1.2)],  # ln sigma of ln F
    "proportional": [(-4.6, 2.0)],  # ln of read noise over G
    "tails": [(-0.5, 1.5)],  # logit of 1/nu over its most
    "slow": [(0.0, np.inf), (2.5, 1.5)],  # ln of slow noise over a typical step, ln of its time in readings
    "relaxing": [(0.0, 1.5), (0.5, 1.0)],  # logit of the share, ln of its time in readings beyond 1
    "wear": [
        (0.0, 1.0),
        (0.0, 1.0),
    ],  # ln of the first step over the last, ln of its time in lengths of the trace
}
_CAUCHY = 30.0  # typical steps: scale of the half-Cauchy prior of read noise and of slow noise
STARTS: dict[str, list[float]] = {
    "read": [0.0],
    "history": [0.3, 1.5, 0.0] * 2,
    "ramps": [-3.5, -3.5],
    "proportional": [-5.0],
    "tails": [-1.0],
    "slow": [0.0, 2.5],
    "relaxing": [-1.0, 0.7],
    "wear": [0.0, 0.0],
}


def priors(parts: Parts) -> tuple[FloatArray, FloatArray]:
    """Means and inverse variances of θ before the data; those of the mean steps are 0: nothing is known of them."""
    means, weights = np.zeros(parts.numbers()), np.zeros(parts.numbers())
    weights[2 * parts.size : parts.coefficients] = 1e-2
    for name, size in parts.layout:
        means[parts.at(name)] = [mean for mean, _ in _PRIORS[name][:size]]
        weights[parts.at(name)] = [1.0 / std**2 for _, std in _PRIORS[name][:size]]
    return means, weights


def ln_prior(theta: FloatArray, parts: Parts) -> float:
    """Ln of the prior but for a constant."""
    means, weights = priors(parts)
    return half_cauchy(theta, parts)[0] - 0.5 * float(np.sum(weights * (theta - means) ** 2))


def log_prior_scale(parts: Parts) -> float:
    """Ln of the normal priors' heights, in units of 1/√2π: what Laplace's approximation compares parts by."""
    weights = priors(parts)[1]
    return 0.5 * float(np.sum(np.log(weights[weights > 0])))


def half_cauchy(theta: FloatArray, parts: Parts) -> tuple[float, FloatArray, FloatArray]:
    """Ln of the half-Cauchy prior of read and slow noise, its gradient and what it adds to the information.

    With r = (σ/scale)², ``ln π(ln σ) = ln σ − ln(1 + r)``: noise that the data do not tell from none stays about one
    standard error above it (Gelman, Bayesian Analysis 1, 515 (2006)). Where the likelihood falls as −a σ² its maximum
    is at a σ² = 1/2, and the curvature in ln σ there is 2.
    """
    gradient, information, total = np.zeros(len(theta)), np.zeros(len(theta)), 0.0
    for name in ("read", "slow"):
        at = parts.at(name)
        if at.stop > at.start:
            ratio = float(np.exp(2.0 * min(theta[at.start], 8.0))) / _CAUCHY**2
            total += float(theta[at.start]) - float(np.log1p(ratio))
            gradient[at.start] = 1.0 - 2.0 * ratio / (1.0 + ratio)
            information[at.start] = 2.0
    return total, gradient, information


@dataclass(frozen=True)
class Told:
    """θ as the kernels take it: all numbers, d number/dθ, and which of θ each is (-1: not estimated)."""

    number: FloatArray
    slope: FloatArray
    place: NDArray[np.int64]


def told(theta: FloatArray, parts: Parts, typical: float, pulses: int) -> Told:
    """`typical` is the size of a step [scaled], in which steps and noise are told; `pulses` those of the trace."""
    begin, total = parts.coefficients, parts.coefficients + OTHERS
    number, slope = np.zeros(total), np.zeros(total)
    place = np.full(total, -1, dtype=np.int64)
    place[:begin] = np.arange(begin)
    number[: 2 * parts.size], slope[: 2 * parts.size] = typical * theta[: 2 * parts.size], typical
    number[2 * parts.size : begin] = np.clip(theta[2 * parts.size : begin], -14, 8) + np.log(typical)
    slope[2 * parts.size : begin] = 1.0
    number[begin + SHARE + 1], number[begin + SHARE + 4], number[begin + WEAR + 1] = 1.0, 1.0, 1.0
    number[begin + KEPT], number[begin + LEFT] = 1.0, 1.0
    for name, _ in parts.layout:
        at = parts.at(name)
        for k, (where, value, by) in enumerate(_FORMS[name](theta[at], typical, pulses)):
            for one in where if isinstance(where, tuple) else (where,):
                number[begin + one], slope[begin + one], place[begin + one] = value, by, at.start + k
    return Told(number, slope, place)


_Form: TypeAlias = list[tuple[int | tuple[int, ...], float, float]]


def _exponential(
    where: int | tuple[int, ...], ln: float, unit: float = 1.0
) -> tuple[int | tuple[int, ...], float, float]:
    value = unit * float(np.exp(np.clip(ln, -14.0, 8.0)))
    return where, value, value


def _share(where: int, logit: float, most: float) -> tuple[int, float, float]:
    part = 1.0 / (1.0 + float(np.exp(-np.clip(logit, -12.0, 12.0))))
    return where, most * part, most * part * (1.0 - part)


def _kept(ln_time: float) -> tuple[int, float, float]:
    """What is left after one reading, ``exp(−1/τ)``, of ln τ."""
    rate = float(np.exp(-np.clip(ln_time, -3.0, 9.0)))
    return KEPT, float(np.exp(-rate)), float(np.exp(-rate)) * rate


def _left(ln_beyond: float) -> tuple[int, float, float]:
    """``exp(−1/τ)`` with τ = 1 + exp(θ): what is gone before the next reading is no part of a step."""
    beyond = float(np.exp(np.clip(ln_beyond, -5.0, 8.0)))
    left = float(np.exp(-1.0 / (1.0 + beyond)))
    return LEFT, left, left * beyond / (1.0 + beyond) ** 2


def _history(t: FloatArray, _typical: float, _pulses: int) -> _Form:
    # Beyond some 50 pulses a history is no other than steps of another shape.
    found: _Form = []
    for way in (0, 1):
        share, ln, rough = (float(number) for number in t[3 * way : 3 * way + 3])
        at = SHARE + 3 * way
        found += [(at, share, 1.0), _exponential(at + 1, min(max(ln, -1.0), 4.0)), (at + 2, rough, 1.0)]
    return found


def _ramps(t: FloatArray, _typical: float, _pulses: int) -> _Form:
    if len(t) == 1:
        return [_exponential((RAMP, RAMP + 1), min(float(t[0]), 1.0))]
    return [_exponential(RAMP + way, min(float(t[way]), 1.0)) for way in (0, 1)]


def _read(t: FloatArray, typical: float, _pulses: int) -> _Form:
    return [_exponential(READ, float(t[0]), typical)]


def _proportional(t: FloatArray, _typical: float, _pulses: int) -> _Form:
    return [_exponential(PROPORTIONAL, min(float(t[0]), 0.0))]


def _tails(t: FloatArray, _typical: float, _pulses: int) -> _Form:
    return [_share(TAILS, float(t[0]), MOST_TAILS)]


def _slow(t: FloatArray, typical: float, _pulses: int) -> _Form:
    return [_exponential(SLOW, float(t[0]), typical), _kept(float(t[1]))]


def _relaxing(t: FloatArray, _typical: float, _pulses: int) -> _Form:
    return [_share(RELAXING, float(t[0]), 1.0), _left(float(t[1]))]


def _wear(t: FloatArray, _typical: float, pulses: int) -> _Form:
    return [(WEAR, min(max(float(t[0]), -3.0), 3.0), 1.0), _exponential(WEAR + 1, float(t[1]), max(pulses, 1))]


_FORMS: dict[str, Callable[[FloatArray, float, int], _Form]] = {
    "read": _read,
    "history": _history,
    "ramps": _ramps,
    "proportional": _proportional,
    "tails": _tails,
    "slow": _slow,
    "relaxing": _relaxing,
    "wear": _wear,
}


@cache
def splines(size: int) -> Splines:
    """(size, NODES) B-splines over [-1, 1], constant or of degree 1 to 3, and their slopes."""
    degree = min(3, size - 1)
    inner = np.linspace(-1.0, 1.0, size - degree + 1)
    knots = np.concatenate([np.full(degree, -1.0), inner, np.full(degree, 1.0)])
    x = np.linspace(-1.0, 1.0, NODES)
    values = np.ascontiguousarray(BSpline.design_matrix(x, knots, degree).toarray().T, dtype=np.float64)
    if degree == 0:
        return values, np.zeros_like(values)
    slopes: FloatArray = np.asarray(BSpline(knots, np.eye(size), degree).derivative()(x), dtype=np.float64)
    return values, np.ascontiguousarray(slopes.T)


def resized(row: FloatArray, size: int) -> FloatArray:
    """Coefficients of the curve of `row` with another number of splines, by least squares."""
    if len(row) == size:
        return row
    return np.asarray(np.linalg.lstsq(splines(size)[0].T, row @ splines(len(row))[0], rcond=None)[0], dtype=np.float64)


def lifted(theta: FloatArray, old: Parts, new: Parts) -> FloatArray:
    """The start of other parts: the same steps and scatter, new parts small."""
    k, s = old.size, old.scatter
    pieces = [resized(row, new.size) for row in theta[: 2 * k].reshape(2, k)]
    pieces += [resized(row, new.scatter) for row in theta[2 * k : old.coefficients].reshape(2, s)]
    for name, size in new.layout:
        had = theta[old.at(name)]
        pieces.append(had[[0] * size] if name == "ramps" and 0 < len(had) < size else had[:size])
        if len(had) == 0:
            pieces[-1] = np.array(STARTS[name][:size])
    return np.concatenate(pieces)
