"""A text file as a table: delimiter, comments, header and decimal sign recognised; what is ambiguous is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from instruments.errors import InputError
from labshd.runs.tables.cells import Decimal, decimal_signs, is_missing, is_number
from labshd.runs.tables.delimiters import WORDS, Shape, cut, shape_of, shapes
from labshd.runs.tables.mapping import Mapping
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.units_of_columns import unit_of
from labshd.runs.tables_in import Problems

COMMENTS = ("#", "%", "!", "//")
"""How lines begin that are no data, where a person says nothing else."""

Line = tuple[int, str]


@dataclass(frozen=True)
class _Found:
    """Where a table stands: its shape, its headers and units, and in words how they were found."""

    shape: Shape
    header: list[str]
    units: list[str]
    body: list[Line]
    said: str


def sheet_of_lines(path: Path, lines: list[str], encoding: str, mapping: Mapping) -> Sheet:
    """The one table of a text file.

    Raises
    ------
    InputError
        No numbers, more than one way to read them, or lines of another width, all of them with their numbers.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    signs = (mapping.comment,) if mapping.comment else COMMENTS
    comments = [one for one in numbered if one[1].lstrip().startswith(signs) and one[0] != mapping.header_line]
    commented = {number for number, _ in comments}
    data = [one for one in numbered if one[0] not in commented]
    if mapping.header_line:
        data = [one for one in data if one[0] >= mapping.header_line]
    shape = _shape(path, data, mapping)
    found = _found(path, data, comments, shape, mapping)
    rows = _rows(path, found)
    columns = [list(column) for column in zip(*rows, strict=True)]
    decimal = decimal_of(path, columns, mapping)
    form = {
        "encoding": encoding,
        "delimiter": WORDS[shape.delimiter],
        "header": found.said,
        "comments": f"{len(comments)} lines that begin with {' or '.join(signs)}" if comments else "none",
        "decimal": f"decimal {decimal}",
    }
    numbers = [number for number, _ in found.body]
    return Sheet(path, "", found.header, columns, numbers, decimal, found.units, form)


def _shape(path: Path, data: list[Line], mapping: Mapping) -> Shape:
    lines = [line for _, line in data]
    if mapping.delimiter:
        one = shape_of(lines, mapping.delimiter)
        if one is None or (one.width == 1 and mapping.delimiter != "none"):
            raise InputError(
                f"{path}, line {data[-1][0] if data else 1}: separated at {WORDS[mapping.delimiter]}, the last lines "
                f"form no table of numbers: {lines[-1][:60] if lines else ''!r}; leave --delimiter out to see what is "
                "recognised"
            )
        return one
    found = shapes(lines)
    if not found:
        raise InputError(
            f"{path}: it contains no table of numbers; its last line is {lines[-1][:60] if lines else ''!r}: "
            "expected is one reading per line, in cells separated by commas, semicolons, tabs or blanks"
        )
    fitting = [shape for shape in found if _header_fits(data, shape)]
    if len(fitting) > 1:  # a header of several cells is not that of one column
        fitting = [shape for shape in fitting if shape.delimiter != "none"]
    if len(fitting or found) > 1:
        ways = " or ".join(f"{WORDS[one.delimiter]} (--delimiter {one.delimiter})" for one in fitting or found)
        raise InputError(f"{path}, line {data[-1][0]}: {data[-1][1][:60]!r} may be separated at {ways}; choose one")
    return (fitting or found)[0]


def _header_fits(data: list[Line], shape: Shape) -> bool:
    start = _start(data, shape)
    return start > 0 and len(_cells(data[start - 1][1], shape)) == shape.width


def _cells(line: str, shape: Shape) -> list[str]:
    """Cells of a line, without empty ones beyond the width (a delimiter at the end of each line)."""
    cells = cut(line, shape.delimiter)
    while len(cells) > shape.width and not cells[-1]:
        cells.pop()
    return cells


