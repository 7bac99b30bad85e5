"""The result of a symmetry-point run: numbers for JSON, and a verdict in one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from instruments.value_text import percent_text, value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.analysis.noise.rest import rest_noise
from protocols.analysis.symmetry.estimate import (
    ALTERNATING,
    FROM_ABOVE,
    FROM_BELOW,
    PARKED,
    RANDOM,
    STEERED,
    Estimate,
    Known,
    estimate,
)
from protocols.analysis.symmetry.published_methods import Published, alternating_midpoint, end_reading, tail_mean
from protocols.analysis.symmetry.straight_steps import Crossing
from protocols.common.protocol import Series, known_counts


def result(series: Series, agreement: float, known: Known | None = None) -> dict[str, Any]:
    """The numbers of a run of one crosspoint; `agreement`: standard errors by which its parts may differ."""
    found, unit = estimate(series, known), series.unit
    numbers: dict[str, Any] = {
        f"symmetry_point_{unit}": found.value,
        f"std_{unit}": found.std,
        "stable": found.stable,
        "pulses": int(np.sum(np.abs(known_counts(series.counts)))),
        "readings": len(series),
        "verdict": verdict(
            found, unit, agreement, steered=bool(np.any(series.phases == STEERED)), approached=_approached(series)
        ),
        f"span_{unit}": found.span,
    }
    if found.crossing is not None and found.fit is not None:
        numbers |= _details(found, found.crossing, unit)
    if found.value is not None:
        numbers |= _agreement(found, series, agreement)
        numbers["published"] = _published(found, series)
        numbers["parked"] = parked(series, found)
    return plain(numbers)


def _approached(series: Series) -> bool:
    phases = series.phases
    return bool(np.any(np.char.endswith(phases, FROM_BELOW) | np.char.endswith(phases, FROM_ABOVE)))


def _details(found: Estimate, crossing: Crossing, unit: str) -> dict[str, Any]:
    assert found.fit is not None
    noise, stable = found.fit.noise, crossing.slope < 0
    return {
        f"step_{unit}": crossing.step,
        f"step_std_{unit}": crossing.step_std,
        "contraction_per_pair": crossing.slope,
        "contraction_per_pair_std": crossing.slope_std,
        "time_constant_pulses": -2 / crossing.slope if stable else None,
        "straight_steps": found.fit.accepted,
        "noise": {
            f"read_{unit}": noise.read,
            f"read_std_{unit}": noise.read_std,
            "cycle_to_cycle": noise.cycle_to_cycle,
            "cycle_to_cycle_std": noise.cycle_to_cycle_std,
        },
    }


def _agreement(found: Estimate, series: Series, agreement: float) -> dict[str, Any]:
    names = ("from_ramps", "from_steered") if np.any(series.phases == STEERED) else ("from_below", "from_above")
    unit = series.unit
    parts = {
        name: None if part is None else {f"conductance_{unit}": part[0], f"std_{unit}": part[1]}
        for name, part in zip(names, found.parts, strict=True)
    }
    known = math.isfinite(found.distance)
    return {
        **parts,
        "difference_in_standard_errors": found.distance if known else None,
        "agree": found.distance <= agreement if known else None,
    }


def _published(found: Estimate, series: Series) -> dict[str, Any]:
    """What published procedures make of the last uninterrupted random or alternating part."""
    unit = series.unit
    made: dict[str, Published | None] = {}
    for phase, first, last in stretches(series.phases):
        kind = phase.split(",", maxsplit=1)[0]
        y, counts = series.readings.conductance[first:last, 0, 0], series.counts[first:last, 0, 0]
        if kind == RANDOM:
            made |= {"end_reading": end_reading(y), "tail_mean": tail_mean(y)}
        elif kind == ALTERNATING:
            made |= {"alternating_midpoint": alternating_midpoint(y, counts, _for_bias(found))}
    return {name: _as_dict(each, unit) for name, each in made.items()}


def _for_bias(found: Estimate) -> tuple[float, float, float] | None:
    """(δ*, s₊, s₋) of straight steps; None where they do not fall."""
    if found.steps is None or found.crossing is None:
        return None
    s_up, s_down = -float(found.steps.theta[1]), -float(found.steps.theta[3])
    return (found.crossing.step, s_up, s_down) if 0 < s_up < 1 and 0 < s_down < 1 else None


def _as_dict(published: Published | None, unit: str) -> dict[str, Any] | None:
    if published is None:
        return None
    numbers = {f"conductance_{unit}": published.value, f"std_{unit}": published.std}
    return numbers | ({f"bias_{unit}": published.bias} if published.bias else {})


def parked(series: Series, found: Estimate) -> dict[str, Any] | None:
    """Mean of the readings after parking, its distance from the symmetry point, and both errors; None unless parked.

    ``difference = ⟨y⟩ − G*``, its error √(std² + std(G*)²); `in_steps` is the distance over the step δ*.
    """
    chosen = series.phases == PARKED
    y, time = series.readings.conductance[chosen, 0, 0], series.readings.time[chosen, 0, 0]
    rest = rest_noise(y, time)
    if rest is None or found.value is None or found.crossing is None or found.std is None:
        return None
    unit, difference = series.unit, rest.mean - found.value
    return {
        f"conductance_{unit}": rest.mean,
        f"std_{unit}": rest.mean_std,
        f"difference_{unit}": difference,
        f"difference_std_{unit}": math.hypot(rest.mean_std, found.std),
        "difference_in_steps": difference / abs(found.crossing.step) if found.crossing.step else None,
    }


def verdict(found: Estimate, unit: str, agreement: float, *, steered: bool, approached: bool = True) -> str:
    """One sentence for a person; `approached`: pulses went in both directions after a drive to one side."""
    if found.value is None or found.crossing is None or found.fit is None:
        return f"No symmetry point: {found.reason}."
    kind = "Stable" if found.stable else "Unstable"
    text = f"{kind} symmetry point at {value_text(found.value, found.std, unit)}"
    pair = f"{percent_text(abs(found.crossing.slope), found.crossing.slope_std)} per up/down pair"
    text += f"; the distance to it {'shrinks' if found.stable else 'grows'} by {pair}"
    if not found.fit.accepted:
        text += "; steps are no straight lines of the conductance, curved ones were fitted"
    if not steered and not (found.below or found.above or approached):
        return f"{text}; it rests on ramps, without an approach from either side to compare."
    if not steered and not (found.below and found.above):
        missing = "above" if found.below else "below" if found.above else "either side"
        return f"{text}; it was not approached from {missing}, so the estimate rests on one side."
    names = "ramps and what followed them" if steered else "the approaches from below and above"
    if not math.isfinite(found.distance):
        return f"{text}; {names} do not each tell it by themselves."
    agree = "agree" if found.distance <= agreement else "do not agree"
    return f"{text}; {names} {agree} ({found.distance:.1f} standard errors apart)."
