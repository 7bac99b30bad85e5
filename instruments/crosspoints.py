"""What crosspoints are: a rectangular block of programmable conductances, real or simulated.

A protocol, the training loop and the report speak to `Crosspoints` and never ask whether a block is wired to
instruments, is arithmetic, or is a recording.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
        if not np.isfinite(self.voltage) or self.voltage == 0:
            raise InputError(f"a pulse of {self.voltage} V is none; give a finite voltage other than zero")
        if not np.isfinite(self.width) or self.width <= 0:
            raise InputError(f"a pulse width of {self.width} s is none; give a finite, positive width")

    def __str__(self) -> str:
        return f"{text(self.voltage, 'V')} for {text(self.width, 's')}"


@dataclass(frozen=True)
class PulsePair:
    """The pulse that moves conductance up and the one that moves it down."""

    up: Pulse
    down: Pulse

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


@dataclass(frozen=True)
class Origin:
    """Where crosspoints come from, as kept in a run: `kind` (bench, rehearsal, simulated, replay) and details."""

    kind: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


class Crosspoints(ABC):
    """A rectangular block of programmable conductances.

    Subclasses give `shape`, `pulses`, `origin` and the five abstract methods; the others follow from these and are
    overridden where a backend does better. Used as a context, a block ends `safe`.
    """

    name: str = "crosspoints"
    unit: str = "S"  # of conductance; "normalised" where a device has no siemens
    shape: tuple[int, int]  # (rows, columns)
    pulses: PulsePair  # what `pulse` applies where no pair is given

    @property
    @abstractmethod
    def origin(self) -> Origin:
        """Where these crosspoints come from; kept in the run."""

    @property
    def shares_lines(self) -> bool:
        """Whether each row of this block is one line and each column another, as in a crossbar.

        Then a pulse on one crosspoint puts a part of it on all others of its row and of its column. A single
        crosspoint shares its lines with nobody in the block.
        """
        return False

    @abstractmethod
    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """Apply `counts` pulses: signed integers that broadcast to `shape`; + up, - down, 0 leaves alone.

        `pulses` overrides the pair of the station. Raises `LimitError` before anything is driven, `InstrumentError`
        when delivery failed. Never repeats a pulse.
        """

    @abstractmethod
    def read(self, repeats: int = 1) -> Readings:
        """Read every crosspoint `repeats` times: shape (repeats, rows, columns). Pulses nothing."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let `seconds` [s] pass undriven: a bench sleeps, a simulation advances its clock."""

    @abstractmethod
    def safe(self) -> None:
        """Leave nothing driven. Idempotent; never raises."""

    @abstractmethod
    def __getitem__(self, index: Index) -> Crosspoints:
        """A view on the same devices: ``block[0, 1]`` one crosspoint, ``block[0]`` a row, ``block[:2, 1:]`` a block."""

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """Pulse, settle, read, step by step: yields readings as they are taken, in order, one row of `counts` each.

        `counts` has shape (steps, rows, columns), or (steps,) for the same count everywhere. A backend may yield one
        step or many at a time; whoever consumes keeps what came when a later step fails.
        """
        for step in steps_of(counts, self.shape):
            self.pulse(step, pulses)
            yield self.read()

    def trace(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Readings:
        """The whole of `stream` at once: readings of shape (steps, rows, columns)."""
        parts = list(self.stream(counts, pulses))
        return Readings.join(parts) if parts else no_readings(self.shape)

    def sweep(self, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike = 0.0) -> Sweep:
        """Hold crosspoints at one voltage after the other under a current limit, and measure at each.

        `voltages` [V] has shape (levels,), or (levels, rows, columns) with NaN where a crosspoint is left alone;
        `compliance` [A] and `dwell` [s], which passes before it is measured, are one or one a level. Yields
        readings of shape (1, rows, columns) as they are taken, every crosspoint's levels in order; a crosspoint that
        was not held is NaN there. A backend may hold crosspoints one after the other or side by side. Close the
        iterator to stop. Raises `LimitError` before anything is driven; afterwards nothing is.
        """
        if self.shape == (1, 1):
            raise InputError(f"{self.name} cannot be held at a voltage; sweep a bench, its rehearsal, or a simulation")
        from instruments.bench.sweeps import by_views  # which is made of what is defined here

        return by_views(self, voltages, compliance, dwell)

    def coincide(self, rows: PulseTrains, columns: PulseTrains) -> None:
        """Stochastic outer-product update: each crosspoint gets one pulse per slot in which its two lines coincide."""
        self.pulse(rows.slots.astype(np.int64) @ columns.slots.astype(np.int64).T)

    def forward(self, volts: ArrayLike) -> FloatArray:
        """Row currents [A] for column voltages [V]: ``I = G V`` with one reading of G; shape (rows,)."""
        return self.read().conductance[0] @ np.asarray(volts, dtype=np.float64)

    def backward(self, volts: ArrayLike) -> FloatArray:
        """Column currents [A] for row voltages [V]: ``I = Gᵀ V`` with one reading of G; shape (columns,)."""
        return self.read().conductance[0].T @ np.asarray(volts, dtype=np.float64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.safe()


def counts_for(counts: ArrayLike, shape: tuple[int, int]) -> IntArray:
    """Signed pulse counts, broadcast to `shape`; `InputError` unless whole numbers that fit."""
    given = np.asarray(counts)
    whole = given.astype(np.int64) if np.all(np.isfinite(given)) else None
    if whole is None or not np.array_equal(whole, given):
        raise InputError(f"pulse counts must be whole numbers, not {counts!r}")
    try:
        return np.broadcast_to(whole, shape)
    except ValueError:
        raise InputError(f"pulse counts of shape {given.shape} do not fit crosspoints of shape {shape}") from None


def steps_of(counts: ArrayLike, shape: tuple[int, int]) -> IntArray:
    """Pulse counts of a trace, broadcast to (steps, rows, columns); `InputError` unless whole numbers that fit."""
    given = np.asarray(counts)
    if given.ndim == 1:
        given = given[:, np.newaxis, np.newaxis]
    if given.ndim != 3:
        raise InputError(f"a trace takes counts of shape (steps,) or (steps, rows, columns), not {given.shape}")
    return counts_for(given, (len(given), *shape))  # type: ignore[arg-type]


def no_readings(shape: tuple[int, int]) -> Readings:
    """Readings of length 0 for crosspoints of `shape`."""
    empty = np.empty((0, *shape))
    return Readings(empty, empty, empty, empty, np.empty((0, *shape), dtype=np.uint8))


def index_pair(index: Index) -> tuple[slice, slice]:
    """The two slices of an index of crosspoints, so that a view always stays two-dimensional."""
    row, column = index if isinstance(index, tuple) else (index, slice(None))
    return _as_slice(row), _as_slice(column)


def _as_slice(part: int | slice) -> slice:
    if isinstance(part, slice):
        return part
    return slice(part, part + 1 if part != -1 else None)
