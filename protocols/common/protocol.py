"""What a protocol is: frozen settings, and an iterator of points that someone else records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from instruments.crosspoints import Crosspoints, FloatArray, IntArray, PulsePair, Readings, Status, no_readings
from instruments.errors import InputError
from protocols.common.cycles import Cycles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from instruments.foreseen import Foreseen

UNKNOWN_COUNT = int(np.iinfo(np.int64).min)
"""A count that nobody knows: pulses were applied since the reading before, or it was another day. Starts a segment."""


@dataclass(frozen=True)
class Points:
    """Steps of a protocol, done and read: `counts[i]` pulses were applied, then `readings[i]` was taken.

    Attributes
    ----------
    phase
        What the protocol was doing, such as "up" or "random, from below".
    counts
        (steps, rows, columns) signed pulse counts since the reading before; 0 where nothing was pulsed,
        `UNKNOWN_COUNT` where what happened before is not known (imported data).
    readings
        of shape (steps, rows, columns).
    pulses
        The pair that was applied; None where nothing was pulsed.
    """

    phase: str
    counts: IntArray
    readings: Readings
    pulses: PulsePair | None = None


Steps: TypeAlias = Generator[Points, None, str]
"""What `Protocol.run` returns: yields points as they are taken, returns in one sentence why it stopped."""


@dataclass(frozen=True)
class Series:
    """All points of a run in the order they were taken: what analysis works on, live or from an opened run.

    `phases` has shape (n,), `counts` (n, rows, columns), `readings` (n, rows, columns); `unit` is that of conductance.
    `pulse_voltage` [V] and `pulse_width` [s] of the pulses counted, (n, rows, columns), are NaN where nothing was
    pulsed or it is not known; None where nobody kept them.
    """

    phases: NDArray[np.str_]
    counts: IntArray
    readings: Readings
    unit: str = "S"
    pulse_voltage: FloatArray | None = None
    pulse_width: FloatArray | None = None

    @staticmethod
    def of(points: Sequence[Points], shape: tuple[int, int], unit: str = "S") -> Series:
        """The points one after the other."""
        if not points:
            return Series(np.empty(0, dtype=np.str_), np.empty((0, *shape), dtype=np.int64), no_readings(shape), unit)
        phases = np.concatenate([np.full(len(p.readings), p.phase) for p in points])
        return Series(
            phases,
            np.concatenate([p.counts for p in points]),
            Readings.join([p.readings for p in points]),
            unit,
            np.concatenate([_of_pulses(p, "voltage") for p in points]),
            np.concatenate([_of_pulses(p, "width") for p in points]),
        )

    def __len__(self) -> int:
        return len(self.phases)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the block."""
        rows, columns = self.readings.conductance.shape[1:]
        return rows, columns

    def crosspoint(self, row: int, column: int) -> Series:
        """The same series of one crosspoint, still of shape (n, 1, 1)."""
        cut = (slice(None), slice(row, row + 1), slice(column, column + 1))
        r = self.readings
        readings = Readings(r.conductance[cut], r.voltage[cut], r.current[cut], r.time[cut], r.status[cut])
        return Series(self.phases, self.counts[cut], readings, self.unit, *(_cut(a, cut) for a in self._of_pulses))

    def where(self, chosen: NDArray[np.bool_]) -> Series:
        """The points for which `chosen`, shape (n,), holds."""
        r = self.readings
        readings = Readings(
            r.conductance[chosen], r.voltage[chosen], r.current[chosen], r.time[chosen], r.status[chosen]
        )
        kept = (_cut(a, chosen) for a in self._of_pulses)
        return Series(self.phases[chosen], self.counts[chosen], readings, self.unit, *kept)

    @property
    def _of_pulses(self) -> tuple[FloatArray | None, FloatArray | None]:
        return self.pulse_voltage, self.pulse_width


def _cut(array: FloatArray | None, chosen: Any) -> FloatArray | None:
    return None if array is None else array[chosen]


def _of_pulses(points: Points, what: str) -> FloatArray:
    """`what` ("voltage" or "width") of the pulses of each step and crosspoint; NaN where there are none."""
    counts = np.broadcast_to(known_counts(points.counts), points.readings.conductance.shape)
    if points.pulses is None:
        return np.full(counts.shape, np.nan)
    up, down = getattr(points.pulses.up, what), getattr(points.pulses.down, what)
    return np.where(counts > 0, up, np.where(counts < 0, down, np.nan))


