"""Half-select disturb: what pulses at half the voltage do, as the neighbours of a selected crosspoint see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from protocols.analysis import half_selected
from protocols.analysis.half_selected import CONTROL, FULL, HALF
from protocols.approach import pair_at
from protocols.protocol import Series, Steps
from protocols.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HalfSelect(Stoppable):
    """Settings of `half-select`."""

    name: ClassVar[str] = "half-select"
    title: ClassVar[str] = "what pulses at half the voltage do, against full pulses and against none"

    fraction: float = Field(
        default=0.5, gt=0, lt=1, description="voltage that a half-selected crosspoint sees, of a pulse"
    )
    pulses: int = Field(default=500, ge=10, description="half-selected pulses one way at once")
    full: int = Field(default=5, ge=1, description="full pulses at once, for comparison")
    repeats: int = Field(default=8, ge=4, description="times up, and as many down")
    reads: int = Field(default=10, ge=2, description="readings for every level")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """Six levels a repeat, and the first."""
        return self.reads * (1 + 6 * self.repeats)

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Half up, half down, wait, full up, full down, wait; a level after each."""
        half, watch = pair_at(self.fraction, crosspoints.pulses), self.watch(crosspoints)
        yield from watch.rest("level", self.reads)
        for _ in range(self.repeats):
            for phase, count, pair in ((HALF, self.pulses, half), (FULL, self.full, crosspoints.pulses)):
                for direction in (1, -1):
                    counts = np.zeros(self.reads, dtype=np.int64)
                    counts[0] = direction * count
                    yield from watch.apply(phase, counts, pair)
                yield from watch.rest(CONTROL, self.reads)
            if not watch.active:
                break
        return watch.reason(
            f"{self.repeats} times {self.pulses} half-selected and {self.full} full pulses each way are applied"
        )

    def analyse(self, series: Series) -> dict[str, Any]:
        """Change per half-selected and per full pulse, and their ratio."""
        return half_selected.result(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Change per pulse, half and full, repeat by repeat."""
        from protocols.analysis.half_selected_figures import figures

        return figures(series)
