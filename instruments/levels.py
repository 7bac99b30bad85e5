"""What a sweep holds crosspoints at: levels under current limits, checked as a whole; a block swept view by view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.asked import real_numbers, shown
from instruments.crosspoints import Crosspoints, FloatArray, Readings, Status, Sweep
from instruments.errors import InputError
from instruments.limits import Limits


@dataclass(frozen=True)
class Levels:
    """What a block is held at: `voltages` [V] (levels, rows, columns), NaN where a crosspoint is left alone.

    `compliance` [A] and `dwell` [s], which passes before it is measured, are those of each level, (levels,).
    """

    voltages: FloatArray
    compliance: FloatArray
    dwell: FloatArray

    @staticmethod
    def of(voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike, shape: tuple[int, int]) -> Levels:
        """Broadcast to a block of `shape`; `InputError` for what is no voltage, current or time."""
        volts = real_numbers(voltages, "voltages of a sweep", "[0.1, 0.2]")
        amps, waits = real_numbers(compliance, "compliances", "1e-6"), real_numbers(dwell, "dwells", "0.01")
        if volts.ndim == 1:
            volts = volts[:, np.newaxis, np.newaxis]
        if volts.ndim != 3 or np.any(np.isinf(volts)):
            raise InputError("a sweep takes finite voltages of shape (levels,) or (levels, rows, columns)")
        try:
            held = np.broadcast_to(volts, (len(volts), *shape))
            amps, waits = (np.broadcast_to(one, (len(volts),)) for one in (amps, waits))
        except ValueError:
            raise InputError(
                f"voltages of shape {volts.shape}, compliances of shape {amps.shape} and dwells of shape "
                f"{waits.shape} do not fit crosspoints of shape {shape}"
            ) from None
        if not np.all(np.isfinite(amps) & (amps > 0)):
            raise InputError("a sweep needs a compliance above zero for every level")
        if not np.all(np.isfinite(waits) & (waits >= 0)):
            raise InputError(f"a dwell of {shown(dwell)} s is none; give zero or more for every level")
        return Levels(held, amps, waits)

    def in_turn(self) -> Iterator[tuple[int, int, int]]:
        """(level, row, column) of everything that is held, crosspoint after crosspoint: the order of a bench."""
        for row, column in np.ndindex(*self.voltages.shape[1:]):
            for level in np.flatnonzero(np.isfinite(self.voltages[:, row, column])).tolist():
                yield level, row, column

    def check(self, limits: Limits) -> None:
        """Raise `LimitError` unless every level of every crosspoint is within the limits."""
        each = np.nan_to_num(np.abs(self.voltages)).max(axis=(1, 2), initial=0.0)
        for volts, amps in sorted(set(zip(each.tolist(), self.compliance.tolist(), strict=True)), reverse=True):
            limits.check_sweep(volts, amps)

    def stress(self, limits: Limits) -> NDArray[np.int64]:
        """(rows, columns) levels above the read voltage: each counts as a pulse on the budget of its crosspoint."""
        with np.errstate(invalid="ignore"):
            return np.count_nonzero(np.abs(self.voltages) > limits.read_voltage, axis=0).astype(np.int64)


def by_views(block: Crosspoints, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike) -> Sweep:
    """Each crosspoint of a block by the sweep of its own view; each view checks its own limits."""
    levels = Levels.of(voltages, compliance, dwell, block.shape)
    for place, each in groupby(levels.in_turn(), key=lambda one: (one[1], one[2])):
        at = [level for level, _, _ in each]
        part = block[place].sweep(levels.voltages[(at, *place)], levels.compliance[at], levels.dwell[at])
        with closing(part):
            for one in part:
                yield spread(block.shape, place, *_numbers(one))


def _numbers(one: Readings) -> tuple[float, float, float, float, int]:
    floats = (float(array.item()) for array in (one.conductance, one.voltage, one.current, one.time))
    return (*floats, int(one.status.item()))  # type: ignore[return-value]


def spread(
    shape: tuple[int, int], place: tuple[int, ...], g: float, voltage: float, current: float, at: float, status: int
) -> Readings:
    """A reading of a block in which one crosspoint was held: the others are NaN."""

    def there(value: float) -> FloatArray:
        array = np.full((1, *shape), np.nan)
        array[(0, *place)] = value
        return array

    flags = np.full((1, *shape), int(Status.INVALID), dtype=np.uint8)
    flags[(0, *place)] = status
    return Readings(there(g), there(voltage), there(current), there(at), flags)