def segments(series: Series) -> list[slice]:
    """Stretches of a series within which every count is known; each starts where one is not (`unknown_before`).

    Slices into the n points, in order, that together cover them all; a series of a live run is one segment. A fit
    takes the state at the start of each segment as unknown.
    """
    if not len(series):
        return []
    unknown = np.any(unknown_before(series), axis=(1, 2))
    unknown[0] = True
    starts = np.flatnonzero(unknown).tolist()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(series)], strict=True)]


def unknown_before(series: Series) -> NDArray[np.bool_]:
    """(n, rows, columns): where nobody knows what was applied since the reading before.

    The count is `UNKNOWN_COUNT`, or pulses may or may not have been delivered (`Status.UNCERTAIN`): then the count is
    what was spent, and no step can be told from it.
    """
    return (series.counts == UNKNOWN_COUNT) | ((series.readings.status & int(Status.UNCERTAIN)) != 0)


def known_counts(counts: IntArray) -> IntArray:
    """The counts with 0 in place of `UNKNOWN_COUNT`: for sums and plots."""
    if counts.size == 1 and counts.item() != UNKNOWN_COUNT:  # what a run that goes step by step asks
        return counts
    return np.where(counts == UNKNOWN_COUNT, 0, counts)


@dataclass(frozen=True)
class Foreign:
    """Points of one crosspoint that another protocol or program took, as a protocol takes them.

    Attributes
    ----------
    series
        The points that are taken, under the phases of the protocol.
    number
        (n,) which readings of the run they are, from 0.
    said
        What was taken for what, in sentences.
    settings
        Settings of the protocol that the points tell, such as the kind of ramp.
    """

    series: Series
    number: IntArray
    said: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Protocol(BaseModel, ABC):
    """Frozen settings with units and defaults; `run` does it, `analyse` draws numbers from what was recorded.

    A subclass names itself (`name`, as on the command line), says in `title` what it does, declares its settings as
    pydantic fields (quantities as `instruments.units.Seconds` and the like, each with a `description`), and gives
    `run` and `analyse`. Randomness comes from the `seed` setting alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    title: ClassVar[str]
    not_foreign: ClassVar[str] = "it does not say for what it would take them; a protocol does by its method `foreign`"
    of_analysis: ClassVar[tuple[str, ...] | None] = None  # settings that `analyse` looks at; None: perhaps all

    @abstractmethod
    def run(self, crosspoints: Crosspoints) -> Steps:
        """Do it on a block of any shape: yield `Points` as they are taken, return why it stopped."""

    @abstractmethod
    def analyse(self, series: Series) -> dict[str, Any]:
        """Numbers with uncertainties from the series of one crosspoint, JSON-able; of an interrupted run, too."""

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Points that another protocol or program took of one crosspoint, as this one takes them for its analysis.

        `cycles`: which of what repeats in them; None for the protocol's own choice. `InputError` where points that it
        needs are missing, with those that are there; nothing is guessed in silence.
        """
        raise InputError(f"{self.name} is not analysed on points of other protocols or programs: {self.not_foreign}")

    def planned_readings(self, shape: tuple[int, int]) -> int | None:
        """Steps that `run` will take at most, for the progress bar; None where it cannot be told."""
        return None

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen | None:
        """What `run` will ask of each of these crosspoints at most, told from the settings alone; sends nothing.

        It is checked against limits and budgets before the first byte. None where nobody can tell: then each step is
        checked by itself when its turn comes.
        """
        return None

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Figures of one crosspoint for the report."""
        return []

    def block_figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Figures of a whole block with its `results`, for the report."""
        return []

    def results(self, series: Series) -> dict[str, Any]:
        """`analyse` of a whole block: its dict for one crosspoint, else {"crosspoints": [...]} with row and column."""
        rows, columns = series.shape
        if (rows, columns) == (1, 1):
            return self.analyse(series)
        each = [
            {"row": row, "column": column, **self.analyse(series.crosspoint(row, column))}
            for row in range(rows)
            for column in range(columns)
        ]
        return {"crosspoints": each}
