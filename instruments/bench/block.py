"""Named crosspoints of a bench as a block: pulsed, read, traced and swept one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.asked import readings_of, seconds_of
from instruments.bench.bench import Bench
from instruments.bench.reading import numbers, one_reading
from instruments.bench.sequencing import Tracing
from instruments.bench.shared_lines import lies_on_lines
from instruments.bench.sweeps import sweep
from instruments.crosspoints import (
    Crosspoints,
    Index,
    IntArray,
    Origin,
    PulsePair,
    Readings,
    Sweep,
    counts_for,
    index_pair,
    pair_of,
    steps_of,
)
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.levels import Levels


class BenchCrosspoints(Crosspoints):
    """Named crosspoints of a bench, arranged in rows and columns."""

    def __init__(self, bench: Bench, names: NDArray[np.str_], tracing: Tracing | None = None) -> None:
        self.bench = bench
        self.tracing = tracing or Tracing(bench)
        self.names = names
        self._flat: list[str] = names.ravel().tolist()
        rows, columns = names.shape
        self.shape = (rows, columns)
        self.pulses = bench.pulses
        self.name = self._flat[0] if names.size == 1 else f"{self._flat[0]}..{self._flat[-1]}"

    @property
    def origin(self) -> Origin:
        """The bench or its rehearsal, with identities, and how traces are taken."""
        origin = self.bench.origin
        return replace(origin, details={**origin.details, "traces": self.tracing.words})

    @property
    def shares_lines(self) -> bool:
        """Of a crossbar, where names stand in the block as their crosspoints do between the lines."""
        return lies_on_lines(self.bench.wiring, self.names)

    def check(self, steps: IntArray, pulses: PulsePair | None = None) -> None:
        """As the bench would refuse them."""
        self.bench.check_all(self.names, steps, pair_of(pulses, self.pulses))

    def foresee(self, foreseen: Foreseen, counted: Mapping[str, int] | None = None) -> None:
        """Against the limits of the station and what is left of each budget."""
        self.bench.foresee(self.names, foreseen, counted or {})

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """Apply pulses one crosspoint after the other; everything is checked before the first is driven."""
        pair = pair_of(pulses, self.pulses)
        each = counts_for(counts, self.shape)
        self.bench.check(self.names, each, pair)
        for name, count in zip(self._flat, each.flat, strict=True):
            if count:
                self.bench.pulse(name, pair.up if count > 0 else pair.down, abs(int(count)))

    def read(self, repeats: int = 1) -> Readings:
        """Read one crosspoint after the other; conductance is measured current over measured voltage."""
        repeats = readings_of(repeats)
        measured = [self.bench.measure(name, repeats) for name in self._flat]
        self.bench.verify_relays()
        if len(measured) == repeats == 1:
            return one_reading(*measured[0][0])
        # (crosspoints, repeats, quantities) to quantities of shape (repeats, rows, columns)
        table = np.array([[numbers(at, m) for at, m in one] for one in measured], dtype=np.float64)
        ordered = np.ascontiguousarray(table.transpose(2, 1, 0)).reshape(5, repeats, *self.shape)
        conductance, voltage, current, time, status = ordered
        return Readings(conductance, voltage, current, time, status.astype(np.uint8))

    def stream(self, counts: ArrayLike, pulses: PulsePair | None = None) -> Iterator[Readings]:
        """As `Crosspoints.stream`, by a sequence where the bench has one (`instruments.bench.sequencing`), else step
        by step.

        All of it is checked before the first byte of it is sent.
        """
        pair = pair_of(pulses, self.pulses)
        steps = steps_of(counts, self.shape)
        self.bench.check_all(self.names, steps, pair)
        sequence = self.tracing.sequence(self._flat, steps, pair)
        if sequence is not None:
            yield from sequence
            self.bench.end_block()
            return
        for step in steps.reshape(len(steps), len(self._flat)).tolist():
            for name, count in zip(self._flat, step, strict=True):
                if count:
                    self.bench.pulse(name, pair.up if count > 0 else pair.down, abs(count))
            yield self.read()
        self.bench.end_block()

    def sweep(self, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike = 0.0) -> Sweep:
        """Crosspoint by crosspoint, as `instruments.bench.sweeps`; all of it is checked before the first byte is
        sent.
        """
        return sweep(self.bench, self.names, Levels.of(voltages, compliance, dwell, self.shape))

    def wait(self, seconds: float) -> None:
        """Let time pass on the clock of the bench."""
        self.bench.clock.wait(seconds_of(seconds))

    def rest(self) -> None:
        """Everything of the bench off, relays last and cold."""
        self.bench.rest()

    def safe(self) -> None:
        """Everything of the bench off, not just these crosspoints."""
        self.bench.safe()

    def __getitem__(self, index: Index) -> BenchCrosspoints:
        """A view on the same bench."""
        names = self.names[index_pair(index)]
        if not names.size:
            raise InputError(f"{index} is outside crosspoints of shape {self.shape}")
        return BenchCrosspoints(self.bench, names, self.tracing)
