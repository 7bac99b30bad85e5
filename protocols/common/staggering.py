"""Readings at set times for each crosspoint of a block; while one waits others are measured."""

from __future__ import annotations

import heapq
from collections.abc import Generator

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.common.protocol import Points
from protocols.common.stepping import apply, at_rest
from protocols.common.turns import Cell, only
from protocols.common.watch import Watch


class Staggered:
    """Begins crosspoint after crosspoint, and reads each at its own times after its own beginning.

    What is due first is done first. A crosspoint is begun when nothing of the others is due until it has had its first
    reading, as far as earlier readings tell how long that takes. The readings of old crosspoints are far between, so
    that young ones fit in. A reading that had to wait is taken as soon as it can be; its time is what was measured.

    Parameters
    ----------
    pulses
        Signed count that a crosspoint is begun with; 0 only reads it.
    times
        [s] after its beginning at which a crosspoint is read `reads` times.
    """

    def __init__(self, watch: Watch, pulses: int, times: FloatArray, reads: int) -> None:
        self._watch, self._times, self._reads = watch, times, reads
        self._counts: IntArray = np.array([pulses], dtype=np.int64)
        self._waiting: list[Cell] = [(row, column) for row, column in np.ndindex(*watch.crosspoints.shape)]
        self._due: list[tuple[float, Cell, int, float]] = []  # when, of which, the how manieth, begun when
        self._now, self._takes = 0.0, 0.0

    def run(self, start: str, kept: str) -> Generator[Points, None, None]:
        """All of it; phases `start` and `kept`."""
        while self._waiting or self._due:
            if self._waiting and (not self._due or self._now + 2 * self._takes + self._times[0] < self._due[0][0]):
                yield from self._begin(self._waiting.pop(0), start)
            else:
                yield from self._read(kept)

    def _begin(self, cell: Cell, phase: str) -> Generator[Points, None, None]:
        if not self._watch.going[cell]:
            return
        block = self._watch.crosspoints[cell]
        readings = yield from only(self._watch, cell, apply(block, phase, self._counts))
        self._now = float(readings.time.max())
        if self._watch.going[cell]:
            heapq.heappush(self._due, (self._now + float(self._times[0]), cell, 0, self._now))

    def _read(self, phase: str) -> Generator[Points, None, None]:
        due, cell, index, begun = heapq.heappop(self._due)
        if not self._watch.going[cell]:
            return
        if due > self._now:
            self._watch.crosspoints.wait(due - self._now)
        readings = yield from only(self._watch, cell, at_rest(self._watch.crosspoints[cell], phase, self._reads))
        before, self._now = max(due, self._now), float(readings.time.max())
        self._takes = max(self._takes, self._now - before)
        if index + 1 < len(self._times) and self._watch.going[cell]:
            heapq.heappush(self._due, (begun + float(self._times[index + 1]), cell, index + 1, begun))