def _start(data: list[Line], shape: Shape) -> int:
    """Index of the first line of readings: it fits, and so does the one after it, or a header is above it."""
    fits = [shape.fits(_cells(line, shape)) for _, line in data]
    for at in range(len(data)):
        if fits[at] and (all(fits[at : at + 2]) or (at and _is_header(_cells(data[at - 1][1], shape), shape))):
            return at
    return 0


def _is_header(cells: list[str], shape: Shape) -> bool:
    return len(cells) == shape.width > 1 and not any(is_number(cell) or is_missing(cell) for cell in cells)


def _found(path: Path, data: list[Line], comments: list[Line], shape: Shape, mapping: Mapping) -> _Found:
    none = [""] * shape.width
    start = _start(data, shape)
    if mapping.header_line == 0:
        return _Found(shape, none, none, data[start:], "no header")
    if mapping.header_line:
        header = _cells(data[0][1], shape)
        if data[0][0] != mapping.header_line or len(header) != shape.width:
            raise InputError(
                f"{path}, line {mapping.header_line}: {len(header)} headers for {shape.width} columns: "
                f"{data[0][1][:80]!r}"
            )
        units = _units(data[1][1], shape) if start == 2 else none
        return _Found(shape, header, units or none, data[2 if units and start == 2 else 1 :], f"line {data[0][0]}")
    above = data[:start]
    units = _units(above[-1][1], shape) if above else None
    if units and (len(above) > 1 or above[-1][1] != ""):
        at = above.pop()[0]
        return _with_header(above, comments, _Found(shape, none, units, data[start:], f"; units in line {at}"))
    return _with_header(above, comments, _Found(shape, none, none, data[start:], ""))


def _units(line: str, shape: Shape) -> list[str] | None:
    """Units of a line that holds nothing else."""
    cells = [cell.strip("()[]{}<> ") for cell in _cells(line, shape)]
    said = [cell for cell in cells if cell]
    return cells if len(cells) == shape.width and said and all(unit_of(cell) for cell in said) else None


def _with_header(above: list[Line], comments: list[Line], found: _Found) -> _Found:
    """The headers from the last line above the readings, or from the last comment above them."""
    first = found.body[0][0]
    told = [(number, line.lstrip().lstrip("#%!/").strip()) for number, line in comments if number < first]
    for number, line in [*above[-1:], *told[-1:]]:
        header = _cells(line, found.shape)
        if len(header) == found.shape.width and any(header):
            return _Found(found.shape, header, found.units, found.body, f"line {number}{found.said}")
    return _Found(found.shape, found.header, found.units, found.body, "no header" + found.said)


def _rows(path: Path, found: _Found) -> list[list[str]]:
    problems = Problems()
    rows: list[list[str]] = []
    width = found.shape.width
    for number, line in found.body:
        cells = _cells(line, found.shape)
        if len(cells) != width:
            problems.add(
                path,
                number,
                f"{len(cells)} cells where {width} are expected: {line[:60]!r}, "
                f"separated at {WORDS[found.shape.delimiter]}",
            )
        rows.append(cells)
    problems.refuse()
    return rows


def decimal_of(path: Path, columns: list[list[str]], mapping: Mapping) -> Decimal:
    """The decimal sign that the cells tell; `InputError` with examples where they contradict or leave it open."""
    if mapping.decimal:
        return mapping.decimal
    signs = decimal_signs(cell for column in columns for cell in column if "," in cell or "." in cell)
    if signs.thousands:
        raise InputError(f"{path}: {signs.thousands!r} has thousands separators; write numbers without them")
    if signs.comma and signs.point:
        raise InputError(
            f"{path}: {signs.comma!r} has a decimal comma and {signs.point!r} a decimal point; choose "
            "--decimal comma or --decimal point, and the cells that do not fit are listed"
        )
    if signs.either and not signs.comma:
        raise InputError(
            f"{path}: {signs.either!r} may be {signs.either.replace(',', '.')} (--decimal comma) or "
            f"{signs.either.replace(',', '')} (--decimal point, written without the comma); choose one"
        )
    return "comma" if signs.comma else "point"
