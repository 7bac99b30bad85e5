"""Quasi-static sweeps: a source-measure unit holds one voltage after another and measures at each.

One crosspoint after the other is swept from its first level to its last, so that a device is never released to 0 V
between two levels. Voltages and compliances of the whole list are checked before the first byte. Relays move cold;
however a sweep ends, at its last level, at an error, or because whoever asked for it has seen enough, the output is
off before anything else is done. A level above the read voltage is stress, and is counted on the pulse budget.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.crosspoints import Crosspoints, FloatArray, Readings, Status, Sweep
from instruments.errors import InputError
from instruments.limits import Limits

if TYPE_CHECKING:
    from instruments.bench.bench import Bench
    from instruments.roles import Measurement


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
        volts = np.asarray(voltages, dtype=np.float64)
        if volts.ndim == 1:
            volts = volts[:, np.newaxis, np.newaxis]
        if volts.ndim != 3 or np.any(np.isinf(volts)):
            raise InputError("a sweep takes finite voltages of shape (levels,) or (levels, rows, columns)")
        try:
            held = np.broadcast_to(volts, (len(volts), *shape))
            amps, waits = (
                np.broadcast_to(np.asarray(one, dtype=np.float64), (len(volts),)) for one in (compliance, dwell)
            )
        except ValueError:
            raise InputError(
                f"voltages of shape {volts.shape}, compliances of shape {np.shape(compliance)} and dwells of shape "
                f"{np.shape(dwell)} do not fit crosspoints of shape {shape}"
            ) from None
        if not np.all(np.isfinite(amps) & (amps > 0)):
            raise InputError("a sweep needs a compliance above zero for every level")
        if not np.all(np.isfinite(waits) & (waits >= 0)):
            raise InputError(f"a dwell of {dwell} s is none; give zero or more for every level")
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
                yield _spread(block.shape, place, *_numbers(one))


def _numbers(one: Readings) -> tuple[float, float, float, float, int]:
    floats = (float(array.item()) for array in (one.conductance, one.voltage, one.current, one.time))
    return (*floats, int(one.status.item()))  # type: ignore[return-value]


def sweep(bench: Bench, names: NDArray[np.str_], levels: Levels) -> Sweep:
    """Check everything, then hold crosspoint by crosspoint, yielding each level as (1, rows, columns).

    A reading has the numbers of the crosspoint that was held; the others are NaN and `Status.INVALID`.
    """
    levels.check(bench.limits)
    bench.check_budget(names, levels.stress(bench.limits))
    return _swept(bench, names, levels)


def _swept(bench: Bench, names: NDArray[np.str_], levels: Levels) -> Sweep:
    rows, columns = names.shape
    shape = rows, columns
    for place, each in groupby(levels.in_turn(), key=lambda one: one[1:]):
        asked = [
            (float(levels.voltages[at]), float(levels.compliance[at[0]]), float(levels.dwell[at[0]])) for at in each
        ]
        steps = _held(bench, str(names[place]), asked)
        try:
            for (voltage, _, _), (at, measured) in zip(asked, steps, strict=True):
                yield _spread(shape, place, *_measured(voltage, at, measured))
        finally:
            steps.close()


def _held(
    bench: Bench, name: str, asked: Sequence[tuple[float, float, float]]
) -> Generator[tuple[float, Measurement], None, None]:
    """(time [s], measurement) at every (voltage [V], compliance [A], dwell [s]).

    The output goes off where the compliance changes.
    Ranges are set while the output is off, for the largest voltage under that compliance: none changes under a device.
    """
    smu = bench.begin_sweep(name)
    try:
        for compliance, part in groupby(asked, key=lambda one: one[1]):
            steps = [(voltage, dwell) for voltage, _, dwell in part]
            smu.off()
            smu.configure_sweep(max(abs(voltage) for voltage, _ in steps), compliance, bench.reading.integration)
            smu.output_on()
            for voltage, dwell in steps:
                bench.count_stress(name, voltage)
                smu.level(voltage)
                if dwell:
                    bench.clock.wait(dwell)
                (measured,) = smu.measure(1)
                yield bench.clock.now(), measured
    finally:
        smu.off()


def _measured(voltage: float, at: float, measured: Measurement) -> tuple[float, float, float, float, int]:
    """Conductance [S], voltage, current, time, status of a crosspoint held at `voltage` [V]; no G at 0 V."""
    known = all(map(math.isfinite, (measured.voltage, measured.current))) and not measured.status & Status.INVALID
    if known and voltage != 0 and measured.voltage != 0:
        conductance = measured.current / measured.voltage
        return conductance, measured.voltage, measured.current, at, int(measured.status)
    return math.nan, measured.voltage, measured.current, at, int(measured.status | Status.INVALID)


def _spread(
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
