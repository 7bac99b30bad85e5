"""Endurance: cycles up and down and looks at the window now and then, until it has closed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, Readings, Status
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from protocols.analysis.endurance import window as endurance_window
from protocols.analysis.endurance.foreign import cycles_up_and_down
from protocols.analysis.endurance.window import CYCLING, HIGH, LOW
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Points, Series, Steps
from protocols.common.watch import Stoppable, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNREAD = 50  # cycles between two rows of the run where none is read: what a crash leaves uncounted at most


class Endurance(Stoppable):
    """Settings of `endurance`: a cycle is `pulses` up and as many down."""

    name: ClassVar[str] = "endurance"
    title: ClassVar[str] = "cycle up and down until the window closes; checks at log-spaced cycle counts"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("closure", "confirm", "look")

    pulses: int = Field(default=50, ge=1, description="pulses up, and as many down, of a cycle")
    cycles: int = Field(default=1000, ge=4, description="cycles at most")
    settle: int = Field(default=10, ge=0, description="cycles before the first check, until the swing repeats itself")
    per_decade: int = Field(default=6, ge=2, description="checks per factor 10 in cycles")
    look: int = Field(default=3, ge=1, description="cycles in a row that a check looks at")
    reads: int = Field(default=5, ge=1, description="readings at either end of a cycle that is checked")
    closure: float = Field(default=0.5, gt=0, lt=1, description="closed when the window is this share of the first")
    confirm: int = Field(default=2, ge=1, description="checks in a row that must find it closed")

    def checks(self) -> list[int]:
        """Numbers of the cycles that are looked at: the first ones after those that settle, then log-spaced."""
        count = max(2, round(self.per_decade * float(np.log10(self.cycles))) + 1)
        spaced = np.unique(np.round(np.geomspace(1, self.cycles, count)).astype(int)).tolist()
        begins = [self.settle + 1, *(n for n in spaced if n > self.settle)]
        return sorted({n + k for n in begins for k in range(self.look) if n + k <= self.cycles})

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """Checks, and the rows that count cycles nobody looks at."""
        checks = self.checks()
        unread = sum(-(-max(0, b - a - 1) // _UNREAD) * 2 for a, b in zip([0, *checks], checks, strict=False))
        return self.reads * (1 + 2 * len(checks)) + unread

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All cycles; those that nobody looks at go 50 at once."""
        most = self.stopped_at(2 * self.pulses * self.cycles, 2 * self.pulses * _UNREAD)
        return Foreseen(self.name, "cycles or pulses", most, pulses_of([crosspoints.pulses]))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Cycles unseen up to the next check, one cycle seen."""
        if self.settle >= self.cycles:
            raise InputError(f"{self.settle} cycles to settle leave none of {self.cycles} to look at; give more cycles")
        watch, done, points = self.watch(crosspoints), 0, list[Points]()
        yield from watch.rest("start", self.reads)
        if not watch.active:
            return watch.reason("")
        for check in self.checks():
            for made in (self._unread(watch, check - 1 - done), self._check(watch)):
                for step in made:
                    points.append(step)
                    yield step
            if not watch.active:
                return watch.reason("")
            done = check
            self._closed(watch, points)
            if not watch.active:
                return watch.reason("")
        return watch.reason(f"all {self.cycles} cycles are done")

    def _unread(self, watch: Watch, cycles: int) -> Generator[Points, None, None]:
        """Cycles without a reading: two rows, without a number, count the pulses up and down of up to 50 of them."""
        block = watch.crosspoints
        while cycles > 0 and watch.active:
            some = min(cycles, _UNREAD)
            mask = watch.going.astype(np.int64)
            for _ in range(some):
                block.pulse(self.pulses * mask)
                block.pulse(-self.pulses * mask)
            counts = np.stack([some * self.pulses * mask, -some * self.pulses * mask])
            nothing = np.full(counts.shape, np.nan)
            status = np.full(counts.shape, int(Status.INVALID), dtype=np.uint8)
            points = Points(CYCLING, counts, Readings(nothing, nothing, nothing, nothing, status), block.pulses)
            watch.count(points)
            yield points
            cycles -= some

    def _check(self, watch: Watch) -> Generator[Points, None, None]:
        for phase, direction in ((HIGH, 1), (LOW, -1)):
            counts = np.zeros(self.reads, dtype=np.int64)
            counts[0] = direction * self.pulses
            yield from watch.apply(phase, counts)

    def _closed(self, watch: Watch, points: list[Points]) -> None:
        series = Series.of(points, watch.crosspoints.shape, watch.crosspoints.unit)
        for row, column in np.argwhere(watch.going).tolist():
            found = endurance_window.windows(series.crosspoint(row, column))
            if endurance_window.has_closed(found, self.closure, self.confirm * self.look):
                watch.end(
                    row, column,
                    f"the window closed to {100 * self.closure:.0f} % of the first, confirmed by {self.confirm} checks",
                )  # fmt: skip

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Cycles of equal ramps."""
        return cycles_up_and_down(series, cycles)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Windows at the checks, and the number of cycles at which it closed."""
        return endurance_window.result(series, self.closure, self.confirm * self.look)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Both ends of the cycle, and the window, against cycles."""
        from protocols.analysis.endurance.figures import figures

        return figures(series, self.closure, self.confirm * self.look)
