"""What source-measure drivers share: the smallest range that holds a value, and invalid readings."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, Status, StatusArray
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.roles import Measurement
from instruments.units import text

HEADROOM: Final = 1.05  # ranges source and measure 5 % beyond their name
OVERFLOW: Final = 9.9e37  # an overflowed reading; 9.91E37 stands for "not a number"


def smallest(value: float, ranges: tuple[float, ...], unit: str) -> float:
    """The smallest range that holds `value`; `LimitError` where none does."""
    for one in ranges:
        if abs(value) <= one * HEADROOM:
            return one
    raise LimitError(
        f"{text(value, unit)} is beyond this instrument, which goes to {text(ranges[-1] * HEADROOM, unit)}"
    )


def check_integration(cycles: float, shortest: float, longest: float) -> None:
    """`InputError` unless an integration of so many power line cycles can be had."""
    if not shortest <= cycles <= longest:
        raise InputError(
            f"an integration of {cycles:g} power line cycles is beyond this instrument: {shortest:g} to {longest:g}"
        )


def check_least(compliance: float, least: float) -> None:
    """`LimitError` unless the instrument can limit at so little."""
    if compliance < least:
        raise LimitError(
            f"a compliance of {text(compliance, 'A')} is below this instrument's least, {text(least, 'A')}"
        )


def check_count(count: int, most: int) -> None:
    """`InputError` unless so many readings can be taken in one go."""
    if not 1 <= count <= most:
        raise InputError(f"{count} readings in one go are not between 1 and {most}")


def check_compliance(name: str, asked: float, answered: float) -> None:
    """`InstrumentError` unless the instrument limits where it was told to."""
    if not math.isclose(answered, asked, rel_tol=1e-3):
        raise InstrumentError(f"{name} limits at {text(answered, 'A')}, where {text(asked, 'A')} was set")


def measurement(voltage: float, current: float, *, limited: bool, overrange: bool = False) -> Measurement:
    """A measurement with its status; what stands for no number becomes NaN."""
    status = Status.COMPLIANCE if limited else Status.OK
    largest = max(abs(voltage), abs(current))
    if largest >= OVERFLOW * 0.9995:
        no_number = largest > OVERFLOW * 1.0005
        reason = Status.INVALID if no_number else Status.OVERRANGE | Status.INVALID
        return Measurement(math.nan, math.nan, status | reason)
    return Measurement(voltage, current, status | Status.OVERRANGE if overrange else status)


def readings_of(voltage: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray, StatusArray]:
    """Voltages, currents and status of many measurements, as `measurement` says of one."""
    largest = np.maximum(np.abs(voltage), np.abs(current))
    none = ~(largest < OVERFLOW * 0.9995)
    status = flagged(none, Status.INVALID) | flagged(none & (largest <= OVERFLOW * 1.0005), Status.OVERRANGE)
    return np.where(none, np.nan, voltage), np.where(none, np.nan, current), status


def flagged(where: NDArray[np.bool_], flag: Status) -> StatusArray:
    """`flag` where it holds, 0 elsewhere."""
    return where.astype(np.uint8) * np.uint8(flag)


def words(numbers: FloatArray) -> IntArray:
    """Status words that came as numbers; 0 for what is none."""
    return np.where(np.abs(numbers) < 2**31, numbers, 0).astype(np.int64)
