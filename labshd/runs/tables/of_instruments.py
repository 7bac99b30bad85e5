"""Files of instruments: EasyEXPERT (Keysight B1500A) and sessions of ArC ONE, told by what is written in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from instruments.errors import InputError
from labshd.runs.tables.cells import is_missing, is_number
from labshd.runs.tables.delimiters import SIGNS, cut
from labshd.runs.tables.mapping import Delimiter, Mapping, Role
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables_in import Problems

EASYEXPERT = "EasyEXPERT"
ARC_ONE = "ArC ONE"
_MARK = "AutoAnalysis.Marker.Data.StartCondition"  # in a file of a classic test, the header follows it
_TITLES = ("SetupTitle", "Setup title")
_ARC_ONE = ["Wordline", "Bitline", "Resistance", "Amplitude (V)", "Pulse width (s)", "Tag", "ReadTag", "ReadVoltage"]

ROLES_OF: dict[str, dict[str, Role]] = {
    ARC_ONE: {
        "Wordline": "wordline",
        "Bitline": "bitline",
        "Resistance": "resistance",
        "Amplitude (V)": "pulse_voltage",
        "Pulse width (s)": "pulse_width",
        "ReadVoltage": "voltage",
    },
    "ArC TWO": {
        "wordline": "wordline",
        "bitline": "bitline",
        "current": "current",
        "voltage": "pulse_voltage",
        "pulse_width": "pulse_width",
        "read_voltage": "voltage",
    },
}
"""Columns of programs whose layout tells what they are."""

IN_SI = (EASYEXPERT, ARC_ONE, "ArC TWO", "Clarius")
"""Programs that write SI units without saying so."""


def easyexpert(path: Path, lines: list[str], encoding: str) -> list[Sheet]:
    """The records of an EasyEXPERT file, a table each; empty where it is none."""
    marks = [at for at, line in enumerate(lines) if line.startswith(("DataName", _MARK))]
    sheets: list[Sheet] = []
    problems = Problems()
    for number, (at, end) in enumerate(zip(marks, [*marks[1:], len(lines)], strict=False), 1):
        name = _title(lines[: at + 1]) or f"record {number}"
        taken = [one.name for one in sheets]
        name = f"{name} {number}" if name in taken or len(marks) > 1 else name
        form = {"encoding": encoding, "record": name}
        sheet = _record(path, lines, (at, end), problems)
        if sheet is not None:
            sheets.append(replace(sheet, name=name if len(marks) > 1 else "", form=sheet.form | form))
    problems.refuse()
    return sheets


def _title(lines: list[str]) -> str:
    """The title of the record whose header is the last of these lines."""
    for line in reversed(lines):
        if line.startswith(_TITLES):
            return line.partition(",")[2].strip().strip('"')
    return ""


def _record(path: Path, lines: list[str], at: tuple[int, int], problems: Problems) -> Sheet | None:
    """One record: its header in the line of the mark (or after it), its values below."""
    start, end = at
    tagged = lines[start].startswith("DataName")
    delimiter = _delimiter(lines[start] if tagged else lines[min(start + 1, end - 1)])
    head = cut(lines[start], delimiter)[1:] if tagged else cut(lines[min(start + 1, end - 1)], delimiter)
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[start + (1 if tagged else 2) : end], start + (2 if tagged else 3)):
        cells = cut(line, delimiter)
        if tagged and cells[0] != "DataValue":
            continue
        cells = cells[1:] if tagged else cells
        if not tagged and not (is_number(cells[0]) or (is_missing(cells[0]) and any(cells))):
            break
        if len(cells) != len(head):
            problems.add(path, number, f"{len(cells)} values, but the record has {len(head)} columns: {line[:60]!r}")
            continue
        rows.append(cells)
        numbers.append(number)
    if not rows:
        return None
    columns = [list(column) for column in zip(*rows, strict=True)]
    form = {"delimiter": delimiter, "header": f"line {start + (1 if tagged else 2)}"}
    return Sheet(path, "", head, columns, numbers, form=form, program=EASYEXPERT)


def _delimiter(line: str) -> Delimiter:
    return max(SIGNS, key=lambda name: line.count(SIGNS[name]))


def with_program(sheet: Sheet) -> Sheet:
    """The table with the program that wrote it, where its headers tell."""
    if sheet.header == _ARC_ONE:
        return replace(sheet, program=ARC_ONE)
    return sheet


def chosen(path: Path, sheets: list[Sheet], mapping: Mapping) -> list[Sheet]:
    """The tables to take; `InputError` where there are several and nobody says which, or what they are."""
    named = [one for one in sheets if not mapping.sheet or one.name in mapping.sheet]
    if mapping.sheet and not named:
        listed = ", ".join(repr(one.name) for one in sheets)
        raise InputError(f"{path}: there is no sheet {mapping.sheet[0]!r}; it has {listed or 'one table only'}")
    if len(named) > 1 and mapping.sheets_are is None:
        listed = ", ".join(repr(one.name) for one in named[:12])
        raise InputError(
            f"{path}: it contains {len(named)} tables, {listed}; take one with --sheet NAME, or all with "
            "--sheets-are cycles (of one device, in this order) or --sheets-are devices"
        )
    return named
