"""Reads recorded runs: by path, by id or as "last"; lists them all; their points as tables and series."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import Readings, no_readings
from instruments.errors import InputError
from labshd.common.locks import is_held
from labshd.runs.files import points_name, read_points, read_table
from labshd.runs.info import checked
from labshd.runs.json_files import read_json, write_json
from labshd.runs.shows import shown
from labshd.runs.writer import FORMAT, FORMAT_VERSION, LOCK_NAME, NAME_KEYS
from protocols.common.protocol import UNKNOWN_COUNT, Series, known_counts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NOT_CLOSED = "not closed: the process that wrote it ended without saying why"


@dataclass(frozen=True)
class Run:
    """A run that was opened: `folder` on the disk and `info`, the contents of its run.json."""

    folder: Path
    info: dict[str, Any]
    _read: dict[str, tuple[pd.DataFrame, bool]] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """What was done: "protocol", "import" or "train"."""
        return str(self.info.get("kind", "unknown"))

    @property
    def name(self) -> str:
        """Name of the protocol, the layout of an import, or the training task."""
        return str(self.info.get(NAME_KEYS.get(self.kind, ""), "unknown"))

    @property
    def crosspoint(self) -> str:
        """Name of the crosspoints, as the station calls them."""
        return str(self.info.get("crosspoint", ""))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the block."""
        rows, columns = self.info.get("shape", (1, 1))
        return int(rows), int(columns)

    @property
    def unit(self) -> str:
        """Unit of conductance: "S", or "normalised"."""
        return str(self.info.get("unit", "S"))

    @property
    def status(self) -> str:
        """How it stands: "running", "finished", "failed", "interrupted"; a run whose process is gone is interrupted."""
        stored = str(self.info.get("status", "unknown"))
        locked = bool(self.info.get("process", {}).get("locked", False))
        if stored == "running" and locked and not is_held(self.folder / LOCK_NAME):
            return "interrupted"
        return stored

    @property
    def why_stopped(self) -> str:
        """In a sentence why it stopped; empty while it runs."""
        if self.status == "interrupted" and self.info.get("status") == "running":
            return NOT_CLOSED
        return str(self.info.get("why_stopped") or "")

    @property
    def result(self) -> dict[str, Any] | None:
        """Numbers with uncertainties that the protocol drew from the points; None where there are none."""
        return self.info.get("result")

    @property
    def readings(self) -> int:
        """Readings of the block; counted from the points where run.json does not tell yet."""
        if self.info.get("ended"):
            return int(self.info["readings"])
        return sum(len(self.series(array)) for array in self.arrays)

    @property
    def pulses(self) -> int:
        """Pulses of known count, of all crosspoints, either sign."""
        if self.info.get("ended"):
            return int(self.info["pulses"])
        return sum(int(np.abs(known_counts(self.series(array).counts)).sum()) for array in self.arrays)

    @property
    def arrays(self) -> list[str]:
        """Names of what has points: "" for the one block of a protocol; arrays such as "A", "C" of a training."""
        named = sorted(path.stem.removeprefix("points-") for path in self.folder.glob("points-*.csv"))
        return named if self.kind == "train" and not (self.folder / points_name()).exists() else ["", *named]

    def summary(self) -> dict[str, Any]:
        """One line of a list of runs."""
        what = f"{self.kind} {self.name}" if self.kind != "protocol" else self.name
        counted = {key: self.info.get(key) if self.info.get("ended") else None for key in ("readings", "pulses")}
        said = {"status": self.status, "why_stopped": self.why_stopped}
        return {"id": self.id, "what": what, "crosspoint": self.crosspoint, **said, **counted}

    def table(self, array: str = "") -> pd.DataFrame:
        """points.csv: one row a reading of a crosspoint, units in the column names; a torn last row is left out."""
        return self._points(array)[0].copy()

    def torn(self, array: str = "") -> bool:
        """Whether the last row of the points was half written and is left out."""
        return self._points(array)[1]

    def _points(self, array: str) -> tuple[pd.DataFrame, bool]:
        # A run that is being written grows; one that is closed is read once.
        if array not in self._read or not self.info.get("ended"):
            self._read[array] = read_points(self.folder / points_name(array), self.unit)
        return self._read[array]

    def steps(self) -> pd.DataFrame | None:
        """steps.csv: one row a step of a training, variables as columns; None where there is none."""
        path = self.folder / "steps.csv"
        return read_table(path) if path.exists() else None

    def series(self, array: str = "") -> Series:
        """All points in the order they were taken, shape (n, rows, columns); of an interrupted run, too."""
        table = self._points(array)[0]
        return series_of(
            table, self.unit, self.shape if not array else _shape_of(table), self.folder / points_name(array)
        )

    def figures(self, row: int = 0, column: int = 0, array: str = "") -> list[Figure]:
        """The figures of the report of one crosspoint, as matplotlib objects: those of the protocol, else the trace.

        Of a protocol of one's own it is the trace: code that a run names is not run.
        """
        return shown().figures(self, array, (row, column))

    def plot(self, row: int = 0, column: int = 0, array: str = "") -> Figure:
        """The first of `figures`. `InputError` where nothing was measured."""
        return self.figures(row, column, array)[0]

    def _repr_html_(self) -> str:
        return shown().run_html(self)

    def keep(self, **entries: Any) -> Run:
        """The run with entries such as `result` put into its run.json."""
        info = {**self.info, **entries}
        write_json(self.folder / "run.json", info)
        return open_run(self.folder)


