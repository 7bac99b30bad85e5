"""Values in TSP: numbers, strings, lists and nil; their arithmetic, and how `print` writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Value: TypeAlias = "float | str | bool | tuple[Any, ...] | Path | Table | None"

SYNTAX_ERROR: Final = -285
RUNTIME_ERROR: Final = -286


class TspError(Exception):
    """An error for the error queue: `code` and `text`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Path:
    """A name that stands for a table of commands, such as ``channel``; not a value by itself."""

    name: str


@dataclass(frozen=True)
class Table:
    """A list such as ``{1, 2}``: its elements, counted from 1."""

    items: tuple[Any, ...]

    def element(self, key: Value) -> Value:
        """``table[key]``: nil where there is none."""
        whole = isinstance(key, float) and key.is_integer() and 1 <= key <= len(self.items)
        return self.items[int(key) - 1] if isinstance(key, float) and whole else None


Code: TypeAlias = Callable[[Any], Any]  # run on the twin that was sent it


def numeric(value: Value) -> float:
    """A number for arithmetic; a runtime error where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TspError(
            RUNTIME_ERROR, f"TSP Runtime error at line 1: attempt to perform arithmetic on a {_kind(value)} value"
        )
    return float(value)


def binary(op: str, left: Code, right: Code) -> Code:
    """Code of an operator between two expressions."""
    if op == "..":
        return lambda twin: shown(left(twin)) + shown(right(twin))
    if op in ("==", "~="):
        return lambda twin: (left(twin) == right(twin)) is (op == "==")
    act: dict[str, Callable[[float, float], Any]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b if b else float("inf"),
        "%": lambda a, b: a % b,
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
        ">=": lambda a, b: a >= b,
    }
    return lambda twin: act[op](numeric(left(twin)), numeric(right(twin)))


def _kind(value: Value) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "table" if isinstance(value, Path | Table) else "number"


def shown(value: Value) -> str:
    """A value as `print` writes it: numbers as 1.00000e+00."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, Path | Table):
        return f"table: {value.name if isinstance(value, Path) else 'list'}"
    return f"{value:.5e}"
