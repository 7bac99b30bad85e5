"""What will be asked of each crosspoint at most, told before the first byte, and whether the limits have room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from instruments.errors import LimitError
from instruments.limits import Limits
from instruments.readings import IntArray, Pulse, PulsePair


@dataclass(frozen=True)
class Foreseen:
    """A bound that holds whatever is read: no crosspoint gets more, whichever way a protocol takes.

    Attributes
    ----------
    by
        Who asks, such as "update-response"; in messages.
    lower
        What to lower where it is too much, such as "pulses or cycles"; in messages.
    pulses
        Pulses at most, of either sign: on every crosspoint, or (rows, columns).
    shapes
        Every pulse that may be applied, or those that none passes in voltage and width.
    levels
        (voltage [V], compliance [A]) of every level of the sweeps that a crosspoint may see; as often as it is held.
    waits
        [s] that it lets pass at least, beside what pulses and readings take.
    """

    by: str
    lower: str
    pulses: int | IntArray = 0
    shapes: tuple[Pulse, ...] = ()
    levels: tuple[tuple[float, float], ...] = ()
    waits: float = 0.0

    def stress(self, limits: Limits) -> int:
        """Levels above the read voltage: each counts as a pulse."""
        return sum(abs(volts) > limits.read_voltage for volts, _ in self.levels)

    def at_most(self, limits: Limits, shape: tuple[int, int]) -> IntArray:
        """(rows, columns) pulses and levels that count as pulses."""
        return np.broadcast_to(np.asarray(self.pulses, dtype=np.int64), shape) + self.stress(limits)

    def check_levels(self, limits: Limits) -> None:
        """Raise `LimitError` unless every level is within the limits."""
        for volts, amps in sorted(set(self.levels), key=lambda one: (-abs(one[0]), one[1])):
            limits.check_sweep(volts, amps)

    def check_budget(
        self, limits: Limits, name: str, most: int, spent: int, earlier: int = 0, counted: int = 0
    ) -> None:
        """Raise `LimitError` unless a crosspoint has room for `most` pulses after those that are `spent`.

        `earlier` of the spent ones are from earlier runs; `counted` are of this very one, which goes on.
        """
        more, budget = max(0, most - counted), limits.pulses_per_crosspoint
        if spent + more <= budget:
            return
        of_these = f" ({earlier} of these in earlier runs)" if earlier else ""
        raise LimitError(
            f"{self.by} may apply up to {more} pulses to {name}, which has {max(0, budget - spent)} left of its budget "
            f"of {budget} after {spent}{of_these} (limits.pulses_per_crosspoint); nothing was sent; "
            f"lower {self.lower}, or raise the budget if the device allows it"
        )


def pulses_of(pairs: Sequence[PulsePair]) -> tuple[Pulse, ...]:
    """Each pulse of the pairs once."""
    return tuple(dict.fromkeys(one for pair in pairs for one in (pair.up, pair.down)))


Counted = Mapping[str, int]
"""Pulses by name of crosspoint that a run which goes on has spent before: they are in what is spent, and come once."""
