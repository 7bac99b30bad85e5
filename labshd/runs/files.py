"""The tables of a run: rows written through at once, and read back exactly."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from io import BytesIO, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.crosspoints import Pulse
from instruments.errors import InputError, RunError
from instruments.whole_files import read_bytes
from protocols.common.protocol import UNKNOWN_COUNT, Points

if TYPE_CHECKING:
    import pandas as pd

_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")


def points_columns(unit: str) -> list[str]:
    """Column names of points.csv; `unit` is that of conductance, "S" or "normalised"."""
    before = ["reading", "time_s", "phase", "row", "column", "pulses", "pulse_voltage_V", "pulse_width_s"]
    return [*before, f"conductance_{unit}", "voltage_V", "current_A", "status"]


def points_name(array: str = "") -> str:
    """File name of the points of a run, or of one array of a training, such as ``points-A.csv``."""
    return f"points-{array}.csv" if array else "points.csv"


@lru_cache(maxsize=256)
def cell(text: str) -> str:
    """A text as one CSV cell on one line: line breaks, control characters and backslashes become escapes."""
    escaped = _UNSAFE.sub(lambda m: "\\\\" if m[0] == "\\" else f"\\u{ord(m[0]):04x}", text)
    if any(sign in escaped for sign in ',"'):
        return '"' + escaped.replace('"', '""') + '"'
    return escaped


def uncell(text: str) -> str:
    """The text of a cell that `cell` wrote (its CSV quotes already taken off)."""
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else "\\", text)


def _floats(values: NDArray[np.float64]) -> list[str]:
    # repr is the shortest text that reads back to the same float; NaN is an empty cell.
    return ["" if value != value else repr(value) for value in values.ravel().tolist()]


def _whole(values: NDArray[np.int64]) -> list[int]:
    return values.ravel().tolist()


def _pulse_cells(counts: list[int], up: Pulse | None, down: Pulse | None) -> tuple[list[str], list[str]]:
    voltage = {1: repr(up.voltage) if up else "", -1: repr(down.voltage) if down else "", 0: ""}
    width = {1: repr(up.width) if up else "", -1: repr(down.width) if down else "", 0: ""}
    signs = [0 if count == UNKNOWN_COUNT else (count > 0) - (count < 0) for count in counts]
    return [voltage[sign] for sign in signs], [width[sign] for sign in signs]


def points_rows(points: Points, first_reading: int) -> bytes:
    """The rows of points.csv for a block of points, formatted in one go; readings are numbered from `first_reading`."""
    if points.readings.conductance.size == 1:
        return _one_row(points, first_reading)
    steps, rows, columns = points.readings.conductance.shape
    place = np.arange(steps * rows * columns, dtype=np.int64)
    numbers = _whole(first_reading + place // (rows * columns))
    row, column = _whole(place // columns % rows), _whole(place % columns)
    counts = _whole(np.broadcast_to(points.counts, (steps, rows, columns)))
    pair = points.pulses
    voltages, widths = _pulse_cells(counts, pair.up if pair else None, pair.down if pair else None)
    shown = ["" if count == UNKNOWN_COUNT else str(count) for count in counts]
    r = points.readings
    status = r.status.ravel().tolist()
    phase = cell(points.phase)
    return "".join(
        f"{n},{t},{phase},{i},{j},{c},{pv},{pw},{g},{v},{a},{s}\n"
        for n, t, i, j, c, pv, pw, g, v, a, s in zip(
            numbers, _floats(r.time), row, column, shown, voltages, widths,
            _floats(r.conductance), _floats(r.voltage), _floats(r.current), status,
            strict=True,
        )
    ).encode()  # fmt: skip


def _one_row(points: Points, reading: int) -> bytes:
    """The same for one reading of one crosspoint: what a run that goes step by step is made of."""
    r, count = points.readings, points.counts.item()
    known = 0 if count == UNKNOWN_COUNT else count
    pulse = None if points.pulses is None or not known else points.pulses.up if known > 0 else points.pulses.down
    shown = "" if count == UNKNOWN_COUNT else count
    voltage, width = ("", "") if pulse is None else (repr(pulse.voltage), repr(pulse.width))
    t, g, v, a = _one(r.time), _one(r.conductance), _one(r.voltage), _one(r.current)
    status = r.status.item()
    return f"{reading},{t},{cell(points.phase)},0,0,{shown},{voltage},{width},{g},{v},{a},{status}\n".encode()


def _one(value: NDArray[np.float64]) -> str:
    number = value.item()
    return "" if number != number else repr(number)


class AppendFile:
    """A file that only grows: what `append` was given is with the operating system when it returns."""

    def __init__(self, path: Path, keep: int | None = None) -> None:
        """Make a new file, or go on after the first `keep` bytes of an old one; `RunError` where it cannot be."""
        self.path = path
        try:
            self._file = FileIO(path, "xb" if keep is None else "r+b")
            self._size = keep or 0
            if keep is not None:
                self._file.truncate(keep)
                self._file.seek(keep)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, data: bytes) -> None:
        """Write all of `data` or nothing; `RunError` names the file and what the system said."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._cut()
            raise unwritable(self.path, error) from error
        self._size += len(data)

    def _cut(self) -> None:
        """Take back a part of a row, so that the file ends with a whole one."""
        try:
            self._file.truncate(self._size)
            self._file.seek(self._size)
        except OSError:
            return  # the reader drops a torn last row by itself

    def close(self) -> None:
        """Close, and ask for the bytes to be put on the disk. Idempotent."""
        if self._file.closed:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError:
            pass  # some network shares refuse; the operating system has every byte already
        finally:
            self._file.close()


