"""Calibration of a station's crosspoints for training: a ramp gives steps and window, symmetry points give zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError, LimitError, all_at_once
from labshd.analysis.fit import FittedRun, fit_run
from labshd.common.progress import NoProgress, Progress
from labshd.recording.recorder import record
from labshd.runs.run import Run
from labshd.station.station import Station
from labshd.station_training.blocks import Grid, arranged, left_of_budget
from labshd.training import Calibration
from protocols.common.protocol import Protocol
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.models.fitted import FittedDevice

RESOLVED = 5.0  # standard errors by which the ends of ramps must differ where a device moves at all


@dataclass(frozen=True)
class Bench:
    """Where runs of a training go, how progress is shown (`progress` makes one for a title), what it goes on from."""

    runs: str | Path | None = None
    progress: Callable[[str], Progress] = lambda _: NoProgress()
    resume: Path | None = None  # a run whose checkpoint a training goes on from


@dataclass(frozen=True)
class Measuring:
    """How crosspoints are measured before: pulses of the ramp up and of the one down; how symmetry points are found."""

    ramp: int = 200
    symmetry: SymmetryPoint = field(default_factory=SymmetryPoint)

    def pulses(self, *, with_symmetry_point: bool) -> int:
        """Pulses that a crosspoint sees at most."""
        return 2 * self.ramp + (self.symmetry.budget if with_symmetry_point else 0)


@dataclass(frozen=True)
class Calibrated:
    """An array of calibrated crosspoints.

    Attributes
    ----------
    names
        Of the crosspoints, (rows, columns).
    each, devices
        Calibration and fitted device of every crosspoint, row by row.
    runs
        Ids of the runs that it rests on.
    """

    names: Grid
    each: tuple[Calibration, ...]
    devices: tuple[FittedDevice, ...]
    runs: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.names.shape
        return rows, columns

    @property
    def reference(self) -> FloatArray:
        """Zeros of the weights [unit], (rows, columns)."""
        return self._array("reference")

    @property
    def reference_std(self) -> FloatArray:
        """Their standard errors [unit]."""
        return self._array("reference_std")

    @property
    def common(self) -> Calibration:
        """One calibration for the whole array: means of all, the error of a zero as root mean square.

        Pulse trains know one step, and weights one scale; zeros are those of every crosspoint by itself.
        """
        if len(self.each) == 1:
            return self.each[0]
        reference, low, high, step = (float(self._array(key).mean()) for key in ("reference", "low", "high", "step"))
        known = [one.kappa for one in self.each if one.kappa is not None]
        std = float(np.sqrt(np.mean(self.reference_std**2)))
        return Calibration(reference, step, low, high, float(np.mean(known)) if known else None, std, self.each[0].unit)

    def _array(self, key: str) -> FloatArray:
        return np.array([getattr(one, key) for one in self.each], dtype=np.float64).reshape(self.shape)


def calibrate_pair(
    station: Station, names: tuple[Grid, Grid], algorithm: str, measuring: Measuring, bench: Bench, *, own: bool = False
) -> tuple[Calibrated, Calibrated]:
    """Calibrations of A and C; of C twice for SGD, which has no A.

    Zeros are symmetry points of A, which C takes over crosspoint by crosspoint (the 3-array form); with `own` those of
    C are measured as well.

    Raises
    ------
    LimitError
        The endurance budget of a crosspoint does not last for the calibration; nothing was pulsed.
    InputError
        Crosspoints that cannot do what they shall: each with the reason.
    """
    a, c = names
    most, least = (measuring.pulses(with_symmetry_point=zeroed) for zeroed in (True, False))
    if algorithm == "sgd":
        check_budget(station, [(c, most)])
        ramps = _ramps(station, c, measuring, bench)
        _refuse(station, list(_unfit(c, ramps, auxiliary=True)))
        alone = _with_zeros(station, c, ramps, measuring, bench)
        return alone, alone
    check_budget(station, [(a, most), (c, most if own else least)])
    of_a, of_c = (_ramps(station, grid, measuring, bench) for grid in (a, c))
    _refuse(station, [*_unfit(a, of_a, auxiliary=True), *_unfit(c, of_c, auxiliary=False)])
    zeros = _with_zeros(station, a, of_a, measuring, bench)
    return zeros, _with_zeros(station, c, of_c, measuring, bench) if own else _referred(station, c, of_c, zeros)


def check_budget(station: Station, wanted: list[tuple[Grid, int]], what: str = "the calibration") -> None:
    """`LimitError`, naming every crosspoint, where so many more pulses would pass the endurance budget."""
    problems: list[str] = []
    for grid, more in wanted:
        left = left_of_budget(station, grid) or {}
        problems += [f"{name} has {n} pulses left, {more} may be needed" for name, n in left.items() if n < more]
    if problems:
        said = all_at_once(f"{what} would pass limits.pulses_per_crosspoint of {station.toml.path}", problems)
        raise LimitError(f"{said}\nraise the limit if the devices allow it, or ask for fewer pulses "
                         "(--ramp, --symmetry-pulses, --steps)")  # fmt: skip


def _measured(station: Station, names: Grid, protocol: Protocol, title: str, bench: Bench) -> Run:
    block = arranged(station, names)
    progress = bench.progress(f"{title} of {block.name}")
    return record(protocol, block, runs=bench.runs, station=station, progress=progress)


def _ramps(station: Station, names: Grid, measuring: Measuring, bench: Bench) -> list[FittedRun]:
    run = _measured(station, names, UpdateResponse(pulses=measuring.ramp, cycles=1), "steps", bench)
    return [fit_run(run, crosspoint=at) for at in np.ndindex(names.shape)]  # type: ignore[arg-type]


def _unfit(names: Grid, ramps: list[FittedRun], *, auxiliary: bool) -> Iterator[str]:
    """What a ramp tells against each crosspoint; abrupt ones may stand in C."""
    for at, fitted in zip(np.ndindex(names.shape), ramps, strict=True):
        span: dict[str, float | None] = _of(fitted.run, at).get("dynamic_range") or {}
        unit = fitted.run.unit
        wide, error = span.get(f"range_{unit}"), span.get(f"range_std_{unit}")
        if wide is None or error is None or not wide > RESOLVED * error:
            yield f"{names[at]} is stuck: ramps up and down end where each other began, within the noise of reading"
        elif auxiliary and fitted.fit.abrupt:
            yield f"{names[at]} in A: {fitted.fit.abrupt}"


def _of(run: Run, at: tuple[int, ...]) -> dict[str, Any]:
    result = run.result or {}
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    return next((one for one in each if (one.get("row"), one.get("column")) == at), result)


def _refuse(station: Station, problems: list[str], remedy: str = "name others in") -> None:
    if problems:
        said = all_at_once("crosspoints that cannot be trained on", problems)
        raise InputError(f"{said}\n{remedy} [training] of {station.toml.path}, or use another device")


def _with_zeros(
    station: Station, names: Grid, ramps: list[FittedRun], measuring: Measuring, bench: Bench
) -> Calibrated:
    run = _measured(
        station, names, measuring.symmetry, "symmetry points" if names.size > 1 else "symmetry point", bench
    )
    each: list[Calibration] = []
    problems: list[str] = []
    for at, fitted in zip(np.ndindex(names.shape), ramps, strict=True):
        try:
            zero, std = zero_of(run, at, str(names[at]))
            each.append(Calibration.from_fitted(_widened(fitted.device, run, at), zero, std))
        except InputError as error:
            problems.append(str(error) if str(names[at]) in str(error) else f"{names[at]}: {error}")
    _refuse(station, problems)
    return Calibrated(names, tuple(each), tuple(one.device for one in ramps), (ramps[0].run.id, run.id))


def _widened(device: FittedDevice, run: Run, at: tuple[int, ...]) -> FittedDevice:
    """The fitted device, its window that of the ramp and of the search for the symmetry point together."""
    if device.measured is None:
        return device
    row, column = at
    seen = run.series().readings.conductance[:, row, column]
    seen = seen[np.isfinite(seen)]
    low, high = min(device.measured.lowest, float(seen.min())), max(device.measured.highest, float(seen.max()))
    return device.model_copy(update={"measured": device.measured.model_copy(update={"lowest": low, "highest": high})})


def zero_of(run: Run, at: tuple[int, ...] = (0, 0), name: str = "") -> tuple[float, float]:
    """Symmetry point and standard error [unit] that a run of `symmetry-point` found; `InputError` unless stable."""
    numbers = _of(run, at)
    point, std = numbers.get(f"symmetry_point_{run.unit}"), numbers.get(f"std_{run.unit}")
    if point is None or not numbers.get("stable"):
        raise InputError(
            f"{name or run.crosspoint} has no stable symmetry point ({numbers.get('verdict', run.why_stopped)}), "
            f"so that it cannot give the zero of a weight, nor be of A; see {run.folder}"
        )
    return float(point), float(std or 0.0)


def _referred(station: Station, names: Grid, ramps: list[FittedRun], zeros: Calibrated) -> Calibrated:
    """The core crosspoints with the zeros of the auxiliary ones."""
    each: list[Calibration] = []
    problems: list[str] = []
    for at, fitted in zip(np.ndindex(names.shape), ramps, strict=True):
        zero, std = float(zeros.reference[at]), float(zeros.reference_std[at])
        try:
            each.append(Calibration.from_fitted(fitted.device, zero, std))
        except InputError as error:
            problems.append(f"{names[at]} with the zero of {zeros.names[at]}: {error}")
    _refuse(station, problems, "let the ramp show more of the window (--ramp), pair them otherwise in")
    return Calibrated(names, tuple(each), tuple(one.device for one in ramps), (ramps[0].run.id,))


def with_reference(calibration: Calibration, run: Run) -> Calibration:
    """The calibration with its zero where a run of `symmetry-point` found it; `InputError` unless that is stable."""
    at, std = zero_of(run)
    return replace(calibration, reference=at, reference_std=std)


def refuse_unfit(why: str, device: str, algorithm: str) -> None:
    """Refuse a device that cannot be driven back to a symmetry point: A lives on that; plain SGD has none."""
    if why and algorithm != "sgd":
        raise InputError(
            f"{device} cannot stand in the auxiliary array of {algorithm}: {why}; use another device, or sgd"
        )
