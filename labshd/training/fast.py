"""Blocks of training steps by the compiled loop, where all is simulated: the same bits, a microsecond a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from labshd.training.algorithms import SGD, SHD, Algorithm
from labshd.training.tasks import LinearTask, Task
from labshd.training.tile import Tile
from protocols.protocol import Points
from sim_device.crosspoints import SimCrosspoints
from sim_device.device_array import Loop


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
    """Hand the readings, each with the pulses since the one before, to the tile; gives its columns, a row a step."""
    taken = np.isfinite(read[:, 0, 0])
    done = np.abs(counts).sum(axis=(1, 2))
    spent = tile.pulses + np.cumsum(done)
    zero = np.zeros((1, *tile.shape), dtype=np.int64)
    running = np.concatenate([zero, np.cumsum(counts, axis=0, dtype=np.int64)])
    before = running[1:] if counts_come_first else running[:-1]
    totals = tile.since + before[taken]  # signed pulses up to each reading
    net = np.diff(totals, axis=0, prepend=zero)
    tile.pulses = int(spent[-1])
    tile.counted += np.abs(counts).sum(axis=0, dtype=np.int64)
    start = tile.last
    if len(totals):
        tile.since = tile.since + running[-1] - totals[-1]
        main: Any = tile.main
        tile.keep(Points(tile.name, net, main.timed(read[taken], net), tile.main.pulses))
        tile.seen(_weights(tile, read[taken]))
    else:
        tile.since = tile.since + running[-1]
    return tile.columns_of(_weights(tile, _carried(read, taken)), start, spent)


def _carried(read: FloatArray, taken: NDArray[np.bool_]) -> FloatArray:
    """The last reading at each step: NaN before the first."""
    latest = np.maximum.accumulate(np.where(taken, np.arange(len(read)), -1))
    return np.where((latest >= 0)[:, np.newaxis, np.newaxis], read[np.maximum(latest, 0)], np.nan)
