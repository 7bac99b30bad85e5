"""Export of a run or any table to CSV, Parquet or netCDF (which xarray opens)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.errors import InputError
from instruments.whole_files import written_whole
from labshd.common.toml_file import nearest
from labshd.runs.run import Run
from protocols.common.protocol import UNKNOWN_COUNT, Series

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = {"csv": ".csv", "parquet": ".parquet", "netcdf": ".nc"}
_FLAGS = "at_compliance over_range no_number uncertain_delivery no_current"


def export_run(run: Run, to: str, path: Path | None = None) -> list[Path]:
    """Write the readings of a run as "csv", "parquet" or "netcdf"; gives the files, one for each array of a training.

    CSV and Parquet hold one row a reading, as points.csv does. netCDF holds arrays over (reading, row, column) with
    units. What is known of the run (run.json) goes into Parquet's and netCDF's own attributes. Without `path` they go
    into the run's folder. Raises `InputError` for an unknown format, a run without readings, or an unwritable place.
    """
    if to not in ENDINGS:
        raise InputError(f"no format {to!r}{nearest(to, ENDINGS)}")
    if not run.arrays:
        raise InputError(f"{run.folder} has no readings to export")
    first = path or run.folder / f"{run.id}{ENDINGS[to]}"
    written: list[Path] = []
    for array in run.arrays:
        place = first.with_name(f"{first.stem}-{array}{first.suffix}") if array else first
        if to == "netcdf":
            written.append(_whole(place, lambda passing, array=array: _netcdf(run, run.series(array), passing)))
        else:
            written.append(write_table(run.table(array), place, to, {"labshd_run": json.dumps(run.info)}))
    return written


def write_table(table: pd.DataFrame, path: Path, to: str | None = None, more: Mapping[str, str] | None = None) -> Path:
    """Write a table as CSV or Parquet, which the ending of `path` tells where `to` does not.

    `more` is kept in Parquet's own metadata. `InputError` for another format or an unwritable place.
    """
    kind = to or {ending: name for name, ending in ENDINGS.items()}.get(path.suffix, path.suffix)
    if kind == "csv":
        return _whole(path, lambda passing: table.to_csv(passing, index=False))
    if kind == "parquet":
        return _whole(path, lambda passing: _parquet(table, passing, more or {}))
    raise InputError(f"{path}: a table is written as .csv or .parquet, not {kind!r}")


def _whole(path: Path, write: Callable[[Path], object]) -> Path:
    """`path` written whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as passing:
            write(passing)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another place with --out") from None
    return path


def _parquet(table: pd.DataFrame, path: Path, more: Mapping[str, str]) -> None:
    import duckdb

    texts = {name: table[name].astype(object) for name in table if table[name].dtype.kind not in "iufbM"}
    plain = table.assign(**{str(name): of.where(of.notna(), None) for name, of in texts.items()})
    kept = ", ".join(f"{name}: {_literal(value)}" for name, value in more.items())
    with duckdb.connect(":memory:") as connection:
        connection.register("exported", plain)
        options = "FORMAT parquet" + (f", KV_METADATA {{{kept}}}" if kept else "")
        try:
            connection.execute(f"COPY exported TO {_literal(str(path))} ({options})")
        except duckdb.IOException as error:
            raise OSError(str(error).split("\n", 1)[0]) from None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _netcdf(run: Run, series: Series, path: Path) -> None:
    """Write netCDF 3, which every reader of netCDF opens."""
    from scipy.io import netcdf_file

    steps, rows, columns = series.readings.conductance.shape
    phases = [str(phase).encode() for phase in series.phases]
    longest = max([1, *map(len, phases)])
    with netcdf_file(path, "w", version=2) as file:
        for name, size in {"reading": steps, "row": rows, "column": columns, "phase_length": longest}.items():
            file.createDimension(name, size)
        for name, (values, attributes) in _variables(series).items():
            made = file.createVariable(name, values.dtype.newbyteorder("="), ("reading", "row", "column"))
            made[:] = values
            for key, value in attributes.items():
                setattr(made, key, value)
        text = file.createVariable("phase", "c", ("reading", "phase_length"))
        text[:] = np.frombuffer(b"".join(phase.ljust(longest, b"\0") for phase in phases), "S1").reshape(-1, longest)
        setattr(text, "_Encoding", "utf-8")  # noqa: B010 - the name of the netCDF convention
        for key, value in _attributes(run).items():
            setattr(file, key, value)


def _variables(series: Series) -> dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]]:
    """Name -> (values, attributes); names without units, since netCDF keeps the unit as an attribute."""
    r = series.readings
    counts = np.where(series.counts == UNKNOWN_COUNT, np.nan, series.counts.astype(np.float64))
    unit = series.unit if series.unit == "S" else "1"
    values: dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]] = {
        "conductance": (r.conductance, {"units": unit}),
        "voltage": (r.voltage, {"units": "V"}),
        "current": (r.current, {"units": "A"}),
        "time": (r.time, {"units": "s", "long_name": "since the crosspoints were opened"}),
        "pulses": (counts, {"units": "1", "long_name": "signed pulses since the reading before; NaN: not known"}),
        "status": (
            r.status.astype(np.int16),
            {"flag_masks": np.array([1, 2, 4, 8, 16], np.int16), "flag_meanings": _FLAGS},
        ),
    }
    for name, array, kind in (
        ("pulse_voltage", series.pulse_voltage, "V"),
        ("pulse_width", series.pulse_width, "s"),
    ):
        if array is not None:
            values[name] = (array, {"units": kind})
    return values


def _attributes(run: Run) -> dict[str, str]:
    """ASCII, since netCDF 3 knows no other text in attributes: what is beyond stands as escapes of JSON."""
    facts = {"title": f"{run.name} on {run.crosspoint}", "source": "labshd", "run": run.id, "status": run.status}
    told = {name: json.dumps(value)[1:-1] for name, value in facts.items()}
    return told | {"why_stopped": json.dumps(run.why_stopped)[1:-1], "run_json": json.dumps(run.info)}
