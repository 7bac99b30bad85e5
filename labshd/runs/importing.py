"""Import of measured data as a run, in the layouts trace, columns, ramps and table; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.errors import InputError
from instruments.whole_files import is_plain_file
from labshd.common.provenance import What, Where
from labshd.runs.given_file import given_file
from labshd.runs.import_layouts import columns, ramps, trace
from labshd.runs.run import Run, open_run, runs_folder
from labshd.runs.writer import RunWriter

if TYPE_CHECKING:
    from labshd.runs.tables.understood import Understood

LAYOUTS = ("trace", "columns", "ramps")
_TRACE = re.compile(rb"(?s)(?:\xef\xbb\xbf)?\s*(?=[^\r\n;\t]*\bpulses\b)(?=[^\r\n;\t]*\bconductance_\w)")


def import_files(
    files: Sequence[Path | str],
    layout: str = "trace",
    *,
    up: Path | str | None = None,
    down: Path | str | None = None,
    quantity: str | None = None,
    read_voltage: float | None = None,
    name: str | None = None,
    runs: Path | str | None = None,
) -> Run:
    """Make a run of measured data.

    Parameters
    ----------
    files
        ``trace``: one CSV with the columns `pulses` (signed count since the reading before; empty: not known) and
        `conductance_S` (or `_mS`, `_uS`, `_nS`, `_normalised`; empty or "nan": missing), and `time_s` if there is one.
        ``columns``: one CSV without header, column 0 the conductance after each of consecutive up pulses, column 1
        after each of consecutive down pulses, in normalised units.
        ``ramps``: none, but `up` and `down`.
    up, down
        ``ramps``: CSV with a header, each column one ramp with a reading after each pulse; in time up 1, down 1,
        up 2, ...
    quantity, read_voltage
        ``ramps``: "current" [A], which needs the read voltage [V], or "conductance" [S].
    name
        Name of the crosspoint; the name of the first file where none is given.

    Raises
    ------
    InputError
        Every problem at once, with file, line, column, value and rule.
    """
    if layout not in LAYOUTS:
        raise InputError(f"no layout {layout!r}; known: {', '.join(LAYOUTS)}")
    given = [Path(file) for file in files]
    sides = [Path(side) for side in (up, down) if side is not None]
    _check_options(layout, given, sides, quantity, read_voltage)
    read = [given_file(path) for path in given + sides]
    if layout == "trace":
        data = trace(read[0])
    elif layout == "columns":
        data = columns(read[0])
    else:
        volts = read_voltage if quantity == "current" else None
        data = ramps(read[0] if up else None, read[-1] if down else None, volts)
    settings: dict[str, Any] = {"files": [one.described() for one in read], "ignored_columns": data.ignored}
    if layout == "ramps":
        settings |= {"quantity": quantity, "read_voltage_V": read_voltage}
    where = Where(name or read[0].path.stem, (1, 1), data.unit, {"kind": "import", "details": {"layout": layout}})
    writer = RunWriter(runs_folder(runs), What("import", layout, settings), where)
    try:
        for block in data.points:
            writer.points(block)
    except BaseException:
        writer.close("failed", "the import did not come to its end")
        raise
    missing = int(sum(np.isnan(block.readings.conductance).sum() for block in data.points))
    writer.close("finished", "all readings of the files are in", result={"missing_readings": missing})
    return open_run(writer.folder)


def is_trace(file: Path | str) -> bool:
    """Whether the first line of a file has the columns of a trace, `pulses` and `conductance_UNIT`."""
    if not is_plain_file(Path(file)):
        return False  # a pipe would be waited for
    try:
        with Path(file).open("rb") as opened:
            return _TRACE.match(opened.read(4096)) is not None
    except OSError:
        return False


def understand_table(file: Path | str, mapping: Path | str | None = None, **said: Any) -> Understood:
    """What `import_table` would do with a file, as `facts()`; nothing is written. Arguments are the same."""
    from labshd.runs.tables.mapping import mapping_of
    from labshd.runs.tables.table import understand

    named = mapping_of(said, Path(mapping) if mapping else None)
    return understand(given_file(Path(file)), named)


def import_table(
    file: Path | str,
    mapping: Path | str | None = None,
    *,
    columns: AnyMapping[str, str | Sequence[str]] | None = None,
    units: AnyMapping[str, str] | None = None,
    read_voltage: float | None = None,
    name: str | None = None,
    runs: Path | str | None = None,
    **said: Any,
) -> list[Run]:
    """Make a run of a table as laboratories have it: text, workbook (XLSX), or a file of an instrument.

    Parameters
    ----------
    file
        The table; its format is told by what is in it.
    mapping
        A TOML file with the same names as the arguments below.
    columns
        Role to header of the column, such as ``{"conductance": "G (uS)"}``; `labshd.runs.tables.mapping.ROLES` are
        known.
    units
        Role to unit where no header tells it, such as ``{"current": "uA"}``.
    read_voltage
        [V] where no column tells it.
    said
        Other fields of `labshd.runs.tables.mapping.Mapping`, such as ``columns_are="devices"``.

    Returns
    -------
    One run; or one for each device where a block cannot hold them all.

    Raises
    ------
    InputError
        Every problem at once, with file, line, column, value, and what to try. Nothing was written then.
    """
    given = {"columns": columns or {}, "units": units or {}, "read_voltage": read_voltage, **said}
    return write_table(understand_table(file, mapping, **given), name=name, runs=runs)


def write_table(understood: Understood, *, name: str | None = None, runs: Path | str | None = None) -> list[Run]:
    """The runs of what `understand_table` gave, as `import_table` writes them."""
    from labshd.runs.tables.table import write

    return write(understood, runs_folder(runs), name)


def _check_options(
    layout: str, files: list[Path], sides: list[Path], quantity: str | None, read_voltage: float | None
) -> None:
    problems: list[str] = []
    if layout == "ramps":
        if files or not sides:
            problems.append("layout ramps takes --up FILE and --down FILE (or one of them), and no other file")
        if quantity not in ("current", "conductance"):
            problems.append(f"layout ramps needs --quantity current or --quantity conductance, not {quantity!r}")
        if quantity == "current" and read_voltage is None:
            problems.append("the read voltage is needed to turn current into conductance: --read-voltage V")
        if quantity == "conductance" and read_voltage is not None:
            problems.append("--read-voltage belongs to --quantity current; conductance needs none")
    else:
        if len(files) != 1:
            problems.append(f"layout {layout} takes one file, not {len(files)}")
        if sides or quantity is not None or read_voltage is not None:
            problems.append("--up, --down, --quantity and --read-voltage belong to layout ramps")
    if read_voltage is not None and not (np.isfinite(read_voltage) and read_voltage != 0):
        problems.append(
            f"a read voltage of {read_voltage} V gives no conductance; give the voltage at which it was read"
        )
    if problems:
        raise InputError("; ".join(problems))
