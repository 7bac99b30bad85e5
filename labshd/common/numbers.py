"""Results as a person reads them: each number in words, with its uncertainty and unit, or why it has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from instruments.value_text import NOT_DETERMINED, NOT_IDENTIFIED, count_text, percent_text, value_text
from protocols.common.result_words import MAIN, WORDS, word_of
from protocols.common.word import Word

_SENTENCE = 40  # characters that fit into the cell of a table
_UNITS = ("S", "V", "A", "s", "Hz", "ohm", "W", "normalised")
_NOT_GIVEN = "no error given"  # of a number that a user's own protocol gives without one


def split_unit(key: str) -> tuple[str, str]:
    """Name and unit of a key: ``split_unit("step_std_S") == ("step_std", "S")``; the unit is "" where there is none."""
    name, _, unit = key.rpartition("_")
    if key in WORDS:
        return key, ""  # "rate_S_per_s" ends in an s that is no unit of its own
    return (name, unit) if name and unit in _UNITS else (key, unit if key in _UNITS else "")


def readable(key: str) -> str:
    """A key as words: "cycle_to_cycle" becomes "cycle to cycle"."""
    return key.replace("_", " ")


def label_of(key: str) -> str:
    """What the number of a key is called: ``label_of("g_max_S") == "upper bound Gmax"``."""
    return word_of(split_unit(key)[0]).label


def std_key(key: str, keys: Mapping[str, Any]) -> str | None:
    """Key of the standard error that belongs to `key`: ``X_std_S`` beside ``X_S``, or the one ``std_S`` there is."""
    name, unit = split_unit(key)
    tail = f"_{unit}" if unit else ""
    if name.endswith("std") or isinstance(keys[key], bool):
        return None
    named = word_of(name).std
    own = named or f"{name}_std{tail}"
    if own in keys:
        return own
    # "std_S" belongs to the first number in that unit: {"conductance_S", "std_S", "step_S"}
    common = f"std{tail}"
    if common in keys and unit:
        first = next(other for other in keys if split_unit(other)[1] == unit and other != common)
        return common if key == first else None
    return None


def main_first(result: Mapping[str, Any], protocol: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The main numbers of a protocol's result in the order one tells them, and the rest; all of them main where none
    of its main numbers is there.
    """
    names = MAIN.get(protocol, ())
    by_name = {split_unit(key)[0]: key for key in result}
    keys = [by_name[name] for name in names if name in by_name]
    if not keys:
        return dict(result), {}
    chosen: dict[str, Any] = {}
    for key in keys:
        chosen[key] = result[key]
        if (error := std_key(key, result)) is not None:
            chosen[error] = result[error]
        ends = _ends(key, result)
        chosen |= {end: result[end] for end in ends or ()}
    return chosen, {key: value for key, value in result.items() if key not in chosen}


def facts_of(result: Mapping[str, Any], protocol: str) -> list[tuple[str, str]]:
    """The verdict, the main numbers of the protocol, then the other plain ones: what commands print."""
    told = dict(result)
    verdict = told.pop("verdict", None)
    main, rest = main_first(told, protocol)
    plain = {key: value for key, value in rest.items() if not isinstance(value, dict)}
    facts = [("verdict", str(verdict))] if verdict else []
    return [*facts, *rows(main), *rows(plain)]


def rows(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(name, value ± standard error with unit) for every number and sentence; tables and long lists are left out.

    A number without an error says in brackets why it has none.
    """
    for word, shown, why in _shown(result):
        if isinstance(shown, Mapping):
            yield from rows(shown, f"{prefix}{word.label}: ")
        else:
            yield f"{prefix}{word.label}", shown + (f" ({why})" if why else "")


def _shown(result: Mapping[str, Any]) -> Iterator[tuple[Word, str | Mapping[str, Any], str]]:
    """Word, value as text (or the mapping that it is), and why it has no error where it has none."""
    taken = {std_key(key, result) for key in result} | {end for key in result for end in _ends(key, result) or ()}
    for key, value in result.items():
        name, unit = split_unit(key)
        word = word_of(name)
        if key in taken:
            continue
        if isinstance(value, Mapping):
            yield word, cast("Mapping[str, Any]", value), ""
        elif isinstance(value, bool):
            yield word, "yes" if value else "no", ""
        elif isinstance(value, str):
            yield word, value, ""
        elif isinstance(value, int):
            yield word, number_text(value, None, unit), ""
        elif value is None and word.absent:
            yield word, word.absent, ""
        elif isinstance(value, float):
            yield word, *_with_error(key, value, result, word)


def _with_error(key: str, value: float, result: Mapping[str, Any], word: Word) -> tuple[str, str]:
    unit, error, ends = split_unit(key)[1], std_key(key, result), _ends(key, result)
    std = result[error] if error else None
    known = isinstance(std, int | float) and std > 0
    said = _text(value, word.factor * std if known and std is not None else None, unit, word)
    if ends is not None:
        low, high = (_text(result[end], None, unit, word) for end in ends)
        return f"{said} (95 %: {low} to {high})", ""
    if known or said == NOT_IDENTIFIED:
        return said, ""
    return said, word.no_error or (NOT_DETERMINED if error else _NOT_GIVEN)


def _text(value: float, std: float | None, unit: str, word: Word) -> str:
    return percent_text(value, std) if word.share else value_text(value, std, unit, why_no_error="")


def _ends(key: str, result: Mapping[str, Any]) -> tuple[str, str] | None:
    """Keys of the 95 % interval of a number that has no standard error: ``success_low`` and ``success_high``."""
    low, high = f"{key}_low", f"{key}_high"
    there = isinstance(result.get(low), float) and isinstance(result.get(high), float)
    return (low, high) if there and isinstance(result[key], float) else None


def number_text(value: float | None, std: float | None, unit: str = "", why_no_error: str = "") -> str:
    """A number with its standard error where it has one; counts stay whole."""
    if isinstance(value, int) and std is None:
        return count_text(value)
    return value_text(value, std, unit, why_no_error=NOT_DETERMINED if std == 0 else why_no_error)


def lists(result: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(name, columns, rows) of every list of objects in a result, such as symmetry points; without their sentences.

    A column whose numbers have no error says why in its head.
    """
    for key, value in result.items():
        items = cast("list[Any]", value) if isinstance(value, list) else []
        if items and all(isinstance(item, Mapping) for item in items):
            listed = [dict(_cells(cast("Mapping[str, Any]", item))) for item in items]
            columns = list(dict.fromkeys(name for item in listed for name in item))
            yield label_of(key), columns, [[item.get(name, "") for name in columns] for item in listed]


def _cells(item: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for word, shown, why in _shown(item):
        if isinstance(shown, Mapping):
            yield from _cells(shown, f"{prefix}{word.label}: ")
        elif len(shown) <= _SENTENCE:
            reason = f" ({why})" if why and why != NOT_DETERMINED else ""
            yield f"{prefix}{word.label}{reason}", shown
