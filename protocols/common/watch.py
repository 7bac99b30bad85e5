"""Runs a protocol under stop rules; a crosspoint is left alone from the reading at which a rule holds."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from instruments.crosspoints import Crosspoints, PulsePair, Readings, no_readings, steps_of
from instruments.errors import InputError
from instruments.units import Seconds, Siemens, text
from protocols.common.protocol import Points, Protocol
from protocols.common.stepping import apply, at_rest
from protocols.common.stop_rules import (
    BoolArray,
    ComplianceTripped,
    OutOfWindow,
    PulsesSpent,
    Seen,
    SlopeBelow,
    StopRule,
    TimeOver,
)


class Stoppable(Protocol):
    """A protocol with stop rules among its settings: none of them set unless asked for."""

    stop_pulses: int | None = Field(default=None, gt=0, description="leave a crosspoint alone after so many pulses")
    stop_time: Seconds | None = Field(default=None, gt=0, description="end when this time has passed")
    stop_below: Siemens | None = Field(
        default=None, gt=0, description="leave a crosspoint below this conductance alone"
    )
    stop_above: Siemens | None = Field(
        default=None, gt=0, description="leave a crosspoint above this conductance alone"
    )
    stop_slope: Siemens | None = Field(
        default=None, gt=0, description="leave a crosspoint alone that a pulse moves by less, over 20 pulses one way"
    )
    stop_compliance: int | None = Field(
        default=None, gt=0, description="leave a crosspoint alone after so many readings in compliance"
    )

    def stopped_at(self, most: int, at_once: int = 1) -> int:
        """Of `most` pulses those that a crosspoint gets under `stop_pulses`, which is asked after each `at_once`."""
        return most if self.stop_pulses is None else min(most, self.stop_pulses - 1 + at_once)

    def watch(self, crosspoints: Crosspoints, *more: StopRule) -> Watch:
        """The block under the rules of the settings and `more`; `InputError` for siemens where there are none."""
        in_siemens = (self.stop_below, self.stop_above, self.stop_slope)
        if crosspoints.unit != "S" and any(value is not None for value in in_siemens):
            raise InputError(
                f"stop_below, stop_above and stop_slope are in siemens, but these crosspoints are in units of "
                f"'{crosspoints.unit}'; use stop_pulses or stop_time"
            )
        if self.stop_below is not None and self.stop_above is not None and self.stop_below >= self.stop_above:
            raise InputError(
                f"stop_below {text(self.stop_below, 'S')} is not below stop_above {text(self.stop_above, 'S')}"
            )
        rules: list[StopRule] = [*more]
        if self.stop_pulses is not None:
            rules.append(PulsesSpent(self.stop_pulses))
        if self.stop_time is not None:
            rules.append(TimeOver(self.stop_time))
        if self.stop_below is not None or self.stop_above is not None:
            rules.append(OutOfWindow(self.stop_below, self.stop_above))
        if self.stop_slope is not None:
            rules.append(SlopeBelow(self.stop_slope))
        if self.stop_compliance is not None:
            rules.append(ComplianceTripped(self.stop_compliance))
        return Watch(crosspoints, reduce(StopRule.__or__, rules) if rules else None)


@dataclass
class Watch:
    """Crosspoints under a stop rule: what goes through it is seen, and a crosspoint that ended is pulsed no more."""

    crosspoints: Crosspoints
    rule: StopRule | None
    why: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])

    def __post_init__(self) -> None:
        self.seen = Seen(self.crosspoints.shape, self.crosspoints.unit)
        self.going: BoolArray = np.ones(self.crosspoints.shape, dtype=bool)

    @property
    def active(self) -> bool:
        """Whether any crosspoint still goes on."""
        return bool(self.going.any())

    def apply(
        self, phase: str, counts: ArrayLike, pulses: PulsePair | None = None
    ) -> Generator[Points, None, Readings]:
        """As `stepping.apply`, but only where it still goes on; under a rule every step is looked at."""
        steps = steps_of(counts, self.crosspoints.shape)
        at_once = len(steps) if self.rule is None else 1
        parts = [no_readings(self.crosspoints.shape)]
        for first in range(0, len(steps), max(at_once, 1)):
            if not self.active:
                break
            piece = steps[first : first + at_once] * self.going
            parts.append((yield from self.seen_of(apply(self.crosspoints, phase, piece, pulses))))
        return Readings.join(parts)

    def rest(self, phase: str, reads: int) -> Generator[Points, None, Readings]:
        """As `stepping.at_rest`."""
        return (yield from self.seen_of(at_rest(self.crosspoints, phase, reads)))

    def seen_of(self, steps: Generator[Points, None, Readings]) -> Generator[Points, None, Readings]:
        """Pass points on, and look at them."""
        while True:
            try:
                points = next(steps)
            except StopIteration as stop:
                return stop.value
            self.seen.see(points)
            yield points
            self._look()

    def count(self, points: Points) -> None:
        """Look at points that a protocol made itself."""
        self.seen.see(points)
        self._look()

    def end(self, row: int, column: int, why: str) -> None:
        """Leave a crosspoint alone from now on, because `why`."""
        if self.going[row, column]:
            self.going[row, column] = False
            self.why[row, column] = why

    def reason(self, otherwise: str) -> str:
        """Why the run stopped, in a sentence: the rules that ended crosspoints, else `otherwise`."""
        if not self.why:
            return otherwise
        if self.going.size == 1:
            return f"stopped: {self.why[0, 0]}"
        counted: dict[str, int] = {}
        for why in self.why.values():
            counted[why] = counted.get(why, 0) + 1
        parts = [f"{count} of {self.going.size} crosspoints stopped: {why}" for why, count in counted.items()]
        if self.active:
            parts.append(f"of the others {otherwise}")
        return "; ".join(parts)

    def _look(self) -> None:
        if self.rule is None:
            return
        for row, column in np.argwhere(self.rule.holds(self.seen) & self.going).tolist():
            rule = self.rule.which(self.seen, row, column)
            self.end(row, column, (rule or self.rule).because(self.crosspoints.unit))
