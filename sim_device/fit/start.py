"""Starting points of the maximisation: moments that read noise does not bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from sim_device.fit.trace import Trace

STRIDES = (1, 8, 64)  # rows between the two readings of a difference


def linear_starts(trace: Trace) -> list[FloatArray]:
    """Starting points (u0, u1, d0, d1, ln σc², ln σr²) of straight steps, one for each stride that the trace allows.

    Over L rows in one direction with N pulses, ``y[k] − y[k−L] = N (u0 + u1 x)``; the abscissa x is a reading whose
    noise is in neither end: the middle one for L > 1, for L = 1 the reading before as an instrument.
    """
    slopes = [_steps(trace, stride) for stride in STRIDES if stride == 1 or len(trace) > 4 * stride]
    flat = slopes[0].copy()
    flat[1] = flat[3] = 0.0
    flat[0], flat[2] = _mean_step(trace, +1), _mean_step(trace, -1)
    return [np.concatenate([steps, _noise(trace, steps)]) for steps in [*slopes, flat]]


def _in_one_go(trace: Trace, stride: int, direction: int, before: int = 0) -> NDArray[np.int64]:
    """Rows k such that rows k−L−before .. k are read and of one piece, with pulses k−L+1 .. k in `direction`."""
    wrong = np.concatenate([[0], np.cumsum(np.sign(trace.pulses) != direction)])
    breaks = np.concatenate([[0], np.cumsum(trace.starts | (trace.count == 0))])
    k = np.arange(stride + before, len(trace))
    first = k - stride
    straight = (wrong[k + 1] == wrong[first + 1]) & (breaks[k + 1] == breaks[first - before + 1])
    return k[straight & (trace.count[first - before] > 0)]


def _steps(trace: Trace, stride: int) -> FloatArray:
    found: list[float] = []
    for direction in (+1, -1):
        k = _in_one_go(trace, stride, direction, before=int(stride == 1))
        total = np.concatenate([[0], np.cumsum(trace.pulses)])
        pulses = np.abs(total[k + 1] - total[k - stride + 1]).astype(np.float64)
        change = trace.mean[k] - trace.mean[k - stride]
        x = trace.mean[k - stride // 2] if stride > 1 else trace.mean[k - 1]
        instrument = x if stride > 1 else trace.mean[k - 2]
        found += _line(change, pulses, x, instrument) or [_mean_step(trace, direction), 0.0]
    return np.array(found)


def _line(change: FloatArray, pulses: FloatArray, x: FloatArray, z: FloatArray) -> list[float] | None:
    """Solve ``Σ (1, z)ᵀ (change − pulses (a + b x)) = 0`` for (a, b); None where there is no spread to tell b."""
    if len(change) < 4:
        return None
    n, nx, zn, znx = float(pulses.sum()), float(pulses @ x), float(z @ pulses), float(z @ (pulses * x))
    determinant = n * znx - nx * zn
    if abs(determinant) < 1e-6 * n * n:
        return None
    total, moment = float(change.sum()), float(z @ change)
    a, b = (total * znx - moment * nx) / determinant, (n * moment - zn * total) / determinant
    return [a, min(0.9, max(-0.9, b))]


def _mean_step(trace: Trace, direction: int) -> float:
    k = _in_one_go(trace, 1, direction)
    pulses = np.sum(np.abs(trace.pulses[k]))
    return float(np.sum(trace.mean[k] - trace.mean[k - 1]) / pulses) if pulses else 0.0


def _noise(trace: Trace, steps: FloatArray) -> FloatArray:
    """(ln σc², ln σr²) from residuals r of single steps: ``σr² = −Cov(r[k], r[k+1])``, σw² = Var r + 2 Cov``."""
    x = trace.mean[:-1]
    up = trace.pulses[1:] > 0
    chosen = np.where(up, 0, 2)
    mean_step = (steps[chosen] + steps[chosen + 1] * x) * np.abs(trace.pulses[1:])
    change: FloatArray = np.diff(trace.mean)
    residual = change - mean_step
    good = ~trace.starts[1:] & (trace.count[1:] > 0) & (trace.count[:-1] > 0)
    variance = float(np.mean(residual[good] ** 2)) if good.any() else 1e-2
    both = good[1:] & good[:-1]
    covariance = float(np.mean(residual[1:][both] * residual[:-1][both])) if both.any() else 0.0
    read = np.clip(-covariance, 0.02 * variance, 0.5 * variance)
    walk = max(variance - 2 * read, 0.02 * variance)
    squares = mean_step[good] ** 2 / np.maximum(1, np.abs(trace.pulses[1:][good]))
    cycle = walk / max(float(np.mean(squares)), 1e-12) if good.any() else 0.1
    return np.log([np.clip(cycle, 1e-6, 1e3), max(read, 1e-18)])
