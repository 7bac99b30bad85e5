# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled loops over arrays of devices: pulses, readings, traces, coincidences of pulse trains.

Devices with linear steps, c the cycle-to-cycle noise, ξ a standard normal deviate, R = Gmax − Gmin:
``ΔG+ = s+ [σ+ (Gmax − G) + (1 − σ+) R] (1 + c ξ)`` and ``ΔG− = −s− [σ− (G − Gmin) + (1 − σ−) R] (1 + c ξ)``,
then G is kept within Gmin..Gmax. Saturation σ = 1 is soft bounds, 0 a constant step, between them (or beyond) the
linear step. Pulses of one sign in a row are one step in closed form, exact in mean and, to the order (c s σ)² n, in
variance and skewness: with r = 1 − s σ and a = c s σ/r

    G' = G + ΔG [1 + r + ... + r^(n−1)] + ΔG r^(n−1) c [√n ξ − a (n − 1)/2 (ξ² − 1)],    ΔG the step of one pulse at G.

Devices with any other steps: a table of ΔG±/R and its scatter over ω = (G − Gmin)/R, pulse by pulse.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sim_device.counter_random import any_of, compiled, f32, fused, i32, inlined, normal, ones_in, u32

LONGEST = 32  # pulses that one closed-form step may stand for: powers up to r^31 come from five squarings
_ZERO, _HALF, _ONE = f32(0), f32(0.5), f32(1)
_TINY = f32(1e-3)  # keeps 0/0 out where s σ = 1: such devices take one pulse at a time, and have no second order


@njit(**inlined)
def _doubled(power, total, factor, block, taken):
    """One round of `_powers`: the running power and sum, and factor = r^(2^k), block = 1 + ... + r^(2^k − 1)."""
    total = fused(power, block if taken else _ZERO, total)
    power = power * (factor if taken else _ONE)
    return power, total, factor * factor, fused(block, factor, block)


@njit(**inlined)
def _powers(r, m):
    """``(r^m, 1 + r + ... + r^m)`` for 0 <= m <= 31 by doubling, without branches and without cancellation."""
    power, total, factor, block = _doubled(_ONE, _ZERO, r, _ONE, any_of(m, u32(1)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(2)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(4)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(8)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(16)))
    return power, total + power


@njit(**inlined)
def _moved(g, low, high, s, saturation, up, n, xi, noise):
    """Conductance after `n` pulses of one sign; `xi` one normal deviate, `noise` c of the module's formula."""
    room = (high - g) if up else (low - g)
    span = (high - low) if up else (low - high)
    step = s * fused(saturation, room, (_ONE - saturation) * span)
    slope = s * saturation
    r = _ONE - slope
    power, total = _powers(r, u32(max(n - i32(1), i32(0))))
    pulses = f32(n)
    second = (noise * slope / max(r, _TINY)) * (pulses - _ONE) * _HALF * fused(xi, xi, -_ONE)
    moved = fused(step, fused(power * noise, fused(f32(np.sqrt(pulses)), xi, -second), total), g)
    return min(max(moved, low), high) if n > i32(0) else g


@njit(**inlined)
def _looked_up(g, low, high, s, table, up, xi):
    """Conductance after one pulse: steps and scatter interpolated in `table` (up, down, their scatters; nodes)."""
    span = high - low
    position = min(max((g - low) / span, _ZERO), _ONE) * f32(table.shape[1] - 1)
    node = min(i32(position), i32(table.shape[1] - 2))
    part = position - f32(node)
    kind = i32(0) if up else i32(1)
    mean = table[kind, node] * (_ONE - part) + table[kind, node + 1] * part
    scatter = table[kind + 2, node] * (_ONE - part) + table[kind + 2, node + 1] * part
    return min(max(g + s * span * (mean + scatter * xi), low), high)


@njit(**compiled)
def _table_row(g, low, high, s_up, s_down, applied, counts, first, table, key):
    """Apply signed `counts` to crosspoints in a row, numbered from `first`, whose steps come from a table."""
    most = i32(0)
    for j in range(len(counts)):
        most = max(most, i32(abs(i32(counts[j]))))
    for done in range(most):
        for j in range(len(counts)):
            signed = i32(counts[j])
            if abs(signed) > done:
                up = signed > i32(0)
                xi = normal(key, u32(first + u32(j)), applied[j])
                s = s_up[j] if up else s_down[j]
                g[j] = _looked_up(g[j], low[j], high[j], s, table, up, xi)
                applied[j] = u32(applied[j] + u32(1))


@njit(**compiled)
def _linear_row(g, low, high, s_up, s_down, applied, counts, first, saturation_up, saturation_down, noise, key, chunk):
    """Apply signed `counts` to crosspoints in a row, numbered from `first`, at most `chunk` pulses in one go."""
    most = i32(0)
    for j in range(len(counts)):
        most = max(most, i32(abs(i32(counts[j]))))
    done = i32(0)
    while done < most:
        for j in range(len(counts)):
            signed = i32(counts[j])
            up = signed > i32(0)
            n = i32(min(max(i32(i32(abs(signed)) - done), i32(0)), chunk))
            spent = applied[j]
            xi = normal(key, u32(first + u32(j)), spent)
            # Both are loaded before one is chosen: to choose where to load from would be a gather, ten times slower.
            rising, falling, bottom, top = s_up[j], s_down[j], low[j], high[j]
            s = rising if up else falling
            saturation = saturation_up if up else saturation_down
            g[j] = _moved(g[j], bottom, top, s, saturation, up, n, xi, noise)
            applied[j] = u32(spent + u32(n))
        done = i32(done + chunk)


