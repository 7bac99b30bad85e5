"""Replays a run on a simulated device: each recorded trajectory beside its prediction band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instruments.crosspoints import Status
from instruments.errors import InputError
from labshd.analysis.ensemble import SIMULATIONS, Band, Trace, replayed
from labshd.analysis.fit import check_pulses
from labshd.runs.files import TableFile
from labshd.runs.json_files import write_json
from labshd.runs.run import Run
from labshd.station.devices import fitted_or_preset
from protocols.common.protocol import UNKNOWN_COUNT, Series
from sim_device.models.fitted import FittedDevice
from sim_device.models.presets import Preset

REPLAYED = "replayed.json"  # what was found, in the folder of a run; the trajectories are in REPLAYED_ROWS
REPLAYED_ROWS = "replayed.csv"
EXPECTED = 0.95
_DOUBTFUL = Status.COMPLIANCE | Status.OVERRANGE | Status.INVALID


@dataclass(frozen=True)
class Predicted:
    """One crosspoint beside the ensemble of its device.

    `array` of a training ("" of a measurement), `row` and `column` in it, `name` of the crosspoint; `device` it was
    replayed on; `pulses` of either sign in all, and (k,) those up to each predicted reading.
    """

    array: str
    row: int
    column: int
    name: str
    device: str
    pulses: int
    up_to: np.ndarray[Any, np.dtype[np.float64]]
    band: Band

    def json(self, unit: str) -> dict[str, Any]:
        """For ``--json``."""
        band = self.band
        of_members = band.shares[1:]
        off = band.recorded - band.median
        return {
            "array": self.array,
            "crosspoint": self.name,
            "row": self.row,
            "column": self.column,
            "device": self.device,
            "readings": len(band.rows),
            "pulses": self.pulses,
            "inside": band.share,
            "inside_expected": EXPECTED,
            "inside_std": float(of_members.std()),
            "as_few_inside": _as_few(band.shares),
            f"rms_deviation_{unit}": float(np.sqrt(np.mean(off**2))) if len(off) else None,
            f"half_width_{unit}": float(np.mean(band.high - band.low) / 2) if len(off) else None,
        }


@dataclass(frozen=True)
class Prediction:
    """A run replayed on a simulated device: one entry a crosspoint."""

    run: Run
    device: str
    simulations: int
    crosspoints: tuple[Predicted, ...]
    notes: tuple[str, ...] = ()

    @property
    def shares(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(1 + simulations,) part of all readings inside, of the record first."""
        weights = np.array([len(one.band.rows) for one in self.crosspoints], dtype=np.float64)
        return weights @ np.stack([np.nan_to_num(one.band.shares) for one in self.crosspoints]) / weights.sum()

    def json(self) -> dict[str, Any]:
        """For ``--json``, and what a run keeps."""
        shares = self.shares
        return {
            "run": str(self.run.folder),
            "device": self.device,
            "simulations": self.simulations,
            "readings": sum(len(one.band.rows) for one in self.crosspoints),
            "inside": float(shares[0]),
            "inside_expected": EXPECTED,
            "inside_std": float(shares[1:].std()),
            "as_few_inside": _as_few(shares),
            "verdict": self.verdict(),
            "notes": list(self.notes),
            "crosspoints": [one.json(self.run.unit) for one in self.crosspoints],
        }

    def verdict(self) -> str:
        """In a sentence whether the record is as the device predicts."""
        shares = self.shares
        as_few = _as_few(shares)
        expected = f"95 ± {100 * shares[1:].std():.1f} % expected"
        said = f"{100 * shares[0]:.1f} % of the readings lie in the 95 % band ({expected})"
        if as_few < 0.01:
            return f"{said}: fewer than in all but {100 * as_few:.1f} % of the simulations, the device is another one"
        return f"{said}: as predicted, {100 * as_few:.0f} % of the simulations have as few inside"

    def keep(self, folder: Path | None = None) -> Path:
        """Write numbers and trajectories into the folder of the run, or another; gives the folder."""
        where = folder or self.run.folder
        where.mkdir(parents=True, exist_ok=True)
        (where / REPLAYED_ROWS).unlink(missing_ok=True)
        rows = TableFile(where / REPLAYED_ROWS)
        unit = self.run.unit
        for number, one in enumerate(self.crosspoints):
            band = one.band
            levels = {"conductance": band.recorded, "median": band.median, "low": band.low, "high": band.high}
            rows.append(
                {"crosspoint": np.full(len(band.rows), number), "reading": band.rows, "pulses": one.up_to}
                | {f"{key}_{unit}": values for key, values in levels.items()}
                | {"inside": band.inside.astype(np.int64)}
            )
        rows.close()
        write_json(where / REPLAYED, self.json())
        return where