def _shape_of(table: pd.DataFrame) -> tuple[int, int]:
    return (int(table["row"].max()) + 1, int(table["column"].max()) + 1) if len(table) else (1, 1)


def series_of(table: pd.DataFrame, unit: str, shape: tuple[int, int], path: Path) -> Series:
    """The series that a table of points holds; `InputError` names `path` and line where rows are out of order."""
    rows, columns = shape
    steps = len(table) // (rows * columns)  # the last step of a killed run may lack some crosspoints
    if not steps:
        nothing = np.empty((0, rows, columns), dtype=np.int64)
        return Series(np.empty(0, dtype=np.str_), nothing, no_readings(shape), unit)
    table = table[: steps * rows * columns]
    _check_order(table, rows, columns, path)

    def block(name: str) -> NDArray[Any]:
        return table[name].to_numpy().reshape(steps, rows, columns)

    pulses = table["pulses"].to_numpy(dtype=np.int64, na_value=UNKNOWN_COUNT)
    names = (f"conductance_{unit}", "voltage_V", "current_A", "time_s", "status")
    phases = np.asarray(table["phase"].to_numpy()[:: rows * columns], dtype=np.str_)
    of_pulses = (block("pulse_voltage_V"), block("pulse_width_s"))
    return Series(phases, pulses.reshape(steps, rows, columns), Readings(*map(block, names)), unit, *of_pulses)


def _check_order(table: pd.DataFrame, rows: int, columns: int, path: Path) -> None:
    """Rows come as they were written: reading by reading, in each row by row, column by column."""
    number = np.arange(len(table))
    expected = {"reading": number // (rows * columns), "row": number // columns % rows, "column": number % columns}
    for name, values in expected.items():
        wrong = np.flatnonzero(table[name].to_numpy() != values)
        if len(wrong):
            found = table[name].iloc[int(wrong[0])]
            raise InputError(
                f"{path}, line {int(wrong[0]) + 2}: {name} is {found}, {values[wrong[0]]} comes next in a block of "
                f"{rows} x {columns}; was the file edited or sorted?"
            )


def runs_folder(option: str | Path | None = None) -> Path:
    """Where runs go: `option`, else the environment's LABSHD_RUNS, else ``data/runs`` in the current folder."""
    return Path(option or os.environ.get("LABSHD_RUNS") or Path("data") / "runs")


def open_run(which: str | Path, runs: str | Path | None = None) -> Run:
    """Open a run by its folder, its id (or the beginning or end of one), or as "last".

    Raises
    ------
    InputError
        No such run, more than one, files missing or broken, or written by a newer version; says which file.
    """
    folder = _find(which, runs_folder(runs))
    info = read_json(folder / "run.json")
    if info.get("format") != FORMAT:
        raise InputError(f"{folder / 'run.json'}: not a run of labshd (its format is {info.get('format')!r})")
    written = info.get("format_version")
    if not isinstance(written, int) or written > FORMAT_VERSION:
        raise InputError(
            f"{folder / 'run.json'}: written in format version {written}, this labshd reads up to {FORMAT_VERSION}; "
            "update labshd, or read points.csv with any program that reads CSV"
        )
    return Run(folder, checked(info, folder / "run.json"))


def _find(which: str | Path, runs: Path) -> Path:
    path = Path(which)
    if path.name == "run.json" and path.is_file():
        return path.parent
    if path.is_dir():
        if (path / "run.json").exists() or (path / "points.csv").exists():
            return path
        raise InputError(f"{path} is no run: it holds no run.json")
    ids = _ids(runs)
    if str(which) == "last":
        if not ids:
            raise InputError(f"there is no run in {runs.absolute()}; is --runs or LABSHD_RUNS right?")
        return runs / max(ids, key=lambda name: _started(runs / name))
    found = [name for name in ids if name == str(which)] or [
        name for name in ids if name.startswith(str(which)) or name.endswith(f"-{which}")
    ]
    if len(found) == 1:
        return runs / found[0]
    if found:
        raise InputError(
            f"{str(which)!r} fits {len(found)} runs in {runs}: {', '.join(found[:5])}; give more of the id"
        )
    raise InputError(
        f"there is no run {str(which)!r} in {runs.absolute()} ({len(ids)} runs are there), nor such a folder; "
        "`labshd runs` lists them"
    )


def _ids(runs: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(runs) if Path(entry.path, "run.json").exists())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot read the runs in {runs}: {error.strerror or error}") from None


def _begun(folder: Path, info: dict[str, Any]) -> tuple[int, str, str]:
    """Sorts runs by their order in the folder (`labshd.runs.order`), those of before that was kept by time."""
    order = info.get("order")
    return order if isinstance(order, int) else 0, folder.name[:19], str(info.get("started"))


def _started(folder: Path) -> tuple[int, str, str]:
    try:
        return _begun(folder, read_json(folder / "run.json"))
    except InputError:
        return 0, folder.name[:19], ""


def list_runs(runs: str | Path | None = None) -> list[Run]:
    """All runs of a folder, the newest last; one that cannot be opened has status "damaged" and says why."""
    folder = runs_folder(runs)
    listed = [_open_or_damaged(folder / name) for name in _ids(folder)]
    return sorted(listed, key=lambda run: _begun(run.folder, run.info))


def _open_or_damaged(folder: Path) -> Run:
    try:
        return open_run(folder)
    except InputError as error:
        return Run(folder, {"status": "damaged", "why_stopped": str(error), "ended": folder.name[:19]})
