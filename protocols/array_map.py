"""Array map: reads every crosspoint, pulses it a little up and down, and judges it; yield and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Siemens, text
from protocols.analysis.array import statistics as array_statistics
from protocols.analysis.array.statistics import DOWN_PHASE, REST, UP_PHASE, Judge
from protocols.common.protocol import Series, Steps
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ArrayMap(Stoppable):
    """Settings of `array-map`; run it on a block, of one crosspoint it judges that one."""

    name: ClassVar[str] = "array-map"
    title: ClassVar[str] = "read every crosspoint, pulse it up and down: yield, statistics, map"
    not_foreign: ClassVar[str] = (
        "whether a crosspoint works is told by the pulses that it chose to give or not; take update-response"
    )

    pulses: int = Field(default=100, ge=10, description="pulses up, then as many down")
    cycles: int = Field(default=2, ge=1, description="times up and down")
    every: int = Field(default=10, ge=1, description="pulses between two readings")
    reads: int = Field(default=10, ge=3, description="readings before the first pulse, for level and noise")
    lowest: Siemens | None = Field(default=None, ge=0, description="a crosspoint below is open; not asked if not given")
    highest: Siemens | None = Field(
        default=None, gt=0, description="a crosspoint above is shorted; not asked if not given"
    )
    significance: float = Field(default=5.0, gt=0, description="standard errors that a swing must differ from zero by")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All."""
        return self.reads + 2 * self.cycles * -(-self.pulses // self.every)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All cycles."""
        most = self.stopped_at(2 * self.cycles * self.pulses, min(self.every, self.pulses))
        return Foreseen(self.name, "pulses or cycles", most, pulses_of([crosspoints.pulses]))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Read, then up and down."""
        judge, watch = self._judge(crosspoints.unit), self.watch(crosspoints)
        rest = yield from watch.rest(REST, self.reads)
        with np.errstate(invalid="ignore"):
            for row, column in np.argwhere(np.ones(crosspoints.shape, dtype=bool)).tolist():
                why = judge.of_level(rest.conductance[:, row, column])
                if why:
                    watch.end(row, column, f"{why}, so it is not pulsed")
        bursts = [self.every] * (self.pulses // self.every)
        bursts += [self.pulses % self.every] if self.pulses % self.every else []
        for _ in range(self.cycles):
            for phase, direction in ((UP_PHASE, 1), (DOWN_PHASE, -1)):
                yield from watch.apply(phase, direction * np.array(bursts, dtype=np.int64))
        return watch.reason(f"all crosspoints are read and pulsed {self.cycles} times {self.pulses} up and down")

    def _judge(self, unit: str) -> Judge:
        if unit != "S" and (self.lowest is not None or self.highest is not None):
            raise InputError(f"lowest and highest are in siemens, but these crosspoints are in units of '{unit}'")
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise InputError(f"lowest {text(self.lowest, 'S')} is not below highest {text(self.highest, 'S')}")
        return Judge(self.lowest, self.highest, self.significance)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Level, noise, swing and steps of one crosspoint, and whether it works."""
        return array_statistics.crosspoint(series, self._judge(series.unit))

    def results(self, series: Series) -> dict[str, Any]:
        """Of a block also yield and device-to-device statistics."""
        found = super().results(series)
        return array_statistics.with_block(found, series.unit) if "crosspoints" in found else found

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """The course of one crosspoint."""
        from protocols.analysis.array.figures import course

        return course(series)

    def block_figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Maps of level, swing and verdict, and their distributions."""
        from protocols.analysis.array.figures import maps

        return maps(series, result)
