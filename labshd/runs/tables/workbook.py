"""An Excel workbook (.xlsx) as tables: values as they were saved; formulas without a value and pictures are refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, cast

from instruments.errors import InputError
from labshd.runs.tables.cells import is_missing, is_number
from labshd.runs.tables.delimited import decimal_of
from labshd.runs.tables.mapping import Mapping
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.units_of_columns import unit_of
from labshd.runs.tables_in import Problems

_LARGEST = 1 << 30  # bytes of a workbook unpacked: more is no table that a laboratory writes by hand
_CLARIUS = {"Data", "Settings"}  # sheets of a Keithley 4200A workbook; "Calc" is beside them
_NOT_DATA = {"Calc", "Settings"}
Row = list[Any]


def sheets_of_workbook(path: Path, data: bytes, mapping: Mapping) -> list[Sheet]:
    """The tables of a workbook, one a sheet; sheets without any number are left out.

    Raises
    ------
    InputError
        No workbook, nothing but pictures, formulas that were never computed, or a decimal sign that is not clear.
    """
    pictures = _checked(path, data)
    found = _rows(path, data, values=True)
    clarius = set(found) >= _CLARIUS
    wanted = [name for name in found if name in mapping.sheet or not (mapping.sheet or (clarius and name in _NOT_DATA))]
    missing = [name for name in mapping.sheet if name not in found]
    if missing:
        listed = ", ".join(map(repr, found))
        raise InputError(f"{path}: there is no sheet {missing[0]!r}; it has {listed}")
    _refuse_formulas(path, data, {name: found[name] for name in wanted})
    sheets = [one for name in wanted if (one := _sheet(path, name, found[name], mapping, clarius=clarius))]
    if not sheets and pictures:
        raise InputError(f"{path}: its sheets contain pictures but no table; give the numbers that the pictures show")
    if not sheets:
        listed = ", ".join(map(repr, wanted))
        raise InputError(f"{path}: no table of numbers in sheet {listed}; a header and numbers below it are needed")
    return sheets


def _checked(path: Path, data: bytes) -> bool:
    """Refuse what is no workbook; whether pictures are in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path}: the workbook is incomplete or damaged ({error}); save it again as .xlsx") from None
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names:
        raise InputError(f"{path}: a ZIP archive, not a workbook; unpack it, and give one of its files")
    if sum(entry.file_size for entry in entries) > _LARGEST:
        raise InputError(f"{path}: larger than {_LARGEST >> 30} GiB when unpacked; save its sheets as CSV")
    return any(name.startswith("xl/media/") for name in names)


def _rows(path: Path, data: bytes, *, values: bool) -> dict[str, list[Row]]:
    """Rows of each sheet: values as they were saved, or formulas as they were written."""
    from openpyxl import load_workbook  # slow to import, and only workbooks need it

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=values)
        sheets = cast("Iterable[Any]", book.worksheets)
        return {str(one.title): [list(row) for row in one.iter_rows(values_only=True)] for one in sheets}
    except Exception as error:  # openpyxl raises whatever its XML parser does
        raise InputError(f"{path}: the workbook cannot be read ({error}); save it again as .xlsx") from None


def _refuse_formulas(path: Path, data: bytes, found: dict[str, list[Row]]) -> None:
    if not any(value is None for rows in found.values() for row in rows for value in row):
        return
    written = _rows(path, data, values=False)
    problems = Problems()
    for name, rows in found.items():
        for number, (row, formulas) in enumerate(zip(rows, written[name], strict=False), 1):
            for at, (value, formula) in enumerate(zip(row, formulas, strict=False)):
                if value is None and isinstance(formula, str) and formula.startswith("="):
                    cell = f"{_letters(at)}{number}"
                    problems.add(
                        path, number, f"sheet {name!r}, cell {cell}: the formula {formula[:40]!r} has no stored value"
                    )
    problems.refuse("cannot import formulas without a value; open the workbook in a spreadsheet, save it, import again")


def _letters(at: int) -> str:
    """Name of a column in a spreadsheet: A, B, ..., Z, AA."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def _sheet(path: Path, name: str, rows: list[Row], mapping: Mapping, *, clarius: bool) -> Sheet | None:
    cells = [[_text(value) for value in row] for row in rows]
    width = max((at + 1 for row in cells for at, cell in enumerate(row) if cell), default=0)
    cells = [(row + [""] * width)[:width] for row in cells]
    start = _start(cells)
    if start is None:
        return None
    at = mapping.header_line - 1 if mapping.header_line else start - 1
    header, units, said = [""] * width, [""] * width, "no header"
    if mapping.header_line != 0 and 0 <= at < len(cells):
        below = [cell.strip("()[]{}<> ") for cell in cells[at]]
        if at > 0 and not mapping.header_line and all(unit_of(cell) for cell in below if cell) and any(below):
            units, at = below, at - 1
        header, said = cells[at], f"row {at + 1}" + (f"; units in row {at + 2}" if any(units) else "")
    kept = [(number, row) for number, row in enumerate(cells[start:], start + 1) if any(row)]
    columns = [list(column) for column in zip(*(row for _, row in kept), strict=True)]
    # Numbers of a workbook have no decimal sign of a language: only cells of text may have a comma.
    texts = [[cell for cell in column if "," in cell] for column in columns]
    decimal = decimal_of(path, texts, mapping)
    if decimal == "comma":
        columns = [[cell.replace(",", ".") if is_number(cell) else cell for cell in column] for column in columns]
    form = {"encoding": "workbook", "header": said, "decimal": f"decimal {decimal}"}
    lines = [number for number, _ in kept]
    return Sheet(path, name, header, columns, lines, "point", units, form, "Clarius" if clarius else "")


def _start(cells: list[list[str]]) -> int | None:
    """Index of the first row of numbers that another one follows, if there is one."""
    fits = [_is_data(row) for row in cells]
    for at in range(len(fits)):
        if fits[at] and all(fits[at : at + 2]):
            return at
    return None


def _is_data(row: list[str]) -> bool:
    """A row of readings: mostly numbers, and where the first cell is text, a number beside it."""
    there = [cell for cell in row if not is_missing(cell)]
    return bool(there) and 2 * sum(map(is_number, there)) >= len(there)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return " ".join(str(value).split())
