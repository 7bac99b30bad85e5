"""Fit a device model to a run: which readings count, where pieces begin, what the fitted device keeps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import Status
from instruments.errors import InputError
from labshd.devices import FITTED
from labshd.run_files import write_json
from labshd.runs import Run
from protocols.protocol import UNKNOWN_COUNT, Series
from sim_device.fitted import FittedDevice, Provenance

if TYPE_CHECKING:
    from sim_device.fit.result import Fit

FIT = "fit.json"  # what `labshd fit` was asked for and found, in the folder of the run
_LEFT_OUT = Status.COMPLIANCE | Status.OVERRANGE | Status.INVALID


@dataclass(frozen=True)
class FittedRun:
    """A fit with the run it was made of.

    `left_out` readings were at compliance, over range or no number; `asked` are the arguments that `fit_run` was given.
    """

    run: Run
    fit: Fit
    provenance: Provenance
    left_out: int
    asked: dict[str, Any]

    @property
    def device(self) -> FittedDevice:
        """The fitted device; `InputError` where the data do not tell enough to make one, with what is missing."""
        return self.fit.device(self.provenance)

    def json(self) -> dict[str, Any]:
        """What ``labshd fit --json`` prints."""
        return {**self.fit.json(), "left_out_readings": self.left_out, "run": str(self.run.folder)}

    def keep(self) -> None:
        """Note the fit in the run's folder, so that its report shows it."""
        write_json(self.run.folder / FIT, {"asked": self.asked, **self.json()})

    def save(self, path: Path | None = None) -> Path:
        """Write the fitted device, beside the run's other files unless `path` says where; gives the path.

        `InputError` where there is no device (see `device`), or where it cannot be written.
        """
        try:
            return self.device.save(path or self.run.folder / FITTED)
        except OSError as error:
            raise InputError(f"{path or self.run.folder}: the fitted device cannot be written there: {error}") from None


def fit_run(
    run: Run, *, model: str = "soft-bounds", array: str = "", crosspoint: tuple[int, int] = (0, 0)
) -> FittedRun:
    """Fit one crosspoint of a run.

    Parameters
    ----------
    model
        One of the kinds of `sim_device.fit.fitting`, or "best".
    array
        Of a training: "auxiliary" or "core"; "" for a measurement.
    crosspoint
        (row, column) in the block of the run.

    Raises
    ------
    InputError
        The run has no such crosspoint, or its trace cannot be fitted; the message says why.
    """
    from sim_device.fit.fitting import fit_trace

    series = _series(run, array, crosspoint)
    pulses, conductance, pieces = trace_of_series(series)
    try:
        fit = fit_trace(pulses, conductance, unit=run.unit, model=model, segments=pieces)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{run.folder}: {error}") from None
    left_out = int(np.sum(np.isnan(conductance)))
    asked = {"model": model, "array": array, "crosspoint": list(crosspoint)}
    return FittedRun(run, fit, _provenance(run, series, crosspoint), left_out, asked)


def fit_again(run: Run) -> FittedRun | None:
    """The fit that was kept in a run's folder, made again; None where there is none. Raises as `fit_run` does."""
    path = run.folder / FIT
    if not path.exists():
        return None
    asked: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("asked", {})
    return fit_run(
        run,
        model=str(asked.get("model", "soft-bounds")),
        array=str(asked.get("array", "")),
        crosspoint=tuple(asked.get("crosspoint", (0, 0))),
    )


def trace_of_series(series: Series) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n,) pulses, conductance and labels of pieces, of a series of one crosspoint; what is no good reading is NaN."""
    counts = series.counts[:, 0, 0]
    conductance = series.readings.conductance[:, 0, 0].copy()
    conductance[(series.readings.status[:, 0, 0] & int(_LEFT_OUT)) != 0] = np.nan
    unknown = counts == UNKNOWN_COUNT
    return np.where(unknown, 0, counts), conductance, np.cumsum(unknown)


def _series(run: Run, array: str, crosspoint: tuple[int, int]) -> Series:
    if array not in run.arrays:
        known = ", ".join(name or "the measurement itself" for name in run.arrays) or "none"
        raise InputError(f"{run.folder} has no readings of an array {array!r}; it has: {known}")
    series = run.series(array)
    rows, columns = series.shape
    row, column = crosspoint
    if not (0 <= row < rows and 0 <= column < columns):
        raise InputError(f"{run.folder} has {rows} x {columns} crosspoints; row {row}, column {column} is none of them")
    return series.crosspoint(row, column)


def _provenance(run: Run, series: Series, crosspoint: tuple[int, int]) -> Provenance:
    voltage = series.readings.voltage
    known = voltage[np.isfinite(voltage)]
    return Provenance(
        run=run.id,
        crosspoint=run.crosspoint
        if series.shape == run.shape
        else f"{run.crosspoint}[{crosspoint[0]}, {crosspoint[1]}]",
        created=run.info.get("started"),
        read_voltage_V=float(np.median(known)) if len(known) else None,
        pulses=_pulses_of(run),
        versions=run.info.get("versions", {}),
    )


def _pulses_of(run: Run) -> dict[str, Any] | None:
    resolved = run.info.get("station", {}).get("resolved", {})
    return resolved.get("pulses")
