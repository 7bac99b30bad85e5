"""Sweeps as points: what is held is told by the voltage that was measured, not by a count of pulses."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from instruments.crosspoints import FloatArray, Readings
from instruments.errors import InputError
from instruments.units import text
from protocols.protocol import UNKNOWN_COUNT, Points, Series
from protocols.watch import Watch

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


def alone(levels: FloatArray, cell: tuple[int, int], shape: tuple[int, int]) -> FloatArray:
    """The levels (levels,) for one crosspoint of a block: (levels, rows, columns), NaN for the others."""
    volts = np.full((len(levels), *shape), np.nan)
    volts[(slice(None), *cell)] = levels
    return volts


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


def held(series: Series) -> Series:
    """The readings of one crosspoint that were taken, without the rows in which another one was held."""
    return series.where(np.isfinite(series.readings.time[:, 0, 0]))


def read_noise(readings: Readings) -> FloatArray:
    """Standard deviation [unit] of repeated readings, of each crosspoint (rows, columns)."""
    g = readings.conductance
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(g.std(axis=0, ddof=1))) if len(g) > 1 else np.zeros(g.shape[1:])
