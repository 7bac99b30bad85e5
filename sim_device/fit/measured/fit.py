"""Fit a measured step: smooth steps and scatter of each direction, and what else a real device does.

History after a reversal, a factor for each ramp, tails, a share that relaxes, wear, slow read noise and one that goes
with G: each part is there only where it lowers ``BIC = -2 ln L + p ln n`` of the readings, and `MeasuredFit.evidence`
says by how much. Read noise and the scatter of steps are told apart by the likelihood of the whole trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.measured.choice import bic, chosen
from sim_device.fit.measured.kernels import (
    KEPT,
    PROPORTIONAL,
    RAMP,
    READ,
    SLOW,
    SMALL,
    TAILS,
    measured_likelihood,
    measured_path,
)
from sim_device.fit.measured.nodes import Node, nodes_of
from sim_device.fit.measured.parts import Parts, ln_prior, splines, told
from sim_device.fit.measured.search import FLAT, LAST, Maximum, Rows
from sim_device.fit.trace import Trace, trace_of

RECENT = 600  # rows that tell the state of a device: what was longer ago is forgotten
POOL = 400  # draws of θ
ROUNDS = 5  # times as many are drawn at most
FAR_BELOW = 3.0  # of ln of the posterior
MOST_CHECKED = 20_000  # readings; with more the posterior is normal enough, and a look at it takes time


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
    def ramps_differ(self) -> float:
        """Probability that ramps have factors of their own."""
        return float(sum(node.weight for node in self.nodes if node.parts.ramps))

    @property
    def bic(self) -> float:
        """``-2 ln L + p ln n``."""
        return bic(self.maximum, self.trace)

    def number(self, theta: FloatArray | None = None, parts: Parts | None = None) -> FloatArray:
        """All numbers as the kernels take them, at the maximum unless `theta` (and its `parts`) are given."""
        given = self.theta if theta is None else theta
        return told(given, parts or self.parts, self.rows.typical, self.rows.pulses).number

    def others(self) -> FloatArray:
        """The numbers beyond the coefficients, by their places in `sim_device.fit.measured.kernels`."""
        return self.number()[self.parts.coefficients :]

    def drawn(self, random: np.random.Generator, many: int) -> list[tuple[Parts, FloatArray]]:
        """Parts and θ drawn within what is known of them: what a band must hold besides noise."""
        pool = self._pool
        return [pool[k] for k in random.choice(len(pool), size=many, replace=many > len(pool)).tolist()]

    @cached_property
    def _pool(self) -> list[tuple[Parts, FloatArray]]:
        """Draws that the data do not contradict.

        A normal distribution about the maximum reaches to where the posterior is far below it, in directions that are
        hardly known. What lies lower than `FAR_BELOW` under the normal there is drawn again.
        """
        random, found = np.random.default_rng(0), list[tuple[Parts, FloatArray]]()
        picked = random.choice(len(self.nodes), size=ROUNDS * POOL, p=_weights(self.nodes))
        checked = len(self.trace) <= MOST_CHECKED
        order: list[int] = picked.tolist()
        for node in (self.nodes[k] for k in order):
            away = random.standard_normal(len(node.theta))
            theta = node.theta + node.root @ away
            if checked and self._ln_posterior(node.parts, theta) < node.top - 0.5 * float(away @ away) - FAR_BELOW:
                continue
            found.append((node.parts, theta))
            if len(found) == POOL:
                break
        return found or [(self.parts, self.theta)]

    def _ln_posterior(self, parts: Parts, theta: FloatArray) -> float:
        found = filtered(self.rows, parts, self.number(theta, parts), np.zeros(LAST)) + ln_prior(theta, parts)
        return found if np.isfinite(found) else -np.inf

    def simulate(self, start: float, pulses: IntArray, members: int, seed: int, since: int = 0) -> FloatArray:
        """Readings (len(pulses) + 1, members) [unit] of devices read as `start` right after a reversal.

        Each member has its own numbers within the uncertainty of the fit, its own factors of the ramps, step scatter
        and read noise. `since`: pulses, of either sign, from the end of the trace to `start`.
        """
        trace, random = self.trace, np.random.default_rng(seed)
        first, zero = (start - trace.centre) / trace.scale, self.rows.zero
        out = np.full((len(pulses) + 1, members), float(start))
        for k, (parts, theta) in enumerate(self.drawn(random, members)):
            number = self.number(theta, parts)
            more = number[parts.coefficients :]
            slow = more[SLOW] * float(random.standard_normal())
            read = float(np.hypot(more[READ], more[PROPORTIONAL] * (first - zero)) * random.standard_normal())
            out[1:, k] = self._readings(
                parts,
                number,
                (first - read - slow, 0.0, slow),
                pulses,
                (-1, 0.0, self.rows.pulses + since),
                None,
                random,
            )
        return out

    def continued(self, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] after the last of the trace: state and ramp factor as known there."""
        return self.ahead(self.trace, pulses, members, seed)

    def ahead(self, trace: Trace, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] after the last of `trace`, which need not be what was fitted.

        `trace` must be scaled as that, as parts of one trace are.
        """
        random, out = np.random.default_rng(seed), np.empty((len(pulses), members))
        rows, spent = self._recent(trace)
        for k, (parts, theta) in enumerate(self.drawn(random, members)):
            number, last = self.number(theta, parts), np.zeros(LAST)
            filtered(rows, parts, number, last)
            if not np.all(np.isfinite(last)):  # numbers drawn far out, with which no filter goes on
                parts, number = self.parts, self.number()
                filtered(rows, parts, number, last)
            mean, way, since = last[:4], int(last[14]), float(last[15])
            covariance = np.zeros((4, 4))
            covariance[np.triu_indices(4)] = last[4:14]
            values, vectors = np.linalg.eigh(covariance + np.triu(covariance, 1).T)
            x, r, w, z = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * random.standard_normal(4))
            present = None if way < 0 else float(r)  # a ramp that has not begun has no factor yet
            out[:, k] = self._readings(parts, number, (x, w, z), pulses, (way, since, spent), present, random)
        return out

    def _recent(self, trace: Trace) -> tuple[Rows, int]:
        """The last rows of a trace, which tell its state, and the pulses of all of it."""
        begins = np.flatnonzero(trace.count[: max(len(trace) - RECENT, 1)] > 0)
        cut = int(begins[-1])
        counts = np.where(trace.starts, 0, np.abs(trace.pulses))
        before = int(np.sum(counts[: cut + 1]))
        rows = Rows.of(trace.part(slice(cut, len(trace))))
        rows = rows._replace(typical=self.rows.typical, pulses=self.rows.pulses, before=before)
        return rows, int(np.sum(counts))

    def _readings(
        self,
        parts: Parts,
        number: FloatArray,
        state: tuple[float, float, float],
        pulses: IntArray,
        past: tuple[int, float, int],
        present: float | None,
        random: np.random.Generator,
    ) -> FloatArray:
        """(len(pulses),) readings [unit] of one device from (x, w, z) on.

        `past` = (direction before, pulses since the reversal, since the first of the trace); `present` = ln F of the
        present ramp, None for one not begun.
        """
        trace = self.trace
        more, path = number[parts.coefficients :], np.empty(len(pulses))
        factors = np.exp(_ramps(np.sign(pulses[pulses != 0]), past[0], present, more, random))
        deviates = _deviates(more[TAILS], int(np.abs(pulses).sum()), random)
        x, w, z = state
        tables = tables_of(parts, number)
        measured_path(
            x, pulses, past[0], past[1], float(past[2]), float(self.rows.pulses), factors, w, tables,
            self.rows.relative(parts), more, deviates, path,
        )  # fmt: skip
        path += slow_noise(len(pulses), float(more[SLOW]), float(more[KEPT]), z, random)
        noise = np.hypot(more[READ], more[PROPORTIONAL] * (path - self.rows.zero))
        return trace.centre + trace.scale * (path + noise * random.standard_normal(len(pulses)))


def tables_of(parts: Parts, number: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Steps, their slopes and the splines of ln scatter [scaled], each (2, nodes) over [-1, 1], up and down."""
    basis, tilt = splines(parts.size)
    steps = number[: 2 * parts.size].reshape(2, parts.size)
    spread = number[2 * parts.size : parts.coefficients].reshape(2, parts.scatter)
    return steps @ basis, steps @ tilt, spread @ splines(parts.scatter)[0]


