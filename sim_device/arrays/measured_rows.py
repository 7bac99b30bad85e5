# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled pulses and readings of crosspoints that move as a measured step does (`sim_device.models.measured`).

One pulse at a time: ``ΔG = wear [F share f(G) + rough s(G) ξ]``, of which a part relaxes. What depends on the number of
pulses since the reversal, on that of all pulses, and on the tails of ξ is looked up in tables.
"""

from __future__ import annotations

import math

import numpy as np

from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import compiled, f32, fused, i32, inlined, normal, u32

TAIL_REACH = 6.0  # standard deviations of the normal deviate over which Student's t is tabulated
_ZERO, _ONE = f32(0), f32(1)
_REACH = f32(TAIL_REACH)


@njit(**inlined)
def _tailed(xi, tails):
    """What is tabulated over normal deviates (a quantile at the same probability), beyond the table straight on."""
    last = len(tails) - 1
    position = (xi + _REACH) * (f32(last) / (f32(2) * _REACH))
    node = min(max(i32(position), i32(0)), i32(last - 1))
    at = np.uintp(node)
    return fused(position - f32(node), tails[at + np.uintp(1)] - tails[at], tails[at])


@njit(**inlined)
def _one(now, bottom, span, gain, share, rough, xi, flat, start, nodes):
    """Move of one pulse, before wear: ``gain [share f + rough s ξ]`` with f and s from the pieces from `start` on.

    `flat` holds two numbers a piece; those of scatter come two tables after those of steps.
    """
    position = min(max((now - bottom) / span, _ZERO), _ONE) * f32(nodes)
    node = u32(min(i32(position), i32(nodes - 1)))
    part = position - f32(i32(node))
    at = np.uintp(start) + np.uintp(2) * np.uintp(node)
    to = at + np.uintp(4 * nodes)
    mean = fused(part, flat[at + np.uintp(1)], flat[at])
    scatter = fused(part, flat[to + np.uintp(1)], flat[to])
    return gain * fused(share, mean, rough * scatter * xi)


@njit(**compiled)
def pulse_measured(rows, box, devices, extras, table, tables, numbers, keys, counts):
    """Apply signed `counts` (of the shape of the box) to rows[0]..rows[1] of the box.

    `devices` = (g, low, high, s_up, s_down, applied), `extras` = (way, since, turns, factor, relaxing), all (rows,
    columns); `table` as `pieces` makes it, of steps and scatter; `tables` = (shares, roughs (2, pulses since the
    reversal), worn (nodes,), tails (nodes,) or empty, F of a normal deviate (2, nodes) or empty); `numbers` = (share
    that relaxes, nodes of `worn` per pulse); `keys` = (of ξ, of F).
    """
    width, flat, nodes = devices[0].shape[1], table.ravel(), table.shape[1]
    g, low, high = devices[0].ravel(), devices[1].ravel(), devices[2].ravel()
    gains, applied = (devices[3].ravel(), devices[4].ravel()), devices[5].ravel()
    way, since, turns = extras[0].ravel(), extras[1].ravel(), extras[2].ravel()
    factor, relaxing, given = extras[3].ravel(), extras[4].ravel(), counts.ravel()
    shares, roughs, worn, tails = tables[0].ravel(), tables[1].ravel(), tables[2], tables[3]
    ramped, ramps, turned = tables[4], tables[4].shape[1] > 0, np.empty(box[2], np.float32)
    longest, oldest = u32(tables[0].shape[1] - 1), f32(len(worn) - 1)
    kept, tailed, drawn = _ONE - numbers[0], len(tails) > 0, np.empty(box[2], np.float32)
    for i in range(rows[0], rows[1]):
        first, from_counts = np.uintp((box[0] + i) * width + box[1]), np.uintp(i * box[2])
        # The deviates of first pulses in a loop of their own: it is a vector loop, and most pulses are first ones.
        for k in range(box[2]):
            j = first + np.uintp(k)
            drawn[k] = normal(keys[0], u32(j), applied[j])
        if ramps:
            for k in range(box[2]):
                j = first + np.uintp(k)
                turned[k] = normal(keys[1], u32(j), u32(turns[j] + u32(1)))
        for k in range(box[2]):
            signed = i32(given[from_counts + np.uintp(k)])
            if signed == i32(0):
                continue
            j = first + np.uintp(k)
            index, up = u32(j), 0 if signed > i32(0) else 1
            if way[j] != up:
                way[j], since[j], turns[j] = up, u32(0), u32(turns[j] + u32(1))
                factor[j] = _tailed(turned[k], ramped[up]) if ramps else _ONE
            bottom, span = low[j], high[j] - low[j]
            gain = (gains[0][j] if up == 0 else gains[1][j]) * span
            now, spent, run, gone = g[j], applied[j], since[j], relaxing[j]
            for n in range(i32(abs(signed))):
                xi = drawn[k] if n == 0 else normal(keys[0], index, spent)
                if tailed:
                    xi = _tailed(xi, tails)
                at = np.uintp(min(run, longest)) + np.uintp(up * tables[0].shape[1])
                move = _one(
                    now, bottom, span, gain, factor[j] * shares[at], roughs[at], xi, flat, 2 * up * nodes, nodes
                )  # fmt: skip
                move *= worn[np.uintp(i32(min(f32(i32(spent)) * numbers[1], oldest)))]
                now = min(max(fused(kept, move, now), bottom), bottom + span)
                gone = fused(numbers[0], move, gone)
                spent, run = u32(spent + u32(1)), u32(run + u32(1))
            g[j], applied[j], since[j], relaxing[j] = now, spent, run, gone


@njit(**compiled)
def read_measured(rows, box, g, relaxing, slow, numbers, keys, reading, out):
    """Read rows[0]..rows[1] of the box into `out`: ``G + w + z + read noise``; w and z go on by one reading.

    `numbers` = (read noise, read noise over G, slow noise, what is left of it at the next reading, what is left of w);
    `keys` = (of read noise, of slow noise).
    """
    fresh = numbers[2] * f32(math.sqrt(max(_ZERO, _ONE - numbers[3] * numbers[3])))
    for i in range(rows[0], rows[1]):
        a = box[0] + i
        for k in range(box[2]):
            b = box[1] + k
            index = u32(a * g.shape[1] + b)
            value = g[a, b]
            if numbers[4] < _ONE:
                value += relaxing[a, b]
                relaxing[a, b] *= numbers[4]
            if numbers[2] > _ZERO:
                slow[a, b] = fused(numbers[3], slow[a, b], fresh * normal(keys[1], index, reading))
                value += slow[a, b]
            over = numbers[1] * g[a, b]
            noise = f32(math.sqrt(numbers[0] * numbers[0] + over * over))
            out[i, k] = fused(noise, normal(keys[0], index, reading), value) if noise > _ZERO else value
