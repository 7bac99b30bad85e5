"""Forming: raises a voltage step by step under a current limit, and reads at low voltage after each step."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, FloatArray
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.units import Amperes, Seconds, Siemens, Volts, text
from protocols.analysis.forming import outcome as forming_outcome
from protocols.analysis.forming.outcome import BEFORE, FORM, READ, Criterion
from protocols.common.holding import MOST_LEVELS, hold, staircase
from protocols.common.protocol import Points, Series, Steps
from protocols.common.watch import Stoppable, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Forming(Stoppable):
    """Settings of `forming`; the sign of `start` and `stop` is that of the forming voltage."""

    name: ClassVar[str] = "forming"
    title: ClassVar[str] = "raise the voltage under a current limit until a filament forms, reading in between"
    not_foreign: ClassVar[str] = "which readings belong to which voltage that was held is only told by its own run"

    start: Volts = Field(default=1.0, description="first voltage")
    stop: Volts = Field(default=3.5, description="last voltage; it ends there, formed or not")
    step: Volts = Field(default=0.05, gt=0, description="voltage step at most: the error of the forming voltage")
    dwell: Seconds = Field(default=0.05, ge=0, description="time at each voltage before the current is measured")
    compliance: Amperes = Field(default=20e-6, gt=0, description="current limit: what stops the filament from growing")
    read_voltage: Volts = Field(default=0.1, description="bias of the readings between the steps")
    reads: int = Field(default=3, ge=2, description="readings before the first step and after every step")
    formed: Siemens = Field(default=5e-6, gt=0, description="formed when it reads at least this")
    jump: float = Field(default=20.0, gt=1, description="or when it reads so many times what it read at first")

    def levels(self) -> FloatArray:
        """The voltages [V] to form at; `InputError` where they are none."""
        if self.start * self.stop <= 0 or abs(self.start) > abs(self.stop):
            raise InputError(
                f"start {text(self.start, 'V')} and stop {text(self.stop, 'V')} are no ramp away from 0 V; give both "
                "one sign and stop the larger magnitude"
            )
        if abs(self.read_voltage) >= abs(self.start):
            raise InputError(
                f"read_voltage {text(self.read_voltage, 'V')} is not below start {text(self.start, 'V')}; "
                "a reading must not be able to form"
            )
        levels = staircase(self.start, self.stop, self.step)
        if levels.size * (1 + self.reads) > MOST_LEVELS:
            raise InputError(f"{levels.size} steps of {1 + self.reads} readings are above {MOST_LEVELS}; step wider")
        return levels

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All steps on all crosspoints, one after the other."""
        return self.reads + shape[0] * shape[1] * len(self.levels()) * (1 + self.reads)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All steps, with the readings in between."""
        held = [(volts, self.compliance) for volts in self.levels().tolist()]
        held += [(self.read_voltage, self.compliance)] * (len(held) * self.reads)
        waits = self.dwell * len(self.levels())
        return Foreseen(self.name, "stop, or widen step", levels=tuple(held), waits=waits)

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Crosspoint after crosspoint; one that is formed already is left alone."""
        if crosspoints.unit != "S":
            raise InputError("forming needs crosspoints in siemens; these have no current")
        levels, watch, criterion = self.levels(), self.watch(crosspoints), self.criterion()
        before = yield from watch.rest(BEFORE, self.reads)
        level = before.conductance.mean(axis=0)
        for row, column in np.argwhere(watch.going).tolist():
            g = float(level[row, column])
            if g >= self.formed:
                watch.end(row, column, f"it reads {text(g, 'S')}: formed already (from {text(self.formed, 'S')} on)")
            elif not np.isfinite(g):
                watch.end(row, column, "it gives no reading")
        outcome = {"formed": 0, "not formed": 0}
        for row, column in np.argwhere(watch.going).tolist():
            done = yield from self._ramp(watch, (row, column), levels, criterion.of(before.conductance[:, row, column]))
            outcome["formed" if done else "not formed"] += watch.going[row, column] or done
        said = f"{outcome['formed']} formed"
        if outcome["not formed"]:
            said += f", {outcome['not formed']} not formed up to {text(self.stop, 'V')}"
        return watch.reason(said)

    def _ramp(
        self, watch: Watch, cell: tuple[int, int], levels: FloatArray, threshold: float
    ) -> Generator[Points, None, bool]:
        """Hold and read in turn until the readings pass the threshold [S]; whether they did."""
        reads = self.reads
        volts = np.column_stack([levels, np.full((len(levels), reads), self.read_voltage)]).ravel()
        dwell = np.tile([self.dwell, *[0.0] * reads], len(levels))
        compliance = np.full(len(volts), self.compliance)
        steps = hold(watch, cell, [FORM, *[READ] * reads] * len(levels), volts, compliance, dwell)
        seen: list[float] = []
        try:
            for points in steps:
                yield points
                seen = [] if points.phase == FORM else [*seen, float(points.readings.conductance[(0, *cell)])]
                if len(seen) == reads and float(np.mean(seen)) >= threshold:
                    return True
        finally:
            steps.close()
        return False

    def criterion(self) -> Criterion:
        """What counts as formed."""
        return Criterion(self.formed, self.jump)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Forming voltage with its error, and what it read before and after."""
        return forming_outcome.result(series, self.levels(), self.reads, self.criterion())

    def results(self, series: Series) -> dict[str, Any]:
        """Of a block also yield, mean forming voltage and its spread."""
        found = super().results(series)
        return forming_outcome.with_block(found) if "crosspoints" in found else found

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Current while forming and conductance read in between, against voltage."""
        from protocols.analysis.forming.figures import figures

        return figures(series, self.levels(), self.reads, self.criterion())

    def block_figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Forming voltages of a block as a cumulative distribution."""
        from protocols.analysis.forming.figures import block_figures

        return block_figures(result)
