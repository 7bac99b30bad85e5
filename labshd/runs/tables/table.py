"""Import of a table: read, understood and checked as a whole, then written as one run, or one for each device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from instruments.errors import InputError
from labshd.common.provenance import What, Where
from labshd.runs.given_file import HDF5, WORKBOOK, GivenFile
from labshd.runs.run import Run, open_run
from labshd.runs.tables.arc_two import sheet_of_arc_two
from labshd.runs.tables.blocks import Block, blocks_of, points_of
from labshd.runs.tables.delimited import sheet_of_lines
from labshd.runs.tables.joining import devices_of
from labshd.runs.tables.mapping import Mapping
from labshd.runs.tables.of_instruments import chosen, easyexpert, with_program
from labshd.runs.tables.roles import roles_of
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.understood import Understood
from labshd.runs.tables.workbook import sheets_of_workbook
from labshd.runs.tables_in import Problems
from labshd.runs.writer import RunWriter


def sheets_of(given: GivenFile, mapping: Mapping) -> list[Sheet]:
    """The tables of a file, whatever its format; told by what is in it, not by its name."""
    path, data = given.path, given.data
    if data.startswith(WORKBOOK):
        return sheets_of_workbook(path, data, mapping)
    if data.startswith(HDF5):
        return [sheet_of_arc_two(path, data)]
    lines, encoding = given.lines()
    return easyexpert(path, lines, encoding) or [with_program(sheet_of_lines(path, lines, encoding, mapping))]


def understand(given: GivenFile, mapping: Mapping) -> Understood:
    """What a file holds; nothing is written.

    Raises
    ------
    InputError
        Everything that is wrong or ambiguous, with file, line, column, what was expected and what to try.
    """
    path, problems = given.path, Problems()
    sheets = [(one, roles_of(one, mapping)) for one in chosen(path, sheets_of(given, mapping), mapping)]
    devices = devices_of(sheets, mapping, problems)
    problems.refuse()
    if not devices:
        raise InputError(f"{path}: no readings are in it")
    if len({one.unit for one in devices}) > 1:
        raise InputError(f"{path}: some columns are normalised and others in siemens; import them one by one")
    blocks, why = blocks_of(devices)
    return Understood(path, given.described(), mapping, sheets, devices, blocks, why)


def write(understood: Understood, runs: Path, name: str | None) -> list[Run]:
    """The runs of what was understood, one for each block."""
    settings = understood.settings()
    return [_written(understood, block, settings, runs, name or understood.path.stem) for block in understood.blocks]


def _written(understood: Understood, block: Block, settings: dict[str, Any], runs: Path, name: str) -> Run:
    one = block.traces[0].device if len(understood.blocks) > 1 else ""
    origin = {"kind": "import", "details": {"layout": "table"}}
    where = Where(" ".join(filter(None, (name, one))), block.shape, understood.unit, origin)
    named = {"devices": block.names} if any(trace.device for trace in block.traces) else {}
    points = points_of(block, understood.mapping.pulse_width)
    writer = RunWriter(runs, What("import", "table", settings | named), where)
    try:
        for part in points:
            writer.points(part)
    except BaseException:
        writer.close("failed", "the import did not come to its end")
        raise
    missing = int(sum(np.isnan(part.readings.conductance).sum() for part in points))
    writer.close("finished", "all readings of the file are in", result={"missing_readings": missing})
    return open_run(writer.folder)
