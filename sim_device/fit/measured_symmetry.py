"""Symmetry points of a measured step: where mean steps cancel, where random pulsing settles, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.measured import MeasuredFit, ln_scatter
from sim_device.fit.measured_kernels import RAMP, READ, SHARE
from sim_device.fit.measured_parts import NODES, Parts, splines
from sim_device.fit.symmetry import EstimatedSymmetryPoint

DRAWS = 1000  # of θ
SETTLING = 200  # of these, for where random pulsing settles
SURE = 0.95  # share of draws in which a crossing must be there
FLAT = 0.5  # part of the window over which steps cancel within their error: balanced everywhere
ALIKE = 0.15  # of a step: by how much steps that cancel may differ
NEAR = 0.25  # half windows from the end: how near a bound may be taken for a crossing
EDGE = 3.0  # steps, or read noises, from the end of what was measured: there a device is at its bound

STABLE, UNSTABLE, EVERYWHERE, NONE, SEVERAL, UNCLEAR = (
    "stable", "unstable", "balanced everywhere", "none", "several", "not identified",
)  # fmt: skip


@dataclass(frozen=True)
class Settling:
    """Mean conductance [unit] under random pulsing with as many up as down, its standard deviation and 95 % interval."""

    conductance: float
    std: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Balance:
    """Symmetry points from low to high, and in one word what the device has; `settling` None where it has no place."""

    verdict: str
    points: tuple[EstimatedSymmetryPoint, ...]
    settling: Settling | None


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
    return _Drawn(np.linspace(-1.0, 1.0, NODES), up @ basis, down @ basis, up @ tilt, down @ tilt)


def _crossings(total: FloatArray, x: FloatArray) -> list[tuple[float, int]]:
    """(x, −1 where the sum falls through 0: stable, +1 where it rises), from low to high."""
    at = np.flatnonzero(total[:-1] * total[1:] < 0)
    share = total[at] / (total[at] - total[at + 1])
    return [(float(x[i] + s * (x[1] - x[0])), -1 if total[i] > 0 else 1) for i, s in zip(at, share, strict=True)]


def _everywhere(fit: MeasuredFit, drawn: _Drawn) -> bool:
    """Whether the steps cancel, within what is known of them and to a part of their size, over half of the window."""
    inner = np.abs(drawn.x) < 1.0 - _edge(fit)
    total, size = drawn.total[:, inner], 0.5 * (np.abs(drawn.up[0]) + np.abs(drawn.down[0]))[inner]
    near = np.abs(total[0]) <= np.maximum(3.0 * np.std(total, axis=0), 0.02 * size)
    return bool(np.mean(near & (np.abs(total[0]) < ALIKE * size)) > FLAT)


def _edge(fit: MeasuredFit) -> float:
    return min(EDGE * max(fit.rows.typical, float(fit.others()[READ])), 0.15)


def _at_bound(fit: MeasuredFit, drawn: _Drawn, at: float) -> bool:
    """Whether the steps cancel only because one of them ends there: a bound, and no symmetry point.

    So it is at the very end of the window, and near it where the sum of the steps is as large 0.3 before as 0.6 before:
    it does not fall towards the crossing but at it.
    """
    if abs(at) > 1.0 - _edge(fit):
        return True
    if abs(at) < 1.0 - NEAR:
        return False
    near, far = (float(np.interp(at - np.sign(at) * way, drawn.x, drawn.total[0])) for way in (0.3, 0.6))
    return near * far > 0 and abs(near) > 0.75 * abs(far)


def _point(fit: MeasuredFit, drawn: _Drawn, at: float, sign: int) -> EstimatedSymmetryPoint:
    """A crossing of the estimate, with the nearest of its kind in each draw."""
    rows, places = _nearest(drawn, at, sign)
    of = [(rows == 0), (rows > 0)]
    step, up_slope, down_slope = (_read(table, drawn.x, rows, places) for table in _tables(drawn))
    contraction: FloatArray = 1.0 - (1.0 + up_slope) * (1.0 + down_slope)
    trace, slope = fit.trace, up_slope + down_slope
    ends, step_ends = (
        np.quantile(values[of[1]], [0.025, 0.975]) if np.any(of[1]) else (at, at) for values in (places, step)
    )
    return EstimatedSymmetryPoint(
        conductance=trace.centre + trace.scale * at,
        std=trace.scale * float(np.std(places[of[1]])) if np.any(of[1]) else 0.0,
        interval=(
            trace.centre + trace.scale * min(float(ends[0]), at),
            trace.centre + trace.scale * max(float(ends[1]), at),
        ),
        step=trace.scale * float(step[of[0]][0]),
        step_std=trace.scale * float(np.std(step[of[1]])) if np.any(of[1]) else 0.0,
        step_interval=(trace.scale * float(step_ends[0]), trace.scale * float(step_ends[1])),
        stable=sign < 0,
        stability=float(np.mean(slope[of[1]] < 0)) if np.any(of[1]) else 0.5,
        contraction=float(contraction[of[0]][0]),
        contraction_std=float(np.std(contraction[of[1]])) if np.any(of[1]) else 0.0,
        clear=float(np.sum(of[1])) / DRAWS >= SURE,
        inside=True,
    )


def _tables(drawn: _Drawn) -> tuple[FloatArray, FloatArray, FloatArray]:
    return drawn.up, drawn.up_slope, drawn.down_slope


def _nearest(drawn: _Drawn, at: float, sign: int) -> tuple[FloatArray, FloatArray]:
    """(row, x) of the crossing of this sign nearest to `at` in every draw that has one."""
    total = drawn.total
    crosses = (total[:, :-1] * total[:, 1:] < 0) & (np.sign(total[:, 1:]) == sign)
    share = total[:, :-1] / np.where(crosses, total[:, :-1] - total[:, 1:], 1.0)
    places = np.where(crosses, drawn.x[:-1] + share * (drawn.x[1] - drawn.x[0]), np.inf)
    column = np.argmin(np.abs(places - at), axis=1)
    found = places[np.arange(len(places)), column]
    good = np.isfinite(found)
    return np.flatnonzero(good), found[good]


def _read(table: FloatArray, x: FloatArray, rows: FloatArray, places: FloatArray) -> FloatArray:
    """Each row of a table at its place, linear between nodes."""
    position = (places - x[0]) / (x[1] - x[0])
    node = np.clip(position.astype(np.int64), 0, len(x) - 2)
    part = position - node
    return table[rows, node] * (1 - part) + table[rows, node + 1] * part


def _settling(fit: MeasuredFit, drawn: _Drawn, thetas: list[tuple[Parts, FloatArray]]) -> Settling | None:
    """Stationary mean of random pulsing.

    With the drift μ = (f+ + f−)/2 and the spread D = (f+² + s+² + f−² + s−²)/2 − μ² of one pulse the density is
    ``p ∝ exp(∫ 2 μ/D dx)/D`` (Fokker-Planck, Ito). Steps are those of random pulsing: after a reversal as often as not,
    so that history takes ``a/(2 − exp(−1/m))`` of them.
    """
    found = np.array([_stationary(fit, drawn, *thetas[k], k) for k in range(SETTLING + 1)])
    good = np.isfinite(found)
    if not good[0] or np.mean(good) < SURE:
        return None
    trace, others = fit.trace, found[1:][good[1:]]
    low, high = np.quantile(others, [0.025, 0.975])
    return Settling(
        trace.centre + trace.scale * float(found[0]),
        trace.scale * float(np.std(others)),
        (
            trace.centre + trace.scale * min(low, float(found[0])),
            trace.centre + trace.scale * max(high, float(found[0])),
        ),
    )


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
