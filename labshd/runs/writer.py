"""Writes a run: one folder, rows appended as they come, run.json at the start and at the end."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import IntArray
from instruments.errors import InputError, RunError
from labshd.common import provenance
from labshd.common.locks import FileLock, is_held
from labshd.common.provenance import StationRecord, What, Where
from labshd.runs.files import AppendFile, TableFile, bytes_of_lines, points_columns, points_name, points_rows
from labshd.runs.json_files import plain, write_json
from labshd.runs.order import next_number
from labshd.runs.pulse_notes import FIRED, NOTES, UNCERTAIN, fired_in
from protocols.common.protocol import Points, known_counts

FORMAT = "labshd run"
FORMAT_VERSION = 1
LOCK_NAME = "running.lock"
NAME_KEYS = {"protocol": "protocol", "import": "layout", "train": "task"}
"""Under which key of run.json the name of what was done stands, for each kind of run."""


class RunWriter:
    """Writes one run. Every method returns when the operating system has the bytes, or raises `RunError`."""

    def __init__(self, runs: Path, what: What, where: Where, station: StationRecord | None = None) -> None:
        """Make the folder and its run.json with status "running". `InputError` where the folder cannot be made."""
        started = provenance.now()
        self.folder = new_folder(runs, started, f"{what.name}-{where.name}")
        self.where = where
        self.fired_before: dict[str, int] = {}  # pulses by name of crosspoint, of a run that goes on
        self._tables: dict[str, _PointsFile] = {}
        self._steps: TableFile | None = None
        self._lock = _lock(self.folder)
        first = _first_info(self.folder.name, started, what, where, station, locked=self._lock is not None)
        self.info = first | {"order": next_number(runs)}
        write_json(self.folder / "run.json", self.info)
        if what.kind != "train":
            self._tables[""] = _PointsFile(self.folder, "", where.shape, where.unit)

    @classmethod
    def reopened(cls, folder: Path, info: dict[str, Any], counts: IntArray) -> RunWriter:
        """Go on writing the run of a protocol that was cut off, after its last whole reading.

        `info` is its run.json, `counts` (n, rows, columns) what was pulsed before each of the n readings that are kept.
        Raises `RunError` where another process writes it.
        """
        self = cls.__new__(cls)
        self.folder = folder
        rows, columns = info["shape"]
        self.where = Where(info["crosspoint"], (rows, columns), info["unit"], info["origin"])
        self.fired_before = fired_in(folder, info) or {}
        self._steps = None
        if is_held(folder / LOCK_NAME):
            raise RunError(f"{folder} is being written by another process")
        self._lock = _lock(folder)
        again = {"at": provenance.now().isoformat(), "readings": len(counts), "why": info.get("why_stopped") or ""}
        self.info = {**info, "status": "running", "why_stopped": "", "ended": None, "result": None}
        self.info |= {"process": {**provenance.process(), "locked": self._lock is not None}}
        self.info |= {FIRED: None, UNCERTAIN: None}
        self.info["continued"] = [*info.get("continued", []), again]
        self._tables = {"": _PointsFile(folder, "", (rows, columns), info["unit"], counts)}
        write_json(folder / "run.json", self.info)
        return self

    def points(self, points: Points, array: str = "") -> None:
        """Append a block of points: one row a reading of a crosspoint.

        A training has several arrays, each with a table of its own: `array` names it.
        """
        if array not in self._tables:
            _, rows, columns = points.readings.conductance.shape
            self._tables[array] = _PointsFile(self.folder, array, (rows, columns), self.where.unit)
        self._tables[array].append(points)

    def steps(self, columns: Mapping[str, ArrayLike]) -> None:
        """Append rows to steps.csv: one entry of each column a row; the first call names the columns."""
        if self._steps is None:
            self._steps = TableFile(self.folder / "steps.csv")
        self._steps.append({name: np.atleast_1d(np.asarray(values)) for name, values in columns.items()})

    @property
    def readings(self) -> int:
        """Readings so far, of all arrays; a reading of a block counts once."""
        return sum(table.readings for table in self._tables.values())

    @property
    def pulses(self) -> int:
        """Pulses so far, of all crosspoints, either sign."""
        return sum(int(table.counted.sum()) for table in self._tables.values())

    def close(self, status: str, why_stopped: str, **more: Any) -> None:
        """Close the files, then say in run.json how it ended. Idempotent: the first call counts."""
        if self.info["status"] != "running":
            return
        for table in self._tables.values():
            table.file.close()
        if self._steps is not None:
            self._steps.close()
        self.info |= {"status": status, "why_stopped": why_stopped, "ended": provenance.now().isoformat()}
        self.info |= {"readings": self.readings, "pulses": self.pulses}
        counted = {array: table.counted.tolist() for array, table in self._tables.items()}
        self.info["pulses_per_crosspoint"] = counted.get("", counted)
        try:
            self.keep(**more)
            (self.folder / NOTES).unlink(missing_ok=True)  # run.json tells from now on
        finally:
            if self._lock is not None:
                self._lock.release()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written that cannot be had again: a new run, of no campaign, without a row."""
        new = not self.info.get("continued") and self.info["campaign"] is None
        return new and not self.readings and self._steps is None

    def discard(self) -> None:
        """Close the files and remove the folder."""
        for table in self._tables.values():
            table.file.close()
        if self._lock is not None:
            self._lock.release()
        self.info["status"] = "discarded"
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, **entries: Any) -> None:
        """Put entries such as `result` into run.json."""
        self.info |= plain(entries)
        write_json(self.folder / "run.json", self.info)


