"""Compiled: the mean step of a pulse, its slope and curvature, and their derivatives by parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar, cast

from instruments.crosspoints import FloatArray
from sim_device.arrays.compiling import njit

# STRAIGHT is LINEAR without write noise and drift; HARD are constant steps up to a hard bound.
LINEAR, POLYNOMIAL, PIECEWISE, EXPONENTIAL, POWER, HARD, STRAIGHT = range(7)
Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile on the first call and keep the result on disk; numba carries no types, so the function lends its own."""
    return cast("Function", njit(cache=True, error_model="numpy")(function))


@compiled
def step_of(
    kind: int, size: int, knots: FloatArray, theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray
) -> tuple[float, float, float]:
    """(f, f', f'') of the step with parameters ``theta[at : at + size]`` at `x`; ∂f/∂θ and ∂f'/∂θ into the arrays."""
    if kind in (LINEAR, STRAIGHT):
        value[0], value[1], slope[0], slope[1] = 1.0, x, 0.0, 1.0
        return theta[at] + theta[at + 1] * x, theta[at + 1], 0.0
    if kind == POLYNOMIAL:
        return _polynomial(size, theta, at, x, value, slope)
    if kind == PIECEWISE:
        return _piecewise(size, knots, theta, at, x, value, slope)
    if kind == EXPONENTIAL:
        return _exponential(theta, at, x, value, slope)
    if kind == HARD:
        return _hard(knots, theta, at, x, value, slope)
    return _power(theta, at, x, value, slope)


@compiled
def _polynomial(
    size: int, theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray
) -> tuple[float, float, float]:
    """Legendre series: P0 = 1, P1 = x, (n + 1) P(n+1) = (2n + 1) x Pn − n P(n−1); also P' and P''."""
    f = fx = fxx = 0.0
    before, now, d_before, d_now, dd_before, dd_now = 0.0, 1.0, 0.0, 0.0, 0.0, 0.0
    for n in range(size):
        value[n], slope[n] = now, d_now
        f += theta[at + n] * now
        fx += theta[at + n] * d_now
        fxx += theta[at + n] * dd_now
        a, b = (2.0 * n + 1.0) / (n + 1.0), n / (n + 1.0)
        dd_before, dd_now = dd_now, a * (2.0 * d_now + x * dd_now) - b * dd_before
        d_before, d_now = d_now, a * (now + x * d_now) - b * d_before
        before, now = now, a * x * now - b * before
    return f, fx, fxx


@compiled
def _piecewise(
    size: int, knots: FloatArray, theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray
) -> tuple[float, float, float]:
    """Straight between `knots`, going on straight beyond the first and last: f = Σ θi φi(x)."""
    j = 0
    while j < size - 2 and x > knots[j + 1]:
        j += 1
    width = knots[j + 1] - knots[j]
    t = (x - knots[j]) / width
    for n in range(size):
        value[n] = slope[n] = 0.0
    value[j], value[j + 1], slope[j], slope[j + 1] = 1.0 - t, t, -1.0 / width, 1.0 / width
    return theta[at + j] * (1.0 - t) + theta[at + j + 1] * t, (theta[at + j + 1] - theta[at + j]) / width, 0.0


@compiled
def _exponential(
    theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray
) -> tuple[float, float, float]:
    """Step θ0 + θ1 (e^{θ2 x} − 1)/θ2: θ0, θ1 value and slope at x = 0, θ2 the curvature; a line where θ2 = 0."""
    b, c = theta[at + 1], theta[at + 2]
    cx = max(-50.0, min(50.0, c * x))
    e = math.exp(cx)
    if abs(cx) > 1e-3:
        g, h = (e - 1.0) / c, (cx * e - e + 1.0) / (c * c)  # g = (e^{cx} − 1)/c, h = ∂g/∂c
    else:
        g, h = x * (1.0 + cx / 2.0 + cx * cx / 6.0), x * x * (0.5 + cx / 3.0)
    value[0], value[1], value[2] = 1.0, g, b * h
    slope[0], slope[1], slope[2] = 0.0, e, b * x * e
    return theta[at] + b * g, b * e, b * c * e


@compiled
def _hard(
    knots: FloatArray, theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray
) -> tuple[float, float, float]:
    """Step ±min(θ0, way to the bound θ1), the corner rounded over w = `knots[0]`: −w ln(e^{−A/w} + e^{−B/w})."""
    sign, width = (1.0 if at == 0 else -1.0), knots[0]
    a, b = theta[at], sign * (theta[at + 1] - x)
    smaller = min(a, b)
    total = math.exp((smaller - a) / width) + math.exp((smaller - b) / width)
    by_a, by_b = math.exp((smaller - a) / width) / total, math.exp((smaller - b) / width) / total
    corner = by_a * by_b / width
    value[0], value[1] = sign * by_a, by_b
    slope[0], slope[1] = -corner, sign * corner
    return sign * (smaller - width * math.log(total)), -by_b, -sign * corner


@compiled
def _power(theta: FloatArray, at: int, x: float, value: FloatArray, slope: FloatArray) -> tuple[float, float, float]:
    """Step θ0 (1 + θ1 x)^{θ2}: θ0 the step at x = 0, the bound at −1/θ1, θ2 the power; 0 beyond the bound."""
    a, b, p = theta[at], theta[at + 1], theta[at + 2]
    base = 1.0 + b * x
    if base < 1e-9:
        for n in range(3):
            value[n] = slope[n] = 0.0
        return 0.0, 0.0, 0.0
    w = base**p
    w1 = w / base
    value[0], value[1], value[2] = w, a * p * x * w1, a * w * math.log(base)
    slope[0] = p * b * w1
    slope[1] = a * p * (w1 + (p - 1.0) * b * x * w1 / base)
    slope[2] = a * b * w1 * (1.0 + p * math.log(base))
    return a * w, a * p * b * w1, a * p * (p - 1.0) * b * b * w1 / base
