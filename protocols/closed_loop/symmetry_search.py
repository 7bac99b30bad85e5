"""A running search for symmetry points: what is known of each crosspoint, and what comes next."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import Crosspoints, FloatArray, IntArray, Readings
from instruments.value_text import plain_text
from protocols.analysis.symmetry.estimate import Estimate, Known, estimate
from protocols.common.protocol import Points, Series
from protocols.common.stepping import apply, balanced

CHUNK = 25  # pulses of a drive between looks at where the device is


class Goal(Interface):
    """What a search is told: `protocols.symmetry_point.SymmetryPoint` says it on the command line."""

    @property
    def seed(self) -> int:
        """Of the order of random pulses."""
        ...

    @property
    def budget(self) -> int:
        """Pulses that a crosspoint may see at most."""
        ...

    @property
    def block(self) -> int:
        """Pulses of a random block."""
        ...

    @property
    def drive(self) -> int:
        """Pulses of a drive to one side at most."""
        ...

    @property
    def reads(self) -> int:
        """Readings after each pulse."""
        ...

    @property
    def park(self) -> bool:
        """Whether a part of the budget is kept for parking."""
        ...

    @property
    def known(self) -> Known | None:
        """What is known of the device from before."""
        ...

    @property
    def parts_named(self) -> str:
        """What is to agree, in words."""
        ...

    def reached(self, found: Estimate) -> bool:
        """Whether an estimate is good enough."""
        ...

    def width_wanted(self, found: Estimate) -> float:
        """Half-width of the 95 % interval at which to stop."""
        ...


@dataclass
class Search:
    """What is known during a run, of each crosspoint by itself."""

    settings: Goal
    crosspoints: Crosspoints
    points: list[Points] = field(default_factory=list[Points])

    def __post_init__(self) -> None:
        shape = self.crosspoints.shape
        self.random = np.random.default_rng(self.settings.seed)
        self.spent = np.zeros(shape, dtype=np.int64)
        self.looked = np.zeros(shape, dtype=np.int64)
        self.drive_length = {-1: np.full(shape, self.settings.drive), 1: np.full(shape, self.settings.drive)}
        self.done = np.zeros(shape, dtype=bool)
        self.found: dict[tuple[int, int], Estimate] = {}
        self._series = Series.of([], shape, self.crosspoints.unit)
        self._joined = 0

    def active(self, pulses: int) -> bool:
        """Whether any crosspoint still wants a block of `pulses` and may have it."""
        return bool(np.any(self.wanting(pulses)))

    @property
    def limit(self) -> int:
        """Pulses that the search may use: a tenth of the budget is kept for parking."""
        return self.settings.budget - (self.settings.budget // 10 if self.settings.park else 0)

    def wanting(self, pulses: int) -> NDArray[np.bool_]:
        """Crosspoints that are not done and have `pulses` left."""
        return ~self.done & (self.spent + pulses <= self.limit)

    def kept(self, steps: Generator[Points, None, Any]) -> Generator[Points, None, None]:
        """Pass points on and keep them for the estimates."""
        for points in steps:
            self.points.append(points)
            self.spent += np.abs(points.counts).sum(axis=0)
            yield points

    def block(self, phase: str, counts: IntArray) -> Generator[Points, None, None]:
        """One block of single pulses (n, rows, columns) on every crosspoint that still wants one."""
        yield from self._applied(phase, counts * self.wanting(len(counts)))

    def _applied(self, phase: str, counts: IntArray) -> Generator[Points, None, None]:
        """Single pulses (n, rows, columns), each followed by as many readings as the settings say."""
        reads = self.settings.reads
        often = np.zeros((len(counts) * reads, *counts.shape[1:]), dtype=np.int64)
        often[::reads] = counts
        yield from self.kept(apply(self.crosspoints, phase, often))

    def random_counts(self) -> IntArray:
        """A balanced random block, shuffled for each crosspoint by itself."""
        return balanced(self.random, self.settings.block, self.crosspoints.shape)

    def drive(self, direction: int, phase: str) -> Generator[Points, None, None]:
        """Drive every crosspoint to its side in chunks, until it is there, has saturated, or has had its pulses."""
        self._lengthen(direction, phase)
        driven = np.zeros(self.crosspoints.shape, dtype=np.int64)
        arrived = np.zeros(self.crosspoints.shape, dtype=bool)
        ends: list[FloatArray] = []
        while True:
            # A drive leaves room for a random block: without one it would tell nothing.
            going = self.wanting(CHUNK + self.settings.block) & ~arrived & (driven < self.drive_length[direction])
            if not np.any(going):
                return
            chunk = np.broadcast_to(direction * going.astype(np.int64), (CHUNK, *going.shape))
            before = len(self.points)
            yield from self._applied(phase, chunk)
            driven += CHUNK * going
            ends.append(_end(self.points[before:]))
            arrived |= self._beyond(ends[-1], direction) | _saturated(ends)

    def _lengthen(self, direction: int, phase: str) -> None:
        """Double the drive of crosspoints that drives of this direction have not brought to the side yet."""
        if not any(points.phase == phase for points in self.points):
            return
        for cell, found in self.found.items():
            if not (found.below if direction < 0 else found.above):
                longer = 2 * int(self.drive_length[direction][cell])
                self.drive_length[direction][cell] = min(longer, self.settings.budget)

    def _beyond(self, now: FloatArray, direction: int) -> NDArray[np.bool_]:
        """Crosspoints past their estimate by 3 stationary deviations and 5 standard errors."""
        past = np.zeros(now.shape, dtype=bool)
        for cell, found in self.found.items():
            if found.value is not None and found.stable and found.crossing is not None and found.steps is not None:
                cycle, read = found.steps.cycle_to_cycle, found.steps.read
                wander = found.crossing.step * math.sqrt((1 + cycle**2) / -found.crossing.slope)
                margin = max(3 * wander, 5 * (found.std or 0.0), 3 * read)
                past[cell] = direction * (now[cell] - found.value) > margin
        return past

    def series(self) -> Series:
        """All points so far; only those that came since the last call are joined anew."""
        new = Series.of(self.points[self._joined :], self.crosspoints.shape, self.crosspoints.unit)
        old, self._joined = self._series, len(self.points)
        self._series = Series(
            np.concatenate([old.phases, new.phases]),
            np.concatenate([old.counts, new.counts]),
            Readings.join([old.readings, new.readings]),
            new.unit,
        )
        return self._series

    def look(self, next_block: int, growth: float = 1.0) -> None:
        """Estimate anew where pulses grew by the factor `growth`, or no `next_block` can follow; mark what is done."""
        due = ~self.done & ((self.spent >= growth * self.looked) | ~self.wanting(next_block))
        series = self.series()
        for row, column in np.argwhere(due).tolist():
            one, cell = series.crosspoint(row, column), (row, column)
            found = estimate(one, self.settings.known, parts=False)
            last = self.spent[cell] + next_block > self.limit
            if last or found.half_width <= self.settings.width_wanted(found):
                found = estimate(one, self.settings.known)
            self.found[cell], self.looked[cell] = found, self.spent[cell]
            self.done[cell] = found.hopeless or self.settings.reached(found)

    def why(self) -> str:
        """Why it stopped, in one sentence; of a block how many crosspoints met the target."""
        cells = list(self.found.values())
        if len(cells) == 1:
            return self._why(cells[0])
        met = sum(self.settings.reached(found) for found in cells)
        lost = sum(found.hopeless for found in cells)
        left = self.done.size - met - lost
        return (
            f"{met} of {self.done.size} crosspoints met the target, {left} used up the budget of "
            f"{self.settings.budget} pulses, {lost} are stuck or abrupt"
        )

    def _why(self, found: Estimate) -> str:
        if found.hopeless:
            return f"given up, {found.reason}"
        settings, unit = self.settings, self.crosspoints.unit
        width, wanted = found.half_width, settings.width_wanted(found)
        state = f"the 95 % interval is ±{amount(width, unit)} (target ±{amount(wanted, unit)})"
        agree = f"{settings.parts_named} agree within {found.distance:.1f} standard errors"
        known = math.isfinite(found.distance)
        if settings.reached(found):
            return f"target reached: {state}" + (f", and {agree}" if known else "")
        if found.value is None:
            return f"the budget of {settings.budget} pulses ended: {found.reason}"
        apart = f"{settings.parts_named} are {found.distance:.1f} standard errors apart"
        one_sided = "it was not approached from both sides"
        return f"the budget of {settings.budget} pulses ended: {state}, {apart if known else one_sided}"


def amount(value: float, unit: str) -> str:
    """A conductance with three digits and its unit."""
    return plain_text(value, unit, 3)


def _end(points: list[Points]) -> FloatArray:
    """Mean of the last 5 readings."""
    readings = np.concatenate([p.readings.conductance for p in points])
    return np.asarray(readings[-5:].mean(axis=0))


def _saturated(ends: list[FloatArray]) -> NDArray[np.bool_]:
    """Whether the second half of a drive moved less than a fifth of the first half; False before 4 chunks."""
    if len(ends) < 4:
        return np.zeros(ends[0].shape, dtype=bool)
    middle = ends[len(ends) // 2]
    return np.abs(ends[-1] - middle) < 0.2 * np.abs(middle - ends[0])
