"""Pulses, counts and readings: what crosspoints are asked for, and what they answer."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.asked import MOST_STEPS, counts_of, is_real, is_whole, shown, slots_of
from instruments.errors import InputError
from instruments.units import text

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
StatusArray: TypeAlias = NDArray[np.uint8]
Sweep: TypeAlias = Generator["Readings", None, None]
"""What `Crosspoints.sweep` returns: yields readings as they are taken; closing it ends the sweep, output off."""
Index: TypeAlias = int | slice | tuple[int | slice, int | slice]


class Status(IntFlag):
    """What is known of a reading beside its value; several may hold at once."""

    OK = 0
    COMPLIANCE = 1  # the source was limiting: voltage or current is not what was asked for
    OVERRANGE = 2  # the measured value was beyond the range of the instrument
    INVALID = 4  # no number came (NaN, 9.91E37): the conductance is NaN
    UNCERTAIN = 8  # pulses before this reading may or may not have been delivered
    NO_CURRENT = 16  # none that could be told from an open circuit: contact or relay lost, or a device that is open


@dataclass(frozen=True)
class Pulse:
    """One rectangular voltage pulse at the driven electrode: signed `voltage` [V] for `width` [s]."""

    voltage: float
    width: float

    def __post_init__(self) -> None:
        """Refuse what cannot be a pulse."""
        if not is_real(self.voltage) or not math.isfinite(self.voltage) or self.voltage == 0:
            raise InputError(f"a pulse of {shown(self.voltage)} V is none; give a finite voltage other than zero")
        if not is_real(self.width) or not math.isfinite(self.width) or self.width <= 0:
            raise InputError(f"a pulse width of {shown(self.width)} s is none; give a finite, positive width")

    def __str__(self) -> str:
        return f"{text(self.voltage, 'V')} for {text(self.width, 's')}"


@dataclass(frozen=True)
class PulsePair:
    """The pulse that moves conductance up and the one that moves it down."""

    up: Pulse
    down: Pulse

    def __post_init__(self) -> None:
        """Refuse what is no pulse."""
        for one in (self.up, self.down):
            if not isinstance(one, Pulse):  # type: ignore[reportUnnecessaryIsInstance] - in a script nobody checks types
                raise InputError(f"{shown(one)} is no pulse; give Pulse(voltage, width)")

    def __str__(self) -> str:
        return f"up {self.up}, down {self.down}"


@dataclass(frozen=True)
class Readings:
    """What reading a block gives: arrays of one shape ``(readings, rows, columns)``.

    Attributes
    ----------
    conductance
        [S], or in the unit of the crosspoints (`Crosspoints.unit`); NaN where no number came.
    voltage, current
        [V], [A] as measured; NaN where the backend has none.
    time
        [s] on the clock of the crosspoints, from when they were opened; never runs backwards.
    status
        `Status` flags, uint8.
    """

    conductance: FloatArray
    voltage: FloatArray
    current: FloatArray
    time: FloatArray
    status: StatusArray

    def __len__(self) -> int:
        return len(self.conductance)

    @staticmethod
    def join(parts: Sequence[Readings]) -> Readings:
        """Readings one after the other, in the order given. At least one part."""
        return Readings(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("conductance", "voltage", "current", "time", "status")
            )
        )


@dataclass(frozen=True)
class PulseTrains:
    """Trains on the lines of an array: `slots` of shape (lines, length) with -1, 0 or +1 in each time slot.

    Within one update all slots of a line carry one sign, so that the coincidences of a crosspoint share theirs.
    """

    slots: NDArray[np.int8]


def counts_for(counts: ArrayLike, shape: tuple[int, int]) -> IntArray:
    """Signed pulse counts, broadcast to `shape`; `InputError` unless whole numbers that fit (`instruments.asked`)."""
    whole = counts_of(counts)
    try:
        return np.broadcast_to(whole, shape)
    except ValueError:
        raise InputError(f"pulse counts of shape {whole.shape} do not fit crosspoints of shape {shape}") from None


def steps_of(counts: ArrayLike, shape: tuple[int, int]) -> IntArray:
    """Pulse counts of a trace, broadcast to (steps, rows, columns); `InputError` unless whole numbers that fit."""
    whole = counts_of(counts)
    if whole.ndim == 1:
        whole = whole[:, np.newaxis, np.newaxis]
    if whole.ndim != 3:
        raise InputError(f"a trace takes counts of shape (steps,) or (steps, rows, columns), not {whole.shape}")
    if len(whole) > MOST_STEPS:
        raise InputError(f"a trace of {len(whole)} steps is beyond {MOST_STEPS}; take it in parts")
    try:
        return np.broadcast_to(whole, (len(whole), *shape))
    except ValueError:
        raise InputError(f"pulse counts of shape {whole.shape} do not fit crosspoints of shape {shape}") from None


def coinciding(
    rows: PulseTrains, columns: PulseTrains, shape: tuple[int, int]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Slots of trains on the lines of a block; `InputError` unless they fit it and each other."""
    up, across = slots_of(rows.slots, shape[0], "rows"), slots_of(columns.slots, shape[1], "columns")
    if up.shape[1] != across.shape[1]:
        raise InputError(f"trains of {up.shape[1]} slots on rows and {across.shape[1]} on columns; give one number")
    return up, across


def no_readings(shape: tuple[int, int]) -> Readings:
    """Readings of length 0 for crosspoints of `shape`."""
    empty = np.empty((0, *shape))
    return Readings(empty, empty, empty, empty, np.empty((0, *shape), dtype=np.uint8))


def pair_of(pulses: PulsePair | None, own: PulsePair) -> PulsePair:
    """The pair that was asked for, `own` where none was; `InputError` for what is none."""
    if pulses is None:
        return own
    if not isinstance(pulses, PulsePair):  # type: ignore[reportUnnecessaryIsInstance] - in a script nobody checks types
        raise InputError(f"{shown(pulses)} is no pair of pulses; give PulsePair(up=Pulse(...), down=Pulse(...))")
    return pulses


def index_pair(index: Index) -> tuple[slice, slice]:
    """The two slices of an index of crosspoints, so that a view always stays two-dimensional."""
    if isinstance(index, tuple) and len(index) != 2:  # type: ignore[reportUnnecessaryComparison]
        raise InputError(f"{shown(index)} is no row and column; write block[0, 1], block[0] or block[:2, 1:]")
    row, column = index if isinstance(index, tuple) else (index, slice(None))
    return _as_slice(row), _as_slice(column)


def _as_slice(part: int | slice) -> slice:
    if isinstance(part, slice):
        ends = (part.start, part.stop, part.step)
        if all(one is None or is_whole(one) for one in ends) and part.step != 0:
            return part
    elif is_whole(part):
        return slice(part, part + 1 if part != -1 else None)
    raise InputError(f"{shown(part)} is no row or column; write block[0, 1], block[0] or block[:2, 1:]")
