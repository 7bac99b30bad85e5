# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled pulses on crosspoints in a row whose steps come from a table.

The table tells ΔG±/R over ω = (G − Gmin)/R, R = Gmax − Gmin, at equally spaced nodes, and the scatter of the steps
where it is not c |ΔG|. Some pulses in a row take the steps as linear about where they start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import compiled, f32, fused, i32, normal, u32
from sim_device.arrays.linear_rows import powers

_ZERO, _ONE = f32(0), f32(1)


def pieces(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table (2 or 4, nodes) as its pieces (2 or 4, nodes − 1, 2): the left value and the rise of each."""
    return np.ascontiguousarray(np.stack([table[:, :-1], np.diff(table, axis=1)], axis=-1))


@njit(**compiled)
def _find(g, low, high, first, size, counts, at, pieces_, piece, part):
    """For every crosspoint the piece of the table that it stands on, and how far along it stands.

    Pieces of up steps come first, then those of down steps.
    """
    last = i32(pieces_ - 1)
    for k in range(size):
        j, signed = np.uintp(first) + np.uintp(k), i32(counts[np.uintp(at) + np.uintp(k)])
        position = min(max((g[j] - low[j]) / (high[j] - low[j]), _ZERO), _ONE) * f32(pieces_)
        node = min(i32(position), last)
        piece[k] = u32(node if signed > i32(0) else i32(node + i32(pieces_)))
        part[k] = position - f32(node)


@njit(**compiled)
def _look_up(flat, piece, size, start, left, rise):
    """Copy the pieces: loads by index are done one at a time, and so apart from the arithmetic."""
    for k in range(size):
        at = np.uintp(start) + np.uintp(2) * np.uintp(piece[k])
        left[k], rise[k] = flat[at], flat[at + np.uintp(1)]


@njit(**compiled)
def _move(devices, first, size, counts, at, table, noise, key, done, chunk, part, steps, scatters):
    """The arithmetic of `table_pulses`; `steps`, `scatters` = (left, rise) of every crosspoint."""
    g, low, high, s_up, s_down, applied = devices
    pieces_, told, left, rise = f32(table.shape[1]), table.shape[0] == 4, steps[0], steps[1]
    for k in range(size):
        j, signed = np.uintp(first) + np.uintp(k), i32(counts[np.uintp(at) + np.uintp(k)])
        n = i32(min(max(i32(i32(abs(signed)) - done), i32(0)), chunk))
        spent, before, bottom, top = applied[j], g[j], low[j], high[j]
        xi = normal(key, u32(u32(first) + u32(k)), spent)
        rising, falling = s_up[j], s_down[j]
        s = rising if signed > i32(0) else falling
        mean = fused(part[k], rise[k], left[k])
        scatter = fused(part[k], scatters[1][k], scatters[0][k]) if told else noise * abs(mean)
        power, total = powers(fused(s * rise[k], pieces_, _ONE), u32(max(n - i32(1), i32(0))))
        change = fused(mean, total, power * scatter * f32(np.sqrt(f32(n))) * xi)
        moved = min(max(fused(s * (top - bottom), change, before), bottom), top)
        g[j] = moved if n > i32(0) else before
        applied[j] = u32(spent + u32(n))


@njit(**compiled)
def table_pulses(devices, first, size, counts, at, table, noise, key, done, chunk):
    """Apply signed ``counts[at:]`` to `size` crosspoints from number `first`, from pulse `done` on, `chunk` at most.

    `devices` = flat (g, low, high, s_up, s_down, applied); `table` as `pieces` makes it.
    """
    piece, part, flat = np.empty(size, np.uint32), np.empty(size, np.float32), table.ravel()
    steps = (np.empty(size, np.float32), np.empty(size, np.float32))
    _find(devices[0], devices[1], devices[2], first, size, counts, at, table.shape[1], piece, part)
    _look_up(flat, piece, size, 0, *steps)
    scatters = steps
    if table.shape[0] == 4:
        scatters = (np.empty(size, np.float32), np.empty(size, np.float32))
        _look_up(flat, piece, size, 4 * table.shape[1], *scatters)
    _move(devices, first, size, counts, at, table, noise, key, done, chunk, part, steps, scatters)
