# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled loops over arrays of devices: pulses, readings, traces, coincidences of pulse trains.

Devices with linear steps, c the cycle-to-cycle noise, ξ a standard normal deviate, R = Gmax − Gmin:
``ΔG+ = s+ [σ+ (Gmax − G) + (1 − σ+) R] (1 + c ξ)`` and ``ΔG− = −s− [σ− (G − Gmin) + (1 − σ−) R] (1 + c ξ)``,
then G is kept within Gmin..Gmax. Saturation σ = 1 is soft bounds, 0 a constant step, between them (or beyond) the
linear step. Pulses of one sign in a row are one step in closed form, exact in mean and, to the order (c s σ)² n, in
variance and skewness: with r = 1 − s σ and a = c s σ/r

    G' = G + ΔG [1 + r + ... + r^(n−1)] + ΔG r^(n−1) c [√n ξ − a (n − 1)/2 (ξ² − 1)],    ΔG the step of one pulse at G.

Devices with any other steps: a table of ΔG±/R over ω = (G − Gmin)/R, and of their scatter where it is not c |ΔG|; some
pulses in a row take the steps as linear about where they start.
"""

from __future__ import annotations

import numpy as np

from sim_device.compiling import njit
from sim_device.counter_random import any_of, compiled, f32, fused, i32, inlined, normal, ones_in, u32

LONGEST = 32  # pulses that one closed-form step may stand for: powers up to r^31 come from five squarings
GROUP = 2048  # crosspoints done as one line: enough to hide what a call costs, few enough to stay in the cache
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


@njit(**compiled)
def _most(counts):
    """The largest magnitude of some counts."""
    most = i32(0)
    for j in range(len(counts)):
        most = max(most, i32(abs(i32(counts[j]))))
    return most


@njit(**compiled)
def _look_up(g, low, high, counts, table, kind, left, right, part):
    """For every crosspoint of a row the two nodes of `table` around it, and where it stands between them.

    `kind` 0 takes the means, 2 the scatters. Apart from the arithmetic, because loads by index cannot be vectors.
    """
    last = i32(table.shape[1] - 2)
    for j in range(len(g)):
        position = min(max((g[j] - low[j]) / (high[j] - low[j]), _ZERO), _ONE) * f32(table.shape[1] - 1)
        node = min(i32(position), last)
        row = kind if i32(counts[j]) > i32(0) else kind + 1
        left[j], right[j], part[j] = table[row, node], table[row, node + 1], position - f32(node)


@njit(**compiled)
def _table_row(g, low, high, s_up, s_down, applied, counts, first, table, noise, key, chunk):
    """Apply signed `counts` to crosspoints in a row, numbered from `first`, whose steps come from a table.

    Up to `chunk` pulses at a time take the steps as linear about where they start (`Population` says how many may).
    """
    most, size = _most(counts), len(counts)
    left, right, part = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    low_scatter, high_scatter = np.empty(size, np.float32), np.empty(size, np.float32)
    nodes, told = f32(table.shape[1] - 1), table.shape[0] == 4
    done = i32(0)
    while done < most:
        _look_up(g, low, high, counts, table, 0, left, right, part)
        if told:
            _look_up(g, low, high, counts, table, 2, low_scatter, high_scatter, part)
        for j in range(size):
            signed = i32(counts[j])
            n = i32(min(max(i32(i32(abs(signed)) - done), i32(0)), chunk))
            spent = applied[j]
            xi = normal(key, u32(first + u32(j)), spent)
            rising, falling, bottom, top = s_up[j], s_down[j], low[j], high[j]
            s = rising if signed > i32(0) else falling
            rise = right[j] - left[j]
            mean = fused(part[j], rise, left[j])
            scatter = fused(part[j], high_scatter[j] - low_scatter[j], low_scatter[j]) if told else noise * abs(mean)
            power, total = _powers(fused(s * rise, nodes, _ONE), u32(max(n - i32(1), i32(0))))
            change = fused(mean, total, power * scatter * f32(np.sqrt(f32(n))) * xi)
            moved = min(max(fused(s * (top - bottom), change, g[j]), bottom), top)
            g[j] = moved if n > i32(0) else g[j]
            applied[j] = u32(spent + u32(n))
        done = i32(done + chunk)


@njit(**compiled)
def _single_row(g, low, high, s_up, s_down, applied, counts, first, saturation_up, saturation_down, noise, key):
    """`_linear_row` where no count is larger than 1: the same bits, without the powers."""
    for j in range(len(counts)):
        signed = i32(counts[j])
        up = signed > i32(0)
        spent = applied[j]
        xi = normal(key, u32(first + u32(j)), spent)
        rising, falling, bottom, top = s_up[j], s_down[j], low[j], high[j]
        s = rising if up else falling
        saturation = saturation_up if up else saturation_down
        room = (top - g[j]) if up else (bottom - g[j])
        span = (top - bottom) if up else (bottom - top)
        step = s * fused(saturation, room, (_ONE - saturation) * span)
        moved = min(max(fused(step, fused(noise, xi, _ONE), g[j]), bottom), top)
        g[j] = moved if signed != i32(0) else g[j]
        applied[j] = u32(spent + u32(abs(signed)))


@njit(**compiled)
def _linear_row(g, low, high, s_up, s_down, applied, counts, first, saturation_up, saturation_down, noise, key, chunk):
    """Apply signed `counts` to crosspoints in a row, numbered from `first`, at most `chunk` pulses in one go."""
    most = _most(counts)
    if most <= i32(1):
        _single_row(g, low, high, s_up, s_down, applied, counts, first, saturation_up, saturation_down, noise, key)
        return
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
def _line(first, size, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk, counts):
    """Apply signed `counts` to `size` crosspoints that follow each other from number `first`; see `pulse_rows`."""
    last = first + size
    g_part, low_part, high_part = g.ravel()[first:last], low.ravel()[first:last], high.ravel()[first:last]
    up_part, down_part = s_up.ravel()[first:last], s_down.ravel()[first:last]
    applied_part = applied.ravel()[first:last]
    if table.shape[1] == 0:
        _linear_row(
            g_part, low_part, high_part, up_part, down_part, applied_part, counts, u32(first),
            saturation[0], saturation[1], noise, key, chunk,
        )  # fmt: skip
    else:
        _table_row(
            g_part, low_part, high_part, up_part, down_part, applied_part, counts, u32(first), table, noise, key, chunk
        )  # fmt: skip


@njit(**inlined)
def _rows_at_once(box, width):
    """Rows of a box that are done as one line: several where they follow each other and are short."""
    return max(1, GROUP // box[2]) if box[2] == width else 1


@njit(**compiled)
def pulse_rows(rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk, counts):
    """Apply signed `counts` (of the shape of `box`) to rows[0]..rows[1] of the box, `chunk` pulses at a time.

    `box` = (first row, first column, columns); `applied` counts the pulses of every crosspoint and is what its random
    numbers are drawn by; `saturation` = (up, down); `table` (2 or 4, nodes) is taken for the steps if it has nodes.
    """
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    flat = counts.ravel()
    for i in range(rows[0], rows[1], some):
        size = columns * min(some, rows[1] - i)
        _line(
            (box[0] + i) * width + box[1], size, g, low, high, s_up, s_down, applied,
            saturation, table, noise, key, chunk, flat[i * columns : i * columns + size],
        )  # fmt: skip


@njit(**compiled)
def coincide_rows(
    rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk,
    row_words, row_signs, column_words, column_signs,
):  # fmt: skip
    """Pulse every crosspoint of rows[0]..rows[1] as often as its row and its column fire in one slot.

    Words hold 32 slots each, ``words[line, word]`` of rows, ``words[word, line]`` of columns; counting and pulsing some
    rows in one go keeps the counts in the cache.
    """
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    counts = np.empty(columns * some, dtype=np.int32)
    for i in range(rows[0], rows[1], some):
        number = min(some, rows[1] - i)
        for k in range(number):
            part = counts[k * columns : (k + 1) * columns]
            _coincidences(row_words[i + k], row_signs[i + k], column_words, column_signs, part)
        _line(
            (box[0] + i) * width + box[1], columns * number, g, low, high, s_up, s_down, applied,
            saturation, table, noise, key, chunk, counts[: columns * number],
        )  # fmt: skip


@njit(**compiled)
def _read_line(first, g, applied, reading, read_noise, write_noise, read_key, write_key, out):
    """Read crosspoints that follow each other from number `first` into `out`."""
    for j in range(len(out)):
        out[j] = g[j]
    if write_noise > _ZERO:
        for j in range(len(out)):
            out[j] += write_noise * normal(write_key, u32(first + u32(j)), applied[j])
    if read_noise > _ZERO:
        for j in range(len(out)):
            out[j] += read_noise * normal(read_key, u32(first + u32(j)), reading)


@njit(**compiled)
def read_rows(rows, box, g, applied, reading, read_noise, write_noise, read_key, write_key, out):
    """Read rows[0]..rows[1] of the box into `out`: G, write noise (redrawn by every pulse), read noise."""
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    flat = out.ravel()
    for i in range(rows[0], rows[1], some):
        size = columns * min(some, rows[1] - i)
        first = (box[0] + i) * width + box[1]
        _read_line(
            u32(first), g.ravel()[first : first + size], applied.ravel()[first : first + size],
            reading, read_noise, write_noise, read_key, write_key, flat[i * columns : i * columns + size],
        )  # fmt: skip


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
