"""Compiled blocks of training steps for simulated arrays: bit for bit the same, a microsecond a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, Readings
from labshd.training.algorithms import SGD, SHD, Algorithm
from labshd.training.tasks import LinearTask, Task
from labshd.training.tile import Tile, unread
from protocols.common.protocol import Points
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.arrays.device_array import Loop


def loops_of(task: Task, layers: Sequence[Algorithm]) -> list[Loop] | None:
    """The simulated devices of each tile, where the compiled loop knows task, algorithm and tiles; else None."""
    if not isinstance(task, LinearTask) or len(layers) != 1 or type(layers[0]) not in (SGD, SHD):
        return None
    if isinstance(layers[0], SHD) and layers[0].directions is not None:
        return None
    loops: list[Loop] = []
    for tile in layers[0].tiles:
        plain = type(tile.main) is SimCrosspoints and isinstance(tile.reference, np.ndarray)
        loop = tile.main.loop() if plain and tile.keeps and isinstance(tile.main, SimCrosspoints) else None
        if loop is None or tile.pulsing.kind != "stochastic" or any(loop.array is other.array for other in loops):
            return None
        loops.append(loop)
    return loops


def advance(
    task: LinearTask, layer: SGD | SHD, loops: list[Loop], rng: np.random.Generator, factors: FloatArray
) -> dict[str, FloatArray]:
    """Train a step for each of the `factors` of the schedule; all ends as if it had been step by step.

    Gives the columns of the steps.
    """
    from labshd.training import compiled

    number = len(factors)
    x, target = task.samples(rng, number)
    tiles = layer.tiles
    shape = (number, *layer.core.shape)
    core_read, aux_read = np.empty(shape), np.full(shape, np.nan)
    core_counts, aux_counts = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    shd = isinstance(layer, SHD)
    numbers = np.array([
        layer.updates if shd else 0, layer.transfers if shd else 0, tiles[0].updates, tiles[-1].updates,
        loops[0].array.readings, loops[-1].array.readings, 0, 0,
    ])  # fmt: skip
    compiled.steps(
        x, target, task.stiffness, layer.rate, layer.transfer_rate if shd else 0.0, layer.every if shd else 0, factors,
        numbers, _packed(tiles[0], loops[0]), _packed(tiles[-1], loops[-1]),
        (core_read, core_counts, aux_read, aux_counts),
    )  # fmt: skip
    losses = task.losses(_weights(tiles[-1], core_read))
    columns: dict[str, FloatArray] = {"loss": losses}
    if shd:
        layer.updates, layer.transfers = int(numbers[0]), int(numbers[1])
        _account(tiles[0], loops[0], numbers[[2, 4, 6]])
        columns |= _kept(tiles[0], aux_read, aux_counts, counts_come_first=True)
    _account(tiles[-1], loops[-1], numbers[[3, 5, 7]])
    return columns | _kept(tiles[-1], core_read, core_counts, counts_come_first=False)


def _packed(tile: Tile, loop: Loop) -> tuple[Any, ...]:
    p = tile.pulsing
    reference = np.ascontiguousarray(np.broadcast_to(np.asarray(tile.reference), tile.shape))
    return (
        reference, tile.scale, tile.step, p.longest, p.update_management, p.fit_length, *tile.keys, loop.devices,
        loop.noise,
    )  # fmt: skip


def _weights(tile: Tile, conductance: FloatArray) -> FloatArray:
    return (conductance - np.asarray(tile.reference)) / tile.scale


def _account(tile: Tile, loop: Loop, numbers: NDArray[np.int64]) -> None:
    tile.updates, loop.array.readings = int(numbers[0]), int(numbers[1])
    tile.clipped += int(numbers[2])


def _kept(tile: Tile, read: FloatArray, counts: NDArray[np.int32], *, counts_come_first: bool) -> dict[str, FloatArray]:
    """Hand every reading and pulse to the tile, as `Tile` itself keeps them; gives its columns, a row a step."""
    taken = np.isfinite(read[:, 0, 0])
    done = np.abs(counts).sum(axis=(1, 2))
    spent = tile.pulses + np.cumsum(done)
    start = tile.last
    tile.pulses = int(spent[-1])
    tile.counted += np.abs(counts).sum(axis=0, dtype=np.int64)
    _keep_points(tile, read[taken], *_in_order(tile, taken, counts, counts_come_first=counts_come_first))
    if np.any(taken):
        tile.seen(_weights(tile, read[taken]))
    return tile.columns_of(_weights(tile, _carried(read, taken)), start, spent)


def _in_order(
    tile: Tile, taken: NDArray[np.bool_], counts: NDArray[np.int32], *, counts_come_first: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """When each reading came, when each update that pulsed, on one time axis; and the pulses of each update."""
    pulsed = np.flatnonzero(np.any(counts != 0, axis=(1, 2)))
    first, second = (2, 3) if counts_come_first else (3, 2)
    reads, updates, of_updates = 2 * np.flatnonzero(taken) + second, 2 * pulsed + first, counts[pulsed].astype(np.int64)
    if np.any(tile.since):  # left over from the block before
        updates = np.concatenate([[0], updates])
        of_updates = np.concatenate([tile.since[np.newaxis], of_updates])
    return reads, updates, of_updates


def _keep_points(
    tile: Tile, read: FloatArray, reads: NDArray[np.int64], updates: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    """One row a reading with the update right before it; a row without a reading for every other update but the last.

    `read` are the conductances of the readings, `counts` the pulses of the updates, in the order of their times.
    """
    tile.since = np.zeros(tile.shape, dtype=np.int64)
    last = np.searchsorted(updates, reads) - 1  # the update before each reading
    fresh = last > np.concatenate([[-1], last[:-1]])  # none was read since
    alone = np.ones(len(updates), dtype=np.bool_)
    alone[last[fresh]] = False
    if len(updates) and alone[-1]:
        tile.since, alone[-1] = counts[-1].copy(), False
    order = np.argsort(np.concatenate([reads, updates[alone]]))
    if not len(order):
        return
    before = np.zeros((len(reads), *tile.shape), dtype=np.int64)
    before[fresh] = counts[last[fresh]]
    told = unread(len(order), tile.shape)
    if len(reads):
        at = np.argsort(order)[: len(reads)]  # rows of the readings
        running = np.concatenate([np.zeros((1, *tile.shape), dtype=np.int64), np.cumsum(np.abs(counts), axis=0)])
        main: Any = tile.main
        timed: Readings = main.timed(read, np.diff(running[last + 1], axis=0, prepend=running[:1]))
        for name in ("conductance", "voltage", "current", "time", "status"):
            getattr(told, name)[at] = getattr(timed, name)
    tile.keep(Points(tile.phase, np.concatenate([before, counts[alone]])[order], told, tile.main.pulses))


def _carried(read: FloatArray, taken: NDArray[np.bool_]) -> FloatArray:
    """The last reading at each step: NaN before the first."""
    latest = np.maximum.accumulate(np.where(taken, np.arange(len(read)), -1))
    return np.where((latest >= 0)[:, np.newaxis, np.newaxis], read[np.maximum(latest, 0)], np.nan)
