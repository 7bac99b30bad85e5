"""Fit a measured step: smooth steps and scatter of each direction, history after a reversal, a factor for each ramp.

Each part is there only where it lowers ``BIC = -2 ln L + p ln n`` of the readings; `MeasuredFit.evidence` says by how
much. Read noise and the scatter of steps are told apart by the likelihood of the whole trace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.measured_kernels import measured_likelihood, measured_path
from sim_device.fit.measured_tables import Parts, Tables, resized, tables_of
from sim_device.fit.trace import Trace, trace_of

SIZES = (2, 3, 4, 6, 9, 13)  # B-splines of a mean step, tried from few to many
SCATTER = 3  # B-splines of the ln scatter of a step, where it depends on G
NUDGE = 1e-5  # by which a number is moved for a derivative


@dataclass(frozen=True)
class MeasuredFit:
    """A measured step fitted to a trace.

    `log_likelihood` and `theta` are in scaled units; `evidence` is, for each part that was tried, by how much it
    lowered the BIC (positive: it is there).
    """

    trace: Trace
    parts: Parts
    theta: FloatArray
    log_likelihood: float
    evidence: dict[str, float]
    curvature: FloatArray

    @property
    def tables(self) -> Tables:
        """Steps, scatter and noise [scaled]."""
        return tables_of(self.theta, self.parts, _typical(self.trace))

    @property
    def bic(self) -> float:
        """``-2 ln L + p ln n``."""
        return _bic(self.log_likelihood, self.parts, self.trace)

    def drawn(self, random: np.random.Generator) -> Tables:
        """Tables from numbers drawn within their uncertainty: what a prediction band must hold besides noise."""
        deviates: FloatArray = random.standard_normal(int(self.curvature.shape[1]))
        away: FloatArray = np.asarray(np.dot(self.curvature, deviates), dtype=np.float64)
        return tables_of(self.theta + away, self.parts, _typical(self.trace))

    def simulate(self, start: float, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses) + 1, members) [unit] of devices read as `start` right after a reversal.

        Each member has its own numbers within the uncertainty of the fit, its own factor of the ramp, step scatter and
        read noise.
        """
        trace, random = self.trace, np.random.default_rng(seed)
        first, zero = (start - trace.centre) / trace.scale, -trace.centre / trace.scale
        out = np.full((len(pulses) + 1, members), float(start))
        for k in range(members):
            t = self.drawn(random)
            x = first - float(np.hypot(t.read, t.proportional * (first - zero)) * random.standard_normal())
            factors = np.exp(t.ramps * random.standard_normal(2))
            out[1:, k] = self._readings(t, x, pulses, (-1, 0.0), factors, random)
        return out

    def continued(self, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] after the last of the trace: state and ramp factor as known there."""
        random, out = np.random.default_rng(seed), np.empty((len(pulses), members))
        for k in range(members):
            t = self.drawn(random)
            x, p, r, c, q, way, since = (float(number) for number in filter_of(self.trace, t)[1])
            turn = float(random.standard_normal())
            x_now = x + np.sqrt(max(p, 0.0)) * turn
            given = c / np.sqrt(p) if p > 0 else 0.0
            r_now = r + given * turn + np.sqrt(max(q - given**2, 0.0)) * float(random.standard_normal())
            factors = np.exp(t.ramps * random.standard_normal(2))
            factors[int(way)] = np.exp(r_now)
            out[:, k] = self._readings(t, float(x_now), pulses, (int(way), since), factors, random)
        return out

    def _readings(
        self,
        t: Tables,
        x: float,
        pulses: IntArray,
        past: tuple[int, float],
        factors: FloatArray,
        random: np.random.Generator,
    ) -> FloatArray:
        """(len(pulses),) readings [unit] of one device from x on; `past` = (direction before, pulses since)."""
        trace, size, zero = self.trace, int(np.abs(pulses).sum()), -self.trace.centre / self.trace.scale
        deviates = _deviates(t.tails, size, random)
        path = measured_path(x, pulses, *past, t.steps, t.scatter, t.history, factors, deviates)
        noise = np.hypot(t.read, t.proportional * (path - zero)) * random.standard_normal(len(pulses))
        return trace.centre + trace.scale * (path + noise)


def _deviates(tails: float, size: int, random: np.random.Generator) -> FloatArray:
    """Deviates of variance 1: normal, or of Student's t with nu = 1/tails."""
    if tails < 1e-3:
        return random.standard_normal(size)
    return random.standard_t(1.0 / tails, size) * np.sqrt(1.0 - 2.0 * tails)


