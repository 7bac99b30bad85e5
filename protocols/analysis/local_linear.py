"""The symmetry point from readings around it: a likelihood in which steps are straight lines of the conductance.

Near the symmetry point every smooth device is linear (physics of soft bounds: exactly so). With the hidden
conductance g, pulses of known sign, cycle-to-cycle noise w and read noise e::

    up pulse    g' = g + a₊ + b₊ (g − G₀) + w        w ~ N(0, σ_w²) per pulse
    down pulse  g' = g + a₋ + b₋ (g − G₀) + w
    reading     y  = g + e                            e ~ N(0, σ_r²)

    symmetry point       G* = G₀ − (a₊ + a₋)/(b₊ + b₋)
    step there           δ* = (step up − step down)/2 at G*
    contraction          b₊ + b₋ per pair of one up and one down pulse: negative is stable

A Kalman filter gives the likelihood; it is maximised by Fisher scoring. The known signs explain most of the scatter,
which is why this needs a fraction of the pulses that the mean of the tail needs. Read noise is a part of the model,
so that slopes are not biased by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray

Filter: TypeAlias = Callable[..., None]
BoolArray: TypeAlias = NDArray[np.bool_]
_WRITE, _SIDE = 4, 6  # indices: variance of cycle-to-cycle noise; what tells the approaches apart


@dataclass(frozen=True)
class LocalFit:
    """Maximum likelihood of the local model; conductances in the unit of the readings.

    Attributes
    ----------
    symmetry_point, std
        G* and its standard error: the larger of the one from the information matrix and of the sandwich over blocks.
    step, step_std
        δ*, mean magnitude of a step at G*.
    contraction, contraction_std
        b₊ + b₋ per up/down pair, dimensionless.
    cycle_to_cycle, cycle_to_cycle_std
        σ_w/δ*, per pulse, relative to the step.
    read, read_std
        σ_r, of one reading.
    side_difference, side_difference_std
        symmetry point from above minus from below; NaN unless asked for.
    readings
        How many entered.
    """

    symmetry_point: float
    std: float
    step: float
    step_std: float
    contraction: float
    contraction_std: float
    cycle_to_cycle: float
    cycle_to_cycle_std: float
    read: float
    read_std: float
    side_difference: float
    side_difference_std: float
    from_below: tuple[float, float]
    from_above: tuple[float, float]
    readings: int
    converged: bool

    @property
    def time_constant(self) -> float:
        """τ_p = −2/(b₊ + b₋): pulses of a random sequence in which the distance to G* falls to 1/e; inf if unstable."""
        return -2 / self.contraction if self.contraction < 0 else math.inf

    @property
    def resolved(self) -> bool:
        """Whether the contraction differs from zero by 3 standard errors; G* is a ratio and means nothing otherwise."""
        return self.converged and abs(self.contraction) >= 3 * self.contraction_std


def _filter(
    y: FloatArray,
    counts: IntArray,
    start: BoolArray,
    side: FloatArray,
    theta: FloatArray,
    innovation: FloatArray,
    variance: FloatArray,
) -> None:
    """One pass of the Kalman filter; `variance` is 0 where a reading contributes nothing (start, no number)."""
    q, r = theta[4], math.exp(2 * theta[5])
    mean, spread, known = 0.0, 0.0, False
    for k in range(y.size):
        variance[k] = 0.0
        innovation[k] = 0.0
        if start[k]:
            known = False
        if known:
            up = counts[k] > 0
            a = theta[0] if up else theta[2]
            b = theta[1] if up else theta[3]
            a -= b * theta[6] * side[k]
            for _ in range(abs(counts[k])):
                mean += a + b * mean
                spread = (1 + b) * (1 + b) * spread + q
        if math.isnan(y[k]):
            continue
        if not known:
            mean, spread, known = y[k], r, True
            continue
        variance[k] = spread + r
        innovation[k] = y[k] - mean
        gain = spread / variance[k]
        mean += gain * innovation[k]
        spread *= 1 - gain


@cache
def _compiled() -> Filter:
    from numba import njit

    return njit(cache=True)(_filter)


@dataclass(frozen=True)
class _Data:
    y: FloatArray  # scaled: (reading − centre)/scale
    counts: IntArray
    start: BoolArray
    side: FloatArray

    def innovations(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        innovation, variance = np.empty_like(self.y), np.empty_like(self.y)
        _compiled()(self.y, self.counts, self.start, self.side, theta, innovation, variance)
        used = variance > 0
        return innovation[used], variance[used]


def _log_likelihood(innovation: FloatArray, variance: FloatArray) -> float:
    value = -0.5 * float(np.sum(np.log(variance) + innovation**2 / variance))
    return value if math.isfinite(value) else -math.inf


def _scores(data: _Data, theta: FloatArray, free: list[int]) -> tuple[FloatArray, FloatArray]:
    """Score of every reading (n, p) and the expected information (p, p).

    Derivatives of innovation v and variance F by central differences; I = Σ v'v'ᵀ/F + F'F'ᵀ/(2F²).
    """
    v, f = data.innovations(theta)
    dv, df = np.empty((v.size, len(free))), np.empty((v.size, len(free)))
    for column, index in enumerate(free):
        h = {_WRITE: 0.01 * max(theta[_WRITE], 1e-8), 5: 1e-5}.get(index, 1e-6)
        ahead, behind = theta.copy(), theta.copy()
        ahead[index] += h
        behind[index] -= h
        (va, fa), (vb, fb) = data.innovations(ahead), data.innovations(behind)
        dv[:, column], df[:, column] = (va - vb) / (2 * h), (fa - fb) / (2 * h)
    each = -dv * (v / f)[:, None] + 0.5 * df * ((v**2 - f) / f**2)[:, None]
    information = dv.T @ (dv / f[:, None]) + 0.5 * df.T @ (df / f[:, None] ** 2)
    return each, information


def _maximise(data: _Data, theta: FloatArray, free: list[int]) -> tuple[FloatArray, bool]:
    """Fisher scoring with Levenberg damping; the likelihood never falls from one iterate to the next."""
    damping, best = 1e-3, _log_likelihood(*data.innovations(theta))
    each, information = _scores(data, theta, free)
    for _ in range(100):
        gradient = each.sum(axis=0)
        # Cycle-to-cycle noise at zero that would go below stays there; the others move on.
        movable = [i for i, k in enumerate(free) if not (k == _WRITE and theta[k] <= 0 and gradient[i] < 0)]
        curvature, gradient = information[np.ix_(movable, movable)], gradient[movable]
        ridge = damping * np.diag(np.diag(curvature) + 1e-12)
        move: FloatArray = np.asarray(np.linalg.lstsq(curvature + ridge, gradient, rcond=None)[0], dtype=np.float64)
        if float(move @ gradient) < 1e-5:
            return theta, True
        trial = theta.copy()
        trial[[free[i] for i in movable]] += move
        trial[_WRITE] = max(trial[_WRITE], 0.0)
        trial[5] = min(max(trial[5], -16.0), 4.0)
        value = _log_likelihood(*data.innovations(trial))
        if not value > best:
            damping *= 10
            if damping > 1e9:
                return theta, float(move @ gradient) < 1e-2
            continue
        theta, best, damping = trial, value, max(damping / 10, 1e-9)
        each, information = _scores(data, theta, free)
    return theta, False


def _first_guess(data: _Data) -> FloatArray:
    """Steps from mean differences, noise from their MA(1) covariance, slopes of a window as wide as the readings."""
    single = ~data.start[1:] & (data.counts[1:] != 0) & np.isfinite(np.diff(data.y))
    difference, sign = np.diff(data.y)[single], np.sign(data.counts[1:][single])
    up = float(np.mean(difference[sign > 0])) if np.any(sign > 0) else 0.0
    down = float(np.mean(difference[sign < 0])) if np.any(sign < 0) else 0.0
    residual = difference - np.where(sign > 0, up, down)
    pairs = residual[1:] * residual[:-1]
    total = float(np.mean(residual**2)) + 1e-12
    read = min(max(-float(np.mean(pairs)), 0.05 * total), 0.49 * total)
    step = max((abs(up) + abs(down)) / 2, 1e-6)
    slope = -min(0.3, step / 2)
    write = max(total - 2 * read, (0.1 * step) ** 2)
    return np.array([up, slope, down, slope, write, 0.5 * math.log(read), 0.0])


def _covariance(data: _Data, theta: FloatArray, free: list[int], block: int) -> tuple[FloatArray, FloatArray]:
    """Inverse information, and the sandwich I⁻¹ J I⁻¹ with J from scores summed over `block` readings.

    The sandwich stays honest where the noise is not what the model says: slow read noise, relaxation, steps that
    scatter in proportion to their size. Errors of the steps grow with the variance of the cycle-to-cycle noise, whose
    estimate may well be 0 where read noise hides it: both are taken at its expected value, given that it is positive,
    plus its standard error. A search that stops when the error is small would else stop on runs that look quiet.
    """
    _, information = _scores(data, theta, free)
    error = math.sqrt(max(np.linalg.pinv(information, hermitian=True)[_WRITE, _WRITE], 0.0))
    expected = theta.copy()
    expected[_WRITE] = _mean_above_zero(theta[_WRITE], error) + error
    each, information = _scores(data, expected, free)
    inverse: FloatArray = np.linalg.pinv(information, rcond=1e-14, hermitian=True).astype(np.float64)
    edges = np.arange(0, len(each), block)
    sums = np.add.reduceat(each, edges, axis=0)
    blocks = max(len(edges), 2)
    meat = sums.T @ sums * blocks / (blocks - 1)
    return inverse, inverse @ meat @ inverse


def fit_local(
    readings: FloatArray, counts: IntArray, start: BoolArray, side: FloatArray | None = None, block: int = 50
) -> LocalFit | None:
    """Fit the local model to `readings` (n,) with signed pulse `counts` (n,) applied before each.

    Parameters
    ----------
    start
        True (n,) where the state before is not to be used, as after a drive; the first reading there only sets it.
    side
        −½ for readings of an approach from below, +½ from above: the two then have symmetry points of their own, with
        common slopes. None: one symmetry point.
    block
        Readings in a block of the sandwich covariance.

    Returns
    -------
    LocalFit, or None with fewer than 20 pulses in either direction or readings without any spread.
    """
    finite = readings[np.isfinite(readings)]
    if min(np.sum(counts > 0), np.sum(counts < 0)) < 20 or finite.size < 40 or np.ptp(finite) == 0:
        return None
    centre, scale = float(np.median(finite)), float(np.std(finite))
    apart = np.zeros(readings.size) if side is None else np.asarray(side, dtype=np.float64)
    data = _Data((readings - centre) / scale, counts.astype(np.int64), np.asarray(start, dtype=bool), apart)
    free = [*range(6), *([_SIDE] if side is not None and len(set(apart.tolist())) > 1 else [])]
    theta, converged = _maximise(data, _first_guess(data), free)
    return _summary(theta, _covariance(data, theta, free, block), (centre, scale), converged, finite.size)


def _mean_above_zero(value: float, error: float) -> float:
    """E[x | x > 0] for x ~ N(value, error²) = value + error φ(α)/(1 − Φ(α)), α = −value/error."""
    if error <= 0:
        return max(value, 0.0)
    alpha = -value / error
    tail = 0.5 * math.erfc(alpha / math.sqrt(2))
    return value + error * math.exp(-0.5 * alpha**2) / math.sqrt(2 * math.pi) / max(tail, 1e-12)


def _summary(
    theta: FloatArray, covariances: tuple[FloatArray, FloatArray], units: tuple[float, float], converged: bool, n: int
) -> LocalFit:
    """Numbers in the unit of the readings, errors by the delta method."""
    centre, scale = units
    a_up, b_up, a_down, b_down, write, log_r, apart = theta.tolist()
    slope, level = b_up + b_down, a_up + a_down
    z = -level / slope if slope else math.nan
    step = 0.5 * ((a_up + b_up * z) - (a_down + b_down * z))

    def std(gradient: list[float]) -> float:
        g = np.array(gradient[: covariances[0].shape[0]])
        return math.sqrt(max(float(g @ covariance @ g) for covariance in covariances))

    dz = np.array([1.0, z, 1.0, z, 0.0, 0.0, 0.0]) * (-1 / slope if slope else math.nan)
    dstep = 0.5 * (np.array([1.0, z, -1.0, -z, 0.0, 0.0, 0.0]) + (b_up - b_down) * dz)
    relative = math.sqrt(write) / abs(step) if step else math.nan
    # δσ = δq/(2σ) where σ is well above zero, √δq where it is not.
    write_std = std([0, 0, 0, 0, 1, 0, 0])
    write_std = min(write_std / (2 * math.sqrt(write)) if write > 0 else math.inf, math.sqrt(write_std))
    two_sided = covariances[0].shape[0] > _SIDE
    side = np.array([0, 0, 0, 0, 0, 0, 0.5])
    nothing = (math.nan, math.nan)
    return LocalFit(
        symmetry_point=centre + scale * z,
        std=scale * std(dz.tolist()),
        step=scale * step,
        step_std=scale * std(dstep.tolist()),
        contraction=float(slope),
        contraction_std=std([0, 1, 0, 1, 0, 0, 0]),
        cycle_to_cycle=relative,
        cycle_to_cycle_std=write_std / abs(step) if step else math.nan,
        read=scale * math.exp(log_r),
        read_std=scale * math.exp(log_r) * std([0, 0, 0, 0, 0, 1, 0]),
        side_difference=scale * apart if two_sided else math.nan,
        side_difference_std=scale * std([0, 0, 0, 0, 0, 0, 1]) if two_sided else math.nan,
        from_below=(centre + scale * (z - apart / 2), scale * std((dz - side).tolist())) if two_sided else nothing,
        from_above=(centre + scale * (z + apart / 2), scale * std((dz + side).tolist())) if two_sided else nothing,
        readings=n,
        converged=converged,
    )
