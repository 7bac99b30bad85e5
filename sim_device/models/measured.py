"""A device as measured: steps of any shape with their scatter, and what else a real step does.

Beside the table of steps: history after a reversal, a factor for each ramp, tails, a share that relaxes, wear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim_device.models.table import TableStep

MOST_TAILS = 0.45  # of 1/ν: below 0.5, so that steps have a variance


@dataclass(frozen=True)
class MeasuredStep(TableStep):
    """The n-th pulse after a reversal (n = 0, 1, ...), the k-th after the fit's end, moves the crosspoint by

    ``ΔG = [F (1 − a exp(−n/m)) f(G) + exp(b exp(−n/m)) s(G) ξ] exp(c (exp(−k/p) − 1))``

    with f and s the mean step and scatter of the table, all of its direction but c and p. `g_min`, `g_max` [unit] are
    the ends of what was measured; the table goes on beyond them, as far as a crosspoint can be simulated.

    Attributes
    ----------
    history
        (a, m, b) of up steps, then of down steps: the part of the first step after a reversal that is missing [1], the
        pulses over which it comes back, and ln of how much larger the scatter is.
    ramps
        Standard deviation of ln F [1] of up and of down ramps: F is drawn anew at each reversal.
    tails
        1/ν of Student's t from which ξ is drawn, of variance 1; 0 where ξ is normal.
    relaxing
        (share, readings): so much of each step [1], its scatter included, is gone again exponentially, with this
        time constant in readings.
    wear
        (c, p): ln of how much larger steps are now than they will be [1], and the pulses, of either sign, over which
        that wears off.
    """

    name: ClassVar[str] = "measured"
    hard_bounds: ClassVar[bool] = False
    dimensionless: ClassVar[frozenset[str]] = frozenset({"history", "ramps", "tails", "relaxing", "wear"})

    history: tuple[float, float, float, float, float, float] = (0.0, 1.0, 0.0, 0.0, 1.0, 0.0)
    ramps: tuple[float, float] = (0.0, 0.0)
    tails: float = 0.0
    relaxing: tuple[float, float] = (0.0, 1.0)
    wear: tuple[float, float] = (0.0, 1.0)

    @property
    def reach(self) -> tuple[float, float]:
        """(lowest, highest) conductance [unit] of the table: as far as a crosspoint can be simulated."""
        return self.nodes[0], self.nodes[-1]

    def _problems(self) -> list[str]:
        problems = super()._problems()
        sizes: dict[str, tuple[tuple[float, ...], int]] = {"history": (self.history, 6), "ramps": (self.ramps, 2)}
        sizes |= {"relaxing": (self.relaxing, 2), "wear": (self.wear, 2)}
        problems += [f"{key} has {len(v)} numbers, not {size}" for key, (v, size) in sizes.items() if len(v) != size]
        if problems:
            return problems
        if not 0 <= self.tails <= MOST_TAILS:
            problems.append(f"tails = {self.tails:g} is 1/ν of Student's t, 0 (normal) to {MOST_TAILS}")
        if min(self.history[1], self.history[4], self.relaxing[1], self.wear[1]) <= 0:
            problems.append("history, relaxing and wear need a number of pulses, or of readings, above 0")
        if not 0 <= self.relaxing[0] < 1:
            problems.append(f"relaxing = {self.relaxing[0]:g} is the share of a step that is gone again: 0 to below 1")
        if min(self.ramps) < 0:
            problems.append("ramps are standard deviations of ln F, 0 or more")
        return problems
