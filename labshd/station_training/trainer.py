"""Trains a task and keeps it as a run; on a station it calibrates the crosspoints first."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from instruments.errors import InputError, LabshdError
from labshd.analysis.prediction import fitted_name, predict
from labshd.runs.files import TableFile
from labshd.runs.run import Run, open_run
from labshd.station.devices import fitted_or_preset, simulated_crosspoints
from labshd.station.station import Station
from labshd.station_training.blocks import Grid, arranged, auxiliary_and_core, left_of_budget
from labshd.station_training.calibrate import (
    Bench,
    Calibrated,
    Measuring,
    calibrate_pair,
    check_budget,
    refuse_unfit,
    with_reference,
)
from labshd.station_training.record import CHECKPOINT, TWIN_STEPS, Kept, record_training
from labshd.station_training.twins import assembled_training, expectation, pulses_expected, trained_twin
from labshd.training import ALGORITHMS, Calibration, OneParameter, Settings, Task, Training, network, one_weight
from labshd.training.assembly import Maker
from labshd.training.floating import floating_point
from labshd.training.registry import TASKS
from labshd.training.start import Start
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.fitted import FittedDevice
from sim_device.models.presets import Preset

__all__ = [
    "ALGORITHMS",
    "CHECKPOINT",
    "TASKS",
    "TWIN_STEPS",
    "Bench",
    "Measuring",
    "record_training",
    "train_on_device",
    "train_on_station",
    "with_reference",
]

log = logging.getLogger(__name__)


def train_on_station(
    station: Station,
    task: Task,
    algorithm: str,
    *,
    settings: Settings | None = None,
    measuring: Measuring | None = None,
    bench: Bench | None = None,
) -> Run:
    """Train on the crosspoints A and C that the station file names, each calibrated before, with its own zero.

    The training is done on the fitted devices first: that tells what to expect, and how many pulses it will take.

    Raises
    ------
    InputError
        Crosspoints that do not fit the task, or cannot be trained on: every one, with the reason.
    LimitError
        An endurance budget that would not last: nothing was pulsed for what it would not last for.
    """
    bench, settings, measuring = bench or Bench(), settings or Settings(), measuring or Measuring()
    names = auxiliary_and_core(station, task)
    if bench.resume is not None:
        both = _calibrated_before(bench.resume, names)
    else:
        both = calibrate_pair(station, names, algorithm, measuring, bench, own=not settings.common_reference)
    task.check_reach(_reach(both[1]), both[1].names)
    start = None if algorithm == "sgd" else Start()
    twin = trained_twin(task, algorithm, both, settings, start)
    if bench.resume is None:
        check_budget(station, _expected(twin, both), "the training")
    blocks = (arranged(station, both[0].names), arranged(station, both[1].names))
    training = assembled_training(task, algorithm, blocks, both, settings)
    run = record_training(
        training,
        both[0].common,
        runs=bench.runs,
        station=station,
        progress=bench.progress(f"{algorithm} on " + " and ".join(tile.main.name for tile in training.tiles)),
        resumed=bench.resume,
        kept=_beside(station, task, twin, both, start),
    )
    return _compared(run)


def _expected(twin: Training, both: tuple[Calibrated, Calibrated]) -> list[tuple[Grid, int]]:
    """Pulses of each crosspoint, by its name: a tenth more than its twin took, which has other noise."""
    expected = pulses_expected(twin, both)
    return [(np.array([[name]]), math.ceil(1.1 * pulses)) for name, pulses in expected.items()]


def _beside(
    station: Station, task: Task, twin: Training, both: tuple[Calibrated, Calibrated], start: Start | None
) -> Kept:
    """What a run keeps beside its training. All that takes time is done before the first pulse."""
    a, c = both
    used = {"auxiliary": a, "core": c} if len(twin.tiles) > 1 else {"core": c}
    told: dict[str, Any] = {"on_fitted_devices": expectation(twin, both), "zeros": _zeros(a)}
    told |= _in_floating_point(task, twin.settings)

    def found(done: Training) -> dict[str, Any]:
        return told | {"pulses_of_crosspoints": _spent(done, station, both)}

    return Kept(start, {"calibrated": _kept(used)}, found, lambda folder: _put_files(folder, used, twin))


def _reach(calibrated: Calibrated) -> tuple[Any, Any]:
    """Lowest and highest weight that each crosspoint holds, (rows, columns) each."""
    scale, zero = calibrated.common.scale, calibrated.reference
    low, high = (
        np.array([getattr(one, key) for one in calibrated.each]).reshape(zero.shape) for key in ("low", "high")
    )
    return (low - zero) / scale, (high - zero) / scale


def _kept(calibrated: dict[str, Calibrated]) -> dict[str, Any]:
    """What a run keeps of its calibration: enough to resume it."""
    return {
        key: {"crosspoints": one.names.tolist(), "each": [asdict(each) for each in one.each], "runs": list(one.runs)}
        for key, one in calibrated.items()
    }


def _calibrated_before(folder: Path, names: tuple[Grid, Grid]) -> tuple[Calibrated, Calibrated]:
    """Calibrations that a training that is resumed was made with: no pulse is spent on them again."""
    said: dict[str, Any] = open_run(folder).info.get("settings", {}).get("calibrated", {})
    found: dict[str, Calibrated] = {}
    for key, one in said.items():
        grid = np.array(one["crosspoints"])
        each = tuple(Calibration(**numbers) for numbers in one["each"])
        devices = tuple(FittedDevice.load(folder / fitted_name(str(name))) for name in grid.flat)
        found[key] = Calibrated(grid, each, devices, tuple(one["runs"]))
    if "core" not in found or not np.array_equal(found["core"].names, names[1]):
        raise InputError(f"{folder} is no training on the core crosspoints {', '.join(np.ravel(names[1]))}")
    return found.get("auxiliary", found["core"]), found["core"]


def _in_floating_point(task: Task, settings: Settings) -> dict[str, Any]:
    """What the same samples teach floating-point weights; of one weight that is its target."""
    return {} if isinstance(task, OneParameter) else {"floating_point": floating_point(task, settings)}


def _zeros(a: Calibrated) -> list[dict[str, Any]]:
    unit = a.each[0].unit
    return [
        {"crosspoint": str(name), f"conductance_{unit}": one.reference, f"std_{unit}": one.reference_std}
        for name, one in zip(a.names.flat, a.each, strict=True)
    ]


def _spent(training: Training, station: Station, calibrated: tuple[Calibrated, Calibrated]) -> list[dict[str, Any]]:
    """Pulses of each crosspoint in this training, and what is left of its endurance budget."""
    grids: dict[str, Grid] = {"auxiliary": calibrated[0].names, "core": calibrated[1].names}
    told: list[dict[str, Any]] = []
    for tile in training.tiles:
        left = left_of_budget(station, grids[tile.name]) or {}
        for name, pulses in zip(grids[tile.name].flat, tile.counted.flat, strict=True):
            of_budget = {"left_of_budget": left[str(name)]} if str(name) in left else {}
            told.append({"array": tile.name, "crosspoint": str(name), "pulses": int(pulses), **of_budget})
    return told


def _put_files(folder: Path, calibrated: dict[str, Calibrated], twin: Training) -> None:
    """The fitted device of every crosspoint, and the steps of the twin."""
    for one in calibrated.values():
        for name, device in zip(one.names.flat, one.devices, strict=True):
            device.save(folder / fitted_name(str(name)))
    steps = TableFile(folder / TWIN_STEPS)
    steps.append(twin.history)
    steps.close()


def _compared(run: Run) -> Run:
    """The run, replayed pulse for pulse on its fitted devices."""
    try:
        predict(run, str(run.folder)).keep()
    except LabshdError as error:
        log.warning("%s: not replayed on its fitted devices: %s", run.folder, error)
    return run


def train_on_device(
    device: str,
    task: Task,
    algorithm: str,
    *,
    folder: Path | None = None,
    settings: Settings | None = None,
    bench: Bench | None = None,
) -> Run:
    """Train on simulated crosspoints of a fitted device (its file) or of a preset: the same loop as on a bench."""
    bench, settings = bench or Bench(), settings or Settings()
    source = fitted_or_preset(device, folder)
    if isinstance(source, FittedDevice):
        refuse_unfit(source.verdict.unfit_for_auxiliary, device, algorithm)
        calibration = Calibration.from_fitted(source)
    else:
        calibration = Calibration.from_model(source.model)
    progress = bench.progress(f"{algorithm} on {Path(device).name}")
    if not isinstance(task, OneParameter):
        training = network(task, algorithm, _arrays_of(source, calibration, settings), calibration, settings=settings)
        digital = _in_floating_point(task, settings)
        kept = Kept(result=lambda _: digital)
        return record_training(
            training, calibration, runs=bench.runs, progress=progress, resumed=bench.resume, kept=kept
        )
    a, c = (
        simulated_crosspoints(device, folder, seed=2 * settings.seed + which, name=name)
        for which, name in enumerate(("auxiliary", "core"))
    )
    auxiliary = None if algorithm == "sgd" else a
    training = one_weight(task, algorithm, c, calibration, auxiliary=auxiliary, settings=settings)
    return record_training(training, calibration, runs=bench.runs, progress=progress, resumed=bench.resume)


def _arrays_of(source: FittedDevice | Preset, calibration: Calibration, settings: Settings) -> Maker:
    """Arrays of simulated devices, started at the reference."""

    def make(shape: tuple[int, int], name: str, number: int) -> SimCrosspoints:
        more: dict[str, Any] = {"seed": 1000 * settings.seed + number, "name": name, "initial": calibration.reference}
        if isinstance(source, FittedDevice):
            return SimCrosspoints.from_fitted(source, shape, **more)
        return SimCrosspoints.from_preset(source, shape, **more)

    return make
