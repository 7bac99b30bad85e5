"""Half-select disturb: what pulses on a selected crosspoint do to its neighbours, real or emulated."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, IntArray
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from protocols.analysis.disturb import half_selected, half_selected_array
from protocols.analysis.disturb.half_selected import CONTROL, FULL, HALF
from protocols.analysis.disturb.half_selected_array import LEVEL, SELECTED_DOWN, SELECTED_UP
from protocols.closed_loop.approach import pair_at
from protocols.common.protocol import Points, Series, Steps
from protocols.common.stepping import apply, at_rest
from protocols.common.turns import Cell, only
from protocols.common.watch import Stoppable, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HalfSelect(Stoppable):
    """Settings of `half-select`."""

    name: ClassVar[str] = "half-select"
    title: ClassVar[str] = "what pulses on a selected crosspoint do to its neighbours in an array, against full pulses"
    not_foreign: ClassVar[str] = "which crosspoints were selected while others were read is only told by its own run"

    method: Literal["auto", "array", "emulated"] = Field(
        default="auto",
        description="array: pulse selected crosspoints and read their neighbours; emulated: pulses of a part of the "
        "voltage on each crosspoint by itself; auto: array where crosspoints of the block share lines",
    )
    select: Literal["one", "diagonal", "each"] = Field(
        default="diagonal", description="array: which crosspoints are selected, one after the other"
    )
    row: int = Field(default=0, ge=0, description="array, one: row of the block, from 0")
    column: int = Field(default=0, ge=0, description="array, one: column of the block, from 0")
    per_decade: int = Field(default=3, ge=1, description="array: readings of the block per factor 10 in pulses")
    fraction: float = Field(
        default=0.5, gt=0, lt=1, description="emulated: voltage that a half-selected crosspoint sees, of a pulse"
    )
    pulses: int = Field(default=500, ge=10, description="half-selected pulses one way at once")
    full: int = Field(default=5, ge=1, description="full pulses at once, for comparison")
    repeats: int = Field(default=8, ge=4, description="times up, and as many down")
    reads: int = Field(default=10, ge=2, description="readings for every level")

    def planned_readings(self, shape: tuple[int, int]) -> int | None:
        """All; None where it depends on whether the block shares lines."""
        single = shape == (1, 1)
        if self.method == "emulated" or (self.method == "auto" and single):
            return self.reads * (1 + 6 * self.repeats)
        if self.method == "auto":
            return None
        rows, columns = shape
        neighbours = rows + columns - 2
        once = 2 * len(self.checks()) + 2 + 3 * neighbours
        return self.reads * (1 + self.repeats * len(self.selected(shape)) * once)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """Emulated: half and full pulses on each. In the array: pulses on the selected, full ones on their neighbours.

        Half-selected pulses are none of a crosspoint's own (docs/safety.md).
        """
        own, lower = crosspoints.pulses, "pulses, full or repeats"
        if self.method == "emulated" or not crosspoints.shares_lines:
            most = self.stopped_at(2 * self.repeats * (self.pulses + self.full), max(self.pulses, self.full))
            return Foreseen(self.name, lower, most, pulses_of([pair_at(self.fraction, own), own]))
        rows, columns = crosspoints.shape
        each = np.zeros((rows, columns), dtype=np.int64)
        for row, column in self.selected((rows, columns)):
            each[row, :] += 2 * self.full
            each[:, column] += 2 * self.full
            each[row, column] += 2 * self.pulses - 4 * self.full
        return Foreseen(self.name, lower, self.repeats * each, pulses_of([own]))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """In the array where its lines are shared, else crosspoint by crosspoint."""
        if self.method == "array" and not crosspoints.shares_lines:
            raise InputError(
                f"{crosspoints.name} is no block whose rows and columns are the lines of a crossbar, so nobody sees "
                "half of its pulses; give a block of a crossbar station, or method = emulated"
            )
        if self.method != "emulated" and crosspoints.shares_lines:
            return (yield from self._in_array(crosspoints))
        return (yield from self._emulated(crosspoints))

    def _emulated(self, crosspoints: Crosspoints) -> Steps:
        """Half up, half down, wait, full up, full down, wait; a level after each."""
        half, watch = pair_at(self.fraction, crosspoints.pulses), self.watch(crosspoints)
        yield from watch.rest(LEVEL, self.reads)
        for _ in range(self.repeats):
            for phase, count, pair in ((HALF, self.pulses, half), (FULL, self.full, crosspoints.pulses)):
                for direction in (1, -1):
                    yield from watch.apply(phase, self._at_once(direction * count), pair)
                yield from watch.rest(CONTROL, self.reads)
            if not watch.active:
                break
        return watch.reason(
            f"emulated on each crosspoint by itself: {self.repeats} times {self.pulses} half-selected and {self.full} "
            "full pulses each way are applied"
        )

    def checks(self) -> IntArray:
        """Numbers of pulses after which the block of an array is read: log-spaced, the last one all of them."""
        count = max(2, round(self.per_decade * float(np.log10(self.pulses))) + 1)
        return np.unique(np.round(np.geomspace(1, self.pulses, count)).astype(np.int64))

    def selected(self, shape: tuple[int, int]) -> list[Cell]:
        """Crosspoints that are selected in a block; on the diagonal every line of either kind has its turn."""
        rows, columns = shape
        if self.select == "each":
            return [(row, column) for row, column in np.ndindex(rows, columns)]
        if self.select == "diagonal":
            return [(k % rows, k % columns) for k in range(max(rows, columns))]
        if self.row >= rows or self.column >= columns:
            raise InputError(
                f"row {self.row}, column {self.column} is outside of a block of {rows} x {columns}; they count from 0"
            )
        return [(self.row, self.column)]

    def _in_array(self, crosspoints: Crosspoints) -> Steps:
        """Selected crosspoint by selected crosspoint, `repeats` times."""
        cells, watch = self.selected(crosspoints.shape), self.watch(crosspoints)
        yield from watch.rest(LEVEL, self.reads)
        for _ in range(self.repeats):
            for cell in cells:
                if watch.going[cell]:
                    yield from self._select(watch, cell)
            if not any(watch.going[cell] for cell in cells):
                break
        return watch.reason(
            f"in the array: {len(cells)} crosspoints are selected {self.repeats} times for {self.pulses} pulses each "
            "way, with their neighbours looked at"
        )

    def _select(self, watch: Watch, cell: Cell) -> Generator[Points, None, None]:
        """Pulses up and down on one crosspoint, the block read; nothing; full pulses on each of its neighbours."""
        rows, columns = watch.crosspoints.shape
        bursts = np.diff(self.checks(), prepend=0)
        for phase, direction in ((SELECTED_UP, 1), (SELECTED_DOWN, -1)):
            counts = np.zeros((len(bursts) * self.reads, rows, columns), dtype=np.int64)
            counts[(slice(None, None, self.reads), *cell)] = direction * bursts
            yield from watch.apply(phase, counts)
        yield from watch.rest(CONTROL, self.reads)
        for other in [(cell[0], k) for k in range(columns)] + [(k, cell[1]) for k in range(rows)]:
            if other != cell and watch.going[other]:
                view = watch.crosspoints[other]
                yield from only(watch, other, at_rest(view, FULL, self.reads))
                for direction in (1, -1):
                    yield from only(watch, other, apply(view, FULL, self._at_once(direction * self.full)))
        yield from watch.rest(LEVEL, self.reads)

    def _at_once(self, count: int) -> IntArray:
        counts = np.zeros(self.reads, dtype=np.int64)
        counts[0] = count
        return counts

    def analyse(self, series: Series) -> dict[str, Any]:
        """Of an emulation: change per half-selected and per full pulse, and their ratio."""
        if half_selected_array.on_array(series):
            return {"verdict": "One crosspoint does not tell which others were selected; the numbers are the block's."}
        return half_selected.result(series)

    def results(self, series: Series) -> dict[str, Any]:
        """Of a run in an array each crosspoint as neighbour of those that were selected, and the means of the block."""
        if half_selected_array.on_array(series):
            return half_selected_array.results(series)
        return super().results(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Of an emulation: change per pulse, half and full, repeat by repeat."""
        from protocols.analysis.disturb.half_selected_figures import figures

        return figures(series)

    def block_figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Change of neighbours and of others against the pulses on the selected crosspoint."""
        from protocols.analysis.disturb.half_selected_figures import block_figures

        return block_figures(series)