def fit_measured(
    pulses: ArrayLike, conductance: ArrayLike, *, unit: str = "S", segments: ArrayLike | None = None
) -> MeasuredFit:
    """Fit a trace by smooth steps of any shape, with as many parts as it asks for; arguments as for `fit_trace`."""
    return fit_parts(trace_of(pulses, conductance, unit=unit, segments=segments, gather=False))


def fit_parts(trace: Trace) -> MeasuredFit:
    """From plain to rich: each part is kept where it lowers the BIC."""
    best = _maximum(trace, Parts(), _start(trace))
    evidence: dict[str, float] = {}
    trials: list[tuple[str, Callable[[Parts], Parts]]] = [
        *_sizes(SIZES[1:3]),
        ("history after a reversal", lambda p: replace(p, history=True)),
        ("a factor for each ramp", lambda p: replace(p, ramps=True)),
        ("scatter that depends on G", lambda p: replace(p, scatter=SCATTER)),
        *_sizes(SIZES[3:]),
        ("steps with heavy tails", lambda p: replace(p, tails=True)),
        ("read noise proportional to G", lambda p: replace(p, proportional=True)),
    ]
    refused = 0
    for name, richer in trials:
        parts = richer(best.parts)
        if parts.size > best.parts.size and refused == 2:
            continue  # two finer ones in a row were not asked for: a finer one still will not be
        tried = _maximum(trace, parts, _lifted(best.theta, best.parts, parts))
        evidence[name] = best.bic - tried.bic
        if parts.size > best.parts.size:
            refused = 0 if evidence[name] > 0 else refused + 1
        if evidence[name] > 0:
            best = tried
    return replace(best, evidence=evidence, curvature=_root_of_covariance(best))


def _typical(trace: Trace) -> float:
    """Size of a step [scaled]: the way that the trace went, over the pulses it took."""
    rows = ~trace.starts & (trace.count > 0)
    moved = [_net(trace, way) for way in (+1, -1)]
    found = max(abs(m) for m in moved)
    return max(found, 1.0 / max(float(np.sum(np.abs(trace.pulses[rows]))), 1.0))


def _net(trace: Trace, way: int) -> float:
    """Mean step [scaled] of one direction: the sum of its changes over the number of its pulses."""
    read = trace.count > 0
    good = read[1:] & read[:-1] & ~trace.starts[1:] & (np.sign(trace.pulses[1:]) == way)
    number = float(np.sum(np.abs(trace.pulses[1:][good])))
    return float(np.sum(np.diff(trace.mean)[good])) / number if number else 0.0


def _sizes(sizes: tuple[int, ...]) -> list[tuple[str, Callable[[Parts], Parts]]]:
    return [(f"steps of {size} splines", lambda p, size=size: replace(p, size=size)) for size in sizes]


def _start(trace: Trace) -> FloatArray:
    typical = _typical(trace)
    read = trace.count > 0
    good = read[1:] & read[:-1] & ~trace.starts[1:]
    noise = np.log(max(float(np.std(np.diff(trace.mean)[good])), 1e-3 * typical) / typical / 2)
    steps = [np.full(SIZES[0], _net(trace, way) / typical) for way in (+1, -1)]
    return np.concatenate([*steps, [noise, noise, noise]])


