"""Runs one crosspoint of a block at a time, and gives its points as points of the block."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from instruments.crosspoints import FloatArray, Readings, Status, no_readings
from protocols.common.protocol import Points, Series
from protocols.common.watch import Watch

Cell = tuple[int, int]


def alone(levels: FloatArray, cell: Cell, shape: tuple[int, int]) -> FloatArray:
    """`levels` (n,) for one crosspoint of a block: (n, rows, columns), NaN for the others."""
    values = np.full((len(levels), *shape), np.nan)
    values[(slice(None), *cell)] = levels
    return values


def spread(points: Points, cell: Cell, shape: tuple[int, int]) -> Points:
    """Points of one crosspoint, (n, 1, 1), as points of its block: the others were neither pulsed nor read."""
    r, n = points.readings, len(points.readings)
    if shape == (1, 1):
        return points
    counts = np.zeros((n, *shape), dtype=np.int64)
    counts[(slice(None), *cell)] = points.counts[:, 0, 0]
    g, volts, amps, time = (alone(a[:, 0, 0], cell, shape) for a in (r.conductance, r.voltage, r.current, r.time))
    status = np.full((n, *shape), int(Status.INVALID), dtype=np.uint8)
    status[(slice(None), *cell)] = r.status[:, 0, 0]
    return Points(points.phase, counts, Readings(g, volts, amps, time, status), points.pulses)


def only(watch: Watch, cell: Cell, steps: Generator[Points, None, Readings]) -> Generator[Points, None, Readings]:
    """Pass on what `steps` do to one crosspoint as points of the block, seen by the watch; its own readings return."""
    parts = [no_readings((1, 1))]
    for points in steps:
        whole = spread(points, cell, watch.crosspoints.shape)
        watch.count(whole)
        yield whole
        parts.append(points.readings)
    return Readings.join(parts)


def taken(series: Series) -> Series:
    """The readings of one crosspoint that were taken, without the rows in which another one was measured."""
    return series.where(np.isfinite(series.readings.time[:, 0, 0]))
