"""A campaign in a few lines: how the runs of each step ended, and its main numbers over the crosspoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from instruments.value_text import plain_text, si_prefix, value_text
from labshd.campaign.ledger import Outcome
from labshd.campaign.store import Campaign
from labshd.campaign.units import Unit
from labshd.common.numbers import label_of, split_unit, std_key

_NUMBERS = 3  # of a step in a table


@dataclass(frozen=True)
class Value:
    """A number of one run at one crosspoint, with its standard error where it has one."""

    crosspoint: str
    unit: Unit
    value: float
    std: float | None


def values_of(outcomes: list[Outcome], step: str) -> dict[str, list[Value]]:
    """Numbers with a standard error, by their keys (``symmetry_point_S``), over the finished runs of a step.

    Numbers of nested results have dotted keys (``dynamic_range.range_S``), in the order of the result.
    """
    found: dict[str, list[Value]] = {}
    for outcome in outcomes:
        if outcome.unit.step.name != step or outcome.what != "finished" or outcome.run is None:
            continue
        result = outcome.run.result or {}
        each: list[dict[str, Any]] = result.get("crosspoints") or [result]
        for name, one in zip(outcome.unit.crosspoints, each, strict=False):
            for key, (value, std) in _numbers(one).items():
                found.setdefault(key, []).append(Value(name, outcome.unit, value, std))
    return found


def _numbers(result: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[float, float | None]]:
    numbers: dict[str, tuple[float, float | None]] = {}
    for key, value in result.items():
        if isinstance(value, Mapping):
            numbers |= _numbers(cast("Mapping[str, Any]", value), f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and (error := std_key(key, result)):
            std = result[error]
            numbers[prefix + key] = (float(value), float(std) if isinstance(std, int | float) else None)
    return numbers


def by_step(campaign: Campaign) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: one row a step, with medians and quartiles of its main numbers over the crosspoints."""
    outcomes = campaign.outcomes()
    rows: list[list[str]] = []
    for step in campaign.checked.steps:
        mine = [one for one in outcomes if one.unit.step.name == step.name]
        count = {what: sum(one.what == what for one in mine) for what in ("finished", "failed", "skip", "run")}
        accepted = sum(bool(one.accepted) for one in mine)
        values = values_of(outcomes, step.name)
        plain = {key: each for key, each in values.items() if "." not in key} or values
        told = [_spread(key, each) for key, each in plain.items()]
        counts = [str(count[what]) for what in ("finished", "failed", "skip", "run")]
        rows.append([step.name, *counts, str(accepted), "; ".join(told[:_NUMBERS])])
    return ["step", "finished", "failed", "skipped", "to come", "accepted", "median (quartiles) over crosspoints"], rows


def _spread(key: str, each: list[Value]) -> str:
    """One value with its error, or the median with quartiles, all with the prefix of the median."""
    last = key.rsplit(".", 1)[-1]
    unit = split_unit(last)[1]
    if len(each) == 1:
        return f"{label_of(last)} {value_text(each[0].value, each[0].std, unit)}"
    low, middle, high = np.percentile([one.value for one in each], [25, 50, 75]).tolist()
    prefix, scale = si_prefix(middle, unit)
    tail = f" {prefix}{unit}" if unit not in ("", "normalised") else ""
    return f"{label_of(last)} {plain_text(middle, unit, 3)} ({low / scale:.3g} to {high / scale:.3g}{tail})"