def _as_few(shares: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Part of record and simulations that have no more readings inside than the record."""
    return float(np.count_nonzero(shares <= shares[0] + 1e-12)) / len(shares)


def predict(run: Run, device: str, *, simulations: int = SIMULATIONS, seed: int = 0) -> Prediction:
    """Replay a measurement or a training on simulated devices.

    Parameters
    ----------
    device
        The file of a fitted device, the run it was fitted to, or a preset; or the folder of a training on a station,
        which holds a fitted device for every crosspoint.
    simulations
        Members of the ensemble: 39, 79, ... 399.

    Raises
    ------
    InputError
        No such device, in another unit, or nothing that could be predicted.
    """
    found: list[Predicted] = []
    devices: dict[str, FittedDevice | Preset] = {}
    for number, (array, at, name, series) in enumerate(_crosspoints(run)):
        file = _device_of(device, name)
        source = devices.setdefault(file, fitted_or_preset(file))
        _refuse_other_unit(source, run, file)
        check_pulses(run, series, "a simulated device")
        trace = trace_of(series)
        band = replayed(trace, source, simulations=simulations, seed=1000 * seed + number)
        if len(band.rows):
            spent = np.cumsum(np.abs(trace.pulses)).astype(np.float64)
            found.append(Predicted(array, *at, name, file, int(spent[-1]), spent[band.rows], band))
    if not found:
        raise InputError(
            f"{run.folder} has no readings after a pulse whose count is known: there is nothing to predict"
        )
    return Prediction(run, device, simulations, tuple(found), tuple(_notes(devices)))


def _crosspoints(run: Run) -> Iterator[tuple[str, tuple[int, int], str, Series]]:
    """Array, place, name and series of every crosspoint of a run."""
    for array in run.arrays:
        whole = run.series(array)
        if not len(whole):
            continue
        names = names_of_array(run, array, whole.shape)
        for row, column in np.ndindex(whole.shape):
            yield array, (row, column), str(names[row, column]), whole.crosspoint(row, column)


def names_of_array(run: Run, array: str, shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Names of the crosspoints of a run, or of an array of a training; by their place where they have no names."""
    arrays: dict[str, Any] = run.info.get("settings", {}).get("crosspoints") or {}
    listed: Any = arrays.get(array) if array else None
    campaign: dict[str, Any] = run.info.get("campaign") or {}
    alone: Any = [run.crosspoint] if shape == (1, 1) else []
    named = np.array(listed or campaign.get("crosspoints") or alone, dtype=np.str_)
    if named.size == shape[0] * shape[1]:
        return named.reshape(shape)
    return np.array([[f"[{row}, {column}]" for column in range(shape[1])] for row in range(shape[0])])


def trace_of(series: Series) -> Trace:
    """One crosspoint as the ensemble takes it; readings at compliance, over range or without a number are none."""
    counts = series.counts[:, 0, 0]
    conductance = series.readings.conductance[:, 0, 0].copy()
    conductance[(series.readings.status[:, 0, 0] & int(_DOUBTFUL)) != 0] = np.nan
    unknown = counts == UNKNOWN_COUNT
    return Trace(np.where(unknown, 0, counts), conductance, unknown)


def fitted_name(crosspoint: str) -> str:
    """Name of the file of a fitted device of one crosspoint, in the folder of a training on a station."""
    return f"fitted-{crosspoint}.json"


def _device_of(device: str, name: str) -> str:
    own = Path(device) / fitted_name(name)
    return str(own) if own.is_file() else device


def _refuse_other_unit(source: FittedDevice | Preset, run: Run, file: str) -> None:
    unit = source.unit if isinstance(source, FittedDevice) else "S"
    if unit != run.unit:
        raise InputError(
            f"{file} is in units of {unit!r}, {run.id} in {run.unit!r}: one cannot be replayed on the other"
        )


def _notes(devices: dict[str, FittedDevice | Preset]) -> Iterator[str]:
    for file, one in devices.items():
        if not isinstance(one, FittedDevice):
            yield f"{file} is a published device: no uncertainty of its parameters is known"
            continue
        if one.covariance is None:
            yield f"{file} has no covariance: the band holds noise alone, not the uncertainty of the fit"
        if not one.verdict.accepted:
            yield f"{file}: the fit was not accepted ({one.verdict.why})"
        drift, error = one.noise.drift, one.noise.drift_std
        if drift is not None and error is not None and abs(drift) > 3 * error:
            yield f"{file} drifts without pulses, which the simulation does not"
