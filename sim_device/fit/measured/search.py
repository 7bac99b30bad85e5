"""The maximum of the likelihood of a measured step with some parts: damped Fisher scoring in the numbers θ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.measured.kernels import measured_likelihood
from sim_device.fit.measured.parts import Parts, half_cauchy, ln_prior, priors, splines, told
from sim_device.fit.trace import Trace

EVALUATIONS = 60
TINY = 1e-4  # gain of ln L that ends a search: a hundredth of a standard error is 5e-5
LAST = 16  # numbers known at the end of a trace (`measured_likelihood`)
FLAT = np.empty((5, 0))  # no innovations are asked for


class Rows(NamedTuple):
    """A trace as the likelihood takes it, with what is constant in a search."""

    rows: tuple[FloatArray, IntArray, FloatArray, NDArray[np.bool_]]
    typical: float
    pulses: int
    zero: float
    ramps: int
    before: int = 0

    @property
    def wears(self) -> tuple[float, float]:
        """Pulses before the first row, and those over which wear is told."""
        return float(self.before), float(self.pulses)

    def relative(self, parts: Parts) -> float:
        """The typical step where the scatter goes with the step, else 0."""
        return self.typical if parts.relative else 0.0

    @staticmethod
    def of(trace: Trace) -> Rows:
        """Of a trace that was not gathered: one row a reading."""
        y = np.where(trace.count > 0, trace.mean, np.nan)
        pulses = int(np.sum(np.abs(trace.pulses[~trace.starts])))
        given, zero = (y, trace.pulses, trace.elapsed, trace.starts), -trace.centre / trace.scale
        return Rows(given, typical_step(trace), pulses, zero, most_ramps(trace))


class Value(NamedTuple):
    """ln L + ln prior, its gradient, the expected information with that of the prior, and ln L alone."""

    posterior: float
    gradient: FloatArray
    information: FloatArray
    likelihood: float


@dataclass(frozen=True)
class Maximum:
    """θ at the maximum for some parts; `information` with that of the prior."""

    parts: Parts
    theta: FloatArray
    value: Value
    converged: bool
    evaluations: int = field(compare=False, default=0)


def likelihood(rows: Rows, theta: FloatArray, parts: Parts) -> Value:
    """Ln L of θ with a weak prior, and derivatives."""
    place = told(theta, parts, rows.typical, rows.pulses)
    size = len(theta)
    score, information = np.zeros(size), np.zeros((size, size))
    found = measured_likelihood(
        rows.rows, place.number, *splines(parts.size), splines(parts.scatter)[0], rows.relative(parts),
        rows.wears, place.place, rows.zero, score, information, FLAT, np.zeros(LAST),
    )  # fmt: skip
    information += np.tril(information, -1).T
    chain = _chain(place.place, place.slope, size)
    means, weights = priors(parts)
    away = theta - means
    _, pull, curvature = half_cauchy(theta, parts)
    posterior = float(found) + ln_prior(theta, parts)
    gradient = chain * score - weights * away + pull
    if not np.isfinite(posterior) or not np.all(np.isfinite(gradient)):
        return Value(-np.inf, gradient, information, -np.inf)
    return Value(posterior, gradient, information * np.outer(chain, chain) + np.diag(weights + curvature), float(found))


def _chain(place: NDArray[np.int64], slope: FloatArray, size: int) -> FloatArray:
    """D number/dθ; numbers that share one θ have the same."""
    chain = np.zeros(size)
    chain[place[place >= 0]] = slope[place >= 0]
    return chain


def maximise(
    rows: Rows, parts: Parts, start: FloatArray, fixed: int | None = None, evaluations: int = EVALUATIONS
) -> Maximum:
    """From `start`, in at most so many evaluations; the number `fixed` of θ stays where it is."""
    free = np.arange(len(start)) != (-1 if fixed is None else fixed)
    theta, best = start.copy(), likelihood(rows, start, parts)
    damping, used = 1e-2, 1
    while used < evaluations:
        move = _move(best, free, damping)
        gain = 0.5 * float(move @ best.gradient)
        if gain < TINY and damping <= 1.0:
            return Maximum(parts, theta, best, True, used)
        longest = np.where(np.arange(len(theta)) < 2 * parts.size, 20.0, 1.5)
        tried = likelihood(rows, theta + np.clip(move, -longest, longest), parts)
        used += 1
        if tried.posterior > best.posterior:
            theta, best, damping = theta + np.clip(move, -longest, longest), tried, max(damping * 0.2, 1e-9)
        else:
            damping *= 8.0
            if damping > 1e8:
                return Maximum(parts, theta, best, gain < 1e-2, used)
    return Maximum(parts, theta, best, False, used)


def _move(value: Value, free: NDArray[np.bool_], damping: float) -> FloatArray:
    scale = 1.0 / np.sqrt(np.maximum(np.diag(value.information)[free], 1e-12))
    matrix = value.information[np.ix_(free, free)] * np.outer(scale, scale)
    move = np.zeros(len(free))
    move[free] = scale * np.linalg.solve(matrix + (damping + 1e-9) * np.eye(len(scale)), scale * value.gradient[free])
    return move


def typical_step(trace: Trace) -> float:
    """Size of a step [scaled]: the way that the trace went, over the pulses it took."""
    rows = ~trace.starts & (trace.count > 0)
    found = max(abs(net_step(trace, way)) for way in (+1, -1))
    return max(found, 1.0 / max(float(np.sum(np.abs(trace.pulses[rows]))), 1.0))


def net_step(trace: Trace, way: int) -> float:
    """Mean step [scaled] of one direction: the sum of its changes over the number of its pulses."""
    read = trace.count > 0
    good = read[1:] & read[:-1] & ~trace.starts[1:] & (np.sign(trace.pulses[1:]) == way)
    number = float(np.sum(np.abs(trace.pulses[1:][good])))
    return float(np.sum(np.diff(trace.mean)[good])) / number if number else 0.0


def first_start(trace: Trace, size: int) -> FloatArray:
    """θ of the plainest parts, from moments."""
    typical, read = typical_step(trace), trace.count > 0
    good = read[1:] & read[:-1] & ~trace.starts[1:]
    noise = np.log(max(float(np.std(np.diff(trace.mean)[good])), 1e-3 * typical) / typical / 2)
    steps = [np.full(size, net_step(trace, way) / typical) for way in (+1, -1)]
    return np.concatenate([*steps, [noise, noise, noise]])


def most_ramps(trace: Trace) -> int:
    """Ramps of the direction that has more of them: pulses of one sign, up to a reversal or a new piece."""
    ways = np.where(trace.starts, 0, np.sign(trace.pulses))
    piece = np.cumsum(trace.starts)
    moved = ways != 0
    ways, piece = ways[moved], piece[moved]
    begins = np.concatenate([[True], (ways[1:] != ways[:-1]) | (piece[1:] != piece[:-1])]) if len(ways) else moved
    return max((int(np.sum(begins & (ways == way))) for way in (+1, -1)), default=0)
