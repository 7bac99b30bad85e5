# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled likelihood and simulation of a measured step: any shape, own scatter, history, a factor for each ramp.

Steps and their scatter are tables over x in [-1, 1], equally spaced, one column each for up and down. `history` =
(share missing, pulses it takes) of up, then of down: the n-th pulse after a reversal (n = 0, 1, ...) moves
``1 - a exp(-n/tau)`` of the full step.
"""

from __future__ import annotations

import math

import numpy as np

from sim_device.arrays.compiling import njit


@njit(cache=True)
def _at(table, x):
    """Value and slope of a table at x, constant beyond its ends."""
    last = len(table) - 1
    position = (x + 1.0) * 0.5 * last
    if position <= 0.0:
        return table[0], 0.0
    if position >= last:
        return table[last], 0.0
    node = int(position)
    rise = table[node + 1] - table[node]
    return table[node] + (position - node) * rise, rise * 0.5 * last


@njit(cache=True)
def _step(table, x):
    """A mean step and its slope: beyond the table a step that falls outwards goes on falling, as far as 0."""
    inside = min(max(x, -1.0), 1.0)
    f, slope = _at(table, inside)
    if x == inside:
        return f, slope
    # at the very end `_at` has no slope: take that of the last piece
    last = len(table) - 1
    rise = table[last] - table[last - 1] if x > 0.0 else table[1] - table[0]
    slope = rise * 0.5 * last
    beyond = f + slope * (x - inside)
    if abs(beyond) >= abs(f) and beyond * f > 0.0:
        return f, 0.0
    if beyond * f <= 0.0:
        return 0.0, 0.0
    return beyond, slope


@njit(cache=True)
def _share(history, way, since):
    """The part of the full step that the pulse makes that is `since` pulses after a reversal."""
    return 1.0 - history[way, 0] * math.exp(-since / history[way, 1])


# One loop, longer than others: what goes from reading to reading are nine numbers that each line uses.
@njit(cache=True)
def measured_likelihood(y, pulses, starts, steps, scatter, history, ramp, read, proportional, zero, tails, last):
    """Log-likelihood of readings `y` (NaN: missing) by an extended Kalman filter of (x, ln factor of the ramp).

    `ramp` (2,) are the standard deviations of the ln factor of up and down ramps; the reading has variance
    ``read**2 + (proportional (x - zero))**2``, `zero` being where the conductance is 0. `tails` is 1/nu of Student's t,
    0 for normal steps: a surprise is then a step that went far, and the state follows it. `last` (7,) takes what is
    known at the end: x, its variance, ln factor, its covariance and variance, the direction, pulses since the reversal.
    """
    total, x, r, p, c, q = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0
    way, since, constant = -1, 0.0, 0.0
    if tails > 0.0:
        nu = 1.0 / tails
        constant = math.lgamma((nu + 1.0) / 2.0) - math.lgamma(nu / 2.0) - 0.5 * math.log(nu * math.pi)
    for i in range(len(y)):
        if starts[i]:
            way, x, p, c = -1, y[i], read * read + (proportional * (y[i] - zero)) ** 2, 0.0
            continue
        if pulses[i] != 0:
            new = 0 if pulses[i] > 0 else 1
            if new != way:
                way, since, r, c, q = new, 0.0, 0.0, 0.0, ramp[new] ** 2
            for _ in range(abs(pulses[i])):
                f, slope = _step(steps[way], x)
                s = _at(scatter[way], x)[0]
                factor = math.exp(r) * _share(history, way, since)
                # x is also the place where the mean step is read: the curvature of the table is left out
                a, b = 1.0 + factor * slope, factor * f
                p = a * a * p + 2.0 * a * b * c + b * b * q + s * s
                c = a * c + b * q
                x += b
                since += 1.0
        if not math.isnan(y[i]):
            v = read * read + (proportional * (x - zero)) ** 2
            inside, away = p + v, y[i] - x
            if tails > 0.0:
                # `inside` is a variance; the square of the scale of t is (nu - 2)/nu of it
                nu = 1.0 / tails
                core = inside * (1.0 - 2.0 * tails)
                z = away * away / core
                total += constant - 0.5 * math.log(core) - 0.5 * (nu + 1.0) * math.log1p(z * tails)
                swell = (nu + z) / (nu + 1.0) * core - inside
                if swell > 0.0:
                    p, inside = p + swell, inside + swell
            else:
                total -= 0.5 * (math.log(2.0 * math.pi * inside) + away * away / inside)
            gain, turn = p / inside, c / inside
            x, r = x + gain * away, r + turn * away
            q, c, p = q - turn * c, c - gain * c, p - gain * p
    last[0], last[1], last[2], last[3], last[4], last[5], last[6] = x, p, r, c, q, way, since
    return total


@njit(cache=True)
def measured_path(x, pulses, way, since, steps, scatter, history, factors, normals):
    """Move a crosspoint at `x` by signed `pulses`; positions after each, (len(pulses),).

    `way`, `since` say which direction was pulsed before and how often since the reversal; `factors` (2,) are those of
    the ramps; `normals` one standard deviate for each pulse.
    """
    out, at = np.empty(len(pulses)), 0
    for i in range(len(pulses)):
        if pulses[i] != 0:
            new = 0 if pulses[i] > 0 else 1
            if new != way:
                way, since = new, 0.0
            for _ in range(abs(pulses[i])):
                move = factors[way] * _share(history, way, since) * _step(steps[way], x)[0]
                x += move + _at(scatter[way], x)[0] * normals[at]
                since += 1.0
                at += 1
        out[i] = x
    return out
