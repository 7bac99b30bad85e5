"""Symmetry points of a measured step: where mean steps cancel, where random pulsing settles, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from sim_device.fit.intervals import Spread
from sim_device.fit.measured.fit import MeasuredFit, ln_scatter
from sim_device.fit.measured.kernels import RAMP, READ, SHARE
from sim_device.fit.measured.parts import NODES, Parts, splines
from sim_device.fit.symmetry import EstimatedSymmetryPoint, at_bound

DRAWS = 1000  # of θ
SETTLING = 200  # of these, for where random pulsing settles
SURE = 0.95  # share of draws in which a crossing must be there
FLAT = 0.5  # part of the window over which steps cancel within their error: balanced everywhere
ALIKE = 0.15  # of a step: by how much steps that cancel may differ
EDGE = 3.0  # steps, or read noises, from the end of what was measured: there a device is at its bound

STABLE, UNSTABLE, EVERYWHERE, NONE, SEVERAL, UNCLEAR = (
    "stable", "unstable", "balanced everywhere", "none", "several", "not identified",
)  # fmt: skip


@dataclass(frozen=True)
class Balance:
    """Symmetry points from low to high, and in a word what the device has.

    `settling` is the mean conductance [unit] under random pulsing, as many up as down; None where that is at an end of
    the window.
    """

    verdict: str
    points: tuple[EstimatedSymmetryPoint, ...]
    settling: Spread | None


@dataclass(frozen=True)
class _Drawn:
    """Up and down steps (draws, NODES) and slopes of their sum [scaled]; the first row is the estimate."""

    x: FloatArray
    up: FloatArray
    down: FloatArray
    up_slope: FloatArray
    down_slope: FloatArray

    @property
    def total(self) -> FloatArray:
        return self.up + self.down

    def sum_at(self, x: float) -> float:
        """Of the estimate."""
        return float(np.asarray(np.interp(np.array([x]), self.x, self.total[0]), dtype=np.float64)[0])


def balance_of(fit: MeasuredFit) -> Balance:
    """Of the steps drawn from what is known of them; the same data give the same answer."""
    if not (fit.trace.has(+1) and fit.trace.has(-1)):
        return Balance(NONE, (), None)
    thetas = [(fit.parts, fit.theta), *fit.drawn(np.random.default_rng(0), DRAWS)]
    drawn = _drawn(fit, thetas)
    settling = _settling(fit, drawn, thetas)
    if _everywhere(fit, drawn):
        return Balance(EVERYWHERE, (), settling)
    places = _crossings(drawn.total[0], drawn.x)
    points = [_point(fit, drawn, at, sign) for at, sign in places if not _at_bound(fit, drawn, at)]
    clear = [point for point in points if point.clear]
    if not clear:
        return Balance(UNCLEAR if points else NONE, tuple(points[:1]), settling)
    if len(clear) > 1:
        return Balance(SEVERAL, tuple(clear), settling)
    return Balance(STABLE if clear[0].stable else UNSTABLE, tuple(clear), settling)


def _drawn(fit: MeasuredFit, thetas: list[tuple[Parts, FloatArray]]) -> _Drawn:
    size = fit.parts.size  # that of all alternatives
    basis, tilt = splines(size)
    steps = fit.rows.typical * np.array([theta[: 2 * size] for _, theta in thetas]).reshape(len(thetas), 2, size)
    up, down = steps[:, 0], steps[:, 1]
    x: FloatArray = np.linspace(-1.0, 1.0, NODES)
    return _Drawn(x, up @ basis, down @ basis, up @ tilt, down @ tilt)


def _crossings(total: FloatArray, x: FloatArray) -> list[tuple[float, int]]:
    """(x, −1 where the sum falls through 0: stable, +1 where it rises), from low to high."""
    at = np.flatnonzero(total[:-1] * total[1:] < 0)
    share = total[at] / (total[at] - total[at + 1])
    places: FloatArray = x[at] + share * (x[1] - x[0])
    return [(place, -1 if before > 0 else 1) for place, before in zip(places.tolist(), total[at].tolist(), strict=True)]


def _everywhere(fit: MeasuredFit, drawn: _Drawn) -> bool:
    """Whether the steps cancel, within what is known of them and to a part of their size, over half of the window."""
    inner = np.abs(drawn.x) < 1.0 - _edge(fit)
    total, size = drawn.total[:, inner], 0.5 * (np.abs(drawn.up[0]) + np.abs(drawn.down[0]))[inner]
    near: NDArray[np.bool_] = np.abs(total[0]) <= np.maximum(3.0 * np.std(total, axis=0), 0.02 * size)
    alike: NDArray[np.bool_] = near & (np.abs(total[0]) < ALIKE * size)
    return float(alike.mean()) > FLAT


def _edge(fit: MeasuredFit) -> float:
    return min(EDGE * max(fit.rows.typical, float(fit.others()[READ])), 0.15)


def _at_bound(fit: MeasuredFit, drawn: _Drawn, at: float) -> bool:
    """Whether a crossing is the end of the window, or of one of the steps."""
    return abs(at) > 1.0 - _edge(fit) or at_bound(at, drawn.sum_at)


def _point(fit: MeasuredFit, drawn: _Drawn, at: float, sign: int) -> EstimatedSymmetryPoint:
    """A crossing of the estimate, with the nearest of its kind in each draw: the first row of each table is its own."""
    rows, places = _nearest(drawn, at, sign)
    tables = drawn.up, drawn.up_slope, drawn.down_slope
    step, up_slope, down_slope = (_read(table, drawn.x, rows, places) for table in tables)
    trace, slope = fit.trace, up_slope + down_slope
    place = Spread.of(trace.centre + trace.scale * places)
    of_step = Spread.of(trace.scale * step)
    contraction = Spread.of(1.0 - (1.0 + up_slope) * (1.0 + down_slope))
    return EstimatedSymmetryPoint(
        conductance=place.value,
        std=place.std,
        interval=place.interval,
        step=of_step.value,
        step_std=of_step.std,
        step_interval=of_step.interval,
        stable=sign < 0,
        stability=float(np.mean(slope[1:] < 0)) if len(slope) > 1 else 0.5,
        contraction=contraction.value,
        contraction_std=contraction.std,
        clear=len(rows) - 1 >= SURE * DRAWS,
        inside=True,
    )


def _nearest(drawn: _Drawn, at: float, sign: int) -> tuple[NDArray[np.intp], FloatArray]:
    """(row, x) of the crossing of this sign nearest to `at` in every draw that has one."""
    total = drawn.total
    crosses = (total[:, :-1] * total[:, 1:] < 0) & (np.sign(total[:, 1:]) == sign)
    share = total[:, :-1] / np.where(crosses, total[:, :-1] - total[:, 1:], 1.0)
    places = np.where(crosses, drawn.x[:-1] + share * (drawn.x[1] - drawn.x[0]), np.inf)
    column = np.argmin(np.abs(places - at), axis=1)
    found = places[np.arange(len(places)), column]
    good = np.isfinite(found)
    return np.flatnonzero(good), found[good]


def _read(table: FloatArray, x: FloatArray, rows: NDArray[np.intp], places: FloatArray) -> FloatArray:
    """Each row of a table at its place, linear between nodes."""
    position = (places - x[0]) / (x[1] - x[0])
    node = np.clip(position.astype(np.int64), 0, len(x) - 2)
    part = position - node
    return table[rows, node] * (1 - part) + table[rows, node + 1] * part


def _settling(fit: MeasuredFit, drawn: _Drawn, thetas: list[tuple[Parts, FloatArray]]) -> Spread | None:
    """Stationary mean of random pulsing.

    With the drift μ = (f+ + f−)/2 and the spread D = (f+² + s+² + f−² + s−²)/2 − μ² of one pulse the density is
    ``p ∝ exp(∫ 2 μ/D dx)/D`` (Fokker-Planck, Ito). Steps are those of random pulsing: after a reversal as often as not,
    so that history takes ``a/(2 − exp(−1/m))`` of them.
    """
    found = np.array([_stationary(fit, drawn, *thetas[k], k) for k in range(SETTLING + 1)])
    good = np.isfinite(found)
    if not good[0] or np.mean(good) < SURE:
        return None
    return Spread.of(fit.trace.centre + fit.trace.scale * found[good])


def _stationary(fit: MeasuredFit, drawn: _Drawn, parts: Parts, theta: FloatArray, k: int) -> float:
    """Mean of the stationary density [scaled]; NaN where it is heaped at an end of the window."""
    number = fit.number(theta, parts)
    more, ln_s = number[parts.coefficients :], ln_scatter(fit.rows, parts, number)
    up, down = (
        drawn_steps[k] * (1.0 - more[SHARE + 3 * way] / (2.0 - np.exp(-1.0 / more[SHARE + 3 * way + 1])))
        for way, drawn_steps in enumerate((drawn.up, drawn.down))
    )
    factors = 1.0 + more[RAMP : RAMP + 2] ** 2
    drift = 0.5 * (up + down)
    spread = 0.5 * (factors[0] * up**2 + factors[1] * down**2 + np.sum(np.exp(2.0 * ln_s), axis=0)) - drift**2
    spread = np.maximum(spread, 1e-300)
    width = drawn.x[1] - drawn.x[0]
    ratio = 2.0 * drift / spread
    log = np.concatenate([[0.0], np.cumsum(0.5 * (ratio[1:] + ratio[:-1]) * width)]) - np.log(spread)
    density = np.exp(log - np.max(log))
    density /= np.sum(density)
    if density[:3].sum() + density[-3:].sum() > 0.05:
        return float("nan")
    return float(np.sum(density * drawn.x))
