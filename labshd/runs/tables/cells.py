"""Numbers in the cells of a table: decimal point or comma, missing readings, and why a cell holds no number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from instruments.crosspoints import FloatArray

Decimal = Literal["point", "comma"]

MISSING = frozenset(("", "nan", "na", "n/a", "#n/a", "-", "--", "null", "none"))
"""Cells in which no reading is, in lower case."""

OVERFLOW = 9e37
"""What instruments write where they have no number, such as 9.91E37, is above it."""

_COMMA = re.compile(r"[+-]?(\d*),(\d+)([eE][+-]?\d+)?")
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}((,\d{3})+\.\d*|(\.\d{3})+,\d*|(,\d{3}){2,}|(\.\d{3}){2,})")


@dataclass(frozen=True)
class DecimalSigns:
    """What cells tell of the decimal sign: a cell with a decimal point, one with a comma, one that may be either."""

    point: str = ""
    comma: str = ""
    either: str = ""
    thousands: str = ""


def decimal_signs(cells: Iterable[str]) -> DecimalSigns:
    """The first cell of each kind: ``1.5``, ``1,5``, ``1,234`` (may be 1.234 or 1234), ``1.234,5``."""
    point = comma = either = thousands = ""
    for cell in cells:
        if "," not in cell:
            point = point or (cell if "." in cell and _POINT.fullmatch(cell) else "")
        elif found := _COMMA.fullmatch(cell):
            whole, fraction, exponent = found.groups()
            if len(fraction) == 3 and 1 <= len(whole) <= 3 and whole.strip("0") and not exponent:
                either = either or cell
            else:
                comma = comma or cell
        if not thousands and _THOUSANDS.fullmatch(cell):
            thousands = cell
    return DecimalSigns(point, comma, either, thousands)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a decimal point or a decimal comma."""
    return bool(_WHOLE.fullmatch(cell) or _POINT.fullmatch(cell) or _COMMA.fullmatch(cell))


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no reading."""
    return cell.lower() in MISSING


def numbers(cells: Sequence[str], decimal: Decimal) -> tuple[FloatArray, dict[int, str]]:
    """The numbers in cells, NaN where a reading is missing; and of cells that hold none: place and reason."""
    plain = [cell.replace(",", ".") for cell in cells] if decimal == "comma" else cells
    try:
        if decimal == "point" or not any("." in cell for cell in cells):
            values = np.asarray([float(cell) for cell in plain], dtype=np.float64)
            if np.all(np.abs(values) < OVERFLOW) and not any("_" in cell for cell in plain):
                return values, {}
    except ValueError:
        pass
    return _one_by_one(cells, decimal)


def _one_by_one(cells: Sequence[str], decimal: Decimal) -> tuple[FloatArray, dict[int, str]]:
    values = np.full(len(cells), np.nan)
    wrong: dict[int, str] = {}
    for at, cell in enumerate(cells):
        if is_missing(cell):
            continue
        found = _number(cell, decimal)
        if isinstance(found, str):
            wrong[at] = found
        elif abs(found) < OVERFLOW:
            values[at] = found
    return values, wrong


def _number(cell: str, decimal: Decimal) -> float | str:
    wanted, other = (",", ".") if decimal == "comma" else (".", ",")
    if other in cell and (is_number(cell) or _THOUSANDS.fullmatch(cell)):
        return (
            f"{cell!r} has a {'point' if other == '.' else 'comma'}, but the decimal sign of this file is the "
            f"{decimal}; write it without thousands separators, or give --decimal "
            f"{'point' if decimal == 'comma' else 'comma'}"
        )
    try:
        value = float(cell.replace(wanted, "."))
    except ValueError:
        return f"{cell!r} is not a number{_more(cell)}"
    if "_" in cell:
        return f"{cell!r} is not a number; underscores are not allowed"
    return value if math.isfinite(value) else f"{cell!r} is not a reading; leave the cell empty where none was taken"


def _more(cell: str) -> str:
    if re.fullmatch(r"[+-]?[\d.,]+([eE][+-]?\d+)?\s*[fpnuµμmkM]?(S|A|V|s|Ω|Ohm|ohm)", cell):
        return "; write the plain number here and the unit in the header"
    if re.fullmatch(r".*\d{1,2}:\d{2}(:\d{2})?.*", cell):
        return "; write times as seconds since the first reading"
    return ""
