"""Retention: reads at log-spaced times without pulses; drift with ln t."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.units import Seconds, text
from protocols.analysis.retention import straight_line as retention_fit
from protocols.analysis.retention.foreign import after_pulses
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series, Steps
from protocols.common.staggering import Staggered
from protocols.common.timing import log_times, read_at
from protocols.common.turns import taken
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Retention(Stoppable):
    """Settings of `retention`."""

    name: ClassVar[str] = "retention"
    title: ClassVar[str] = "read at log-spaced times without pulses: drift per decade, what is kept in years"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("horizon", "per_decade")

    pulses: int = Field(default=0, description="pulses before it is left alone, + up, - down; 0 leaves it as it is")
    first: Seconds = Field(default=1.0, gt=0, description="first time after the pulses")
    duration: Seconds = Field(default=3600.0, gt=0, description="last time")
    per_decade: int = Field(default=8, ge=2, description="times per factor 10")
    reads: int = Field(default=5, ge=1, description="readings at each time; more average more, and disturb more")
    stagger: bool = Field(
        default=False, description="of a block: each crosspoint at its own times, others begun and read meanwhile"
    )
    horizon: Seconds = Field(default=3.156e8, gt=0, description="time to extrapolate to; ten years")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All times."""
        apart = shape[0] * shape[1] if self.stagger else 1
        return apart * (1 + self.reads * len(self._times()))

    def _times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        if self.first >= self.duration:
            raise InputError(f"first {text(self.first, 's')} is not before duration {text(self.duration, 's')}")
        return log_times(self.first, self.duration, self.per_decade)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """The pulses that it begins with."""
        pair = crosspoints.pulses
        shapes = (pair.up if self.pulses > 0 else pair.down,) if self.pulses else ()
        return Foreseen(self.name, "pulses", abs(self.pulses), shapes, waits=self.duration)

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Pulse if asked to, then read and wait; the block shares the waiting, all at once or each by itself."""
        times, watch = self._times(), self.watch(crosspoints)
        if self.stagger:
            yield from Staggered(watch, self.pulses, times, self.reads).run("start", "kept")
            return watch.reason(f"{text(self.duration, 's')} have passed for every crosspoint")
        start = yield from watch.apply("start", np.array([self.pulses]))
        if watch.active:
            yield from read_at(watch, "kept", times, float(start.time.max()), self.reads)
        return watch.reason(f"{text(self.duration, 's')} have passed")

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Readings after the last pulses."""
        return after_pulses(series, cycles, self.per_decade)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Slope against ln t, its error, what is left at the horizon."""
        return retention_fit.result(taken(series), self.horizon)

    def results(self, series: Series) -> dict[str, Any]:
        """Of a block also mean and spread of the slopes."""
        found = super().results(series)
        return retention_fit.with_spread(found, series.unit) if "crosspoints" in found else found

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Conductance against time on a log scale with the line."""
        from protocols.analysis.retention.figures import figures

        return figures(taken(series))
