"""Names of crosspoints in rows and columns: how a station file lays out an array of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias, cast

from pydantic import BeforeValidator, WithJsonSchema

Names: TypeAlias = tuple[tuple[str, ...], ...]

_EXAMPLE = 'write one name, a row ["A1", "A2"], or rows [["A1", "A2"], ["A3", "A4"]]'


def _arranged(said: Any) -> Names:
    """Rows of names; a name alone is one crosspoint, a list of names one row."""
    if isinstance(said, str):
        return ((said,),)
    if not isinstance(said, list | tuple) or not said:
        raise ValueError(f"these are no crosspoints; {_EXAMPLE}")
    items = cast("list[Any]", list(said))  # pyright: ignore[reportUnknownArgumentType]
    rows = [items] if all(isinstance(item, str) for item in items) else items
    if not all(_is_row(row) for row in rows):
        raise ValueError(f"these are no rows of names; {_EXAMPLE}")
    lengths = [len(row) for row in rows]
    if len(set(lengths)) > 1:
        raise ValueError(f"rows of {', '.join(map(str, lengths))} crosspoints are no rectangle; {_EXAMPLE}")
    return tuple(tuple(row) for row in rows)


def _is_row(row: Any) -> bool:
    if not isinstance(row, list | tuple):
        return False
    names = cast("list[Any]", row)
    return bool(names) and all(isinstance(name, str) for name in names)


Arrangement = Annotated[
    Names,
    BeforeValidator(_arranged),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    "minItems": 1,
                },
            ],
            "examples": ["A1", ["A1", "A2"], [["A1", "A2"], ["A3", "A4"]]],
        }
    ),
]
"""A field of a station file: one name, a row of names, or rows of equal length."""


def flat(names: Iterable[Iterable[str]]) -> list[str]:
    """All names, row by row."""
    return [name for row in names for name in row]


def shape_of(names: Names) -> tuple[int, int]:
    """(rows, columns)."""
    return len(names), len(names[0])


def twice(names: Iterable[str]) -> list[str]:
    """Names that come more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
