"""Disturb: paired changes with and without stress, for readings and for half-selected pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series

LEVEL, STRESS, CONTROL = "level", "stress", "control"


@dataclass(frozen=True)
class Changes:
    """Changes [unit] under each stress and during the wait after it, (n,) each; `reads` of one stress and its level."""

    stress: FloatArray
    control: FloatArray
    reads: float
    time: FloatArray

    @property
    def excess(self) -> FloatArray:
        """Change under stress beyond that of the wait, pair by pair."""
        return self.stress - self.control


def read_changes(series: Series) -> Changes:
    """From levels (means of readings) before and after every stress and every wait."""
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    runs = [(phase, a, b) for phase, a, b in stretches(series.phases)]
    stress: list[float] = []
    control: list[float] = []
    times: list[float] = []
    counts: list[int] = []
    for k in range(len(runs) - 3):
        before, under, between, after = runs[k : k + 4]
        if (before[0] not in (LEVEL, CONTROL)) or (under[0], between[0], after[0]) != (STRESS, LEVEL, CONTROL):
            continue
        levels = [_mean(g[a:b]) for _, a, b in (before, between, after)]
        stress.append(levels[1] - levels[0])
        control.append(levels[2] - levels[1])
        times.append(float(t[under[1]]))
        counts.append(under[2] - under[1])
    good = np.isfinite(stress) & np.isfinite(control) if stress else np.zeros(0, dtype=bool)
    reads = float(np.mean(counts)) if counts else math.nan
    return Changes(np.array(stress)[good], np.array(control)[good], reads, np.array(times)[good])


def _mean(g: FloatArray) -> float:
    good = g[np.isfinite(g)]
    return float(good.mean()) if good.size else math.nan


def mean_and_std(values: FloatArray) -> tuple[float, float]:
    """Mean and standard error ``s/sqrt(n)``; the error is NaN for fewer than 2."""
    if not values.size:
        return math.nan, math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan


def quantile(n: int, sigmas: float) -> float:
    """Student's t for n values where a normal variable would have `sigmas`: few repeats give rough errors."""
    from scipy.stats import norm, t

    return float(t.ppf(norm.cdf(sigmas), n - 1))


def read_disturb(series: Series) -> dict[str, Any]:
    """Numbers of one crosspoint.

    Neighbouring pairs share a level, which enters them with opposite signs: the standard error of the mean, taken as
    if they were independent, is a little too large, never too small.
    """
    found, unit = read_changes(series), series.unit
    if found.stress.size < 4:
        return {"pairs": int(found.stress.size), "verdict": "Too few stresses: at least 4 with their waits are needed."}
    excess, std = mean_and_std(found.excess)
    control, control_std = mean_and_std(found.control)
    per_read, per_read_std = excess / found.reads, std / found.reads
    g = series.readings.conductance
    level = float(np.mean(g[np.isfinite(g)]))
    pairs = int(found.stress.size)
    seen, wide = abs(excess) > quantile(pairs, 3.0) * std, quantile(pairs, 1.96)
    percent = 0.01 * abs(level)
    numbers: dict[str, Any] = {
        "pairs": pairs,
        f"conductance_{unit}": level,
        f"disturb_per_read_{unit}": per_read,
        f"disturb_per_read_std_{unit}": per_read_std,
        f"disturb_per_read_upper_{unit}": abs(per_read) + wide * per_read_std,
        f"control_change_{unit}": control,
        f"control_change_std_{unit}": control_std,
        "reads_per_stress": found.reads,
        "reads_to_1_percent": percent / abs(per_read) if seen else None,
        "reads_to_1_percent_at_least": percent / (abs(per_read) + wide * per_read_std),
    }
    shown = value_text(per_read, per_read_std, unit)
    verdict = (
        f"A reading moves it by {shown}; 1 % of its conductance after {percent / abs(per_read):.3g} readings."
        if seen
        else f"No disturb beyond its error ({shown} per reading): 1 % of its conductance takes more than "
        f"{numbers['reads_to_1_percent_at_least']:.3g} readings."
    )
    return plain(numbers | {"verdict": verdict})
