"""Read disturb: whether reading moves the conductance; many readings against a wait as long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.foreseen import Foreseen
from protocols.analysis.disturb import pairs as disturb
from protocols.analysis.disturb.foreign import bursts_and_pauses
from protocols.analysis.disturb.pairs import CONTROL, LEVEL, STRESS
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series, Steps
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 100


class ReadDisturb(Stoppable):
    """Settings of `read-disturb`: it pulses nothing."""

    name: ClassVar[str] = "read-disturb"
    title: ClassVar[str] = "drift under readings against the drift of a wait as long"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("level",)

    reads: int = Field(default=500, ge=10, description="readings of one stress")
    repeats: int = Field(default=10, ge=4, description="stresses, and as many waits")
    level: int = Field(default=20, ge=2, description="readings for the level before, between and after")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All stresses and levels."""
        return self.level + self.repeats * (2 * self.level + self.reads)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """No pulse."""
        return Foreseen(self.name, "reads")

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Level, stress, level, wait, level, stress ..."""
        watch = self.watch(crosspoints)
        before = yield from watch.rest(LEVEL, self.level)
        for _ in range(self.repeats):
            begun, done = float(before.time.max()), 0
            while done < self.reads and watch.active:
                batch = min(_BATCH, self.reads - done)
                stress = yield from watch.rest(STRESS, batch)
                before, done = stress, done + batch
            took = float(before.time.max()) - begun
            yield from watch.rest(LEVEL, self.level)
            crosspoints.wait(took)
            before = yield from watch.rest(CONTROL, self.level)
            if not watch.active:
                break
        return watch.reason(f"{self.repeats} stresses of {self.reads} readings and as many waits are done")

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Bursts of readings with pauses as long."""
        return bursts_and_pauses(series, cycles, self.level)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Change per reading beyond that of the wait."""
        return disturb.read_disturb(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Levels against time, and the changes of both kinds."""
        from protocols.analysis.disturb.figures import read_figures

        return read_figures(series)
