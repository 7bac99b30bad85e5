"""Sweeps as points: the voltage held is the one that was measured; pulses are not counted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.units import text
from protocols.common.protocol import UNKNOWN_COUNT, Points
from protocols.common.turns import alone
from protocols.common.watch import Watch

MOST_LEVELS = 10_000  # of one sweep; beyond that a step is a slip of the pen


def staircase(first: float, last: float, step: float) -> FloatArray:
    """Voltages [V] from `first` to `last`, at most `step` apart and evenly spaced, both ends among them."""
    if not step > 0:
        raise InputError(f"a step of {text(step, 'V')} is none; give one above zero")
    levels = round(abs(last - first) / step + 0.499999) + 1
    if levels > MOST_LEVELS:
        raise InputError(
            f"from {text(first, 'V')} to {text(last, 'V')} by {text(step, 'V')} are {levels} levels, above "
            f"{MOST_LEVELS}; give a larger step"
        )
    return np.linspace(first, last, levels)


def hold(
    watch: Watch,
    cell: tuple[int, int],
    phases: Sequence[str],
    levels: FloatArray,
    compliance: FloatArray,
    dwell: FloatArray,
) -> Generator[Points, None, None]:
    """Hold one crosspoint at `levels` [V], each with its phase; ends at the level at which the watch ends it.

    What came before a reading is no number of pulses, so that each begins a piece of its own for a fit. Whoever closes
    this ends the sweep, with the output off.
    """
    block = watch.crosspoints
    with closing(block.sweep(alone(levels, cell, block.shape), compliance, dwell)) as sweep:
        for phase, readings in zip(phases, sweep, strict=False):
            held = np.isfinite(readings.time)
            points = Points(phase, np.where(held, UNKNOWN_COUNT, 0).astype(np.int64), readings)
            watch.count(points)
            yield points
            if not watch.going[cell]:
                return
