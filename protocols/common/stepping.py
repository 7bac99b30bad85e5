"""Steps that protocols share: pulse and read, read at rest, balanced random blocks."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints, IntArray, PulsePair, Readings, no_readings, steps_of
from protocols.common.protocol import Points


def apply(
    crosspoints: Crosspoints, phase: str, counts: ArrayLike, pulses: PulsePair | None = None
) -> Generator[Points, None, Readings]:
    """Pulse and read step by step; `counts` as for `Crosspoints.stream`. Yields as taken, returns all readings."""
    steps, done, parts = steps_of(counts, crosspoints.shape), 0, [no_readings(crosspoints.shape)]
    for readings in crosspoints.stream(steps, pulses):
        yield Points(phase, steps[done : done + len(readings)], readings, pulses or crosspoints.pulses)
        parts.append(readings)
        done += len(readings)
    return Readings.join(parts)


def at_rest(crosspoints: Crosspoints, phase: str, reads: int) -> Generator[Points, None, Readings]:
    """Read `reads` times without a pulse."""
    readings = crosspoints.read(reads) if reads else no_readings(crosspoints.shape)
    if reads:
        yield Points(phase, np.zeros((len(readings), *crosspoints.shape), dtype=np.int64), readings)
    return readings


def balanced(generator: np.random.Generator, pulses: int, shape: tuple[int, int]) -> IntArray:
    """As many single up as down pulses, shuffled for each crosspoint by itself: (pulses, rows, columns); even number.

    Equal numbers keep the mean of a block where the symmetry point is: p up pulses out of n with p/n other than one
    half have another equilibrium.
    """
    signs = np.repeat(np.array([1, -1], dtype=np.int64), pulses // 2)
    columns = np.broadcast_to(signs[:, np.newaxis], (len(signs), shape[0] * shape[1]))
    return generator.permuted(columns, axis=0).reshape(len(signs), *shape)
