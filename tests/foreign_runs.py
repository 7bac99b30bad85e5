"""Runs for tests of analyses on foreign points: recorded, kept as a bare trace, or written point by point."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from rehearsed import rehearsed

from instruments.crosspoints import PulsePair, Readings
from labshd.common.provenance import What, Where
from labshd.recording.recorder import record
from labshd.runs.importing import import_files
from labshd.runs.run import Run, open_run
from labshd.runs.writer import RunWriter
from protocols.common import catalogue
from protocols.common.protocol import UNKNOWN_COUNT, Points

SETTINGS: dict[str, dict[str, Any]] = {
    "endurance": {"cycles": 40, "pulses": 5},
    "read-disturb": {"reads": 40, "repeats": 5},
    "read-noise": {"reads": 150},
    "relaxation": {"duration": "1 s", "repeats": 3},
    "retention": {"duration": "100 s", "pulses": 5},
    "symmetry-point": {"budget": 1200},
    "update-response": {"pulses": 60, "reads": 2, "first": "down"},
}


def recorded(name: str, folder: Path, block: str = "A1", station: str = "ecram.toml", **settings: Any) -> Run:
    protocol = catalogue.find(name).model_validate(settings or SETTINGS[name])
    wide = {'current = "100 uA"': 'current = "10 mA"'} if station == "rram.toml" else None
    with rehearsed(station, seed=4, edit=wide) as bench:
        return record(protocol, bench.all if block == "all" else bench[block], runs=folder, station=bench)


def bare(run: Run, folder: Path) -> Run:
    """The run as another program would have kept it: pulses, time and conductance alone."""
    series, path = run.series(), folder / "trace.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["pulses", "time_s", "conductance_S"])
        for count, time, g in zip(
            series.counts.ravel().tolist(),
            series.readings.time.ravel().tolist(),
            series.readings.conductance.ravel().tolist(),
            strict=True,
        ):
            table.writerow(["" if count == UNKNOWN_COUNT else count, "" if time != time else time, "" if g != g else g])
    return import_files([path], runs=folder / "imported")


def written(
    folder: Path,
    counts: Any,
    g: Any,
    *,
    time: Any = None,
    volts: Any = None,
    amps: Any = None,
    status: Any = None,
    pulses: list[PulsePair] | None = None,
    shape: tuple[int, int] = (1, 1),
) -> Run:
    """A run of points without the phases of any protocol; counts and conductance (n,) or (n, rows, columns)."""
    g = np.asarray(g, dtype=np.float64).reshape(-1, *shape)
    n = len(g)

    def shaped(values: Any) -> Any:
        given = np.full(n, np.nan) if values is None else np.asarray(values, dtype=np.float64)
        return np.broadcast_to(given.reshape(n, *([1, 1] if given.size == n else shape)), g.shape)

    counts = np.broadcast_to(np.asarray(counts, dtype=np.int64).reshape(n, *([1, 1])), g.shape)
    flags = np.where(np.isnan(g), 4, 0 if status is None else np.asarray(status).reshape(g.shape)).astype(np.uint8)
    r = Readings(g, shaped(volts), shaped(amps), shaped(time), flags)
    where = Where("other", shape, "S", {"kind": "import", "details": {}})
    writer = RunWriter(folder, What("import", "trace", {}), where)
    for k in range(n):
        cut = slice(k, k + 1)
        one = Readings(r.conductance[cut], r.voltage[cut], r.current[cut], r.time[cut], r.status[cut])
        writer.points(Points("read", counts[cut], one, None if pulses is None else pulses[k]))
    writer.close("finished", "all is in")
    return open_run(writer.folder)


def plain(result: Any) -> Any:
    return json.loads(json.dumps(result))
