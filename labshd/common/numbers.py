"""Results as a person reads them: each number with its uncertainty and unit, taken from the names of the keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from protocols.analysis.common.figure_style import value_text

_SENTENCE = 40  # characters that fit into the cell of a table
_UNITS = ("S", "V", "A", "s", "Hz", "ohm", "W", "normalised")


def split_unit(key: str) -> tuple[str, str]:
    """Name and unit of a key: ``split_unit("step_std_S") == ("step_std", "S")``; the unit is "" where there is none."""
    name, _, unit = key.rpartition("_")
    return (name, unit) if name and unit in _UNITS else (key, unit if key in _UNITS else "")


def readable(key: str) -> str:
    """A key as words: "cycle_to_cycle" becomes "cycle to cycle"."""
    return key.replace("_", " ")


def std_key(key: str, keys: Mapping[str, Any]) -> str | None:
    """Key of the standard error that belongs to `key`: ``X_std_S`` beside ``X_S``, or the one ``std_S`` there is."""
    name, unit = split_unit(key)
    tail = f"_{unit}" if unit else ""
    if name.endswith("std") or isinstance(keys[key], bool):
        return None
    own = f"{name}_std{tail}"
    if own in keys:
        return own
    # "std_S" belongs to the first number in that unit: {"conductance_S", "std_S", "step_S"}
    common = f"std{tail}"
    if common in keys and unit:
        first = next(other for other in keys if split_unit(other)[1] == unit and other != common)
        return common if key == first else None
    return None


def rows(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(name, value ± standard error with unit) for every number and sentence; tables and long lists are left out."""
    taken = {std_key(key, result) for key in result}
    for key, value in result.items():
        if key in taken:
            continue
        name, unit = split_unit(key)
        label = f"{prefix}{readable(name)}"
        if isinstance(value, Mapping):
            yield from rows(cast("Mapping[str, Any]", value), f"{label}: ")
        elif isinstance(value, bool):
            yield label, "yes" if value else "no"
        elif isinstance(value, int | float) or value is None:
            error = std_key(key, result)
            yield label, number_text(value, result[error] if error else None, unit)
        elif isinstance(value, str):
            yield label, value


def number_text(value: float | None, std: float | None, unit: str = "") -> str:
    """A number with its standard error where it has one; counts stay whole."""
    if value is None:
        return "not identified"
    if std is not None:
        return value_text(value, std, unit)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if not math.isfinite(value):
        return "not identified"
    return value_text(value, None, unit).removesuffix(" (no uncertainty)")


def lists(result: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(name, columns, rows) of every list of objects in a result, such as symmetry points; without their sentences."""
    for key, value in result.items():
        items = cast("list[Any]", value) if isinstance(value, list) else []
        if items and all(isinstance(item, Mapping) for item in items):
            listed = [
                {name: shown for name, shown in rows(cast("Mapping[str, Any]", item)) if len(shown) <= _SENTENCE}
                for item in items
            ]
            columns = list(dict.fromkeys(name for item in listed for name in item))
            yield readable(key), columns, [[item.get(name, "") for name in columns] for item in listed]
