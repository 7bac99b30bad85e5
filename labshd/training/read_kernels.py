# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled converters of the read path: numbers to levels of the DAC, currents to noisy, clipped levels of the ADC."""

from __future__ import annotations

import numpy as np

from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import compiled, inlined, normal, u32


@njit(**inlined)
def _within(value, bound):
    """`value` at most ±`bound`; NaN stays NaN."""
    value = bound if value > bound else value
    return -bound if value < -bound else value


@njit(**compiled)
def largest(x, out):
    """The largest magnitude of every column of `x` (inputs, samples) into `out` (samples)."""
    out[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] = max(out[j], abs(x[i, j]))


@njit(**compiled)
def driven(x, scale, bound, step, out):
    """``out = x/scale`` of every sample, at most ±`bound`, rounded to multiples of `step` (0: not).

    `x`, `out` have shape (inputs, samples), `scale` (samples).
    """
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = _within(x[i, j] / scale[j], bound)
            out[i, j] = np.rint(value / step) * step if step > 0 else value


@njit(**compiled)
def sensed(y, key, count, noise, bound, step, clipped):
    """Add `noise` times a normal deviate to each of `y`, clip at ±`bound`, round to multiples of `step` (0: not).

    In place; `clipped` tells which reached the bound. The deviate is number `count` of the output under `key`.
    """
    for k in range(len(y)):
        value = y[k] + noise * normal(key, u32(k), count)
        clipped[k] = abs(value) >= bound
        value = _within(value, bound)
        y[k] = np.rint(value / step) * step if step > 0 else value
