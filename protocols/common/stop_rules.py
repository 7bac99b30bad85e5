"""Stop rules: when to leave a crosspoint alone; they combine, and the run says which one held.

A rule looks at what a run has seen so far (`Seen`) and says of each crosspoint whether it ends here. ``a | b`` ends
where either does, ``a & b`` where both do. A protocol takes the rules of its settings (`Stoppable`) and sends its
pulses through `Watch`, which leaves a crosspoint alone from the reading on at which a rule held.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, Status
from instruments.units import text
from protocols.common.protocol import Points, known_counts

BoolArray: TypeAlias = NDArray[np.bool_]
_COMPLIANCE = int(Status.COMPLIANCE)
_TREND = 20  # states that a slope is drawn from


class Seen:
    """What a run has seen of a block so far; arrays of its shape (rows, columns).

    `pulses` applied, `tripped` readings in compliance, `last` conductance [unit] read, `elapsed` time [s] since the
    first reading.
    """

    def __init__(self, shape: tuple[int, int], unit: str) -> None:
        self.unit = unit
        self.pulses: IntArray = np.zeros(shape, dtype=np.int64)
        self.tripped: IntArray = np.zeros(shape, dtype=np.int64)
        self.last: FloatArray = np.full(shape, np.nan)
        self.elapsed = 0.0
        self._begun: float | None = None
        self._trend: list[tuple[FloatArray, IntArray]] = []

    def see(self, points: Points) -> None:
        """Take points in."""
        r, counts = points.readings, known_counts(points.counts)
        if not len(r):
            return
        if r.conductance.size == 1:
            self._see_one(points, counts)
            return
        if counts.shape != r.conductance.shape:
            counts = np.broadcast_to(counts, r.conductance.shape)
        self.pulses = self.pulses + np.abs(counts).sum(axis=0)
        self._trend.extend(zip(r.conductance[-_TREND:], counts[-_TREND:], strict=True))
        del self._trend[:-_TREND]
        self.tripped = self.tripped + np.count_nonzero(r.status & _COMPLIANCE, axis=0)
        self.last = np.where(np.isfinite(r.time[-1]), r.conductance[-1], self.last)
        times = r.time[np.isfinite(r.time)]
        if times.size:
            self._begun = float(times.min()) if self._begun is None else self._begun
            self.elapsed = float(times.max()) - self._begun

    def _see_one(self, points: Points, counts: IntArray) -> None:
        """The same for one reading of one crosspoint: what a run that goes step by step is made of."""
        r, time = points.readings, points.readings.time.item()
        self.pulses = self.pulses + np.abs(counts[0])
        self._trend.append((r.conductance[0], counts[0]))
        del self._trend[:-_TREND]
        if r.status.item() & _COMPLIANCE:
            self.tripped = self.tripped + 1
        if time == time:
            self.last = r.conductance[0]
            self._begun = time if self._begun is None else self._begun
            self.elapsed = time - self._begun

    def slope(self) -> FloatArray:
        """Change per pulse [unit] over the last 20 readings, all in one direction; NaN where there are fewer."""
        if len(self._trend) < _TREND:
            return np.full(self.pulses.shape, np.nan)
        g = np.array([one for one, _ in self._trend])
        counts = np.array([count for _, count in self._trend])
        same = np.all(counts > 0, axis=0) | np.all(counts < 0, axis=0)
        x = np.cumsum(np.abs(counts), axis=0) - np.cumsum(np.abs(counts), axis=0).mean(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            slopes = (x * g).sum(axis=0) / (x * x).sum(axis=0)
        return np.where(same, slopes, np.nan)


class StopRule(ABC):
    """When to leave a crosspoint alone."""

    @abstractmethod
    def holds(self, seen: Seen) -> BoolArray:
        """Whether it ends here, for each crosspoint (rows, columns)."""

    @abstractmethod
    def because(self, unit: str) -> str:
        """Why, as the end of "stopped: ..."."""

    def __or__(self, other: StopRule) -> StopRule:
        return AnyOf((self, other))

    def __and__(self, other: StopRule) -> StopRule:
        return AllOf((self, other))

    def which(self, seen: Seen, row: int, column: int) -> StopRule | None:
        """The rule that holds for a crosspoint: of several the first; None where none does."""
        return self if self.holds(seen)[row, column] else None


@dataclass(frozen=True)
class AnyOf(StopRule):
    """Ends where any of the rules does."""

    rules: tuple[StopRule, ...]

    def holds(self, seen: Seen) -> BoolArray:
        """Any."""
        return np.logical_or.reduce([rule.holds(seen) for rule in self.rules])

    def because(self, unit: str) -> str:
        """Each by "or"."""
        return " or ".join(rule.because(unit) for rule in self.rules)

    def which(self, seen: Seen, row: int, column: int) -> StopRule | None:
        """The first that holds."""
        found = (rule.which(seen, row, column) for rule in self.rules)
        return next((rule for rule in found if rule is not None), None)


@dataclass(frozen=True)
class AllOf(StopRule):
    """Ends where all of the rules do."""

    rules: tuple[StopRule, ...]

    def holds(self, seen: Seen) -> BoolArray:
        """All."""
        return np.logical_and.reduce([rule.holds(seen) for rule in self.rules])

    def because(self, unit: str) -> str:
        """Each by "and"."""
        return " and ".join(rule.because(unit) for rule in self.rules)


@dataclass(frozen=True)
class PulsesSpent(StopRule):
    """`limit` pulses were applied."""

    limit: int

    def holds(self, seen: Seen) -> BoolArray:
        """Count of either sign."""
        return seen.pulses >= self.limit

    def because(self, unit: str) -> str:
        """The count."""
        return f"{self.limit} pulses are spent"


@dataclass(frozen=True)
class TimeOver(StopRule):
    """`limit` [s] have passed since the first reading."""

    limit: float

    def holds(self, seen: Seen) -> BoolArray:
        """The same for all crosspoints."""
        return np.full(seen.pulses.shape, seen.elapsed >= self.limit)

    def because(self, unit: str) -> str:
        """The time."""
        return f"{text(self.limit, 's')} have passed"


@dataclass(frozen=True)
class TargetReached(StopRule):
    """The conductance is within `tolerance` of `target` [unit]."""

    target: float
    tolerance: float

    def holds(self, seen: Seen) -> BoolArray:
        """By the last reading."""
        return np.abs(seen.last - self.target) <= self.tolerance

    def because(self, unit: str) -> str:
        """The target."""
        return f"the target of {amount(self.target, unit)} ± {amount(self.tolerance, unit)} is reached"


@dataclass(frozen=True)
class SlopeBelow(StopRule):
    """Pulses of one direction move the conductance by less than `limit` [unit] each, over the last 20 readings."""

    limit: float

    def holds(self, seen: Seen) -> BoolArray:
        """False before 20 readings of one direction."""
        with np.errstate(invalid="ignore"):
            return np.abs(seen.slope()) < self.limit

    def because(self, unit: str) -> str:
        """The slope."""
        return f"a pulse moves it by less than {amount(self.limit, unit)}"


@dataclass(frozen=True)
class OutOfWindow(StopRule):
    """The conductance left the window from `low` to `high` [unit]; None on a side is no bound."""

    low: float | None
    high: float | None

    def holds(self, seen: Seen) -> BoolArray:
        """By the last reading."""
        low = -np.inf if self.low is None else self.low
        return (seen.last < low) | (seen.last > (np.inf if self.high is None else self.high))

    def because(self, unit: str) -> str:
        """The window."""
        sides = [
            f"{word} {amount(bound, unit)}"
            for word, bound in (("below", self.low), ("above", self.high))
            if bound is not None
        ]
        return f"the conductance is {' or '.join(sides)}"


@dataclass(frozen=True)
class ComplianceTripped(StopRule):
    """`times` readings were in compliance."""

    times: int

    def holds(self, seen: Seen) -> BoolArray:
        """Counted from the start of the run."""
        return seen.tripped >= self.times

    def because(self, unit: str) -> str:
        """The count."""
        return f"the compliance tripped {self.times} times"


@dataclass(frozen=True)
class ConfidenceBelow(StopRule):
    """An estimate is known to `limit`: `half_width` gives the half-width of its 95 % interval, (rows, columns)."""

    half_width: Callable[[], FloatArray]
    limit: float
    what: str = "the estimate"

    def holds(self, seen: Seen) -> BoolArray:
        """NaN, where there is no estimate yet, is not."""
        with np.errstate(invalid="ignore"):
            return self.half_width() <= self.limit

    def because(self, unit: str) -> str:
        """The interval."""
        return f"the 95 % interval of {self.what} is within ± {amount(self.limit, unit)}"


def amount(value: float, unit: str) -> str:
    """A conductance as a sentence has it."""
    return text(value, unit, 4) if unit == "S" else f"{value:.4g}"
