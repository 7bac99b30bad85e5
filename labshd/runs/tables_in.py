"""Reads tables of numbers strictly: each problem with file, line, column, value and rule."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError, all_at_once
from labshd.runs.given_file import GivenFile

SHOWN = 20
"""Problems of a file that are listed; the rest is counted."""

_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+([eE][+-]?\d+)?$")
_NUMBER_WITH_UNIT = re.compile(r"^[+-]?[\d.]+([eE][+-]?\d+)?\s*[fpnuµμmkM]?[SAV]$")


@dataclass(frozen=True)
class RawTable:
    """Cells of a comma-separated file as text: `header` (empty where there is none) and `rows` with line numbers."""

    path: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]


class Problems:
    """Problems of the files of one import, told all at once."""

    def __init__(self) -> None:
        self._noted: list[tuple[Path, int, str]] = []

    def add(self, path: Path, line: int, text: str) -> None:
        """Note a problem; `line` counts from 1, 0 stands for the whole file."""
        self._noted.append((path, line, text))

    def refuse(self, heading: str = "cannot import") -> None:
        """Raise `InputError` if anything was noted: in the order of the files, line by line."""
        listed = [f"{path}{f', line {line}' if line else ''}: {text}" for path, line, text in sorted(self._noted)]
        if len(listed) > SHOWN:
            listed = [*listed[:SHOWN], f"and {len(listed) - SHOWN} more"]
        if listed:
            raise InputError(all_at_once(heading, listed))


def read_text_table(given: GivenFile, *, header: bool) -> RawTable:
    """The cells of a comma-separated file; byte order mark, Windows line ends and blank last lines are taken.

    Raises
    ------
    InputError
        Empty, not text, separated by something else, or with decimal commas.
    """
    path, (lines, _) = given.path, given.lines()
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise InputError(f"{path} is empty; a table of readings is needed")
    _check_separator(path, filled)
    rows = [(number, [cell.strip() for cell in _cells(path, number, line)]) for number, line in filled]
    names = [name.strip() for name in rows[0][1]] if header else []
    body = rows[1:] if header else rows
    if not body:
        raise InputError(f"{path} holds a header and no readings")
    return RawTable(path, names, body)


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise InputError(f"{path}, line {number}: {error}; one reading a line, cells separated by commas") from None


def _check_separator(path: Path, lines: list[tuple[int, str]]) -> None:
    number, line = lines[-1]
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if sign in line:
            raise InputError(
                f"{path}, line {number}: columns are separated by {name}; write them with commas as separators and "
                'decimal points (in a spreadsheet: "CSV UTF-8"; in Python: pandas.read_csv(..., sep=...).to_csv(...))'
            )
    first = line.strip().split()
    if "," not in line and len(first) > 1 and all(re.fullmatch(r"[-+.\deE]+", part) for part in first):
        raise InputError(f"{path}, line {number}: columns are separated by blanks; write them with commas")


_MISSING = ("", "nan", "na")


def number_in(text: str) -> float | str:
    """The finite number in a cell, or why there is none."""
    if not text:
        return "the cell is empty"
    try:
        value = float(text)
    except ValueError:
        return _why_no_number(text)
    if "_" in text:
        return f"{text!r} is not a number as files hold it"
    if not math.isfinite(value):
        return f"{text!r} is not a reading; remove the row (in a trace, its pulses count to the next)"
    return value


def _why_no_number(text: str) -> str:
    if _DECIMAL_COMMA.match(text):
        return f"{text!r} has a decimal comma; write it with a decimal point, {text.replace(',', '.')}"
    if _NUMBER_WITH_UNIT.match(text):
        return f"{text!r} carries a unit; write the plain number, and the unit into the column's name"
    return f"{text!r} is not a number"


def column_of(
    table: RawTable, index: int, name: str, problems: Problems, *, padded: bool = False, gaps: bool = False
) -> NDArray[np.float64]:
    """Numbers of a column; what is none is noted.

    `padded`: empty cells at its end do not count. `gaps`: an empty cell or a "nan" is a missing reading, NaN.
    """
    cells = [(line, row[index] if index < len(row) else "") for line, row in table.rows]
    if padded:
        while cells and not cells[-1][1]:
            cells.pop()
    values: list[float] = []
    for line, text in cells:
        found = math.nan if gaps and text.lower() in _MISSING else number_in(text)
        if isinstance(found, str):
            problems.add(table.path, line, f"column {name}: {found}")
            continue
        values.append(found)
    return np.asarray(values, dtype=np.float64)


def check_width(table: RawTable, width: int, problems: Problems) -> None:
    """Note every row that has not `width` cells."""
    for line, row in table.rows:
        if len(row) != width:
            problems.add(table.path, line, f"{len(row)} cells, {width} are needed: {','.join(row)[:60]!r}")