def _lifted(theta: FloatArray, old: Parts, new: Parts) -> FloatArray:
    """The start of richer parts: the same steps and scatter, the new parts small."""
    k, s = old.size, old.scatter
    steps = [resized(row, new.size) for row in theta[: 2 * k].reshape(2, k)]
    scatter = [resized(row, new.scatter) for row in theta[2 * k : 2 * (k + s)].reshape(2, s)]
    rest = theta[2 * (k + s) :]
    read, at = rest[:1], 1
    history = rest[at : at + 4] if old.history else np.array([0.3, 2.0, 0.3, 2.0])
    at += 4 * old.history
    ramps = rest[at : at + 2] if old.ramps else np.array([-3.0, -3.0])
    at += 2 * old.ramps
    proportional = rest[at : at + 1] if old.proportional else np.array([-5.0])
    at += old.proportional
    tails = rest[at:] if old.tails else np.array([-1.0])
    more = [history] * new.history + [ramps] * new.ramps + [proportional] * new.proportional + [tails] * new.tails
    return np.concatenate([*steps, *scatter, read, *more])


def filter_of(trace: Trace, t: Tables) -> tuple[float, FloatArray]:
    """Log-likelihood, and what is known at the end (`measured_likelihood`'s `last`)."""
    y, last, zero = np.where(trace.count > 0, trace.mean, np.nan), np.zeros(7), -trace.centre / trace.scale
    found = measured_likelihood(
        y,
        trace.pulses,
        trace.starts,
        t.steps,
        t.scatter,
        t.history,
        t.ramps,
        t.read,
        t.proportional,
        zero,
        t.tails,
        last,
    )
    return float(found), last


def _likelihood(trace: Trace, parts: Parts) -> Callable[[FloatArray], float]:
    typical = _typical(trace)

    def minus(theta: FloatArray) -> float:
        found = filter_of(trace, tables_of(theta, parts, typical))[0]
        # A weak prior keeps what the data do not tell from running away: a share or a scale within e^+-5 or so.
        loss = -float(found) + 0.5 * float(np.sum((theta[2 * parts.size :] / 10.0) ** 2))
        return loss if np.isfinite(loss) else 1e12

    return minus


def _gradient(function: Callable[[FloatArray], float], theta: FloatArray) -> FloatArray:
    found = np.empty(len(theta))
    for i in range(len(theta)):
        high, low = theta.copy(), theta.copy()
        high[i] += NUDGE
        low[i] -= NUDGE
        found[i] = (function(high) - function(low)) / (2 * NUDGE)
    return found


def _maximum(trace: Trace, parts: Parts, start: FloatArray) -> MeasuredFit:
    minus = _likelihood(trace, parts)
    found = minimize(
        minus, start, jac=lambda theta: _gradient(minus, theta), method="L-BFGS-B", options={"maxiter": 150}
    )
    theta: FloatArray = np.asarray(found.x, dtype=np.float64)
    return MeasuredFit(trace, parts, theta, -float(found.fun), {}, np.zeros((len(theta), 0)))


def _bic(log_likelihood: float, parts: Parts, trace: Trace) -> float:
    readings: NDArray[np.bool_] = (trace.count > 0) & ~trace.starts
    return -2.0 * log_likelihood + parts.numbers() * float(np.log(max(int(np.sum(readings)), 2)))


def _root_of_covariance(fit: MeasuredFit) -> FloatArray:
    """(p, p) root of the inverse information; directions of which the data say nothing are held by the weak prior."""
    minus, size = _likelihood(fit.trace, fit.parts), len(fit.theta)
    hessian, nudge = np.empty((size, size)), 1e-3
    for i in range(size):
        high, low = fit.theta.copy(), fit.theta.copy()
        high[i] += nudge
        low[i] -= nudge
        hessian[i] = (_gradient(minus, high) - _gradient(minus, low)) / (2 * nudge)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return vectors / np.sqrt(np.maximum(values, 1.0))
