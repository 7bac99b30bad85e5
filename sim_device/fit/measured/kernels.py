# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled likelihood of a measured step with its derivatives, and simulation of one.

State: the conductance x, ln F of the ramp, the part w that relaxes, slow noise z. An extended Kalman filter takes it
from reading to reading; with it go the derivatives of all that it holds by the numbers that are free. `number` =
coefficients of the steps up and down, of ln scatter up and down (`basis`, `spread`: B-splines at equally spaced nodes
over x in [-1, 1], and their slopes), then those named below.
"""

from __future__ import annotations

import math

import numpy as np

from sim_device.arrays.compiling import njit

SMALL = 1e-3  # of a typical step: below it a scatter that goes with the step does not fall
# Places of the numbers after the coefficients.
READ = 0  # read noise
SHARE = 1  # share missing after a reversal, the pulses it takes, ln by which the scatter is larger; up, then down
RAMP = 7  # sigma of ln F, up and down
PROPORTIONAL = 9  # read noise over G
TAILS = 10  # 1/nu of Student's t
SLOW, KEPT = 11, 12  # slow noise, and what is left of it at the next reading
RELAXING, LEFT = 13, 14  # share of a step that relaxes, and what is left of it at the next reading
WEAR = 15  # ln by which the first step is larger than the last, and the pulses in which steps come to what they will be
OTHERS = 17
# Rows of what goes with the derivatives: the state, then its covariance.
X, R, W, Z, XX, XR, XW, XZ, RR, RW, RZ, WW, WZ, ZZ, ROWS = range(15)


@njit(cache=True)
def _weights(basis, x, row, slope):
    """B-splines (size, nodes) at x in [-1, 1]: fills `row` and, by the differences of nodes, `slope`."""
    last = basis.shape[1] - 1
    position = (x + 1.0) * 0.5 * last
    node = min(max(int(position), 0), last - 1)
    part = position - node
    for j in range(len(row)):
        rise = basis[j, node + 1] - basis[j, node]
        row[j] = basis[j, node] + part * rise
        slope[j] = rise * 0.5 * last


@njit(cache=True)
def _step(coefficients, basis, tilt, x, row, slope, row_slope, turn):
    """(f, df/dx, f', df'/dx) of a mean step; beyond [-1, 1] one that falls outwards goes on falling, as far as 0.

    f is read from the nodes of `basis`, f' from those of `tilt`, so that both are continuous; fills the derivatives of
    f (`row`) and of f' (`row_slope`) by the coefficients.
    """
    inside = min(max(x, -1.0), 1.0)
    _weights(basis, inside, row, slope)
    _weights(tilt, inside, row_slope, turn)
    f, along, fx, bend = 0.0, 0.0, 0.0, 0.0
    for j in range(len(row)):
        f += coefficients[j] * row[j]
        along += coefficients[j] * slope[j]
        fx += coefficients[j] * row_slope[j]
        bend += coefficients[j] * turn[j]
    if x == inside:
        return f, along, fx, bend
    beyond = f + fx * (x - inside)
    if beyond * f <= 0.0:
        row[:], row_slope[:] = 0.0, 0.0
        return 0.0, 0.0, 0.0, 0.0
    if abs(beyond) >= abs(f):
        row_slope[:] = 0.0
        return f, 0.0, 0.0, 0.0
    for j in range(len(row)):
        row[j] += row_slope[j] * (x - inside)
    return beyond, fx, fx, 0.0


@njit(cache=True)
def _spread(coefficients, basis, x, row, slope):
    """(ln s, d ln s/dx), constant beyond [-1, 1]."""
    inside = min(max(x, -1.0), 1.0)
    _weights(basis, inside, row, slope)
    value, along = 0.0, 0.0
    for j in range(len(row)):
        value += coefficients[j] * row[j]
        along += coefficients[j] * slope[j]
    return value, along if x == inside else 0.0


@njit(cache=True)
def _begin(s, d, y, zero, more, place):
    """Nothing is known of a piece before its first reading."""
    read, proportional, slow = more[READ], more[PROPORTIONAL], more[SLOW]
    s[:], d[:, :] = 0.0, 0.0
    s[X] = y
    s[XX] = read * read + (proportional * (y - zero)) ** 2 + slow * slow
    s[XZ], s[ZZ] = -slow * slow, slow * slow
    if place[READ] >= 0:
        d[XX, place[READ]] = 2.0 * read
    if place[PROPORTIONAL] >= 0:
        d[XX, place[PROPORTIONAL]] = 2.0 * proportional * (y - zero) ** 2
    if place[SLOW] >= 0:
        at = place[SLOW]
        d[XX, at], d[XZ, at], d[ZZ, at] = 2.0 * slow, -2.0 * slow, 2.0 * slow


@njit(cache=True)
def _forget(s, d, elapsed, more, place):
    """From one reading to the next: what relaxes and slow noise are partly forgotten."""
    if more[RELAXING] != 0.0:
        left = more[LEFT] ** elapsed
        by = elapsed * left / more[LEFT] if place[LEFT] >= 0 else 0.0
        for k in (W, XW, RW, WZ):
            for j in range(d.shape[1]):
                d[k, j] *= left
            if place[LEFT] >= 0:
                d[k, place[LEFT]] += by * s[k]
            s[k] *= left
        for j in range(d.shape[1]):
            d[WW, j] *= left * left
        if place[LEFT] >= 0:
            d[WW, place[LEFT]] += 2.0 * left * by * s[WW]
        s[WW] *= left * left
    if more[SLOW] != 0.0:
        kept, slow = more[KEPT] ** elapsed, more[SLOW]
        by = elapsed * kept / more[KEPT] if place[KEPT] >= 0 else 0.0
        for k in (Z, XZ, RZ, WZ):
            for j in range(d.shape[1]):
                d[k, j] *= kept
            if place[KEPT] >= 0:
                d[k, place[KEPT]] += by * s[k]
            s[k] *= kept
        for j in range(d.shape[1]):
            d[ZZ, j] *= kept * kept
        if place[KEPT] >= 0:
            d[ZZ, place[KEPT]] += 2.0 * kept * by * (s[ZZ] - slow * slow)
        if place[SLOW] >= 0:
            d[ZZ, place[SLOW]] += 2.0 * slow * (1.0 - kept * kept)
        s[ZZ] = kept * kept * s[ZZ] + slow * slow * (1.0 - kept * kept)


# One pulse: m = F f(x) moves x by (1 - h) m and w by h m; with g = dm/d(x, ln F) and k = (1 - h, h) the covariance
# becomes P + k (P g)' + (P g) k' + k k' (g' P g + s^2), and each of its derivatives follows by the product rule.
@njit(cache=True)
def _pulse(s, d, f, along, fx, bend, factor, grown, spread, spread_along, h, df, dfx, dspread, dfactor, dgrown, at_h):
    gx, gr = factor * fx, factor * f
    q = (grown * spread) ** 2
    vx, vr = s[XX] * gx + s[XR] * gr, s[XR] * gx + s[RR] * gr
    vw, vz = s[XW] * gx + s[RW] * gr, s[XZ] * gx + s[RZ] * gr
    c = gx * vx + gr * vr + q
    k0, k2 = 1.0 - h, h
    for j in range(d.shape[1]):
        share = d[R, j] + dfactor[j]
        dm = gr * share + factor * (along * d[X, j] + df[j])
        dgx = gx * share + factor * (bend * d[X, j] + dfx[j])
        dvx = d[XX, j] * gx + s[XX] * dgx + d[XR, j] * gr + s[XR] * dm
        dvr = d[XR, j] * gx + s[XR] * dgx + d[RR, j] * gr + s[RR] * dm
        dvw = d[XW, j] * gx + s[XW] * dgx + d[RW, j] * gr + s[RW] * dm
        dvz = d[XZ, j] * gx + s[XZ] * dgx + d[RZ, j] * gr + s[RZ] * dm
        dc = dgx * vx + gx * dvx + dm * vr + gr * dvr + 2.0 * q * (spread_along * d[X, j] + dspread[j] + dgrown[j])
        d[X, j] += k0 * dm
        d[XX, j] += 2.0 * k0 * dvx + k0 * k0 * dc
        d[XR, j] += k0 * dvr
        d[XZ, j] += k0 * dvz
        if h != 0.0:
            d[W, j] += k2 * dm
            d[XW, j] += k0 * dvw + k2 * dvx + k0 * k2 * dc
            d[RW, j] += k2 * dvr
            d[WW, j] += 2.0 * k2 * dvw + k2 * k2 * dc
            d[WZ, j] += k2 * dvz
    if at_h >= 0:
        d[X, at_h] -= gr
        d[W, at_h] += gr
        d[XX, at_h] -= 2.0 * vx + 2.0 * k0 * c
        d[XR, at_h] -= vr
        d[XW, at_h] += vx - vw + (k0 - k2) * c
        d[XZ, at_h] -= vz
        d[RW, at_h] += vr
        d[WW, at_h] += 2.0 * vw + 2.0 * k2 * c
        d[WZ, at_h] += vz
    s[X] += k0 * gr
    s[XX] += 2.0 * k0 * vx + k0 * k0 * c
    s[XR] += k0 * vr
    s[XZ] += k0 * vz
    if h != 0.0:
        s[W] += k2 * gr
        s[XW] += k0 * vw + k2 * vx + k0 * k2 * c
        s[RW] += k2 * vr
        s[WW] += 2.0 * k2 * vw + k2 * k2 * c
        s[WZ] += k2 * vz


# A reading y = x + w + z + noise. Where steps have tails, a surprise is a step that went far, and the state follows it.
@njit(cache=True)
def _reading(s, d, y, zero, more, place, constant, dconstant, de, ds, du, information, single):
    p = d.shape[1]
    read, proportional, tails = more[READ], more[PROPORTIONAL], more[TAILS]
    away = s[X] + s[W] + s[Z] - zero
    e = y - s[X] - s[W] - s[Z]
    v = read * read + (proportional * away) ** 2
    ux, ur = s[XX] + s[XW] + s[XZ], s[XR] + s[RW] + s[RZ]
    uw, uz = s[XW] + s[WW] + s[WZ], s[XZ] + s[WZ] + s[ZZ]
    inside = ux + uw + uz + v
    for j in range(p):
        de[j] = -(d[X, j] + d[W, j] + d[Z, j])
        du[0, j] = d[XX, j] + d[XW, j] + d[XZ, j]
        du[1, j] = d[XR, j] + d[RW, j] + d[RZ, j]
        du[2, j] = d[XW, j] + d[WW, j] + d[WZ, j]
        du[3, j] = d[XZ, j] + d[WZ, j] + d[ZZ, j]
        ds[j] = du[0, j] + du[2, j] + du[3, j] - 2.0 * proportional * proportional * away * de[j]
    if place[READ] >= 0:
        ds[place[READ]] += 2.0 * read
    if place[PROPORTIONAL] >= 0:
        ds[place[PROPORTIONAL]] += 2.0 * proportional * away * away
    swell = 0.0
    if tails > 0.0:
        nu, at = 1.0 / tails, place[TAILS]
        core = inside * (1.0 - 2.0 * tails)
        z = e * e / core
        value = constant - 0.5 * math.log(core) - 0.5 * (nu + 1.0) * math.log1p(z * tails)
        heavy = (nu + 1.0) * tails / (1.0 + z * tails)
        location, size = (nu + 1.0) / (nu + 3.0) / core, 0.5 * nu / (nu + 3.0) / (inside * inside)
        for j in range(p):
            dz = 2.0 * e * de[j] / core - z * ds[j] / inside
            single[j] = -0.5 * ds[j] / inside - 0.5 * heavy * dz
        by = 0.0
        if at >= 0:  # by 1/nu: the constant, the core, and nu + 1 and 1/nu in the tail
            dz = 2.0 * z * inside / core
            by = dconstant + inside / core + 0.5 * nu * nu * math.log1p(z * tails) - 0.5 * heavy * (dz + z * nu)
            single[at] += by
        swell = (nu + z) / (nu + 1.0) * core - inside
        if swell > 0.0:
            share = core / (nu + 1.0)
            for j in range(p):
                dz = 2.0 * e * de[j] / core - z * ds[j] / inside
                grown = share * dz + (swell + inside) / inside * ds[j] - ds[j]
                du[0, j] += grown
                ds[j] += grown
            if at >= 0:
                dz = 2.0 * z * inside / core
                over = nu * nu * (z - 1.0) / (nu + 1.0) ** 2 * core - 2.0 * (nu + z) / (nu + 1.0) * inside
                du[0, at] += share * dz + over
                ds[at] += share * dz + over
            s[XX] += swell
            ux, inside = ux + swell, inside + swell
            # what `d` has of XX follows, since the covariance is reduced by the gain from it below
            for j in range(p):
                d[XX, j] = du[0, j] - d[XW, j] - d[XZ, j]
    else:
        value = -0.5 * (math.log(2.0 * math.pi * inside) + e * e / inside)
        location, size = 1.0 / inside, 0.5 / (inside * inside)
        for j in range(p):
            single[j] = -0.5 * ds[j] / inside - e * de[j] / inside + 0.5 * e * e * ds[j] / (inside * inside)
    for j in range(p):
        a, b = location * de[j], size * ds[j]
        for k in range(j + 1):
            information[j, k] += a * de[k] + b * ds[k]
    if place[TAILS] >= 0:
        information[place[TAILS], place[TAILS]] += single[place[TAILS]] ** 2
    gx, gr, gw, gz = ux / inside, ur / inside, uw / inside, uz / inside
    for j in range(p):
        hx, hr = (du[0, j] - gx * ds[j]) / inside, (du[1, j] - gr * ds[j]) / inside
        hw, hz = (du[2, j] - gw * ds[j]) / inside, (du[3, j] - gz * ds[j]) / inside
        d[X, j] += hx * e + gx * de[j]
        d[R, j] += hr * e + gr * de[j]
        d[W, j] += hw * e + gw * de[j]
        d[Z, j] += hz * e + gz * de[j]
        d[XX, j] -= hx * ux + gx * du[0, j]
        d[XR, j] -= hx * ur + gx * du[1, j]
        d[XW, j] -= hx * uw + gx * du[2, j]
        d[XZ, j] -= hx * uz + gx * du[3, j]
        d[RR, j] -= hr * ur + gr * du[1, j]
        d[RW, j] -= hr * uw + gr * du[2, j]
        d[RZ, j] -= hr * uz + gr * du[3, j]
        d[WW, j] -= hw * uw + gw * du[2, j]
        d[WZ, j] -= hw * uz + gw * du[3, j]
        d[ZZ, j] -= hz * uz + gz * du[3, j]
    s[X] += gx * e
    s[R] += gr * e
    s[W] += gw * e
    s[Z] += gz * e
    s[XX] -= gx * ux
    s[XR] -= gx * ur
    s[XW] -= gx * uw
    s[XZ] -= gx * uz
    s[RR] -= gr * ur
    s[RW] -= gr * uw
    s[RZ] -= gr * uz
    s[WW] -= gw * uw
    s[WZ] -= gw * uz
    s[ZZ] -= gz * uz
    return value, e, inside


@njit(cache=True)
def _turn(s, d, way, more, place):
    """A reversal: the factor of the new ramp is not known yet."""
    for k in (R, XR, RR, RW, RZ):
        s[k], d[k, :] = 0.0, 0.0
    s[RR] = more[RAMP + way] ** 2
    if place[RAMP + way] >= 0:
        d[RR, place[RAMP + way]] = 2.0 * more[RAMP + way]


@njit(cache=True)
def _digamma(x):
    """D ln Gamma(x)/dx for x > 0: recurrence to x > 6, then the asymptotic series."""
    value = 0.0
    while x < 6.0:
        value -= 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    return value + math.log(x) - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))


@njit(cache=True)
def _wear(gone, total, pulses):
    """What is left of wear after `gone` of `total` pulses, and its derivative by `pulses`.

    ``(exp(−n/m) − exp(−N/2m))/(1 − exp(−N/m))``: from first to last it falls by 1, and is 0 in the middle.
    """
    rate = 1.0 / pulses
    now, middle, whole = math.exp(-gone * rate), math.exp(-0.5 * total * rate), -math.expm1(-total * rate)
    left = (now - middle) / whole
    by_rate = (0.5 * total * middle - gone * now) / whole - left * total * (1.0 - whole) / whole
    return left, -by_rate * rate * rate


@njit(cache=True)
def measured_likelihood(
    rows, number, basis, tilt, spread, relative, wears, place, zero, score, information, told, last
):
    """Log-likelihood of a trace, with its derivatives by the numbers whose `place` is not -1.

    `rows` = (y (NaN: missing), pulses, elapsed, starts); `relative`: 0, or the typical step over which the scatter goes
    with the step, ``s = exp(ln s) |f|/typical``; `wears`: pulses before the first row, and those over which wear is
    told; `place` (len(number),) says where in `score` (p,) and `information` (p, p; expected, lower half) a number
    stands. `told` (5, n) takes, if it is not empty, each innovation, its variance, what was predicted, and x + w with
    its variance after the reading. `last` (16,) takes the state at the end, its covariance, the direction and the
    pulses since the reversal.
    """
    y, pulses, elapsed, starts = rows
    k, m, p = basis.shape[0], spread.shape[0], len(score)
    at = 2 * k + 2 * m
    more, others = number[at:], place[at:]
    s, d = np.zeros(ROWS), np.zeros((ROWS, p))
    row, slope, row_slope, turn = np.empty(k), np.empty(k), np.empty(k), np.empty(k)
    wide, wide_slope = np.empty(m), np.empty(m)
    df, dfx, dspread, dfactor, dgrown = np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p)
    de, ds, du, single = np.zeros(p), np.zeros(p), np.zeros((4, p)), np.zeros(p)
    score[:], information[:, :] = 0.0, 0.0
    constant, dconstant = 0.0, 0.0
    if more[TAILS] > 0.0:
        nu = 1.0 / more[TAILS]
        constant = math.lgamma((nu + 1.0) / 2.0) - math.lgamma(nu / 2.0) - 0.5 * math.log(nu * math.pi)
        dconstant = -nu * nu * 0.5 * (_digamma((nu + 1.0) / 2.0) - _digamma(nu / 2.0) - 1.0 / nu)
    total, way, since, h = 0.0, -1, 0.0, more[RELAXING]
    gone, every = wears
    for i in range(len(y)):
        if starts[i]:
            way = -1
            _begin(s, d, y[i], zero, more, others)
            continue
        _forget(s, d, elapsed[i], more, others)
        if pulses[i] != 0:
            new = 0 if pulses[i] > 0 else 1
            if new != way:
                way, since = new, 0.0
                _turn(s, d, way, more, others)
            missing, back, rough = more[SHARE + 3 * way], more[SHARE + 3 * way + 1], more[SHARE + 3 * way + 2]
            first, first_wide = way * k, 2 * k + way * m
            for _ in range(abs(pulses[i])):
                f, along, fx, bend = _step(number[first : first + k], basis, tilt, s[X], row, slope, row_slope, turn)
                ln_s, ln_along = _spread(number[first_wide : first_wide + m], spread, s[X], wide, wide_slope)
                if relative > 0.0:
                    size = f * f + (SMALL * relative) ** 2
                    ln_s += 0.5 * math.log(size) - math.log(relative)
                    ln_along += f * along / size
                    for j in range(k):
                        if place[first + j] >= 0:
                            dspread[place[first + j]] = f * row[j] / size
                fade = math.exp(-since / back) if missing != 0.0 or rough != 0.0 else 0.0
                unworn, unworn_by = (
                    _wear(gone, every, more[WEAR + 1]) if more[WEAR] != 0.0 or others[WEAR] >= 0 else (0.0, 0.0)
                )
                share, wear = 1.0 - missing * fade, math.exp(more[WEAR] * unworn)
                for j in range(k):
                    if place[first + j] >= 0:
                        df[place[first + j]], dfx[place[first + j]] = row[j], row_slope[j]
                for j in range(m):
                    if place[first_wide + j] >= 0:
                        dspread[place[first_wide + j]] = wide[j]
                by_share, by_back = others[SHARE + 3 * way], others[SHARE + 3 * way + 1]
                if by_share >= 0:
                    dfactor[by_share] = -fade / share
                    dfactor[by_back] = -missing * fade * since / (back * back) / share
                    dgrown[by_back] = rough * fade * since / (back * back)
                    dgrown[others[SHARE + 3 * way + 2]] = fade
                if others[WEAR] >= 0:
                    by_pulses = more[WEAR] * unworn_by
                    dfactor[others[WEAR]], dgrown[others[WEAR]] = unworn, unworn
                    dfactor[others[WEAR + 1]], dgrown[others[WEAR + 1]] = by_pulses, by_pulses
                factor = math.exp(s[R]) * share * wear
                _pulse(
                    s, d, f, along, fx, bend, factor, wear * math.exp(rough * fade), math.exp(ln_s), ln_along, h,
                    df, dfx, dspread, dfactor, dgrown, others[RELAXING],
                )  # fmt: skip
                since += 1.0
                gone += 1.0
            df[:], dfx[:], dspread[:], dfactor[:], dgrown[:] = 0.0, 0.0, 0.0, 0.0, 0.0
        if not math.isnan(y[i]):
            value, e, inside = _reading(
                s, d, y[i], zero, more, others, constant, dconstant, de, ds, du, information, single
            )
            total += value
            for j in range(p):
                score[j] += single[j]
            if told.shape[1] > 0:
                told[0, i], told[1, i], told[2, i] = e, inside, y[i] - e
                told[3, i], told[4, i] = s[X] + s[W], s[XX] + 2.0 * s[XW] + s[WW]
    last[:14], last[14], last[15] = s[:14], way, since
    return total


@njit(cache=True)
def measured_path(x, pulses, way, since, spent, every, factors, state, tables, relative, more, deviates, out):
    """Move a crosspoint at `x` by signed `pulses`; fills `out` (len(pulses),) with x + w after each.

    `way`, `since` say which direction was pulsed before and how often since the reversal, `spent` how many pulses there
    were since the beginning of the trace, which had `every`; `factors` are those of the ramps to come, the present one
    first; `state` = w, what relaxes now; `tables` = (steps, slopes, ln scatter), each (2, nodes) over [-1, 1];
    `relative` as there; `more` the numbers that the likelihood has after its coefficients; `deviates` one standard
    deviate a pulse.
    """
    steps, slopes, spread = tables
    w, h, at, ramp = state, more[RELAXING], 0, 0
    for i in range(len(pulses)):
        w *= more[LEFT]
        if pulses[i] != 0:
            new = 0 if pulses[i] > 0 else 1
            if new != way:
                ramp += 1 if way >= 0 else 0
                way, since = new, 0.0
            for _ in range(abs(pulses[i])):
                wear = math.exp(more[WEAR] * _wear(spent, every, more[WEAR + 1])[0]) if more[WEAR] != 0.0 else 1.0
                spent += 1.0
                inside = min(max(x, -1.0), 1.0)
                position = (inside + 1.0) * 0.5 * (steps.shape[1] - 1)
                node = min(int(position), steps.shape[1] - 2)
                part = position - node
                f = steps[way, node] + part * (steps[way, node + 1] - steps[way, node])
                if x != inside:
                    beyond = f + slopes[way, 0 if x < 0 else -1] * (x - inside)
                    f = 0.0 if beyond * f <= 0.0 else (f if abs(beyond) >= abs(f) else beyond)
                s = math.exp(spread[way, node] + part * (spread[way, node + 1] - spread[way, node]))
                if relative > 0.0:
                    s *= math.sqrt(f * f + (SMALL * relative) ** 2) / relative
                fade = math.exp(-since / more[SHARE + 3 * way + 1])
                s *= math.exp(more[SHARE + 3 * way + 2] * fade)
                move = wear * (factors[ramp] * (1.0 - more[SHARE + 3 * way] * fade) * f + s * deviates[at])
                x += (1.0 - h) * move
                w += h * move
                since += 1.0
                at += 1
        out[i] = x + w
