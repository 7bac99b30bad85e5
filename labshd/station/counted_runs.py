"""A cache of what each run folder holds, checked against size and time of its run.json.

A line that does not fit the file any more is not believed, and without the memory all is read again. It is kept in the
home of the user, so that nothing lies between the runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

from instruments.errors import InputError, RunError
from labshd.runs.json_files import read_json, write_text
from labshd.station.bench_lock import locks_folder

log = logging.getLogger(__name__)

VERSION = 1
WORTH = 50  # runs that were read anew, from which on it is worth to write them down

Stamp: TypeAlias = tuple[int, int]
Finding: TypeAlias = dict[str, Any] | None


class CountedRuns:
    """Findings of `look`, which is given a folder, for the runs in one folder."""

    def __init__(self, runs: Path, look: Callable[[Path], Finding]) -> None:
        self._runs = runs
        self._look = look
        key = hashlib.sha256(str(runs.resolve()).encode("utf-8", "backslashreplace")).hexdigest()[:16]
        self._path = locks_folder().parent / "counted" / f"{key}.json"
        self._known = self._remembered()
        self._found: dict[str, list[Any]] = {}
        self._anew = 0

    def all(self) -> list[dict[str, Any]]:
        """What was found in every run that holds something. `InputError` where the folder cannot be read."""
        try:
            with os.scandir(self._runs) as entries:
                for entry in entries:
                    self._one(entry)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot read the runs in {self._runs}: {error.strerror or error}") from None
        self._remember()
        return [finding for *_, finding in self._found.values() if finding is not None]

    def _one(self, entry: os.DirEntry[str]) -> None:
        try:
            at = os.stat(os.path.join(entry.path, "run.json"))  # noqa: PTH116, PTH118 - paths cost more than the call
        except OSError:
            return
        stamp, known = [at.st_mtime_ns, at.st_size], self._known.get(entry.name)
        if known is None or known[:2] != stamp or known[2] == "open":
            self._anew += 1
            finding = self._look(Path(entry.path))
            # A run that is not closed grows without its run.json.
            state = "open" if finding is not None and finding.pop("open", False) else "closed"
            known = [*stamp, state, finding]
        self._found[entry.name] = known

    def _remembered(self) -> dict[str, list[Any]]:
        try:
            said = read_json(self._path)
        except InputError:
            return {}
        return cast("dict[str, list[Any]]", said["runs"]) if said.get("version") == VERSION else {}

    def _remember(self) -> None:
        if self._anew < WORTH:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps({"version": VERSION, "runs": self._found}))
        except (OSError, RunError) as error:
            log.debug("what was counted is not remembered: %s", error)
