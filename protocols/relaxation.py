"""Relaxation: pulses, then watches the conductance settle; up and down in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Seconds, text
from protocols.analysis.relaxation import exponential as relaxation_fit
from protocols.analysis.relaxation.foreign import after_bursts
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series, Steps
from protocols.common.timing import log_times, read_at
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Relaxation(Stoppable):
    """Settings of `relaxation`."""

    name: ClassVar[str] = "relaxation"
    title: ClassVar[str] = "how the conductance settles after a pulse: time constant, share that relaxes"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("reads",)

    pulses: int = Field(default=10, ge=1, description="pulses at once before it is watched")
    repeats: int = Field(default=5, ge=3, description="times up, and as many down")
    first: Seconds = Field(default=0.01, gt=0, description="first delay after the first reading")
    duration: Seconds = Field(default=10.0, gt=0, description="time that it is watched after pulses")
    per_decade: int = Field(default=12, ge=2, description="readings per factor 10 in time")
    reads: int = Field(default=5, ge=1, description="readings before the pulses, for where it was")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """At most: delays that have passed already are skipped."""
        return 2 * self.repeats * (self.reads + 1 + len(self._times()))

    def _times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        if self.first >= self.duration:
            raise InputError(f"first {text(self.first, 's')} is not before duration {text(self.duration, 's')}")
        return log_times(self.first, self.duration, self.per_decade)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All repeats."""
        most = self.stopped_at(2 * self.repeats * self.pulses, self.pulses)
        waits = 2 * self.repeats * self.duration
        return Foreseen(self.name, "pulses or repeats", most, pulses_of([crosspoints.pulses]), waits=waits)

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Up and watch, down and watch."""
        times, watch = self._times(), self.watch(crosspoints)
        for _ in range(self.repeats):
            for direction, phase in ((1, "after up"), (-1, "after down")):
                yield from watch.rest("before", self.reads)
                after = yield from watch.apply(phase, np.array([direction * self.pulses]))
                if not watch.active or not len(after):
                    return watch.reason("")
                yield from read_at(watch, phase, times, float(after.time.max()))
        return watch.reason(f"{self.repeats} relaxations after pulses up and {self.repeats} after pulses down are seen")

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Pulses with readings at rest after them."""
        return after_bursts(series, cycles, self.reads)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Time constant, share of the step that relaxes."""
        return relaxation_fit.result(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """All relaxations over each other, with the fit."""
        from protocols.analysis.relaxation.figures import figures

        return figures(series)
