"""Parking: drives crosspoints onto their symmetry points and reads them there."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from instruments.crosspoints import FloatArray, Readings
from protocols.analysis.symmetry.estimate import PARK, PARKED, Estimate
from protocols.closed_loop.steering import pulses_to
from protocols.closed_loop.symmetry_search import Search
from protocols.common.protocol import Points
from protocols.common.stepping import apply, at_rest

ROUNDS = 8  # of reading and correcting: each leaves a cycle-to-cycle part of the way, so that few are enough
MOST = 1000  # pulses of one correction


def park(search: Search, reads: int) -> Generator[Points, None, str]:
    """Read, pulse the predicted number of times, read again ..., then read once more to verify; says what was parked.

    Only crosspoints with a stable symmetry point are moved. Where the distance is below a step, or below what `reads`
    readings tell, no pulse would make it better. The readings that verify are not the ones that decided.
    """
    parked = {cell: found for cell, found in search.found.items() if found.value is not None and found.stable}
    if not parked:
        return "nothing to park on: no stable symmetry point"
    for _ in range(ROUNDS):
        readings = yield from _kept(search, at_rest(search.crosspoints, PARK, reads))
        counts = np.zeros(search.crosspoints.shape, dtype=np.int64)
        for cell, found in parked.items():
            counts[cell] = _correction(found, readings.conductance[:, cell[0], cell[1]])
        counts = np.where(search.spent + np.abs(counts) <= search.settings.budget, counts, 0)
        if not np.any(counts):
            break
        yield from search.kept(apply(search.crosspoints, PARK, counts[np.newaxis]))
    yield from search.kept(at_rest(search.crosspoints, PARKED, reads))
    left = len(search.found) - len(parked)
    return "parked on the symmetry point" if not left else f"{len(parked)} parked on their symmetry points, {left} not"


def _kept(search: Search, steps: Generator[Points, None, Readings]) -> Generator[Points, None, Readings]:
    readings: list[Readings] = []
    for points in search.kept(steps):
        readings.append(points.readings)
        yield points
    return Readings.join(readings)


def _correction(found: Estimate, readings: FloatArray) -> int:
    """Signed pulses from the mean reading to the symmetry point; 0 where it is as close as steps and noise let it."""
    steps, crossing = found.steps, found.crossing
    finite = readings[np.isfinite(readings)]
    if steps is None or crossing is None or found.value is None or not finite.size:
        return 0
    now, error = float(finite.mean()), steps.read / math.sqrt(finite.size)
    if abs(now - found.value) <= max(abs(crossing.step), error):
        return 0
    return pulses_to(steps, (now - steps.centre) / steps.scale, (found.value - steps.centre) / steps.scale, MOST)
