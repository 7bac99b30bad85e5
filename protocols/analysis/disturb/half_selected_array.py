"""Half-select disturb in an array: what pulses do to crosspoints on the same row, column, or neither."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.analysis.disturb.half_selected import FULL, against_full, changes, said_of
from protocols.analysis.disturb.pairs import mean_and_std, quantile
from protocols.common.protocol import Series, known_counts, unknown_before
from protocols.common.turns import Cell, taken

LEVEL, SELECTED_UP, SELECTED_DOWN = "level", "selected, up", "selected, down"
ROW, COLUMN, UNSELECTED = "row_neighbour", "column_neighbour", "unselected"
DIRECTIONS = (("up", 1), ("down", -1))
_LEAST = 4  # passes from which errors are told


@dataclass(frozen=True)
class Pass:
    """Pulses one way on one selected crosspoint, and the whole block meanwhile.

    `counts` (checks,): pulses up to each check. `before` (rows, columns) [unit]: the level from which it went, and
    `change` (checks, rows, columns) from there.
    """

    cell: Cell
    direction: int
    counts: IntArray
    before: FloatArray
    change: FloatArray

    def per_pulse(self, cell: Cell) -> float:
        """Mean change [unit] per pulse of all of the pass."""
        return float(self.change[(-1, *cell)]) / int(self.counts[-1])


def on_array(series: Series) -> bool:
    """Whether crosspoints of an array were selected, in place of half pulses on each by itself."""
    return bool(np.isin(series.phases, [SELECTED_UP, SELECTED_DOWN]).any())


def passes(series: Series) -> list[Pass]:
    """All of a run, without those in which nobody knows how many pulses were delivered."""
    g, counts = series.readings.conductance, known_counts(series.counts)
    unknown = np.any(unknown_before(series), axis=(1, 2))
    found: list[Pass] = []
    before: FloatArray | None = None
    for phase, first, last in stretches(series.phases):
        pulsed = np.flatnonzero(np.any(counts[first:last] != 0, axis=(1, 2)))
        if phase == FULL:
            before = None
        elif phase not in (SELECTED_UP, SELECTED_DOWN) or not len(pulsed):
            before = _mean(g[first:last])
        else:
            levels = np.array([_mean(part) for part in np.split(g[first:last], pulsed)[1:]])
            row, column = np.argwhere(counts[first + pulsed[0]])[0].tolist()
            if before is not None and not unknown[first:last].any():
                spent = np.cumsum(np.abs(counts[first + pulsed, row, column]))
                found.append(Pass((row, column), 1 if phase == SELECTED_UP else -1, spent, before, levels - before))
            before = levels[-1]
    return found


def _mean(g: FloatArray) -> FloatArray:
    """Means of readings (n, rows, columns) that are numbers; NaN where none is."""
    good = np.isfinite(g)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(good, g, 0.0).sum(axis=0) / good.sum(axis=0)


def relation(cell: Cell, selected: Cell) -> str:
    """What a crosspoint is to the selected one; empty for itself."""
    if cell == selected:
        return ""
    return ROW if cell[0] == selected[0] else COLUMN if cell[1] == selected[1] else UNSELECTED


def half_selected_pulses(counts: IntArray) -> IntArray:
    """Pulses on others of its row and column, (rows, columns), from signed counts (n, rows, columns)."""
    own = np.abs(known_counts(counts)).sum(axis=0)
    return own.sum(axis=0, keepdims=True) + own.sum(axis=1, keepdims=True) - 2 * own


def results(series: Series) -> dict[str, Any]:
    """Numbers of every crosspoint, and of the block: means over crosspoints of each relation."""
    made = passes(series)
    swing, swing_std = _swing(made)
    seen = half_selected_pulses(series.counts)
    each = [
        {
            "row": row,
            "column": column,
            "half_selected_pulses": int(seen[row, column]),
            **_crosspoint(series.crosspoint(row, column), (row, column), made, swing),
        }
        for row, column in np.ndindex(*series.shape)
    ]
    block: dict[str, Any] = {
        "method": "array",
        "selected": [list(cell) for cell in dict.fromkeys(one.cell for one in made)],
        f"swing_{series.unit}": swing,
        f"swing_std_{series.unit}": swing_std,
        **{name: _block(each, name, series.unit) for name in (ROW, COLUMN, UNSELECTED)},
    }
    return plain({"verdict": _verdict(block, series.unit), "block": block, "crosspoints": each})


def _swing(made: list[Pass]) -> tuple[float, float]:
    """How far pulses down take a selected crosspoint that pulses up have gone before [unit]; mean and error."""
    down = [abs(float(one.change[(-1, *one.cell)])) for one in made if one.direction < 0]
    return mean_and_std(np.array([way for way in down if math.isfinite(way)], dtype=np.float64))


def _crosspoint(series: Series, cell: Cell, made: list[Pass], swing: float) -> dict[str, Any]:
    own, unit = taken(series), series.unit
    full = changes(own)
    g = own.readings.conductance[np.isfinite(own.readings.conductance)]
    numbers: dict[str, Any] = {
        "method": "array",
        "pulses": int(np.abs(known_counts(series.counts)).sum()),
        f"conductance_{unit}": float(g.mean()) if g.size else None,
    }
    said: list[str] = []
    for name in (ROW, COLUMN):
        compared: dict[str, Any] = {}
        for way, sign in DIRECTIONS:
            half = _per_pulse(made, cell, name, sign)
            of_full = full.get((FULL, sign), np.empty(0))
            if min(half.size, of_full.size) >= _LEAST:
                compared[way] = found = {"passes": int(half.size), **against_full(half, of_full, unit)}
                found |= _to_one_percent(half, swing)
                said.append(f"As {name.replace('_', ' ')} a pulse {way} {said_of(found)}")
        numbers[name] = compared or None
    apart = {way: _per_pulse(made, cell, UNSELECTED, sign) for way, sign in DIRECTIONS}
    told = {way: _plainly(values, unit) for way, values in apart.items() if values.size >= _LEAST}
    numbers[UNSELECTED] = told or None
    if not said:
        said.append("It was no half-selected neighbour often enough: at least 4 passes each way are needed")
    return numbers | {"verdict": ". ".join(said) + "."}


def _per_pulse(made: Iterable[Pass], cell: Cell, name: str, sign: int) -> FloatArray:
    values = [one.per_pulse(cell) for one in made if one.direction == sign and relation(cell, one.cell) == name]
    return np.array([value for value in values if math.isfinite(value)], dtype=np.float64)


def _to_one_percent(half: FloatArray, swing: float) -> dict[str, Any]:
    """Half-selected pulses that move it by 1 % of the swing of the selected; None where nothing is seen."""
    mean, std = mean_and_std(half)
    seen = abs(mean) > quantile(half.size, 3.0) * std
    most = abs(mean) + quantile(half.size, 1.96) * std
    return {
        "half_selected_pulses_to_1_percent_of_swing": 0.01 * swing / abs(mean) if seen else None,
        "half_selected_pulses_to_1_percent_of_swing_at_least": 0.01 * swing / most if most > 0 else None,
    }


def _plainly(values: FloatArray, unit: str) -> dict[str, Any]:
    mean, std = mean_and_std(values)
    return {"passes": int(values.size), f"per_pulse_{unit}": mean, f"per_pulse_std_{unit}": std}


def _block(each: list[dict[str, Any]], name: str, unit: str) -> dict[str, Any] | None:
    """Means over crosspoints, for up and down; None where no crosspoint has this relation.

    The error is that of the mean of these crosspoints, √Σσ²/n; their spread stands beside it.
    """
    keys = ("per_pulse",) if name == UNSELECTED else ("per_half_selected", "ratio")
    block: dict[str, Any] = {}
    for way, _ in DIRECTIONS:
        told = [one[name][way] for one in each if one[name] and way in one[name]]
        if not told:
            continue
        block[way] = {"crosspoints": len(told)}
        for key in keys:
            tail = "" if key == "ratio" else f"_{unit}"
            block[way] |= _mean_of(told, key, tail)
    return block or None


def _mean_of(told: list[dict[str, Any]], key: str, tail: str) -> dict[str, Any]:
    pairs = [(one[f"{key}{tail}"], one[f"{key}_std{tail}"]) for one in told]
    pairs = [(value, std) for value, std in pairs if math.isfinite(value) and math.isfinite(std)]
    values, stds = (np.array([pair[k] for pair in pairs], dtype=np.float64) for k in (0, 1))
    n = len(pairs)
    return {
        f"{key}{tail}": float(values.mean()) if n else None,
        f"{key}_std{tail}": float(np.sqrt(np.sum(stds**2))) / n if n else None,
        f"{key}_spread{tail}": float(values.std(ddof=1)) if n > 1 else None,
    }


def _verdict(block: dict[str, Any], unit: str) -> str:
    said: list[str] = []
    for name in (ROW, COLUMN):
        ways: dict[str, dict[str, Any]] = block[name] or {}
        parts = [
            f"{value_text(100 * one['ratio'], 100 * one['ratio_std'], '')} % {way}"
            for way, one in ways.items()
            if one["ratio"] is not None
        ]
        if parts:
            said.append(f"{name.replace('_', ' ')}s {' and '.join(parts)}")
    if not said:
        return "Too few passes: at least 4 each way, and as many of full pulses, are needed."
    others: dict[str, dict[str, Any]] = block[UNSELECTED] or {}
    apart = [
        f"{value_text(one[f'per_pulse_{unit}'], one[f'per_pulse_std_{unit}'], unit)} {way}"
        for way, one in others.items()
    ]
    control = f" Unselected crosspoints change by {' and '.join(apart)} per pulse." if apart else ""
    return f"A pulse on a crosspoint does to its neighbours, of a full step of theirs: {', '.join(said)}.{control}"
