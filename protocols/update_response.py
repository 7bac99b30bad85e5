"""Update response: ramps of pulses up and down with a reading after each; gives ΔG±(G)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, Pulse, PulsePair
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Seconds, Volts, text
from instruments.value_text import value_text
from protocols.analysis.common.changes import states_of
from protocols.analysis.common.fitted_series import crossings
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.analysis.update.crossing import as_dict
from protocols.analysis.update.delta_g import DeltaG, delta_g
from protocols.analysis.update.foreign import ramps_up_and_down
from protocols.analysis.update.ramp_shape import straightness
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series, Steps, known_counts
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ENDS = 5  # states averaged at the end of a ramp


class UpdateResponse(Stoppable):
    """Settings of `update-response`: a cycle is `pulses` up and `pulses` down, or the other way round.

    Pulses of a ramp are identical, or their voltage or width grows evenly from the first to the last.
    """

    name: ClassVar[str] = "update-response"
    title: ClassVar[str] = "pulse up and down, read after every pulse: steps, dynamic range and noise"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("bins", "ramp")

    pulses: int = Field(default=500, ge=4, description="pulses of a ramp")
    cycles: int = Field(default=3, ge=1, description="times up and down")
    reads: int = Field(
        default=1, ge=1, description="readings after every pulse; 2 or more tell read noise from write noise"
    )
    first: Literal["up", "down"] = Field(default="up", description="direction of the first ramp")
    ramp: Literal["identical", "voltage", "width"] = Field(
        default="identical", description="pulses of a ramp: identical, or growing in voltage or width"
    )
    lowest: Volts | None = Field(
        default=None, gt=0, description="voltage ramp: first pulse up; 60 % of the station's if not given"
    )
    highest: Volts | None = Field(
        default=None, gt=0, description="voltage ramp: last pulse up; the station's if not given"
    )
    shortest: Seconds | None = Field(
        default=None, gt=0, description="width ramp: first pulse up; a tenth of the station's if not given"
    )
    longest: Seconds | None = Field(
        default=None, gt=0, description="width ramp: last pulse up; the station's if not given"
    )
    rest: int = Field(default=20, ge=1, description="readings before the first pulse")
    bins: int = Field(default=20, ge=4, description="bins of ΔG±(G) over the range covered")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All ramps, and the readings before."""
        return self.rest + 2 * self.cycles * self.pulses * self.reads

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All ramps."""
        pairs = [pair or crosspoints.pulses for pair, _ in self.pairs(crosspoints.pulses)]
        most = self.stopped_at(2 * self.cycles * self.pulses)
        return Foreseen(self.name, "pulses or cycles", most, pulses_of(pairs))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Ramp after ramp."""
        pairs, watch = self.pairs(crosspoints.pulses), self.watch(crosspoints)
        yield from watch.rest("rest", self.rest)
        ramps = (("up", 1), ("down", -1)) if self.first == "up" else (("down", -1), ("up", 1))
        for _ in range(self.cycles):
            for phase, direction in ramps:
                for pair, pulses in pairs:
                    counts = np.zeros((pulses, self.reads), dtype=np.int64)
                    counts[:, 0] = direction
                    yield from watch.apply(phase, counts.ravel(), pair)
        return watch.reason(f"all {self.cycles} cycles of {self.pulses} pulses up and {self.pulses} down are done")

    def pairs(self, station: PulsePair) -> list[tuple[PulsePair | None, int]]:
        """Pulses of a ramp, each with how many of it follow each other; None is the pair of the station.

        Pulses down grow in the same proportion. `InputError` for a ramp that runs backwards.
        """
        if self.ramp == "identical":
            return [(None, self.pulses)]
        if self.ramp == "voltage":
            own, unit, first, last, share = abs(station.up.voltage), "V", self.lowest, self.highest, 0.6
        else:
            own, unit, first, last, share = station.up.width, "s", self.shortest, self.longest, 0.1
        last = last if last is not None else max(own, first or 0.0)
        first = first if first is not None else share * last
        if first > last:
            raise InputError(f"the ramp runs from {text(first, unit)} down to {text(last, unit)}; swap them")
        levels = (np.linspace(first, last, self.pulses) / own).tolist()
        return [(_scaled(station, self.ramp, level), 1) for level in levels]

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """Ramps of pulses of one pair, or of pulses that grow."""
        return ramps_up_and_down(series, cycles)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Dynamic range, steps at mid-range, symmetry points, noise, and the table of ΔG±(G)."""
        unit, table = series.unit, self._table(series)
        numbers: dict[str, Any] = {
            "pulses": int(np.sum(np.abs(known_counts(series.counts)))),
            "readings": len(series),
            "dynamic_range": _dynamic_range(series),
            "departure_from_straight": straightness(series),
            "step_at_mid_range": None if table is None else _mid_step(table, unit),
            "symmetry_points": [] if table is None else [as_dict(point, unit) for point in crossings(table.fit)],
            "noise": None if table is None or table.noise is None else _noise(table, unit),
            "delta_g": None if table is None else table.table(unit),
        }
        return plain(numbers | {"verdict": _verdict(numbers, unit, self.ramp)})

    def _table(self, series: Series) -> DeltaG | None:
        """Steps against conductance; None where pulses grow, because a step then tells of the pulse, too."""
        return delta_g(series, self.bins) if self.ramp == "identical" else None

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """The trace, and ΔG±(G) with error bars."""
        from protocols.analysis.update.figures import shape_figure, step_figure, trace_figure

        shape = [] if self.ramp == "identical" else shape_figure(series)
        return [trace_figure(series), *shape, *step_figure(self._table(series), series.unit)]


def _scaled(station: PulsePair, what: str, level: float) -> PulsePair:
    """The station's pulses with their voltage or width times `level`."""
    if what == "voltage":
        up, down = (Pulse(one.voltage * level, one.width) for one in (station.up, station.down))
    else:
        up, down = (Pulse(one.voltage, one.width * level) for one in (station.up, station.down))
    return PulsePair(up, down)