@njit(**compiled)
def _row(row, box, g, low, high, s_up, s_down, applied, counts, saturation, table, noise, key, chunk):
    """Apply signed `counts` to one row of the array, counted from its first; see `pulse_rows`."""
    first_column, last = box[1], box[1] + box[2]
    first = u32(row * g.shape[1] + first_column)
    g_row, low_row, high_row = g[row, first_column:last], low[row, first_column:last], high[row, first_column:last]
    up_row, down_row = s_up[row, first_column:last], s_down[row, first_column:last]
    applied_row = applied[row, first_column:last]
    if table.shape[1] == 0:
        _linear_row(
            g_row, low_row, high_row, up_row, down_row, applied_row, counts, first,
            saturation[0], saturation[1], noise, key, chunk,
        )  # fmt: skip
    else:
        _table_row(g_row, low_row, high_row, up_row, down_row, applied_row, counts, first, table, key)


@njit(**compiled)
def pulse_rows(rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk, counts):
    """Apply signed `counts` (of the shape of `box`) to rows[0]..rows[1] of the box, `chunk` pulses at a time.

    `box` = (first row, first column, columns); `applied` counts the pulses of every crosspoint and is what its random
    numbers are drawn by; `saturation` = (up, down); `table` (4, nodes) replaces the linear step unless it has no nodes.
    """
    for i in range(rows[0], rows[1]):
        _row(
            box[0] + i, box, g, low, high, s_up, s_down, applied, counts[i], saturation, table, noise, key, chunk,
        )  # fmt: skip


@njit(**compiled)
def coincide_rows(
    rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk,
    row_words, row_signs, column_words, column_signs,
):  # fmt: skip
    """Pulse every crosspoint of rows[0]..rows[1] as often as its row and its column fire in one slot.

    Words hold 32 slots each, ``words[word, line]``; counting and pulsing a row in one go keeps the counts in the cache.
    """
    counts = np.empty(box[2], dtype=np.int32)
    for i in range(rows[0], rows[1]):
        if row_signs[i] != 0:
            _coincidences(row_words[:, i], row_signs[i], column_words, column_signs, counts)
            _row(
                box[0] + i, box, g, low, high, s_up, s_down, applied, counts, saturation, table, noise, key, chunk,
            )  # fmt: skip


@njit(**compiled)
def read_rows(rows, box, g, applied, reading, read_noise, write_noise, read_key, write_key, out):
    """Read rows[0]..rows[1] of the box into `out`: G, write noise (redrawn by every pulse), read noise."""
    first_row, first_column, columns = box
    for i in range(rows[0], rows[1]):
        row, last = first_row + i, first_column + columns
        first = u32(row * g.shape[1] + first_column)
        g_row, applied_row, out_row = g[row, first_column:last], applied[row, first_column:last], out[i]
        for j in range(len(out_row)):
            crosspoint = u32(first + u32(j))
            write = write_noise * normal(write_key, crosspoint, applied_row[j])
            out_row[j] = g_row[j] + write + read_noise * normal(read_key, crosspoint, reading)


@njit(**compiled)
def trace_rows(
    rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk,
    reading, read_noise, write_noise, read_key, write_key, counts, out,
):  # fmt: skip
    """Pulse and read, step by step: `counts` and `out` of shape (steps, rows, columns of the box)."""
    for step in range(len(counts)):
        pulse_rows(rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk, counts[step])
        number = u32(reading + u32(step))
        read_rows(rows, box, g, applied, number, read_noise, write_noise, read_key, write_key, out[step])


@njit(**compiled)
def _coincidences(words, sign, column_words, column_signs, counts):
    """Signed counts, for one row, of the slots in which it and each column fire together."""
    for j in range(len(counts)):
        counts[j] = i32(ones_in(u32(words[0] & column_words[0, j]))) * i32(sign * column_signs[j])
    for word in range(1, len(words)):
        for j in range(len(counts)):
            counts[j] += i32(ones_in(u32(words[word] & column_words[word, j]))) * i32(sign * column_signs[j])


@njit(**compiled)
def packed(slots, words, signs):
    """Bits (32 slots a word, ``words[word, line]``) and signs of trains of shape (lines, slots).

    Gives the first line whose slots do not share a sign, or -1.
    """
    mixed_line = -1
    for line in range(slots.shape[0]):
        sign = i32(0)
        for word in range(words.shape[0]):
            bits = u32(0)
            for k in range(word * 32, min(word * 32 + 32, slots.shape[1])):
                slot = i32(slots[line, k])
                if slot != i32(0):
                    bits = u32(bits | (u32(1) << u32(k - word * 32)))
                    if sign == i32(0):
                        sign = slot
                    elif sign != slot and mixed_line < 0:
                        mixed_line = line
            words[word, line] = bits
        signs[line] = sign
    return mixed_line
