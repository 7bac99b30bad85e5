"""The maximum-likelihood estimate of a trace for one shape of steps: scaled numbers and their covariance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.kernels import EXTRA
from sim_device.fit.solver import maximise
from sim_device.fit.start import linear_starts
from sim_device.fit.trace import Trace

NONE = -700.0  # ln of a variance that is absent
EVALUATIONS = 120
TINY = 1e-7  # gain of ln L that ends a maximisation: a ten-thousandth of a standard error is 5e-9
WIDE = 4.0  # square of the scale of the prior of σc: published devices have 0.05 to 5
SUSPECT = 2.0  # σc above which another start is tried: a wild walk can stand in for steps that were not found


class Known(NamedTuple):
    """What is known of the first numbers of θ before the trace: normal, `mean` (k,) and inverse covariance (k, k)."""

    mean: FloatArray
    precision: FloatArray


NOTHING = Known(np.empty(0), np.empty((0, 0)))


class Limits(NamedTuple):
    """Under which an estimate is made: which numbers are free, between what, with which prior of log-variances."""

    free: NDArray[np.bool_]
    floor: FloatArray
    ceiling: FloatArray
    prior: FloatArray


@dataclass(frozen=True)
class Shape:
    """Family of step functions as the kernels know it: `size` numbers for each direction, `knots` where it has any."""

    kind: int
    size: int
    knots: FloatArray = field(default_factory=lambda: np.zeros(1))

    @property
    def total(self) -> int:
        """Length of θ."""
        return 2 * self.size + EXTRA


LINEAR, STRAIGHT = Shape(kernels.LINEAR, 2), Shape(kernels.STRAIGHT, 2)


@dataclass(frozen=True)
class Estimate:
    """θ at the maximum, with what is known there. `free`: estimated; `held`: of these, leaning on a limit.

    `mixture` (p, p) and `nodes` (ln weight and θ, σc ascending) are there once cycle-to-cycle noise was integrated out.
    `information` (p, p) is the expected information, with that of what was `known` before.
    """

    trace: Trace
    shape: Shape
    theta: FloatArray
    log_likelihood: float
    information: FloatArray
    free: NDArray[np.bool_]
    held: NDArray[np.bool_]
    evaluations: int
    converged: bool
    softly_bound: bool = False
    mixture: FloatArray | None = None
    nodes: tuple[tuple[float, FloatArray], ...] = ()
    known: Known = NOTHING

    def covariance(self, robust: bool = False) -> FloatArray:
        """(p, p) covariance of θ; 0 for what was held.

        Inverse information (or, where the cycle-to-cycle noise was integrated out, the covariance of that mixture); or
        the sandwich ``I⁻¹ (Σ s sᵀ) I⁻¹``, which does not trust the model.
        """
        if self.mixture is not None and not robust:
            return self.mixture
        chosen = np.flatnonzero(self.free & ~self.held)
        full = np.zeros_like(self.information)
        inverse = scaled_inverse(self.information[np.ix_(chosen, chosen)])
        if robust:
            outer = likelihood(self.trace, self.shape, self.theta, outer=True)[3]
            inverse = inverse @ outer[np.ix_(chosen, chosen)] @ inverse
        full[np.ix_(chosen, chosen)] = inverse
        return full

    @property
    def numbers(self) -> int:
        """How many numbers were estimated."""
        return int(np.sum(self.free))

    def at(self, x: float, direction: int) -> tuple[float, float, FloatArray, FloatArray]:
        """(f, f', ∂f/∂θ, ∂f'/∂θ) of the up (+1) or down (−1) step at the scaled conductance `x`."""
        s, value, slope = self.shape, np.zeros(self.shape.size), np.zeros(self.shape.size)
        begin = 0 if direction > 0 else s.size
        f, fx, _ = kernels.step_of(s.kind, s.size, s.knots, self.theta, begin, float(x), value, slope)
        gradient, gradient_x = np.zeros(s.total), np.zeros(s.total)
        gradient[begin : begin + s.size], gradient_x[begin : begin + s.size] = value, slope
        return f, fx, gradient, gradient_x


def likelihood(
    trace: Trace, shape: Shape, theta: FloatArray, *, outer: bool = False
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """(ln L, score, information, sum of outer products of single scores or an empty array) of a trace at `theta`."""
    results = kernels.empty_results(shape.total, outer)
    kind = kernels.LINEAR if outer and shape.kind == kernels.STRAIGHT else shape.kind
    value = kernels.log_likelihood(kind, shape.size, shape.knots, theta, trace.compiled, *results)
    return value, *results


def scaled_inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a positive matrix after scaling to a unit diagonal; directions without information get a huge one."""
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-20))
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    inverse = (vectors / np.maximum(values, 1e-14)) @ vectors.T
    return inverse * np.outer(scale, scale)