def _dynamic_range(series: Series) -> dict[str, Any] | None:
    """Mean conductance at the ends of ramps up and down: means of 5 states, errors from the scatter over ramps.

    With one ramp of a direction the error is the scatter of the 5 states about their slope, over √5.
    """
    unit, up, down = series.unit, _ramp_ends(series, "up"), _ramp_ends(series, "down")
    if up is None or down is None:
        return None
    (high, high_std), (low, low_std) = up, down
    ratio = high / low if low else math.nan
    return {
        f"high_{unit}": high,
        f"high_std_{unit}": high_std,
        f"low_{unit}": low,
        f"low_std_{unit}": low_std,
        f"range_{unit}": high - low,
        f"range_std_{unit}": math.hypot(high_std, low_std),
        "ratio": ratio if low > 3 * low_std else None,
        "ratio_std": abs(ratio) * math.hypot(high_std / high, low_std / low) if low > 3 * low_std else None,
    }


def _ramp_ends(series: Series, phase: str) -> tuple[float, float] | None:
    """Mean and standard error of the conductance where ramps of a phase end."""
    means: list[float] = []
    scatter = math.nan
    for found, first, last in stretches(series.phases):
        if found != phase:
            continue
        chosen = np.zeros(len(series), dtype=bool)
        chosen[first:last] = True
        g = states_of(series.where(chosen)).conductance
        g = g[np.isfinite(g)]
        if g.size >= _ENDS:
            means.append(float(g[-_ENDS:].mean()))
            scatter = float(np.diff(g[-4 * _ENDS :]).std()) / math.sqrt(2 * _ENDS)
    if not means:
        return None
    if len(means) == 1:
        return means[0], scatter
    return float(np.mean(means)), max(float(np.std(means, ddof=1)), scatter) / math.sqrt(len(means))


def _mid_step(table: DeltaG, unit: str) -> dict[str, Any] | None:
    """Steps in the middle of the range, from the bins next to it, and their ratio |down|/up."""
    middle = (table.edges[0] + table.edges[-1]) / 2
    both = np.flatnonzero(np.isfinite(table.up_std) & np.isfinite(table.down_std))
    if both.size < 2:
        return None
    near = both[np.argsort(np.abs(table.centre[both] - middle))[: min(4, both.size)]]

    def mean(values: np.ndarray[Any, Any], errors: np.ndarray[Any, Any]) -> tuple[float, float]:
        weights = 1 / np.maximum(errors[near], 1e-300) ** 2
        return float(values[near] @ weights / weights.sum()), float(1 / math.sqrt(weights.sum()))

    (up, up_std), (down, down_std) = mean(table.up, table.up_std), mean(table.down, table.down_std)
    resolved = abs(up) > 2 * up_std
    ratio = -down / up if resolved else None
    return {
        f"conductance_{unit}": float(table.centre[near].mean()),
        f"up_{unit}": up,
        f"up_std_{unit}": up_std,
        f"down_{unit}": down,
        f"down_std_{unit}": down_std,
        "asymmetry_ratio": ratio,
        "asymmetry_ratio_std": None if ratio is None else math.hypot(down_std / up, ratio * up_std / up),
    }


def _noise(table: DeltaG, unit: str) -> dict[str, Any]:
    noise = table.noise
    assert noise is not None
    return {
        f"read_{unit}": noise.read,
        f"read_std_{unit}": noise.read_std,
        f"write_{unit}": noise.write,
        f"write_std_{unit}": noise.write_std,
        "cycle_to_cycle": noise.relative,
        "cycle_to_cycle_std": noise.relative_std,
    }


def _verdict(numbers: dict[str, Any], unit: str, ramp: str) -> str:
    """What the run says, in a sentence or two."""
    window, points = numbers["dynamic_range"], numbers["symmetry_points"]
    if window is None:
        return "Too few readings for a dynamic range: at least 5 states in either direction are needed."
    low = value_text(window[f"low_{unit}"], window[f"low_std_{unit}"], unit)
    high = value_text(window[f"high_{unit}"], window[f"high_std_{unit}"], unit)
    sentence = f"Ramps end at {low} and {high}"
    if ramp != "identical":
        return f"{sentence}; pulses grow in {ramp}, {_straight(numbers['departure_from_straight'])}."
    if not points:
        return f"{sentence}; steps up and down are not resolved to cancel anywhere in this range."
    named = [
        f"{value_text(p[f'conductance_{unit}'], p[f'std_{unit}'], unit)} ({'stable' if p['stable'] else 'unstable'})"
        for p in points
    ]
    return f"{sentence}; steps up and down cancel at {', '.join(named)}."


def _straight(found: dict[str, Any]) -> str:
    parts = [
        f"{phase} by {value_text(100 * found[phase], 100 * (found[f'{phase}_std'] or math.nan), '')} %"
        for phase in ("up", "down")
        if found[phase] is not None
    ]
    return f"ramps depart from a straight line {' and '.join(parts)} of the range" if parts else "ramps are too short"