def ln_scatter(rows: Rows, parts: Parts, number: FloatArray) -> FloatArray:
    """Ln of the standard deviation of single steps [scaled] at the nodes, (2, nodes)."""
    steps, _, spread = tables_of(parts, number)
    return spread + 0.5 * np.log((steps / rows.typical) ** 2 + SMALL**2) if parts.relative else spread


def _weights(nodes: tuple[Node, ...]) -> FloatArray:
    weights = np.array([node.weight for node in nodes])
    return weights / weights.sum()


def _ramps(
    ways: IntArray, before: int, present: float | None, more: FloatArray, random: np.random.Generator
) -> FloatArray:
    """Ln F of each ramp to come, the present one (or the first) first."""
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
            rows.rows, number, *splines(parts.size), splines(parts.scatter)[0], rows.relative(parts),
            rows.wears, none, rows.zero, np.zeros(0), np.zeros((0, 0)), told, last,
        )
    )  # fmt: skip


def fit_measured(
    pulses: ArrayLike, conductance: ArrayLike, *, unit: str = "S", segments: ArrayLike | None = None
) -> MeasuredFit:
    """Fit a trace by smooth steps of any shape, with as many parts as it asks for; arguments as for `fit_trace`."""
    return fit_parts(trace_of(pulses, conductance, unit=unit, segments=segments, gather=False))


def fit_parts(trace: Trace) -> MeasuredFit:
    """From plain to rich: see `sim_device.fit.measured.choice`."""
    rows = Rows.of(trace)
    best, evidence = chosen(rows, trace)
    return MeasuredFit(trace, best, evidence, nodes_of(rows, best))