def maximum(
    trace: Trace,
    shape: Shape,
    starts: list[FloatArray],
    *,
    softly_bound: bool = False,
    drift: bool = False,
    known: Known = NOTHING,
) -> Estimate:
    """The best of the maxima reached from `starts`: each (2 size + 2,) with steps, ln σc² and ln σr².

    With `softly_bound` the slopes of straight steps stay within (−1, 0), so that they are soft bounds. `known`: what is
    known of the first numbers before; it counts as much as readings that say the same.
    """
    free, floor, ceiling, prior = _limits(trace, shape, softly_bound=softly_bound, drift=drift)
    best: Estimate | None = None
    for theta in _most_likely(trace, shape, [_extended(start, free, floor, ceiling) for start in starts]):
        score, information, _ = kernels.empty_results(shape.total)
        value, evaluations, converged = maximise(
            shape.kind, shape.size, shape.knots, theta, free, floor, ceiling, prior, *known, trace.compiled,
            EVALUATIONS, TINY, score, information,
        )  # fmt: skip
        if best is None or value > best.log_likelihood:
            held = free & ((theta <= floor) | (theta >= ceiling) | (np.diag(information) <= 0))
            best = Estimate(
                trace, shape, theta, value, information, free, held, evaluations, converged, softly_bound, known=known
            )
        if best.converged and best.theta[2 * shape.size] < 2 * np.log(SUSPECT):
            break
    if best is None:
        raise ValueError("no start was given")
    return best


def linear(trace: Trace, *, softly_bound: bool = False, drift: bool = False) -> Estimate:
    """Maximum for straight steps, from moments."""
    shape = LINEAR if drift or repeats_states(trace) else STRAIGHT
    return maximum(trace, shape, linear_starts(trace), softly_bound=softly_bound, drift=drift)


def repeats_states(trace: Trace) -> bool:
    """Whether write noise can be told from read noise: states were read more than once, in 8 places or more."""
    return int(np.sum(trace.count > 1)) >= 8


def _limits(trace: Trace, shape: Shape, *, softly_bound: bool, drift: bool) -> Limits:
    free = np.ones(shape.total, dtype=np.bool_)
    free[: shape.size], free[shape.size : 2 * shape.size] = trace.has(+1), trace.has(-1)
    free[-2], free[-1] = repeats_states(trace), drift
    floor, ceiling = np.full(shape.total, -np.inf), np.full(shape.total, np.inf)
    if softly_bound:
        floor[[1, 3]], ceiling[[1, 3]] = -1.0, -1e-6
    floor[2 * shape.size], ceiling[2 * shape.size] = np.log(1e-8), np.log(1e6)
    # Rounding to a quantum spreads readings by quantum/√12 at least.
    floor[2 * shape.size + 1], ceiling[2 * shape.size + 1] = np.log(max(trace.quantum**2 / 12, 1e-16)), np.log(10.0)
    floor[2 * shape.size + 2], ceiling[2 * shape.size + 2] = np.log(1e-16), np.log(10.0)
    floor[~free], ceiling[~free] = -np.inf, np.inf
    prior = np.zeros(shape.total)
    prior[2 * shape.size], prior[2 * shape.size + 2] = WIDE, 1.0 if free[-2] else 0.0
    return Limits(free, floor, ceiling, prior)


def limits_of(estimate: Estimate) -> Limits:
    """(free, floor, ceiling, prior) under which an estimate was made."""
    return _limits(estimate.trace, estimate.shape, softly_bound=estimate.softly_bound, drift=bool(estimate.free[-1]))


def _extended(start: FloatArray, free: NDArray[np.bool_], floor: FloatArray, ceiling: FloatArray) -> FloatArray:
    write = start[-1] - 1.0 if free[-2] else NONE
    theta = np.clip(np.concatenate([start, [write, 0.0]]), floor, ceiling)
    theta[-2] = theta[-2] if free[-2] else NONE
    steps = len(theta) - EXTRA
    theta[:steps][~free[:steps]] = 0.0
    return theta


def _most_likely(trace: Trace, shape: Shape, thetas: list[FloatArray], keep: int = 2) -> list[FloatArray]:
    def value(theta: FloatArray) -> float:
        found = likelihood(trace, shape, theta)[0]
        return found if np.isfinite(found) else -np.inf

    return sorted(thetas, key=value, reverse=True)[:keep]
