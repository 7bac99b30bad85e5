"""Fit a measured step: smooth steps and scatter of each direction, and what else a real device does.

History after a reversal, a factor for each ramp, tails, a share that relaxes, wear, slow read noise and one that goes
with G: each part is there only where it lowers ``BIC = -2 ln L + p ln n`` of the readings, and `MeasuredFit.evidence`
says by how much. Read noise and the scatter of steps are told apart by the likelihood of the whole trace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.measured_kernels import (
    KEPT,
    PROPORTIONAL,
    RAMP,
    READ,
    SLOW,
    TAILS,
    measured_likelihood,
    measured_path,
)
from sim_device.fit.measured_nodes import Node, nodes_of
from sim_device.fit.measured_parts import Parts, splines, told
from sim_device.fit.measured_search import FLAT, LAST, Maximum, Rows, first_start, maximise, richer
from sim_device.fit.trace import Trace, trace_of

SIZES = (2, 3, 4, 6, 9, 13)  # B-splines of a mean step, tried from few to many
SCATTER = 3  # B-splines of the ln scatter of a step, where it depends on G
REFUSED = 2  # finer steps in a row that were not asked for: a finer one still will not be


@dataclass(frozen=True)
class MeasuredFit:
    """A measured step fitted to a trace.

    `maximum` is in scaled units; `evidence` is, for each part that was tried, by how much it lowered the BIC (positive:
    it is there). `nodes` are normal distributions of θ whose mixture says how well it is known.
    """

    trace: Trace
    maximum: Maximum
    evidence: dict[str, float]
    nodes: tuple[Node, ...] = ()

    @cached_property
    def rows(self) -> Rows:
        """The trace as the likelihood takes it."""
        return Rows.of(self.trace)

    @property
    def parts(self) -> Parts:
        """Which parts there are."""
        return self.maximum.parts

    @property
    def theta(self) -> FloatArray:
        """Numbers at the maximum."""
        return self.maximum.theta

    @property
    def bic(self) -> float:
        """``-2 ln L + p ln n``."""
        return _bic(self.maximum, self.trace)

    def number(self, theta: FloatArray | None = None) -> FloatArray:
        """All numbers as the kernels take them, at the maximum unless `theta` is given."""
        return told(self.theta if theta is None else theta, self.parts, self.rows.typical, self.rows.pulses).number

    def others(self, theta: FloatArray | None = None) -> FloatArray:
        """The numbers beyond the coefficients, by their places in `sim_device.fit.measured_kernels`."""
        return self.number(theta)[self.parts.coefficients :]

    def drawn(self, random: np.random.Generator, many: int | None = None) -> FloatArray:
        """θ drawn within its uncertainty, (p,) or (many, p): what a band must hold besides noise."""
        weights = np.array([node.weight for node in self.nodes])
        chosen = random.choice(len(weights), size=1 if many is None else many, p=weights)
        deviates = random.standard_normal((len(chosen), len(self.theta)))
        roots, thetas = (np.array([getattr(node, key) for node in self.nodes]) for key in ("root", "theta"))
        found = thetas[chosen] + np.einsum("npq,nq->np", roots[chosen], deviates)
        return found[0] if many is None else found

    def simulate(self, start: float, pulses: IntArray, members: int, seed: int, since: int = 0) -> FloatArray:
        """Readings (len(pulses) + 1, members) [unit] of devices read as `start` right after a reversal.

        Each member has its own numbers within the uncertainty of the fit, its own factors of the ramps, step scatter
        and read noise. `since`: pulses, of either sign, from the end of the trace to `start`.
        """
        trace, random = self.trace, np.random.default_rng(seed)
        first, zero = (start - trace.centre) / trace.scale, self.rows.zero
        out = np.full((len(pulses) + 1, members), float(start))
        thetas = self.drawn(random, members)
        for k in range(members):
            number = self.number(thetas[k])
            more = number[self.parts.coefficients :]
            slow = more[SLOW] * float(random.standard_normal())
            read = float(np.hypot(more[READ], more[PROPORTIONAL] * (first - zero)) * random.standard_normal())
            out[1:, k] = self._readings(number, (first - read - slow, 0.0, slow), pulses, (-1, 0.0, self.rows.pulses + since), None, random)
        return out

    def continued(self, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] after the last of the trace: state and ramp factor as known there."""
        random, out = np.random.default_rng(seed), np.empty((len(pulses), members))
        thetas = self.drawn(random, members)
        for k in range(members):
            number = self.number(thetas[k])
            last = self._end(number)
            mean, way, since = last[:4], int(last[14]), float(last[15])
            covariance = np.zeros((4, 4))
            covariance[np.triu_indices(4)] = last[4:14]
            values, vectors = np.linalg.eigh(covariance + np.triu(covariance, 1).T)
            x, r, w, z = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * random.standard_normal(4))
            out[:, k] = self._readings(number, (x, w, z), pulses, (way, since, self.rows.pulses), float(r), random)
        return out

    def _end(self, number: FloatArray) -> FloatArray:
        """What is known at the end of the trace."""
        last = np.zeros(LAST)
        filtered(self.rows, self.parts, number, last)
        return last

    def _readings(
        self,
        number: FloatArray,
        state: tuple[float, float, float],
        pulses: IntArray,
        past: tuple[int, float, int],
        present: float | None,
        random: np.random.Generator,
    ) -> FloatArray:
        """(len(pulses),) readings [unit] of one device from (x, w, z) on.

        `past` = (direction before, pulses since the reversal, since the first of the trace); `present` = ln F of the present ramp, None for one not begun.
        """
        trace, parts = self.trace, self.parts
        more, path = number[parts.coefficients :], np.empty(len(pulses))
        factors = np.exp(_ramps(np.sign(pulses[pulses != 0]), past[0], present, more, random))
        deviates = _deviates(more[TAILS], int(np.abs(pulses).sum()), random)
        x, w, z = state
        tables = self.tables(number)
        measured_path(x, pulses, past[0], past[1], float(past[2]), factors, w, tables, more, deviates, path)
        path += slow_noise(len(pulses), float(more[SLOW]), float(more[KEPT]), z, random)
        noise = np.hypot(more[READ], more[PROPORTIONAL] * (path - self.rows.zero))
        return trace.centre + trace.scale * (path + noise * random.standard_normal(len(pulses)))

    def tables(self, number: FloatArray | None = None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Steps, their slopes and ln scatter [scaled], each (2, nodes) over [-1, 1], up and down."""
        given, k, parts = self.number() if number is None else number, self.parts.size, self.parts
        basis, tilt = splines(k)
        steps, spread = given[: 2 * k].reshape(2, k), given[2 * k : parts.coefficients].reshape(2, parts.scatter)
        return steps @ basis, steps @ tilt, spread @ splines(parts.scatter)[0]


def _ramps(
    ways: IntArray, before: int, present: float | None, more: FloatArray, random: np.random.Generator
) -> FloatArray:
    """ln F of each ramp to come, the present one (or the first) first."""
    turns = int(np.sum(ways[1:] != ways[:-1])) + 2
    first = before if before >= 0 else (0 if len(ways) == 0 or ways[0] > 0 else 1)
    found = more[RAMP + (first + np.arange(turns)) % 2] * random.standard_normal(turns)
    if present is not None:
        found[0] = present
    return found


def slow_noise(size: int, std: float, kept: float, before: float, random: np.random.Generator) -> FloatArray:
    """(size,) of a first-order process of standard deviation `std` that was `before`."""
    if std == 0.0:
        return np.zeros(size)
    from scipy.signal import lfilter

    drive = std * np.sqrt(1.0 - kept**2) * random.standard_normal(size)
    return np.asarray(lfilter([1.0], [1.0, -kept], drive, zi=[kept * before])[0], dtype=np.float64)


def _deviates(tails: float, size: int, random: np.random.Generator) -> FloatArray:
    """Deviates of variance 1: normal, or of Student's t with nu = 1/tails."""
    if tails < 1e-3:
        return random.standard_normal(size)
    return random.standard_t(1.0 / tails, size) * np.sqrt(1.0 - 2.0 * tails)


def filtered(rows: Rows, parts: Parts, number: FloatArray, last: FloatArray, told: FloatArray = FLAT) -> float:
    """Log-likelihood; fills what is known at the end, and the innovations if asked for (`measured_likelihood`)."""
    none = np.full(len(number), -1, dtype=np.int64)
    return float(
        measured_likelihood(
            rows.rows, number, *splines(parts.size), splines(parts.scatter)[0], none, rows.zero, np.zeros(0),
            np.zeros((0, 0)), told, last,
        )
    )  # fmt: skip


def fit_measured(
    pulses: ArrayLike, conductance: ArrayLike, *, unit: str = "S", segments: ArrayLike | None = None
) -> MeasuredFit:
    """Fit a trace by smooth steps of any shape, with as many parts as it asks for; arguments as for `fit_trace`."""
    return fit_parts(trace_of(pulses, conductance, unit=unit, segments=segments, gather=False))


_Trial = tuple[str, Callable[[Parts], Parts]]


def _trials() -> list[_Trial]:
    """Parts in the order in which they are tried: what changes most first."""
    return [
        *_sizes(SIZES[1:3]),
        ("steps with heavy tails", lambda p: replace(p, tails=True)),
        ("scatter that depends on G", lambda p: replace(p, scatter=SCATTER)),
        ("history after a reversal", lambda p: replace(p, history=True)),
        *_sizes(SIZES[3:]),
        ("steps that shrink or grow with pulses", lambda p: replace(p, wear=True)),
        ("a factor for each ramp", lambda p: replace(p, ramps=1)),
        ("slow read noise", lambda p: replace(p, slow=True)),
        ("a share of each step that relaxes", lambda p: replace(p, relaxing=True)),
        ("read noise proportional to G", lambda p: replace(p, proportional=True)),
        ("ramp factors that differ by direction", lambda p: replace(p, ramps=2) if p.ramps else p),
    ]


_PLAINER: dict[str, Callable[[Parts], Parts]] = {
    "steps that shrink or grow with pulses": lambda p: replace(p, wear=False),
    "a factor for each ramp": lambda p: replace(p, ramps=0),
    "a share of each step that relaxes": lambda p: replace(p, relaxing=False),
    "history after a reversal": lambda p: replace(p, history=False),
    "slow read noise": lambda p: replace(p, slow=False),
}


def _sizes(sizes: tuple[int, ...]) -> list[_Trial]:
    return [(f"steps of {size} splines", lambda p, size=size: replace(p, size=size)) for size in sizes]


def fit_parts(trace: Trace) -> MeasuredFit:
    """From plain to rich: each part is kept where it lowers the BIC."""
    rows = Rows.of(trace)
    best = maximise(rows, Parts(), first_start(trace, SIZES[0]))
    evidence: dict[str, float] = {}
    refused = 0
    for name, change in _trials():
        parts = change(best.parts)
        finer = parts.size > best.parts.size
        if parts == best.parts or (finer and refused == REFUSED):
            continue
        tried = richer(rows, best, parts)
        evidence[name] = _bic(best, trace) - _bic(tried, trace)
        if finer:
            refused = 0 if evidence[name] > 0 else refused + 1
        if evidence[name] > 0:
            best = tried
    best = _without_idle(rows, best, trace, evidence)
    return MeasuredFit(trace, best, evidence, nodes_of(rows, best))


def _without_idle(rows: Rows, best: Maximum, trace: Trace, evidence: dict[str, float]) -> Maximum:
    """Parts that others have taken over since are left out again."""
    for name, change in _PLAINER.items():
        parts = change(best.parts)
        if parts == best.parts:
            continue
        tried = richer(rows, best, parts)
        gain = _bic(tried, trace) - _bic(best, trace)
        evidence[name] = gain
        if gain < 0:
            best = tried
    return best


def _bic(found: Maximum, trace: Trace) -> float:
    readings = int(np.sum((trace.count > 0) & ~trace.starts))
    return -2.0 * found.value.likelihood + found.parts.numbers() * float(np.log(max(readings, 2)))
