"""Import of measured data as a run, in the layouts trace, columns and ramps; nothing is guessed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from instruments.errors import InputError
from labshd.common.provenance import What, Where
from labshd.runs.import_layouts import columns, ramps, trace
from labshd.runs.run import Run, open_run, runs_folder
from labshd.runs.writer import RunWriter

LAYOUTS = ("trace", "columns", "ramps")


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
    if layout == "trace":
        data = trace(given[0])
    elif layout == "columns":
        data = columns(given[0])
    else:
        volts = read_voltage if quantity == "current" else None
        data = ramps(Path(up) if up else None, Path(down) if down else None, volts)
    settings = {"files": _described(given + sides), "ignored_columns": data.ignored}
    if layout == "ramps":
        settings |= {"quantity": quantity, "read_voltage_V": read_voltage}
    where = Where(name or (given + sides)[0].stem, (1, 1), data.unit, {"kind": "import", "details": {"layout": layout}})
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
            problems.append("current becomes conductance with the read voltage it was measured at: --read-voltage V")
        if quantity == "conductance" and read_voltage is not None:
            problems.append("--read-voltage belongs to --quantity current; conductance needs none")
    else:
        if len(files) != 1:
            problems.append(f"layout {layout} takes one file, not {len(files)}")
        if sides or quantity is not None or read_voltage is not None:
            problems.append("--up, --down, --quantity and --read-voltage belong to layout ramps")
    if read_voltage is not None and not (np.isfinite(read_voltage) and read_voltage != 0):
        problems.append(f"a read voltage of {read_voltage} V gives no conductance; give it as it was, not zero")
    if problems:
        raise InputError("; ".join(problems))


def _described(files: list[Path]) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each file: which data this was can be told later."""
    contents = [(file, file.read_bytes()) for file in files]
    return [
        {"file": str(file.resolve()), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for file, data in contents
    ]
