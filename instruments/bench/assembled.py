"""One block made of others: crosspoints from anywhere, or devices of several kinds, as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

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
    Sweep,
    counts_for,
    index_pair,
)
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.levels import by_views


class Assembled(Crosspoints):
    """Single crosspoints in rows and columns, pulsed and read one after the other.

    Parameters
    ----------
    blocks
        Rows of blocks of shape (1, 1), all rows of one length.
    name
        From the first to the last of them unless given.
    clock
        A block on whose clock all of them are, so that a wait is waited once; each has its own unless given.
    """

    def __init__(
        self, blocks: Sequence[Sequence[Crosspoints]], name: str = "", clock: Crosspoints | None = None
    ) -> None:
        self.blocks = [list(row) for row in blocks]
        lengths = {len(row) for row in self.blocks}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError("crosspoints are assembled in rows of one length, at least one in each")
        flat = self._flat = [block for row in self.blocks for block in row]
        for block in flat:
            if block.shape != (1, 1):
                raise InputError(f"{block.name} has the shape {block.shape}; single crosspoints are assembled")
        if len({block.unit for block in flat}) > 1:
            raise InputError("crosspoints in siemens and in normalised units cannot be one array")
        self.shape = (len(self.blocks), lengths.pop())
        self._clock = clock
        self.unit, self.pulses = flat[0].unit, flat[0].pulses
        self.names = np.array([[block.name for block in row] for row in self.blocks], dtype=np.str_)
        self.name = name or (flat[0].name if len(flat) == 1 else f"{flat[0].name}..{flat[-1].name}")

    @property
    def origin(self) -> Origin:
        """That of the first, with the details of each."""
        first = self._flat[0].origin
        return Origin(first.kind, {"assembled": [block.origin.details for block in self._flat]})

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        """One crosspoint after the other, once all of it is checked."""
        each = counts_for(counts, self.shape)
        self.check(each[np.newaxis], pulses)
        for block, count in zip(self._flat, each.flat, strict=True):
            if count:
                block.pulse(count, pulses)

    def check(self, steps: IntArray, pulses: PulsePair | None = None) -> None:
        """Each by itself."""
        for block, mine in zip(self._flat, steps.reshape(len(steps), len(self._flat)).T, strict=True):
            if np.any(mine):
                block.check(mine.reshape(-1, 1, 1), pulses)

    def foresee(self, foreseen: Foreseen, counted: Mapping[str, int] | None = None) -> None:
        """Each by itself."""
        most = np.broadcast_to(np.asarray(foreseen.pulses, dtype=np.int64), self.shape)
        for block, pulses in zip(self._flat, most.flat, strict=True):
            block.foresee(replace(foreseen, pulses=int(pulses)), counted)

    def read(self, repeats: int = 1) -> Readings:
        """One crosspoint after the other."""
        repeats = readings_of(repeats)
        each = [block.read(repeats) for block in self._flat]
        return Readings(
            *(
                np.concatenate([getattr(one, key) for one in each], axis=2).reshape(repeats, *self.shape)
                for key in ("conductance", "voltage", "current", "time", "status")
            )
        )

    def sweep(self, voltages: ArrayLike, compliance: ArrayLike, dwell: ArrayLike = 0.0) -> Sweep:
        """One crosspoint after the other, each as its own kind does."""
        return by_views(self, voltages, compliance, dwell)

    def wait(self, seconds: float) -> None:
        """Let time pass on the clock of every crosspoint."""
        seconds = seconds_of(seconds)
        for block in self._flat if self._clock is None else [self._clock]:
            block.wait(seconds)

    def rest(self) -> None:
        """Nothing driven, in good order."""
        for block in self._flat:
            block.rest()

    def safe(self) -> None:
        """Nothing driven."""
        for block in self._flat:
            block.safe()

    def __getitem__(self, index: Index) -> Crosspoints:
        """A view on the same crosspoints; of a single one, itself."""
        rows, columns = index_pair(index)
        chosen = [row[columns] for row in self.blocks[rows]]
        if not chosen or not chosen[0]:
            raise InputError(f"{index} is outside crosspoints of shape {self.shape}")
        single = len(chosen) == len(chosen[0]) == 1
        return chosen[0][0] if single else Assembled(chosen, clock=self._clock)
