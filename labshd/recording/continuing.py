"""Resuming a run that was cut off: the points it holds, then the rest of its protocol."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import Readings
from instruments.errors import InputError, RunError
from labshd.runs.files import points_name
from labshd.runs.run import Run
from protocols.common.protocol import Points, Series, Steps


def taken_before(run: Run) -> Series:
    """The readings of a run that was cut off, perhaps before its first line."""
    try:
        return run.series()
    except InputError:
        if (path := run.folder / points_name()).exists() and b"\n" in path.read_bytes():
            raise
        return Series.of([], run.shape, run.unit)


def beyond(steps: Steps, before: Series) -> Steps:
    """The points after those `before`, which must come again as they were; `RunError` where they do not."""
    kept = 0
    try:
        while True:
            points = next(steps)
            again = min(len(points.readings), len(before) - kept)
            if again:
                _check_again(points, before, kept, again)
                kept += again
            if again < len(points.readings):
                yield points if not again else _after(points, again)
    except StopIteration as stop:
        return str(stop.value or "")


def _check_again(points: Points, before: Series, kept: int, again: int) -> None:
    part, r = slice(kept, kept + again), before.readings
    same = (
        np.array_equal(points.readings.conductance[:again], r.conductance[part], equal_nan=True)
        and np.array_equal(
            np.broadcast_to(points.counts, points.readings.conductance.shape)[:again], before.counts[part]
        )
        and all(str(phase) == points.phase for phase in before.phases[part])
    )
    if not same:
        raise RunError(
            f"it does not go on as it began: reading {kept} and after are others than those recorded; "
            "were settings, protocol, station or seed changed? Begin it anew"
        )


def _after(points: Points, first: int) -> Points:
    r = points.readings
    rest = Readings(r.conductance[first:], r.voltage[first:], r.current[first:], r.time[first:], r.status[first:])
    counts = np.broadcast_to(points.counts, r.conductance.shape)[first:]
    return Points(points.phase, counts, rest, points.pulses)
