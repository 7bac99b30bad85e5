"""I-V sweep: both polarities, out and back under current limits, cycle after cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, FloatArray
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.units import Amperes, Seconds, Volts, text
from protocols.analysis.iv import outcome as iv_outcome
from protocols.analysis.iv.foreign import sweeps
from protocols.analysis.iv.loops import BACK, NEGATIVE, OUT, POSITIVE, Loops, is_measured, largest_step, phase_of
from protocols.common.cycles import Cycles
from protocols.common.holding import MOST_LEVELS, hold, staircase
from protocols.common.protocol import Foreign, Series, Steps
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class IVSweep(Stoppable):
    """Settings of `iv-sweep`: a cycle goes out and back on one polarity, then on the other."""

    name: ClassVar[str] = "iv-sweep"
    title: ClassVar[str] = "current against voltage, out and back: set and reset voltages, hysteresis, on and off"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("read_voltage", "change", "abrupt")

    highest: Volts = Field(default=1.5, ge=0, description="end of the positive branch; 0 V leaves it out")
    lowest: Volts = Field(default=-1.5, le=0, description="end of the negative branch; 0 V leaves it out")
    step: Volts = Field(default=0.05, gt=0, description="voltage step at most: the error of one set voltage")
    cycles: int = Field(default=5, ge=1, description="times both branches out and back")
    first: Literal["positive", "negative"] = Field(default="positive", description="branch that a cycle begins with")
    dwell: Seconds = Field(default=0.0, ge=0, description="time at each voltage before it is measured")
    compliance: Amperes = Field(default=100e-6, gt=0, description="current limit of the positive branch")
    compliance_negative: Amperes | None = Field(
        default=None, gt=0, description="current limit of the negative branch; that of the positive if not given"
    )
    read_voltage: Volts = Field(default=0.1, gt=0, description="voltage at which on and off are told")
    change: float = Field(
        default=1.5, gt=1, description="factor by which the conductance changes where a branch switches"
    )
    abrupt: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="a switch is abrupt with this share of the change, in logarithm, in one step",
    )

    def branches(self) -> list[tuple[str, FloatArray]]:
        """(phase, voltages [V]) of the branches of a cycle; both begin and end next to 0 V, where there is no G."""
        sides = [(POSITIVE, self.highest), (NEGATIVE, self.lowest)]
        parts: list[tuple[str, FloatArray]] = []
        for polarity, end in sides if self.first == POSITIVE else sides[::-1]:
            if end:
                out = staircase(0.0, end, self.step)[1:]
                parts += [(phase_of(polarity, OUT), out), (phase_of(polarity, BACK), out[::-1])]
        if not parts:
            raise InputError("highest and lowest are both 0 V, which leaves nothing to sweep; give one of them")
        if min(abs(v).max() for _, v in parts) <= self.read_voltage:
            raise InputError(f"read_voltage {text(self.read_voltage, 'V')} is not within the sweep; give a smaller one")
        if sum(len(v) for _, v in parts) > MOST_LEVELS:
            raise InputError(f"a cycle of {sum(len(v) for _, v in parts)} levels is above {MOST_LEVELS}; step wider")
        return parts

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All cycles of all crosspoints, one after the other."""
        return shape[0] * shape[1] * self.cycles * sum(len(volts) for _, volts in self.branches())

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All cycles."""
        down = self.compliance_negative or self.compliance
        volts = [v for _, part in self.branches() for v in part.tolist()] * self.cycles
        held = tuple((v, self.compliance if v > 0 else down) for v in volts)
        return Foreseen(self.name, "cycles, or widen step", levels=held, waits=self.dwell * len(held))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Crosspoint after crosspoint, a cycle one sweep."""
        if crosspoints.unit != "S":
            raise InputError("iv-sweep needs crosspoints in siemens; these have no current")
        parts, watch = self.branches(), self.watch(crosspoints)
        volts = np.concatenate([v for _, v in parts])
        phases = [phase for phase, v in parts for _ in v]
        limits = np.where(volts > 0, self.compliance, self.compliance_negative or self.compliance)
        dwell = np.full(volts.shape, self.dwell)
        for row, column in np.ndindex(*crosspoints.shape):
            for _ in range(self.cycles):
                if watch.going[row, column]:
                    yield from hold(watch, (row, column), phases, volts, limits, dwell)
        return watch.reason(f"all {self.cycles} cycles are done")

    def loops(self, series: Series) -> Loops:
        """The cycles of one crosspoint."""
        if is_measured(series):
            return Loops.measured(series, self.read_voltage, self.change)
        return Loops.of(series, self.branches(), self.read_voltage, self.change)

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Voltages that go out and back, with their currents."""
        return sweeps(series, cycles, self.read_voltage)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Set and reset voltages, on and off, hysteresis, and which switches were abrupt."""
        step = largest_step(series) if is_measured(series) else self.step
        return iv_outcome.result(self.loops(series), step, self.abrupt)

    def results(self, series: Series) -> dict[str, Any]:
        """Of a block also means and device-to-device spread."""
        found = super().results(series)
        return iv_outcome.with_block(found) if "crosspoints" in found else found

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Current against voltage; set and reset voltages, on and off from cycle to cycle."""
        from protocols.analysis.iv.figures import figures

        return figures(self.loops(series), result)

    def block_figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Set and reset voltages of a block as cumulative distributions."""
        from protocols.analysis.iv.figures import block_figures

        return block_figures(result)