class _PointsFile:
    """The table of points of one array, and what was counted of it."""

    def __init__(
        self, folder: Path, array: str, shape: tuple[int, int], unit: str, before: IntArray | None = None
    ) -> None:
        """Begin a table, or go on with one after the readings that were taken after the counts `before`."""
        self.shape = shape
        self.readings = 0 if before is None else len(before)
        self.counted = np.zeros(shape, dtype=np.int64)
        path = folder / points_name(array)
        if before is not None and len(before):
            self.counted += np.abs(known_counts(before)).sum(axis=0)
            self.file = AppendFile(path, bytes_of_lines(path, 1 + len(before) * shape[0] * shape[1]))
            return
        if before is not None:  # cut off before its first reading: perhaps within the first line
            path.unlink(missing_ok=True)
        self.file = AppendFile(path)
        self.file.append((",".join(points_columns(unit)) + "\n").encode())

    def append(self, points: Points) -> None:
        steps, *shape = points.readings.conductance.shape
        if tuple(shape) != self.shape:
            raise RunError(f"points of a block of {tuple(shape)} do not belong in a run on {self.shape}")
        self.file.append(points_rows(points, self.readings))
        self.readings += steps
        counts = known_counts(points.counts)
        self.counted += abs(counts.item()) if counts.size == 1 else np.abs(counts).sum(axis=0)


def _first_info(
    name: str, started: datetime, what: What, where: Where, station: StationRecord | None, *, locked: bool
) -> dict[str, Any]:
    station = station or StationRecord()
    file = {"file": station.file, "text": station.text, "resolved": station.resolved}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": name,
        "status": "running",
        "why_stopped": "",
        "kind": what.kind,
        NAME_KEYS[what.kind]: what.name,
        "settings": what.settings,
        "seed": what.seed,
        "source": what.source,
        "campaign": what.campaign,
        "crosspoint": where.name,
        "shape": list(where.shape),
        "unit": where.unit,
        "origin": where.origin,
        "started": started.isoformat(),
        "ended": None,
        "who": provenance.who(),
        "process": {**provenance.process(), "locked": locked},
        "readings": 0,
        "pulses": 0,
        "pulses_per_crosspoint": None,
        FIRED: None,
        UNCERTAIN: None,
        "result": None,
        "limits": station.limits,
        "instruments": station.instruments,
        "station": file,
        "versions": provenance.versions(),
    }


def _lock(folder: Path) -> FileLock | None:
    """The lock that tells others this run is being written; None on a file system without locks."""
    try:
        return FileLock(folder / LOCK_NAME)
    except OSError:
        (folder / LOCK_NAME).unlink(missing_ok=True)
        return None


def new_folder(runs: Path, started: datetime, name: str) -> Path:
    """A new folder ``2026-11-22T03-44-55-symmetry-point-A1-7f3a``; no character that Windows refuses."""
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:60].rstrip("-.")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for _ in range(100):
            folder = runs / f"{started:%Y-%m-%dT%H-%M-%S}-{safe}-{secrets.token_hex(2)}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise InputError(
            f"cannot make a run in {runs}: {error.strerror or error}; "
            "choose another folder with --runs DIR or LABSHD_RUNS"
        ) from None
    raise InputError(f"cannot find a free name for a run in {runs}; choose another folder with --runs DIR")
