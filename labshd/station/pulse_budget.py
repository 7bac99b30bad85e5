"""The pulse budget of each crosspoint: what all runs of a folder have used of its endurance.

Counted from the run.json of each run on the real bench; rehearsals and simulations are other devices. A crosspoint is
known by the name of its station, the sample that the station file names, and its own name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from instruments.errors import InputError
from instruments.whole_files import read_bytes
from labshd.runs.pulse_notes import fired_in
from labshd.station.counted_runs import CountedRuns
from labshd.station.schema import BenchFile, StationFile

log = logging.getLogger(__name__)

_REAL = b'"bench"'  # as the kind of origin: run.json files without it are of rehearsals and simulations


def earlier_pulses(file: StationFile, runs: Path) -> dict[str, int]:
    """Pulses that the crosspoints of a station got in the runs of a folder on its real bench; of none in simulations.

    `InputError` where the folder cannot be read.
    """
    return pulses_in_runs(runs, file.name, file.sample) if isinstance(file, BenchFile) else {}


def pulses_in_runs(runs: Path, station: str, sample: str = "") -> dict[str, int]:
    """Pulses of each crosspoint in all runs of the folder `runs` on the bench `station` with `sample`, by name.

    A run that was killed counts all that it noted, whether delivered or not. Runs that cannot be read are told in the
    log and left out.
    """
    totals: dict[str, int] = {}
    for found in CountedRuns(runs, _look).all():
        if (found["station"], found["sample"]) != (station, sample):
            continue
        for name, count in found["pulses"].items():
            totals[name] = totals.get(name, 0) + count
    return totals


def _look(folder: Path) -> dict[str, Any] | None:
    """Station, sample and pulses of a run on a bench, and whether it is `open`; None for all else."""
    info = _info(folder)
    if info is None or _part(info, "origin").get("kind") != "bench":
        return None
    resolved = _part(_part(info, "station"), "resolved")
    fired = fired_in(folder, info)
    return {
        "station": resolved.get("name"),
        "sample": resolved.get("sample") or "",
        "pulses": _by_rows(folder, info) if fired is None else fired,
        "open": not info.get("ended"),
    }


def _info(folder: Path) -> dict[str, Any] | None:
    """The run.json of a run on a bench; None for all else."""
    try:
        data = read_bytes(folder / "run.json")
        if _REAL not in data:
            return None
        info = json.loads(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s: its pulses are not counted: %s", folder, error)
        return None
    return cast("dict[str, Any]", info) if isinstance(info, dict) else None


def _part(info: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = info.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _by_rows(folder: Path, info: Mapping[str, Any]) -> dict[str, int]:
    """Of a run without notes: as its rows count, where it tells which crosspoints they are."""
    counted = info.get("pulses_per_crosspoint")
    names: list[str] = _part(info, "campaign").get("crosspoints") or [str(info.get("crosspoint"))]
    try:
        each = np.ravel(_counted(folder) if counted is None else counted).tolist()
    except (InputError, TypeError, ValueError) as error:
        log.warning("%s: its pulses are not counted: %s", folder, error)
        return {}
    if len(each) != len(names):
        if any(each):
            log.warning("%s: its pulses are not counted: it does not tell which crosspoints it is of", folder)
        return {}
    return {str(name): int(count) for name, count in zip(names, each, strict=True)}


def _counted(folder: Path) -> Any:
    """Pulses of known count in the rows of a run that was not closed."""
    from labshd.runs.run import open_run
    from protocols.common.protocol import known_counts

    return np.abs(known_counts(open_run(folder).series().counts)).sum(axis=0)