def unwritable(path: Path, error: OSError) -> RunError:
    """The error that says what could not be written, and where else to."""
    said = error.strerror or str(error)
    return RunError(
        f"cannot write {path}: {said}; all readings before are kept. "
        "Free space or choose another folder with --runs DIR or LABSHD_RUNS"
    )


class TableFile:
    """A CSV table of numbers (steps.csv): the first block names the columns, later blocks bring the same."""

    def __init__(self, path: Path) -> None:
        self._file = AppendFile(path)
        self._columns: list[str] | None = None

    def append(self, columns: Mapping[str, ArrayLike]) -> None:
        """One row for each entry of the columns; all of one length, NaN is an empty cell."""
        if self._columns is None:
            self._columns = list(columns)
            self._file.append((",".join(map(cell, self._columns)) + "\n").encode())
        if list(columns) != self._columns:
            raise RunError(f"steps of this run have the columns {self._columns}, not {list(columns)}")
        cells = [_number_cells(np.atleast_1d(np.asarray(values))) for values in columns.values()]
        self._file.append("".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode())

    def close(self) -> None:
        """Close. Idempotent."""
        self._file.close()


def _number_cells(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind in "iu":
        return list(map(str, values.tolist()))
    return _floats(values.astype(np.float64))


def whole_lines(data: bytes) -> bytes:
    """Without what follows the last line end: a row torn by a power cut, or zeros that a file system filled in."""
    return data[: data.rfind(b"\n") + 1]


def bytes_of_lines(path: Path, lines: int) -> int:
    """Size of the first `lines` lines of a file, line ends included."""
    data, end = file_bytes(path), 0
    for _ in range(lines):
        end = data.index(b"\n", end) + 1
    return end


def read_points(path: Path, unit: str) -> tuple[pd.DataFrame, bool]:
    """points.csv as a table, and whether a torn last row was left out. `InputError` names file and problem."""
    data = file_bytes(path)
    whole = whole_lines(data)
    names = points_columns(unit)
    found = whole.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r").lstrip("\ufeff").split(",")
    if found != names:
        raise InputError(f"{path}: the first line must be '{','.join(names)}', not '{','.join(found)}'")
    numbers = [name for name in names if name not in ("reading", "phase", "row", "column", "status")]
    kinds = {"reading": "int64", "phase": "str", "row": "int32", "column": "int32", "status": "uint8"}
    try:
        table = _read_csv()(
            BytesIO(whole),
            dtype={**dict.fromkeys(numbers, "float64"), **kinds, "pulses": "Int64"},  # type: ignore[arg-type]
            keep_default_na=False,
            na_values={name: [""] for name in numbers},
            encoding="utf-8-sig",
        )
    except (ValueError, TypeError, OverflowError) as error:  # pandas' ParserError is a ValueError
        raise InputError(f"{path}: not a table of points: {error}; was it edited by hand?") from None
    # Read as text and only then made a category: pandas would make a number of a phase named "1e3".
    phase = table["phase"].astype("category").cat
    written = cast("list[str]", phase.categories.tolist())
    table["phase"] = phase.rename_categories([uncell(text) for text in written])
    return table, len(whole) < len(data)


def _read_csv() -> Callable[..., pd.DataFrame]:
    """`pandas.read_csv` that reads the float that was written: by an option until 3.0, by itself since 3.1."""
    import pandas as pd

    major, minor = map(int, pd.__version__.split(".")[:2])
    return pd.read_csv if (major, minor) >= (3, 1) else partial(pd.read_csv, float_precision="round_trip")


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table of numbers as it was written, without a torn last row. `InputError` names file and problem."""
    data = whole_lines(file_bytes(path))
    try:
        return _read_csv()(BytesIO(data))
    except ValueError as error:
        raise InputError(f"{path}: not a table of numbers: {error}; was it edited by hand?") from None


def file_bytes(path: Path) -> bytes:
    """All of a file; `InputError` where it is missing, cannot be read, or is a pipe, which would be waited for."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; the run was copied without it, or nothing was ever measured") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
