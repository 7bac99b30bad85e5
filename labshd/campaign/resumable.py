"""Crosspoints of a resumable run: each pulse is noted before it is applied, so none is applied twice.

A protocol that was cut off is run again from its beginning. As long as there are readings from before, it is given
those, and what it pulses is not applied. Then it goes on with the device. A pulse that was noted but after which no
reading was kept has perhaps been applied, perhaps not: it counts as spent, and the next reading says that it is
uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from instruments.asked import readings_of, seconds_of
from instruments.crosspoints import (
    Crosspoints,
    Index,
    IntArray,
    Origin,
    PulsePair,
    Readings,
    Status,
    Sweep,
    counts_for,
    index_pair,
    pair_of,
    steps_of,
)
from instruments.errors import RunError
from instruments.foreseen import Foreseen
from instruments.levels import Levels
from labshd.runs.files import AppendFile
from protocols.common.protocol import Series


class Journal:
    """Pulses noted before they are applied, one call a line: a file that only grows."""

    def __init__(self, path: Path) -> None:
        """Begin a journal at `path`, or go on with the one that is there."""
        whole = path.read_bytes() if path.exists() else None
        kept = None if whole is None else whole.rfind(b"\n") + 1
        self.before = 0 if whole is None else whole.count(b"\n")
        self._file = AppendFile(path, kept)

    def note(self, counts: IntArray) -> None:
        """Note a call that is about to be made; with the operating system when it returns."""
        self._file.append(f"{int(np.abs(counts).sum())}\n".encode())

    def close(self) -> None:
        """Close. Idempotent."""
        self._file.close()


@dataclass
class _Tape:
    """Where a protocol is in what was recorded before."""

    journal: Journal
    before: Series
    late: float  # [s] the clock of the crosspoints is behind that of the run
    read: int = 0
    pulsed: int = 0
    in_doubt: IntArray | None = field(default=None)
    lived: bool = False  # whether anything new was read

    @property
    def live(self) -> bool:
        """Whether all that was recorded has been given again."""
        return self.read >= len(self.before) and self.pulsed >= self.journal.before


class ResumableCrosspoints(Crosspoints):
    """A block of a bench with a journal of its pulses.

    Parameters
    ----------
    inner
        The block.
    journal
        Of this block in this run, empty or from before.
    before
        Readings that were kept before; of length 0 for a new run.
    late
        [s] to add to the times of the block, whose clock began anew.
    """

    def __init__(self, inner: Crosspoints, journal: Journal, before: Series, late: float = 0.0) -> None:
        self.inner = inner
        self.shape, self.pulses, self.name, self.unit = inner.shape, inner.pulses, inner.name, inner.unit
        # Rows without a time were not read: a protocol puts them in to count pulses between readings.
        was_read = np.asarray(np.isfinite(before.readings.time).any(axis=(1, 2)))
        self._tape = _Tape(journal, before.where(was_read), late)
        self._within = np.arange(self.shape[0] * self.shape[1], dtype=np.intp).reshape(self.shape)

    @property
    def origin(self) -> Origin:
        """That of the block."""
        return self.inner.origin

    @property
    def shares_lines(self) -> bool:
        """As the block."""
        return self.inner.shares_lines

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """Note, then apply; what was noted before is not applied again."""
        wanted, tape, pulses = counts_for(counts, self.shape), self._tape, pair_of(pulses, self.pulses)
        tape.pulsed += 1
        if tape.pulsed <= tape.journal.before:
            tape.in_doubt = self._whole(wanted) if tape.pulsed == tape.journal.before else None
            return
        self.inner.check(wanted[np.newaxis], pulses)  # what is refused is not noted
        tape.journal.note(wanted)
        self.inner.pulse(wanted, pulses)

    def check(self, steps: IntArray, pulses: PulsePair | None = None) -> None:
        """As the block, of what is new; of what was applied before nobody asks again."""
        if self._tape.live:
            self.inner.check(steps, pulses)

    def foresee(self, foreseen: Foreseen, counted: Mapping[str, int] | None = None) -> None:
        """As the block."""
        self.inner.foresee(foreseen, counted)

    def read(self, repeats: int = 1) -> Readings:
        """Readings from before while there are some, then new ones."""
        repeats, tape = readings_of(repeats), self._tape
        again = min(repeats, len(tape.before) - tape.read)
        if again <= 0:
            return self._live(self.inner.read(repeats))
        old = self._kept(slice(tape.read, tape.read + again))
        tape.read += again
        tape.in_doubt = None
        return old if again == repeats else Readings.join([old, self._live(self.inner.read(repeats - again))])

    def _live(self, readings: Readings) -> Readings:
        """New readings on the clock of the run, the first of them uncertain after pulses that may not have come."""
        tape, status = self._tape, readings.status.copy()
        tape.lived = True
        if tape.in_doubt is not None:
            mine = (tape.in_doubt.ravel()[self._within.ravel()] != 0).reshape(self.shape)
            status[0][mine] |= int(Status.UNCERTAIN)
            tape.in_doubt[...] = np.where(self._whole(np.ones(self.shape, dtype=np.int64)), 0, tape.in_doubt)
        time = readings.time + tape.late
        return Readings(readings.conductance, readings.voltage, readings.current, time, status)

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """Step by step, even where the block could take many at once: at most one step is ever in doubt."""
        steps = steps_of(counts, self.shape)
        self.check(steps, pulses)
        for step in steps:
            self.pulse(step, pulses)
            yield self.read()

    def sweep(self, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike = 0.0) -> Sweep:
        """Levels whose readings were kept are not held again; the first after them may have been held, and says so."""
        levels, tape = Levels.of(voltages, compliance, dwell, self.shape), self._tape
        left = levels.voltages.copy()
        for at in levels.in_turn():
            if tape.read >= len(tape.before):
                break
            yield self.read()
            left[at] = np.nan
        going_on = len(tape.before) > 0 and not tape.lived
        with closing(self.inner.sweep(left, levels.compliance, dwell)) as held:
            for readings in held:
                if going_on:
                    tape.in_doubt = self._whole(np.isfinite(readings.time[0]).astype(np.int64))
                    going_on = False
                yield self._live(readings)

    def wait(self, seconds: float) -> None:
        """Wait, unless that was done before."""
        seconds = seconds_of(seconds)
        if self._tape.live:
            self.inner.wait(seconds)

    def rest(self) -> None:
        """As what is behind it."""
        self.inner.rest()

    def safe(self) -> None:
        """Nothing driven, and the journal closed."""
        self.inner.safe()
        self._tape.journal.close()

    def __getitem__(self, index: Index) -> ResumableCrosspoints:
        """A view; what it reads is taken up again where the table of the block has readings of it alone."""
        view = copy(self)
        view.inner = self.inner[index]
        view.shape, view.name = view.inner.shape, view.inner.name
        within = np.arange(self._within.size).reshape(self._within.shape)[index_pair(index)]
        view._within = self._within.ravel()[within.ravel()].reshape(view.shape)
        return view

    def _whole(self, values: IntArray) -> IntArray:
        """Values of this view as those of the block, 0 elsewhere."""
        block = np.zeros(self._tape.before.shape, dtype=np.int64)
        block.ravel()[self._within.ravel()] = values.ravel()
        return block

    def _kept(self, part: slice) -> Readings:
        """Readings of this view from before; `RunError` unless they are of all of it and of nothing else."""
        kept, count = self._tape.before.readings, part.stop - part.start
        of_view = np.zeros(self._tape.before.shape, dtype=bool)
        of_view.ravel()[self._within.ravel()] = True
        read = np.isfinite(kept.time[part])
        if np.any(read != of_view) and self._within.size < of_view.size:
            raise RunError(
                "it does not go on as it began: a part of the block is read where the table has readings of others; "
                "a protocol that takes a block apart must yield what it reads as it reads it"
            )
        cut = [
            array[part].reshape(count, -1)[:, self._within.ravel()].reshape(count, *self.shape)
            for array in (kept.conductance, kept.voltage, kept.current, kept.time, kept.status)
        ]
        return Readings(*cut)  # type: ignore[arg-type]
