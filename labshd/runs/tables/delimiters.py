"""What stands between the cells of a text file: told from its last lines, refused where two readings of it hold."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labshd.runs.tables.cells import is_missing, is_number
from labshd.runs.tables.mapping import Delimiter

SIGNS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
WORDS: dict[Delimiter, str] = {
    "comma": "commas",
    "semicolon": "semicolons",
    "tab": "tabs",
    "bar": "bars (|)",
    "blank": "blanks",
    "none": "nothing (one column)",
}
_TAILS = (200, 100, 50, 20, 10, 5, 3, 2, 1)  # last lines that tell the form of a file, the most that are of one form
_MOSTLY = 0.8  # of the cells of a column of numbers that are numbers: a typing mistake does not make it text
_TORN = re.compile(r"\d\s*[;\t|]\s*[-+.\d]|\d[,;|]$|^[,;|]\d")  # a number, a delimiter, and another number in one cell


@dataclass(frozen=True)
class Shape:
    """How lines are cut: the delimiter, the number of cells, and which columns hold numbers."""

    delimiter: Delimiter
    width: int
    numeric: tuple[int, ...]

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether these cells are a line of readings."""
        if len(cells) != self.width:
            return False
        there = [cells[at] for at in self.numeric if not is_missing(cells[at])]
        return bool(there) and all(is_number(cell) for cell in there)


def cut(line: str, delimiter: Delimiter) -> list[str]:
    """The cells of a line; quotes are taken off, empty cells at its end stay."""
    if delimiter == "blank":
        return line.split()
    if delimiter == "none":
        return [line.strip().strip('"').strip()]
    sign = SIGNS[delimiter]
    cells = line.split(sign)
    if '"' in line:
        with contextlib.suppress(csv.Error):  # a cell of a hundred thousand characters: no number, and told as such
            cells = next(csv.reader([line], delimiter=sign))
    return [cell.strip() for cell in cells]


def shapes(lines: Sequence[str]) -> list[Shape]:
    """Every way to read the last lines as a table of numbers; none where they hold no numbers.

    As many of the last lines as are of one form: how many lines stand above the numbers is not known.
    """
    for size in _sizes(lines):
        found = _shapes(lines[-size:])
        if found:
            return found
    return []


def shape_of(lines: Sequence[str], delimiter: Delimiter) -> Shape | None:
    """The shape of the last lines cut at a delimiter; None where they are no table of numbers then."""
    return next((shape for size in _sizes(lines) if (shape := _shape(lines[-size:], delimiter))), None)


def _sizes(lines: Sequence[str]) -> list[int]:
    return sorted({min(size, len(lines)) for size in _TAILS}, reverse=True) if lines else []


def _shapes(lines: Sequence[str]) -> list[Shape]:
    signs: list[Delimiter] = ["comma", "semicolon", "tab", "bar"]
    found = [shape for sign in signs if (shape := _shape(lines, sign)) and shape.width > 1]
    single = _shape(lines, "none")
    if found:
        # Decimal commas alone look like two columns of whole numbers.
        return [*found, single] if single and [shape.delimiter for shape in found] == ["comma"] else found
    blank = _shape(lines, "blank")
    if blank and blank.width > 1:
        return [blank]
    return [single] if single else []


def _shape(lines: Sequence[str], delimiter: Delimiter) -> Shape | None:
    rows = [cut(line, delimiter) for line in lines]
    width, often = Counter(map(len, rows)).most_common(1)[0]
    if often < _MOSTLY * len(rows):
        return None
    columns = list(zip(*(row for row in rows if len(row) == width), strict=True))
    numeric = tuple(at for at, column in enumerate(columns) if _is_numeric(column))
    text = [cell for at, column in enumerate(columns) if at not in numeric for cell in column]
    if not numeric or any(_is_torn(cell) for cell in text):
        return None
    return Shape(delimiter, width, numeric)


def _is_numeric(cells: Sequence[str]) -> bool:
    there = [cell for cell in cells if not is_missing(cell)]
    return bool(there) and sum(map(is_number, there)) >= _MOSTLY * len(there)


def _is_torn(cell: str) -> bool:
    """Whether a cell holds several numbers: it was cut at the wrong sign."""
    parts = cell.split()
    return bool(_TORN.search(cell)) or (len(parts) > 1 and all(is_number(part) for part in parts))
