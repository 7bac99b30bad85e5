"""Compiled: log-likelihood of a trace by an extended Kalman filter, with its exact gradient and information.

State and readings are scaled (`sim_device.fit.trace`). One up or down pulse and one reading, with the mean step f(g):

    g' = g + f(g)(1 + σc ξ)          m' = m + f(m),   P' = (1 + f')² P + σc² (f² + f'² P)
    y  = g + e,  Var e = σr²/c + σw²     (mean of c readings of one state; σw is write noise, new with every pulse)
    F = P + Var e,  v = y − m,       m ← m + P v/F,   P ← P − P²/F,   ln L = −½ Σ (ln 2πF + v²/F)

Exact for steps linear in g with Gaussian noise (P' is then the exact second moment), extended otherwise. The gradient
is the forward sensitivity of the same recursion, so it is the derivative of what is computed, not an approximation.
The information is ``Σ ∂m∂mᵀ/F + ½ ∂F∂Fᵀ/F²`` (expected, conditional on the past). Each piece of a trace starts
diffuse: its first reading sets m and P and adds nothing to ln L. A step without a reading (c = 0) is only advanced.

Parameters θ: k numbers of the up step, k of the down step, ln σc², ln σr², ln σw², drift of g per unit of time.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.step_kernels import (
    EXPONENTIAL,
    HARD,
    LINEAR,
    PIECEWISE,
    POLYNOMIAL,
    POWER,
    STRAIGHT,
    compiled,
    step_of,
)

__all__ = [
    "EXPONENTIAL",
    "EXTRA",
    "HARD",
    "LINEAR",
    "PIECEWISE",
    "POLYNOMIAL",
    "POWER",
    "STRAIGHT",
    "Rows",
    "compiled",
    "empty_results",
    "log_likelihood",
    "smoothed",
    "step_of",
]

EXTRA = 4  # parameters after the steps: ln σc², ln σr², ln σw², drift
# (mean, count, scatter, pulses, elapsed, starts) of `sim_device.fit.trace.Trace`
Rows: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, IntArray, FloatArray, NDArray[np.bool_]]


@compiled
def _pulse(
    kind: int,
    size: int,
    knots: FloatArray,
    theta: FloatArray,
    at: int,
    cycle: float,
    m: float,
    p: float,
    dm: FloatArray,
    dp: FloatArray,
    value: FloatArray,
    slope: FloatArray,
) -> tuple[float, float]:
    """One pulse: (m', P') and their sensitivities, in place."""
    f, fx, fxx = step_of(kind, size, knots, theta, at, m, value, slope)
    a = 1.0 + fx
    keep = a * a + cycle * fx * fx
    for i in range(len(dm)):
        d = dm[i]
        turn = fxx * d
        dp[i] = keep * dp[i] + 2.0 * (a + cycle * fx) * turn * p + 2.0 * cycle * f * fx * d
        dm[i] = a * d
    for i in range(size):
        dp[at + i] += 2.0 * (a + cycle * fx) * slope[i] * p + 2.0 * cycle * f * value[i]
        dm[at + i] += value[i]
    walk = cycle * (f * f + fx * fx * p)
    dp[2 * size] += walk
    return m + f, a * a * p + walk


@compiled
def _read(
    v: float,
    big_f: float,
    p: float,
    dm: FloatArray,
    dp: FloatArray,
    df: FloatArray,
    score: FloatArray,
    term: FloatArray,
    info: FloatArray,
    outer: FloatArray,
) -> None:
    """Add one reading to score, information and outer product of scores, then update ∂m and ∂P for it."""
    gain, u = p / big_f, v / big_f
    size = len(dm)
    for i in range(size):
        term[i] = u * dm[i] + 0.5 * df[i] * (u * u - 1.0 / big_f)
        score[i] += term[i]
    for i in range(size):
        mi, fi = dm[i] / big_f, 0.5 * df[i] / (big_f * big_f)
        for j in range(i + 1):
            info[i, j] += mi * dm[j] + fi * df[j]
    for i in range(len(outer)):
        for j in range(i + 1):
            outer[i, j] += term[i] * term[j]
    for i in range(size):
        d_gain = (dp[i] - gain * df[i]) / big_f
        dm[i] += d_gain * v - gain * dm[i]
        dp[i] += -2.0 * gain * dp[i] + gain * gain * df[i]


@compiled
def _repeats(count: float, scatter: float, read: float, at: int, score: FloatArray, info: FloatArray) -> float:
    """Readings of one state around their mean: (c − 1) degrees of freedom for σr² alone; gives their ln L."""
    score[at] += 0.5 * (scatter / read - (count - 1.0))
    info[at, at] += 0.5 * (count - 1.0)
    return -0.5 * ((count - 1.0) * math.log(2.0 * math.pi * read) + scatter / read + math.log(count))


# One loop, longer than others: calls within it, with their arrays, took a third of the time of a fit.
@compiled
def _log_likelihood_of_straight(theta: FloatArray, trace: Rows, score: FloatArray, info: FloatArray) -> float:
    """The same for straight steps without write noise and drift: the bulk of all work, so without its generality."""
    mean, count, scatter, pulses, _, starts = trace
    dm, dp, mi, fi = np.zeros(6), np.zeros(6), np.zeros(6), np.zeros(6)
    score[:], info[:, :] = 0.0, 0.0
    cycle, read = math.exp(theta[4]), math.exp(theta[5])
    log_l = m = p = 0.0
    for k in range(len(mean)):
        c = count[k]
        if c > 1:
            log_l += _repeats(c, scatter[k], read, 5, score, info)
        if starts[k]:
            m, p = mean[k], read / c
            dm[:], dp[:] = 0.0, 0.0
            dp[5] = p
            continue
        at = 0 if pulses[k] > 0 else 2
        slope = theta[at + 1]
        a, keep, cross = 1.0 + slope, (1.0 + slope) ** 2 + cycle * slope * slope, 2.0 * cycle * slope
        for _ in range(abs(pulses[k])):
            f = theta[at] + slope * m
            for i in range(6):
                dp[i] = keep * dp[i] + cross * f * dm[i]
                dm[i] *= a
            dp[at] += 2.0 * cycle * f
            dp[at + 1] += 2.0 * (a + cycle * slope) * p + 2.0 * cycle * f * m
            dm[at] += 1.0
            dm[at + 1] += m
            walk = cycle * (f * f + slope * slope * p)
            dp[4] += walk
            m, p = m + f, a * a * p + walk
        if c == 0:
            continue
        noise = read / c
        big_f = p + noise
        one, v = 1.0 / big_f, mean[k] - m
        gain, u = p * one, v * one
        log_l -= 0.5 * (math.log(2.0 * math.pi * big_f) + v * u)
        dp[5] += noise  # ∂F for the moment
        root, excess = math.sqrt(one), 0.5 * (u * u - one)
        for i in range(6):
            score[i] += u * dm[i] + excess * dp[i]
            mi[i], fi[i] = root * dm[i], math.sqrt(0.5) * one * dp[i]
        for i in range(6):
            for j in range(6):
                info[i, j] += mi[i] * mi[j] + fi[i] * fi[j]
        dp[5] -= noise
        for i in range(6):
            df = dp[i] + (noise if i == 5 else 0.0)
            dm[i] += (dp[i] - gain * df) * u - gain * dm[i]
            dp[i] += gain * (gain * df - 2.0 * dp[i])
        m, p = m + gain * v, p - gain * p
    return log_l


@compiled
def log_likelihood(
    kind: int,
    size: int,
    knots: FloatArray,
    theta: FloatArray,
    trace: Rows,
    score: FloatArray,
    info: FloatArray,
    outer: FloatArray,
) -> float:
    """Log-likelihood of a trace; fills score (p,), information (p, p) and outer product of scores (p, p, or empty)."""
    if kind == STRAIGHT:
        return _log_likelihood_of_straight(theta, trace, score, info)
    mean, count, scatter, pulses, elapsed, starts = trace
    total = len(theta)
    dm, dp, df, term = np.zeros(total), np.zeros(total), np.zeros(total), np.zeros(total)
    value, slope = np.zeros(size), np.zeros(size)
    score[:], info[:, :], outer[:, :] = 0.0, 0.0, 0.0
    cycle, read, write = math.exp(theta[2 * size]), math.exp(theta[2 * size + 1]), math.exp(theta[2 * size + 2])
    log_l = m = p = 0.0
    for k in range(len(mean)):
        if count[k] > 1:
            log_l += _repeats(count[k], scatter[k], read, 2 * size + 1, score, info)
        if starts[k]:
            m, p = mean[k], read / count[k] + write
            dm[:], dp[:] = 0.0, 0.0
            dp[2 * size + 1], dp[2 * size + 2] = read / count[k], write
            continue
        at = 0 if pulses[k] > 0 else size
        for _ in range(abs(pulses[k])):
            m, p = _pulse(kind, size, knots, theta, at, cycle, m, p, dm, dp, value, slope)
        m += theta[2 * size + 3] * elapsed[k]
        dm[2 * size + 3] += elapsed[k]
        if count[k] == 0:
            continue
        df[:] = dp
        df[2 * size + 1] += read / count[k]
        df[2 * size + 2] += write
        big_f, v = p + read / count[k] + write, mean[k] - m
        log_l -= 0.5 * (math.log(2.0 * math.pi * big_f) + v * v / big_f)
        _read(v, big_f, p, dm, dp, df, score, term, info, outer)
        m += p / big_f * v
        p -= p * p / big_f
    for i in range(total):
        for j in range(i):
            info[j, i] = info[i, j]
            if len(outer):
                outer[j, i] = outer[i, j]
    return log_l


@compiled
def smoothed(kind: int, size: int, knots: FloatArray, theta: FloatArray, trace: Rows, out: FloatArray) -> None:
    """Filter forwards, smooth backwards (Rauch-Tung-Striebel); fills `out`, shape (7, n).

    Rows: prediction m, its variance P, innovation v, its variance F, smoothed g, its variance, covariance of a state
    with the one before it (both given the whole trace). Innovations of first readings of a piece are NaN.
    """
    mean, count, _, pulses, elapsed, starts = trace
    value, slope = np.zeros(size), np.zeros(size)
    cycle, read, write = math.exp(theta[2 * size]), math.exp(theta[2 * size + 1]), math.exp(theta[2 * size + 2])
    m = p = 0.0
    n = len(mean)
    passed = np.zeros(n)  # ∂(state at reading k)/∂(state at reading k − 1)
    for k in range(n):
        if starts[k]:
            m, p = mean[k], read / count[k] + write
            out[0, k], out[1, k], out[2, k], out[3, k], out[4, k], out[5, k] = m, p, np.nan, np.nan, m, p
            continue
        at, through = (0 if pulses[k] > 0 else size), 1.0
        for _ in range(abs(pulses[k])):
            f, fx, _ = step_of(kind, size, knots, theta, at, m, value, slope)
            through *= 1.0 + fx
            m, p = m + f, (1.0 + fx) ** 2 * p + cycle * (f * f + fx * fx * p)
        m += theta[2 * size + 3] * elapsed[k]
        passed[k] = through
        out[0, k], out[1, k], out[2, k], out[3, k] = m, p, np.nan, np.nan
        if count[k] > 0:
            big_f, v = p + read / count[k] + write, mean[k] - m
            out[2, k], out[3, k] = v, big_f
            m += p / big_f * v
            p -= p * p / big_f
        out[4, k], out[5, k] = m, p
    for k in range(n - 2, -1, -1):
        if starts[k + 1]:
            out[6, k + 1] = 0.0
            continue
        gain = out[5, k] * passed[k + 1] / max(out[1, k + 1], 1e-300)
        out[6, k + 1] = gain * out[5, k + 1]
        out[5, k] += gain * gain * (out[5, k + 1] - out[1, k + 1])
        out[4, k] += gain * (out[4, k + 1] - out[0, k + 1])


def empty_results(total: int, outer: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Arrays for `log_likelihood` to fill: score, information, outer product of scores where asked for."""
    return np.zeros(total), np.zeros((total, total)), np.zeros((total, total) if outer else (0, 0))
