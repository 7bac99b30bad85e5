"""Half-select disturb, emulated: change per half-selected and per full pulse, and their ratio."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.disturb.pairs import mean_and_std, quantile
from protocols.common.protocol import Series, known_counts

HALF, FULL, CONTROL = "half", "full", "control"


def changes(series: Series) -> dict[tuple[str, int], FloatArray]:
    """Change [unit] per pulse of each level against the one before, by (phase, direction); for CONTROL per level.

    A level is the mean of the readings that follow pulses, or a wait, up to the next.
    """
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    n = len(g)
    new = np.ones(n, dtype=bool)
    new[1:] = (counts[1:] != 0) | (series.phases[1:] != series.phases[:-1])
    starts = np.flatnonzero(new)
    levels = [_mean(part) for part in np.split(g, starts[1:])] if n else []
    found: dict[tuple[str, int], list[float]] = {}
    for k in range(1, len(levels)):
        count = int(counts[starts[k]])
        change = levels[k] - levels[k - 1]
        if math.isfinite(change):
            key = (str(series.phases[starts[k]]), int(np.sign(count)))
            found.setdefault(key, []).append(change / max(abs(count), 1))
    return {key: np.array(values) for key, values in found.items()}


def _mean(g: FloatArray) -> float:
    good = g[np.isfinite(g)]
    return float(good.mean()) if good.size else math.nan


def result(series: Series) -> dict[str, Any]:
    """Numbers of one crosspoint.

    Levels of one kind and direction never share readings with another of the same, so errors are s/sqrt(n). Ratio by
    the delta method.
    """
    found, unit = changes(series), series.unit
    pulses = int(np.sum(np.abs(known_counts(series.counts))))
    g = series.readings.conductance[np.isfinite(series.readings.conductance)]
    numbers: dict[str, Any] = {
        "method": "emulated",
        "pulses": pulses,
        f"conductance_{unit}": float(g.mean()) if g.size else None,
    }
    said: list[str] = []
    for name, sign in (("up", 1), ("down", -1)):
        half, full = found.get((HALF, sign), np.empty(0)), found.get((FULL, sign), np.empty(0))
        if half.size < 4 or full.size < 4:
            return numbers | {"verdict": "Too few repeats: at least 4 of half-selected and of full pulses are needed."}
        numbers[name] = found_one = against_full(half, full, unit)
        said.append(f"A half-selected pulse {name} {said_of(found_one)}.")
    control, control_std = mean_and_std(found.get((CONTROL, 0), np.empty(0)))
    numbers |= {f"control_change_{unit}": control, f"control_change_std_{unit}": control_std}
    return plain(numbers | {"verdict": " ".join(said)})


def against_full(half: FloatArray, full: FloatArray, unit: str) -> dict[str, Any]:
    """Changes per half-selected and per full pulse (n,) [unit] compared: means, ratio, pulses to one step.

    The ratio ``a/b`` has the error of the delta method; a change is seen beyond three standard errors (Student's t).
    """
    (a, a_std), (b, b_std) = mean_and_std(half), mean_and_std(full)
    ratio = a / b if abs(b) > 3 * b_std else math.nan
    ratio_std = math.hypot(a_std / b, ratio * b_std / b) if math.isfinite(ratio) else math.nan
    seen = abs(a) > quantile(half.size, 3.0) * a_std
    bound = abs(ratio) + quantile(half.size, 1.96) * ratio_std
    return {
        f"per_half_selected_{unit}": a,
        f"per_half_selected_std_{unit}": a_std,
        f"per_full_{unit}": b,
        f"per_full_std_{unit}": b_std,
        "ratio": ratio,
        "ratio_std": ratio_std,
        "half_selected_pulses_to_one_step": 1 / abs(ratio) if seen and ratio else None,
        "half_selected_pulses_to_one_step_at_least": 1 / bound if bound > 0 else None,
    }


def said_of(found: dict[str, Any]) -> str:
    """What a half-selected pulse does, from the numbers of `against_full`, as the end of a sentence."""
    ratio, std = found["ratio"], found["ratio_std"]
    if ratio is None or not math.isfinite(ratio):
        return "cannot be compared: full pulses do not move it beyond the error"
    if found["half_selected_pulses_to_one_step"] is not None:
        return f"does {value_text(100 * ratio, 100 * std, '')} % of a full one"
    return f"does less than {100 / found['half_selected_pulses_to_one_step_at_least']:.2g} % of a full one"
