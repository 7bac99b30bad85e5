"""Readings at set times after an event, by the clock of the crosspoints."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from instruments.crosspoints import FloatArray, Readings, no_readings
from protocols.common.protocol import Points
from protocols.common.watch import Watch


def log_times(first: float, last: float, per_decade: int) -> FloatArray:
    """Times [s] from `first` to `last`, evenly spaced on a log scale, both ends among them."""
    count = max(2, round(per_decade * float(np.log10(last / first))) + 1)
    return np.geomspace(first, last, count)


def read_at(
    watch: Watch, phase: str, times: FloatArray, start: float, reads: int = 1
) -> Generator[Points, None, Readings]:
    """Read `reads` times at each of `times` [s] after `start` [s] on the clock of the readings, or as soon as it can.

    The block is not driven in between. A time that has passed already is skipped, but for the last.
    """
    parts = [no_readings(watch.crosspoints.shape)]
    now = start
    for index, time in enumerate(times.tolist()):
        if index and start + time < now and index < len(times) - 1:
            continue
        if start + time > now:
            watch.crosspoints.wait(start + time - now)
        readings = yield from watch.rest(phase, reads)
        parts.append(readings)
        now = float(readings.time.max())
        if not watch.active:
            break
    return Readings.join(parts)
