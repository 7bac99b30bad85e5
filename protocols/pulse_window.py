"""Pulse window: steps against pulse voltage and width in both polarities, smallest dose first."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, FloatArray, Pulse, PulsePair, Readings
from instruments.errors import InputError, LimitError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Seconds, Volts, text
from protocols.analysis.pulse_window import grid as pulse_grid
from protocols.analysis.pulse_window.foreign import pulses_of_shapes
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Points, Series, Steps
from protocols.common.watch import Stoppable, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REST = "rest"
GRID = "grid"
_MOST = 10_000  # pulses with readings; beyond that a grid is a slip of the pen


class PulseWindow(Stoppable):
    """Settings of `pulse-window`: a grid of voltages and widths; what is not given follows the station's pulses."""

    name: ClassVar[str] = "pulse-window"
    title: ClassVar[str] = "steps against pulse voltage and width, smallest dose first"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("largest_step",)

    lowest: Volts | None = Field(
        default=None, gt=0, description="smallest magnitude; 60 % of the station's if not given"
    )
    highest: Volts | None = Field(default=None, gt=0, description="largest magnitude; the station's if not given")
    voltages: int = Field(default=5, ge=1, description="voltages from lowest to highest, evenly spaced")
    shortest: Seconds | None = Field(
        default=None, gt=0, description="shortest pulse; a fifth of the station's if not given"
    )
    longest: Seconds | None = Field(default=None, gt=0, description="longest pulse; the station's if not given")
    widths: int = Field(default=3, ge=1, description="widths from shortest to longest, evenly spaced on a log scale")
    repeats: int = Field(default=15, ge=3, description="pulses up, and as many down, at every voltage and width")
    reads: int = Field(default=2, ge=1, description="readings after every pulse")
    largest_step: float = Field(
        default=0.3,
        gt=0,
        description="no larger dose for a crosspoint whose mean step passes this share of its conductance",
    )

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """The whole grid."""
        return self.reads + self.voltages * self.widths * 2 * self.repeats * self.reads

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """The whole grid; of its pulses the smallest, since the run ends where the limits of the station begin."""
        pairs = list(self.grid(crosspoints.pulses))
        most = self.stopped_at(len(pairs) * 2 * self.repeats)
        return Foreseen(self.name, "repeats, voltages or widths", most, pulses_of(pairs[:1]))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """One pair of pulses after the other; within a pair up and down take turns, so that it stays where it is."""
        pairs = list(self.grid(crosspoints.pulses))
        watch = self.watch(crosspoints)
        yield from watch.rest(REST, self.reads)
        for done, pair in enumerate(pairs):
            if not watch.active:
                break
            try:
                readings = yield from self._at(watch, pair)
            except LimitError as error:
                if not done:
                    raise
                return watch.reason(f"stopped after {done} of {len(pairs)} pulse shapes: {error}")
            self._spare(watch, readings, pair)
        return watch.reason(f"all {len(pairs)} pulse shapes are applied")

    def grid(self, station: PulsePair) -> Iterator[PulsePair]:
        """Pulse pairs by voltage, then by width: an effect grows exponentially with the one, as a power of the other.

        Signs are those of the station's pulses. Raises `InputError` for a grid that runs backwards or is too large.
        """
        top = max(abs(station.up.voltage), abs(station.down.voltage))
        long = max(station.up.width, station.down.width)
        high = self.highest if self.highest is not None else max(top, self.lowest or 0.0)
        low = self.lowest if self.lowest is not None else 0.6 * high
        longest = self.longest if self.longest is not None else max(long, self.shortest or 0.0)
        shortest = self.shortest if self.shortest is not None else longest / 5
        if low > high or shortest > longest:
            raise InputError(
                f"the grid runs from {text(low, 'V')} to {text(high, 'V')} and from {text(shortest, 's')} to "
                f"{text(longest, 's')}; give the smaller ones as lowest and shortest"
            )
        pulses = self.voltages * self.widths * self.repeats * 2
        if pulses > _MOST:
            raise InputError(
                f"{self.voltages} voltages x {self.widths} widths x {self.repeats} repeats both ways are {pulses} "
                f"pulses, above {_MOST}; make the grid coarser, or several runs of it"
            )
        signs = math.copysign(1, station.up.voltage), math.copysign(1, station.down.voltage)
        volts = np.linspace(low, high, self.voltages) if self.voltages > 1 else np.array([high])
        widths = np.geomspace(shortest, longest, self.widths) if self.widths > 1 else np.array([longest])
        for v, w in product(volts.tolist(), widths.tolist()):
            yield PulsePair(Pulse(signs[0] * v, w), Pulse(signs[1] * v, w))

    def _at(self, watch: Watch, pair: PulsePair) -> Generator[Points, None, Readings]:
        counts = np.zeros((2 * self.repeats, self.reads), dtype=np.int64)
        counts[0::2, 0], counts[1::2, 0] = 1, -1
        return (yield from watch.apply(GRID, counts.ravel(), pair))

    def _spare(self, watch: Watch, readings: Readings, pair: PulsePair) -> None:
        """No larger dose where a pulse of this one moves the conductance too far already."""
        g = readings.conductance
        if len(g) < 2 * self.reads:
            return
        states = _states(g, self.reads)
        moved = np.abs(np.diff(states, axis=0)).mean(axis=0)
        share = moved / np.maximum(np.abs(states.mean(axis=0)), np.finfo(float).tiny)
        for row, column in np.argwhere(share > self.largest_step).tolist():
            watch.end(
                row, column,
                f"a pulse of {text(abs(pair.up.voltage), 'V')} for {text(pair.up.width, 's')} moves it by "
                f"{100 * share[row, column]:.0f} % of its conductance (largest_step {100 * self.largest_step:.0f} %)",
            )  # fmt: skip

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Single pulses of several voltages or widths."""
        return pulses_of_shapes(series, cycles)

    def analyse(self, series: Series) -> dict[str, Any]:
        """The table of steps, and how steps grow with voltage and width."""
        return pulse_grid.result(series, self.largest_step)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Steps against voltage, one line a width, both polarities; and the map."""
        from protocols.analysis.pulse_window.figures import figures

        finite = series.readings.conductance[np.isfinite(series.readings.conductance)]
        return figures(series, self.largest_step * abs(float(np.median(finite)))) if finite.size else []


def _states(g: FloatArray, reads: int) -> FloatArray:
    whole = len(g) // reads * reads
    return np.asarray(g[:whole].reshape(-1, reads, *g.shape[1:]).mean(axis=1))
