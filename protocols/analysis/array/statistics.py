"""Statistics of an array: level, noise, swing and steps of each crosspoint, its faults; yield and spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.analysis.program.outcome import wilson
from protocols.common.protocol import Series, known_counts

REST, UP_PHASE, DOWN_PHASE = "rest", "up", "down"
_QUANTITIES = ("conductance", "swing", "step_up", "step_down")


@dataclass(frozen=True)
class Judge:
    """What a working crosspoint is: its level [unit] within bounds, its swing `significance` errors above zero."""

    lowest: float | None
    highest: float | None
    significance: float

    def of_level(self, readings: FloatArray) -> str:
        """What is wrong with a level; empty where nothing is."""
        good = readings[np.isfinite(readings)]
        if not good.size:
            return "no reading has a number"
        level = float(good.mean())
        if self.lowest is not None and level < self.lowest:
            return "open"
        if self.highest is not None and level > self.highest:
            return "shorted"
        return ""

    def of_swing(self, swing: float, std: float) -> str:
        """What is wrong with a swing."""
        if not math.isfinite(swing):
            return "not pulsed"
        if swing > self.significance * std:
            return ""
        return "moves the wrong way" if swing < -self.significance * std else "stuck"


def crosspoint(series: Series, judge: Judge) -> dict[str, Any]:
    """Numbers of one crosspoint.

    The swing is the mean conductance at the ends of ramps up less that at the ends of ramps down, its error
    σ_r √(1/n_up + 1/n_down) with the read noise σ_r of a reading at rest; a step the change over a ramp per pulse.
    """
    g, unit = series.readings.conductance[:, 0, 0], series.unit
    rest = g[(series.phases == REST) & np.isfinite(g)]
    if rest.size < 3:
        wrong = "no reading has a number"
        return {"works": False, "wrong": wrong, "pulses": 0, "verdict": f"It does not work: {wrong}."}
    noise = float(rest.std(ddof=1))
    ends = {phase: _ends(series, phase) for phase in (UP_PHASE, DOWN_PHASE)}
    up, down = ends[UP_PHASE], ends[DOWN_PHASE]
    enough = up.size and down.size
    swing = float(up.mean() - down.mean()) if enough else math.nan
    swing_std = noise * math.sqrt(1 / up.size + 1 / down.size) if enough else math.nan
    wrong = judge.of_level(g[series.phases == REST]) or judge.of_swing(swing, swing_std)
    numbers: dict[str, Any] = {
        "works": not wrong,
        "wrong": wrong or None,
        "pulses": int(np.sum(np.abs(known_counts(series.counts)))),
        f"conductance_{unit}": float(rest.mean()),
        f"conductance_std_{unit}": noise / math.sqrt(rest.size),
        f"noise_{unit}": noise,
        f"noise_std_{unit}": noise / math.sqrt(2 * (rest.size - 1)),
        f"swing_{unit}": swing,
        f"swing_std_{unit}": swing_std,
    }
    for name, phase in (("up", UP_PHASE), ("down", DOWN_PHASE)):
        step, std = _steps(series, phase, noise)
        numbers |= {f"step_{name}_{unit}": step, f"step_{name}_std_{unit}": std}
    shown = value_text(swing, swing_std, unit)
    return plain(numbers | {"verdict": f"It does not work: {wrong}." if wrong else f"It works, and swings by {shown}."})


def _ramps(series: Series, phase: str) -> list[slice]:
    return [slice(a, b) for name, a, b in stretches(series.phases) if name == phase]


def _ends(series: Series, phase: str) -> FloatArray:
    """The last reading of every ramp that pulsed."""
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    ends = np.array([g[part][-1] for part in _ramps(series, phase) if np.all(counts[part] != 0)])
    return ends[np.isfinite(ends)] if ends.size else ends


def _steps(series: Series, phase: str, noise: float) -> tuple[float, float]:
    """Mean change per pulse between the first and the last reading of ramps, and its error from the read noise."""
    g, counts = series.readings.conductance[:, 0, 0], np.abs(known_counts(series.counts[:, 0, 0]))
    steps: list[float] = []
    pulses: list[int] = []
    for part in _ramps(series, phase):
        n = int(counts[part][1:].sum())
        if n and np.isfinite(g[part][-1] - g[part][0]):
            steps.append(float(g[part][-1] - g[part][0]) / n)
            pulses.append(n)
    if not steps:
        return math.nan, math.nan
    return float(np.mean(steps)), noise * math.sqrt(2) / float(np.mean(pulses)) / math.sqrt(len(steps))


def spread(values: FloatArray, std: FloatArray) -> dict[str, float | None]:
    """Mean, device-to-device standard deviation √(Var − mean squared error) and their errors; quartiles.

    The error of the deviation is s/√(2(n − 1)), as for normal values.
    """
    n = values.size
    if n < 2:
        return {"mean": float(values[0]) if n else None, "mean_std": None, "spread": None, "spread_std": None}
    s = float(values.std(ddof=1))
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {
        "mean": float(values.mean()),
        "mean_std": s / math.sqrt(n),
        "spread": math.sqrt(max(s**2 - float(np.mean(std**2)), 0.0)),
        "spread_std": s / math.sqrt(2 * (n - 1)),
        "quartile_low": low,
        "median": middle,
        "quartile_high": high,
    }


def with_block(found: dict[str, Any], unit: str) -> dict[str, Any]:
    """The results of a block with yield (Wilson's 95 % interval) and the spread over crosspoints that work."""
    each: list[dict[str, Any]] = found["crosspoints"]
    working = [one for one in each if one["works"]]
    low, high = wilson(len(working), len(each))
    wrong: dict[str, int] = {}
    for one in each:
        if one["wrong"]:
            wrong[one["wrong"]] = wrong.get(one["wrong"], 0) + 1
    block: dict[str, Any] = {
        "size": len(each),
        "working": len(working),
        "yield": len(working) / len(each),
        "yield_low": low,
        "yield_high": high,
        "wrong": wrong,
    }
    for name in _QUANTITIES:
        pairs = [(one[f"{name}_{unit}"], one[f"{name}_std_{unit}"]) for one in working]
        pairs = [pair for pair in pairs if pair[0] is not None and pair[1] is not None]
        values: FloatArray = np.array([value for value, _ in pairs], dtype=np.float64)
        std: FloatArray = np.array([error for _, error in pairs], dtype=np.float64)
        block[name] = {f"{key}_{unit}": value for key, value in spread(values, std).items()}
    said = f"{len(working)} of {len(each)} crosspoints work ({100 * low:.0f} to {100 * high:.0f} % at 95 %)"
    reasons = ", ".join(f"{count} {why}" for why, count in sorted(wrong.items()))
    return {"verdict": f"{said}{'; ' + reasons if reasons else ''}.", "block": plain(block), **found}
