"""What crosspoints are: a rectangular block of programmable conductances, real or simulated.

A protocol, the training loop and the report speak to `Crosspoints` and never ask whether a block is wired to
instruments, is arithmetic, or is a recording. What they ask and get is `instruments.readings`, offered here as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from instruments.asked import volts_of
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.readings import (
    FloatArray,
    Index,
    IntArray,
    Pulse,
    PulsePair,
    PulseTrains,
    Readings,
    Status,
    StatusArray,
    Sweep,
    coinciding,
    counts_for,
    index_pair,
    no_readings,
    pair_of,
    steps_of,
)

__all__ = [
    "Crosspoints",
    "FloatArray",
    "Index",
    "IntArray",
    "Origin",
    "Pulse",
    "PulsePair",
    "PulseTrains",
    "Readings",
    "Status",
    "StatusArray",
    "Sweep",
    "coinciding",
    "counts_for",
    "index_pair",
    "no_readings",
    "pair_of",
    "steps_of",
]


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

    def rest(self) -> None:
        """Leave nothing driven, in good order, where there is time to ask: the end of a run that went well.

        Raises as any other use. `safe` follows in any case.
        """
        self.safe()

    @abstractmethod
    def safe(self) -> None:
        """Leave nothing driven. Idempotent; never raises."""

    @abstractmethod
    def __getitem__(self, index: Index) -> Crosspoints:
        """A view on the same devices: ``block[0, 1]`` one crosspoint, ``block[0]`` a row, ``block[:2, 1:]`` a block."""

    def check(self, steps: IntArray, pulses: PulsePair | None = None) -> None:  # noqa: B027 - not all have limits
        """Raise as `pulse` would unless all of `steps` (steps, rows, columns) may be applied; drives nothing."""

    def foresee(self, foreseen: Foreseen, counted: Mapping[str, int] | None = None) -> None:  # noqa: B027
        """Raise `LimitError` unless the limits have room for what may be asked at most; sends nothing.

        `counted` pulses by name of crosspoint are of the same run, which goes on, and come only once.
        """

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """Pulse, settle, read, step by step: yields readings as they are taken, in order, one row of `counts` each.

        `counts` has shape (steps, rows, columns), or (steps,) for the same count everywhere. A backend may yield one
        step or many at a time; whoever consumes keeps what came when a later step fails.
        """
        steps = steps_of(counts, self.shape)
        self.check(steps, pulses)
        for step in steps:
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
        raise InputError(f"{self.name} cannot be held at a voltage; sweep a bench, its rehearsal, or a simulation")

    def coincide(self, rows: PulseTrains, columns: PulseTrains) -> None:
        """Stochastic outer-product update: each crosspoint gets one pulse per slot in which its two lines coincide."""
        up, across = coinciding(rows, columns, self.shape)
        self.pulse(up.astype(np.int64) @ across.astype(np.int64).T)

    def forward(self, volts: ArrayLike) -> FloatArray:
        """Row currents [A] for column voltages [V]: ``I = G V`` with one reading of G; shape (rows,)."""
        wanted = volts_of(volts, self.shape[1])
        return self.read().conductance[0] @ wanted

    def backward(self, volts: ArrayLike) -> FloatArray:
        """Column currents [A] for row voltages [V]: ``I = Gᵀ V`` with one reading of G; shape (columns,)."""
        wanted = volts_of(volts, self.shape[0])
        return self.read().conductance[0].T @ wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.safe()
