# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled parts of training: pulse trains, products in a fixed order, and whole steps on simulated crosspoints.

`steps` does, for SGD and SHD on one layer of simulated crosspoints, exactly what `Training` does step by step through
`Tile` and `Crosspoints`: the same numbers in the same order, so that both give the same bits (and a test says so).
"""

from __future__ import annotations

import math

import numpy as np

from sim_device.arrays import kernels
from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import compiled, inlined, mixed, u32

_WEYL = u32(0x9E3779B9)
_ALL = 4294967296.0  # 2^32: a line of probability p fires where its 32 random bits are below p 2^32


@njit(**inlined)
def _bits(key, line, count):
    return mixed(u32(mixed(u32(u32(line) ^ key)) ^ u32(u32(count) * _WEYL)))


@njit(**compiled)
def fire(key, probability, vector, first, slots):
    """Fill `slots` (lines, length), int8, with pulses of the sign of `vector`, numbered from `first` on each line."""
    for line in range(slots.shape[0]):
        below = np.uint64(probability[line] * _ALL)
        sign = np.int8(0)
        if vector[line] > 0:
            sign = np.int8(1)
        elif vector[line] < 0:
            sign = np.int8(-1)
        for k in range(slots.shape[1]):
            slots[line, k] = sign if np.uint64(_bits(key, line, first + k)) < below else np.int8(0)


@njit(**compiled)
def multiplied(weights, x, out):
    """``out = W x``, summed from the first column to the last."""
    for i in range(weights.shape[0]):
        total = 0.0
        for j in range(weights.shape[1]):
            total += weights[i, j] * x[j]
        out[i] = total


@njit(**compiled)
def probabilities(d, x, rate, step, longest, management, fit_length, p_rows, p_columns):
    """Pulse probabilities of the lines for ``ΔW = rate d xᵀ``; gives (length, clipped), length 0 where nothing is due.

    See `labshd.training.pulse_train`.
    """
    x_most, d_most = 0.0, 0.0
    for j in range(len(x)):
        x_most = max(x_most, abs(x[j]))
    for i in range(len(d)):
        d_most = max(d_most, abs(d[i]))
    wanted = rate * x_most * d_most / step  # pulses of the largest element
    if wanted == 0:
        return 0, 1.0
    length = longest
    if fit_length:
        length = int(min(math.ceil(min(wanted, 1e9)), longest))
    clipped = min(1.0, length / wanted)
    both = math.sqrt(rate * clipped / (step * length))
    balance = math.sqrt(d_most / x_most) if management else 1.0
    for j in range(len(x)):
        p_columns[j] = min(abs(x[j]) * both * balance, 1.0)
    for i in range(len(d)):
        p_rows[i] = min(abs(d[i]) * both / balance, 1.0)
    return length, clipped


@njit(**compiled)
def _update(tile, number, d, x, rate, counts, scratch):
    """Pulse a tile by one stochastic update, as `Tile.update` does; gives whether it was cut short."""
    _, _, step, longest, management, fit_length, row_key, column_key, devices, _ = tile
    p_rows, p_columns = scratch
    length, clipped = probabilities(d, x, rate, step, longest, management, fit_length, p_rows, p_columns)
    first = number * longest
    any_count = False
    for i in range(len(d)):
        below_row = np.uint64(p_rows[i] * _ALL)
        for j in range(len(x)):
            below_column = np.uint64(p_columns[j] * _ALL)
            count = 0
            if d[i] * x[j] != 0:
                for k in range(length):
                    fires = np.uint64(_bits(row_key, i, first + k)) < below_row
                    fires &= np.uint64(_bits(column_key, j, first + k)) < below_column
                    count += fires
                if (d[i] > 0) != (x[j] > 0):
                    count = -count
            counts[i, j] = count
            any_count |= count != 0
    if any_count:
        kernels.pulse_rows((0, len(d)), *devices, counts)
    return clipped < 1


@njit(**compiled)
def _read(tile, reading, conductance, weights):
    """Read a tile into `conductance` and signed `weights`, as `Tile.weights` does."""
    reference, scale, _, _, _, _, _, _, devices, noise = tile
    box, g, applied = devices[0], devices[1], devices[6]
    kernels.read_rows((0, len(weights)), box, g, applied, u32(reading), *noise, conductance)
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            weights[i, j] = (conductance[i, j] - reference[i, j]) / scale


@njit(**compiled)
def steps(x, target, stiffness, rate, transfer_rate, every, factors, numbers, auxiliary, core, kept):
    """Train on the samples `x` (n, inputs), `target` (n, outputs): ``d = stiffness (W x − target)``.

    A tile is (reference, scale, step, longest, management, fit_length, row key, column key, devices, read noise).
    `numbers` = [updates of the layer, transfers, updates of A, of C, readings of A, of C, cut updates of A, of C] go on
    from where they are. `factors` are those of the rates. `every` = 0 is SGD on the core, else SHD. `kept` = (C, pulses
    of C after it, A, pulses of A before it and before the transfer), each (n, rows, columns), is filled.
    """
    core_read, core_counts, auxiliary_read, auxiliary_counts = kept
    outputs, inputs = core_read.shape[1], core_read.shape[2]
    weights, scratch = np.empty((outputs, inputs)), (np.empty(outputs), np.empty(inputs))
    y, v, u = np.empty(outputs), np.empty(outputs), np.zeros(inputs)
    for n in range(len(x)):
        _read(core, numbers[5], core_read[n], weights)
        numbers[5] += 1
        multiplied(weights, x[n], y)
        for i in range(outputs):
            y[i] = -(stiffness * (y[i] - target[n, i]))
        numbers[0] += 1
        if every == 0:
            numbers[7] += _update(core, numbers[3], y, x[n], rate * factors[n], core_counts[n], scratch)
            numbers[3] += 1
            continue
        numbers[6] += _update(auxiliary, numbers[2], y, x[n], rate * factors[n], auxiliary_counts[n], scratch)
        numbers[2] += 1
        if numbers[0] % every == 0:
            u[:] = 0.0
            u[numbers[1] % inputs] = 1.0
            numbers[1] += 1
            _read(auxiliary, numbers[4], auxiliary_read[n], weights)
            numbers[4] += 1
            multiplied(weights, u, v)
            numbers[7] += _update(core, numbers[3], v, u, transfer_rate * factors[n], core_counts[n], scratch)
            numbers[3] += 1
