# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled loops over arrays of devices: pulses, readings, traces, coincidences of pulse trains.

What a pulse does is told by `sim_device.arrays.linear_rows` and `sim_device.arrays.table_rows`.
"""

from __future__ import annotations

import numpy as np

from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import compiled, f32, i32, inlined, normal, ones_in, u32
from sim_device.arrays.linear_rows import linear_pulses, single_pulses
from sim_device.arrays.table_rows import table_pulses

GROUP = 4096  # crosspoints done as one line: enough to hide what a call costs, few enough to stay in the cache
_ZERO = f32(0)


@njit(**compiled)
def _most(counts, at, size):
    """The largest magnitude of some counts."""
    most = i32(0)
    for k in range(size):
        most = max(most, i32(abs(i32(counts[np.uintp(at) + np.uintp(k)]))))
    return most


@njit(**compiled)
def _line(devices, first, size, counts, at, saturation, table, noise, key, chunk):
    """Apply signed ``counts[at:]`` to `size` crosspoints that follow each other from number `first`."""
    most, done = _most(counts, at, size), i32(0)
    if table is None and most == i32(1):
        single_pulses(devices, first, size, counts, at, saturation, noise, key)
        return
    while done < most:
        if table is None:
            linear_pulses(devices, first, size, counts, at, saturation, noise, key, done, chunk)
        else:
            table_pulses(devices, first, size, counts, at, table, noise, key, done, chunk)
        done = i32(done + chunk)


@njit(**inlined)
def _rows_at_once(box, width):
    """Rows of a box that are done as one line: several where they follow each other and are short."""
    return max(1, GROUP // box[2]) if box[2] == width else 1


@njit(**inlined)
def _flat(g, low, high, s_up, s_down, applied):
    return g.ravel(), low.ravel(), high.ravel(), s_up.ravel(), s_down.ravel(), applied.ravel()


@njit(**compiled)
def pulse_rows(rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk, counts):
    """Apply signed `counts` (of the shape of `box`) to rows[0]..rows[1] of the box, `chunk` pulses at a time.

    `box` = (first row, first column, columns); `applied` counts the pulses of every crosspoint and is what its random
    numbers are drawn by; `saturation` = (up, down), or None for soft bounds; `table` tells the steps if it is not None.
    """
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    devices, flat = _flat(g, low, high, s_up, s_down, applied), counts.ravel()
    for i in range(rows[0], rows[1], some):
        first, size = (box[0] + i) * width + box[1], columns * min(some, rows[1] - i)
        _line(devices, first, size, flat, i * columns, saturation, table, noise, key, chunk)


@njit(**compiled)
def coincide_rows(
    rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk,
    row_words, row_signs, column_words, column_signs,
):  # fmt: skip
    """Pulse every crosspoint of rows[0]..rows[1] as often as its row and its column fire in one slot.

    Words hold 32 slots each, ``words[word, line]``. Some rows that follow each other are counted and pulsed in one go,
    so that their counts stay in the cache; rows that never fire are left alone.
    """
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    devices, counts = _flat(g, low, high, s_up, s_down, applied), np.empty(columns * some, dtype=np.int32)
    i = rows[0]
    while i < rows[1]:
        number, most = 0, min(some, rows[1] - i)
        while number < most and _fires(row_words, i + number):
            _coincidences(i + number, row_words, row_signs, column_words, column_signs, counts, number * columns)
            number += 1
        first = (box[0] + i) * width + box[1]
        _line(devices, first, columns * number, counts, 0, saturation, table, noise, key, chunk)
        i += max(number, 1)


@njit(**compiled)
def _read_line(g, applied, first, size, reading, noise, out, at):
    """Read `size` crosspoints from number `first` on into ``out[at:]``; `noise` as `read_rows` has it."""
    read_noise, write_noise, read_key, write_key = noise
    for k in range(size):
        out[np.uintp(at) + np.uintp(k)] = g[np.uintp(first) + np.uintp(k)]
    if write_noise > _ZERO:
        for k in range(size):
            spent = applied[np.uintp(first) + np.uintp(k)]
            out[np.uintp(at) + np.uintp(k)] += write_noise * normal(write_key, u32(u32(first) + u32(k)), spent)
    if read_noise > _ZERO:
        for k in range(size):
            out[np.uintp(at) + np.uintp(k)] += read_noise * normal(read_key, u32(u32(first) + u32(k)), reading)


@njit(**compiled)
def read_rows(rows, box, g, applied, reading, read_noise, write_noise, read_key, write_key, out):
    """Read rows[0]..rows[1] of the box into `out`: G, write noise (redrawn by every pulse), read noise."""
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    g_flat, applied_flat, flat = g.ravel(), applied.ravel(), out.ravel()
    noise = (read_noise, write_noise, read_key, write_key)
    for i in range(rows[0], rows[1], some):
        first, size = (box[0] + i) * width + box[1], columns * min(some, rows[1] - i)
        _read_line(g_flat, applied_flat, first, size, reading, noise, flat, i * columns)


@njit(**compiled)
def trace_rows(
    rows, box, g, low, high, s_up, s_down, applied, saturation, table, noise, key, chunk,
    reading, read_noise, write_noise, read_key, write_key, counts, out,
):  # fmt: skip
    """Pulse and read, step by step: `counts` and `out` of shape (steps, rows, columns of the box).

    Counts of shape (steps, 1, 1) are those of every crosspoint. Each line is read as soon as it is pulsed: readings are
    written to memory while the next is computed.
    """
    width, columns, some = g.shape[1], box[2], _rows_at_once(box, g.shape[1])
    devices, flat, out_flat = _flat(g, low, high, s_up, s_down, applied), counts.ravel(), out.ravel()
    reading_noise = (read_noise, write_noise, read_key, write_key)
    alike, line = len(flat) == len(counts), np.empty(columns * some, dtype=np.int32)
    for step in range(len(counts)):
        number, start = u32(reading + u32(step)), step * out.shape[1] * columns
        if alike:
            line[:] = flat[step]
        for i in range(rows[0], rows[1], some):
            first, size, at = (box[0] + i) * width + box[1], columns * min(some, rows[1] - i), start + i * columns
            given, given_at = (line, 0) if alike else (flat, at)
            _line(devices, first, size, given, given_at, saturation, table, noise, key, chunk)
            _read_line(devices[0], devices[5], first, size, number, reading_noise, out_flat, at)


@njit(**compiled)
def _fires(row_words, row):
    """Whether a row has a pulse in any slot."""
    bits = u32(0)
    for word in range(len(row_words)):
        bits = u32(bits | row_words[word, row])
    return bits != u32(0)


@njit(**compiled)
def _coincidences(row, row_words, row_signs, column_words, column_signs, counts, at):
    """Signed counts, for one row, of the slots in which it and each column fire together, into ``counts[at:]``."""
    sign = row_signs[row]
    for word in range(len(row_words)):
        bits = row_words[word, row]
        for j in range(len(column_signs)):
            both = i32(ones_in(u32(bits & column_words[word, j]))) * i32(sign * column_signs[j])
            k = np.uintp(at) + np.uintp(j)
            counts[k] = both if word == 0 else i32(counts[k] + both)


@njit(**compiled)
def packed(slots, words, signs):
    """Bits (32 slots a word, ``words[word, line]``) and signs of trains of shape (lines, slots).

    Gives the first line whose slots are not all 0 or one sign of 1, or -1.
    """
    wrong = -1
    for line in range(slots.shape[0]):
        most, least = i32(0), i32(0)
        for word in range(words.shape[0]):
            bits = u32(0)
            for k in range(min(32, slots.shape[1] - word * 32)):
                slot = i32(slots[line, word * 32 + k])
                bits = u32(bits | (u32(slot != i32(0)) << u32(k)))
                most, least = max(most, slot), min(least, slot)
            words[word, line] = bits
        signs[line] = most + least
        if wrong < 0 and most - least > 1:
            wrong = line
    return wrong
