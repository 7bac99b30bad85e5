"""Fits a device model to a run: which readings count, where pieces begin, what the fitted device keeps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ValidationError

from instruments.crosspoints import Status
from instruments.errors import InputError
from labshd.runs.json_files import read_json, write_json
from labshd.runs.run import Run
from labshd.station.devices import FITTED
from protocols.common.protocol import Series, known_counts, unknown_before
from sim_device.models.fitted import FittedDevice, Provenance

if TYPE_CHECKING:
    from protocols.analysis.symmetry.prior import Prior
    from protocols.analysis.update.figures_of_merit import Merit
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

    @property
    def merits(self) -> dict[str, Merit]:
        """Figures of merit with their errors; see `protocols.analysis.update.merits_of_fit`."""
        from protocols.analysis.update.merits_of_fit import merits_of

        return merits_of(self.fit)

    @cached_property
    def model_free(self) -> dict[str, Merit]:
        """Figures that need no model, with their errors; see `protocols.analysis.update.model_free`."""
        from protocols.analysis.update.model_free import of_fit

        return of_fit(self.fit)

    def json(self) -> dict[str, Any]:
        """What ``labshd fit --json`` prints."""
        more = {
            "figures_of_merit": _plain(self.merits),
            "figures_without_model": _plain(self.model_free),
            "left_out_readings": self.left_out,
            "run": str(self.run.folder),
        }
        return {**self.fit.json(), **more}

    def keep(self, outlook: dict[str, Any] | None = None) -> None:
        """Note the fit in the run's folder, so that its report shows it; with an outlook, as `outlook.told_of` says."""
        more = {} if outlook is None else {"outlook": outlook}
        write_json(self.run.folder / FIT, {"asked": self.asked, **self.json(), **more})

    def save(self, path: Path | None = None) -> Path:
        """Write the fitted device, beside the run's other files unless `path` says where; gives the path.

        `InputError` where there is no device (see `device`), or where it cannot be written.
        """
        try:
            return self.device.save(path or self.run.folder / FITTED)
        except OSError as error:
            raise InputError(f"{path or self.run.folder}: the fitted device cannot be written there: {error}") from None


def _plain(merits: dict[str, Merit]) -> dict[str, dict[str, float]]:
    return {name: {"value": merit.value, "std": merit.std} for name, merit in merits.items()}


def fit_run(
    run: Run,
    *,
    model: str = "soft-bounds",
    array: str = "",
    crosspoint: tuple[int, int] = (0, 0),
    prior: str | Path | Prior | None = None,
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
    prior
        What is known of the steps before: the file of an earlier fit of this device, or a folder of fitted devices of
        its array (see `protocols.analysis.symmetry.prior.prior_from`). Left out where the trace contradicts it.

    Raises
    ------
    InputError
        The run has no such crosspoint, its trace cannot be fitted, or the prior is none; the message says why.
    """
    from sim_device.fit.fitting import fit_trace
    from sim_device.fit.known_steps import KnownSteps

    series = _series(run, array, crosspoint)
    check_pulses(run, series)
    pulses, conductance, pieces = trace_of_series(series)
    try:
        before = _prior_of(prior, run.unit)
        known = None if before is None else KnownSteps(*before.known())
        fit = fit_trace(pulses, conductance, unit=run.unit, model=model, segments=pieces, known=known)
    except InputError as error:
        raise InputError(f"{run.folder}: {error}") from None
    left_out = int(np.sum(np.isnan(conductance)))
    asked: dict[str, Any] = {"model": model, "array": array, "crosspoint": list(crosspoint)}
    if before is not None:
        asked["prior"] = before.model_dump(mode="json")
    return FittedRun(run, fit, _provenance(run, series, crosspoint), left_out, asked)


def fit_again(run: Run) -> FittedRun | None:
    """The fit that was kept in a run's folder, made again; None where there is none. Raises as `fit_run` does."""
    path = run.folder / FIT
    if not path.exists():
        return None
    asked = read_json(path).get("asked")
    try:
        kept = _Asked.model_validate(asked or {})
    except ValidationError as error:
        raise InputError(f"{path}: what was asked for is damaged: {error}") from None
    return fit_run(run, model=kept.model, array=kept.array, crosspoint=kept.crosspoint, prior=_kept_prior(kept.prior))


class _Asked(BaseModel):
    """What a fit was asked for, as it is kept beside it."""

    model: str = "soft-bounds"
    array: str = ""
    crosspoint: tuple[int, int] = (0, 0)
    prior: dict[str, Any] | None = None


def _kept_prior(kept: dict[str, Any] | None) -> Prior | None:
    from protocols.analysis.symmetry.prior import Prior

    if kept is None:
        return None
    try:
        return Prior.model_validate(kept)
    except ValidationError as error:
        raise InputError(f"the prior that is kept beside a fit is damaged: {error}") from None


def _prior_of(prior: str | Path | Prior | None, unit: str) -> Prior | None:
    """The prior that was asked for; `InputError` unless it is in the unit of the run."""
    if prior is None:
        return None
    from protocols.analysis.symmetry.prior import prior_from

    found = prior_from(Path(prior).expanduser()) if isinstance(prior, str | Path) else prior
    if found.unit != unit:
        raise InputError(f"the prior {found.source} is in units of {found.unit!r}, this run in {unit!r}")
    return found


def trace_of_series(series: Series) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n,) pulses, conductance and labels of pieces, of a series of one crosspoint; what is no good reading is NaN."""
    counts = series.counts[:, 0, 0]
    conductance = series.readings.conductance[:, 0, 0].copy()
    conductance[(series.readings.status[:, 0, 0] & int(_LEFT_OUT)) != 0] = np.nan
    unknown = unknown_before(series)[:, 0, 0] | _sums(series)
    return np.where(unknown, 0, counts), conductance, np.cumsum(unknown)


def check_pulses(run: Run, series: Series, whose: str = "a fit") -> None:
    """`InputError` where pulses of one direction differ: steps are those of one pair of pulses."""
    if series.pulse_voltage is None or series.pulse_width is None:
        return
    for name, sign in (("up", 1), ("down", -1)):
        of = np.sign(known_counts(series.counts[:, 0, 0])) == sign
        shapes = {
            (f"{volts:.6g}", f"{width:.6g}")
            for volts, width in zip(series.pulse_voltage[of, 0, 0], series.pulse_width[of, 0, 0], strict=True)
            if np.isfinite(volts) and np.isfinite(width)
        }
        if len(shapes) > 1:
            raise InputError(
                f"{run.folder}: its pulses {name} have {len(shapes)} shapes, and {whose} is of one pair of pulses; "
                "take a run of identical ones, such as update-response or symmetry-point"
            )


def _sums(series: Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,) rows that count pulses without telling their order: several in a row that nobody read after.

    Endurance counts up to 50 cycles up and down in two such rows; taken as they stand they would drive the device to
    one end of its window and back.
    """
    times = series.readings.time[:, 0, 0]
    unread = np.isnan(times) & (series.counts[:, 0, 0] != 0) & bool(np.isfinite(times).any())
    before, after = np.concatenate([[False], unread[:-1]]), np.concatenate([unread[1:], [False]])
    return unread & (before | after)


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
