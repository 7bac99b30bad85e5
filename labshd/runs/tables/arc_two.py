"""Data sets of ArC TWO (HDF5): the biasing history of each crosspoint as one table."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

from instruments.errors import InputError
from labshd.runs.tables.sheet import Sheet

_FIELDS = ("current", "voltage", "pulse_width", "read_voltage", "op_type")
_MOST = 20_000_000  # rows of a history: what is said to be longer would fill the memory
_READ, _PULSE = 1, 2  # bits of op_type


def sheet_of_arc_two(path: Path, data: bytes) -> Sheet:
    """All histories of a data set, crosspoint after crosspoint, each in the order in which it was written.

    Raises
    ------
    InputError
        h5py is not there, it is no data set of ArC TWO, or nothing was measured.
    """
    try:
        import h5py  # pyright: ignore[reportMissingTypeStubs] - optional: only data sets of ArC TWO need it
    except ImportError:
        raise InputError(f"{path}: HDF5 is read with h5py, which is not installed: pip install labshd[hdf5]") from None
    rows: list[list[str]] = []
    try:
        opened: Any = h5py.File(io.BytesIO(data), "r")
        with opened as file:
            groups: Any = file.get("crosspoints")
            if groups is None or "H5DS_VERSION_MAJOR" not in file.attrs:
                raise InputError(
                    f"{path}: an HDF5 file, but not an ArC TWO data set (it contains {', '.join(file)[:80]}); "
                    "from another program, export the table as CSV"
                )
            for name in sorted(groups):
                if not isinstance(groups.get(name, getlink=True), h5py.HardLink):
                    raise InputError(
                        f"{path}: {name} links to another place; an ArC TWO data set contains its readings itself"
                    )
                rows += _history(path, str(name), groups[name])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: the HDF5 file is damaged ({error})") from None
    if not rows:
        raise InputError(f"{path}: no crosspoint of this data set was measured")
    columns = [list(column) for column in zip(*rows, strict=True)]
    header = ["wordline", "bitline", "current", "voltage", "pulse_width", "read_voltage"]
    form = {"encoding": "HDF5", "header": "crosspoints/*/timeseries", "decimal": "none"}
    return Sheet(path, "", header, columns, list(range(1, len(rows) + 1)), form=form, program="ArC TWO")


def _history(path: Path, name: str, group: Any) -> list[list[str]]:
    place = re.fullmatch(r"W(\d+)B(\d+)", name)
    if place is None or "timeseries" not in group:
        return []
    table = group["timeseries"]
    if not set(_FIELDS) <= set(table.dtype.names or ()):
        raise InputError(f"{path}: {name}/timeseries has the columns {table.dtype.names}, where {_FIELDS} are needed")
    if table.shape[0] > _MOST:
        raise InputError(f"{path}: {name}/timeseries claims {table.shape[0]} rows, more than {_MOST}")
    taken = table[: int(table.attrs.get("NROWS", table.shape[0]))]
    listed = zip(*(taken[field].tolist() for field in _FIELDS), strict=True)
    return [[place[1], place[2], *_row(*one)] for one in listed]


def _row(current: float, voltage: float, width: float, read_voltage: float, kind: int) -> list[str]:
    """Current, pulse voltage, pulse width and read voltage; empty where there was no pulse, or no reading."""
    at = read_voltage if read_voltage and math.isfinite(read_voltage) else voltage
    read = [_text(current) if kind & _READ else ""]
    pulse = [_text(voltage), _text(width)] if kind & _PULSE else ["", ""]
    return [*read, *pulse, _text(at) if kind & _READ else ""]


def _text(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""
