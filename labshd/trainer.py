"""Train a task on crosspoints and keep it as a run; calibrate the crosspoints of a bench before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from instruments.errors import InputError
from labshd.devices import fitted_or_preset, simulated_crosspoints
from labshd.fitting import fit_run
from labshd.progress import NoProgress, Progress
from labshd.provenance import What
from labshd.recorder import RecordedStation, Recording, record, recording
from labshd.runs import Run, open_run
from labshd.station import Station
from labshd.training import ALGORITHMS, Calibration, OneParameter, Settings, Task, Training, network, one_weight, result
from labshd.training.assembly import Maker
from labshd.training.checkpoint import resume, save
from labshd.training.registry import TASKS, settings_of
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.crosspoints import SimCrosspoints
from sim_device.fitted import FittedDevice
from sim_device.presets import Preset

__all__ = ["ALGORITHMS", "TASKS", "Bench", "calibrate", "record_training", "train_on_device", "train_on_station"]

CHECKPOINT = "checkpoint.npz"  # name of the checkpoint in the folder of a training
CHECKPOINT_EVERY = 30.0  # seconds


@dataclass(frozen=True)
class Bench:
    """Where runs of a training go, how progress is shown (`progress` makes one for a title), what it goes on from."""

    runs: str | Path | None = None
    progress: Callable[[str], Progress] = lambda _: NoProgress()
    resume: Path | None = None  # a run whose checkpoint a training goes on from


def train_on_station(
    station: Station,
    task: OneParameter,
    algorithm: str,
    *,
    settings: Settings | None = None,
    ramp: int = 200,
    calibrations: tuple[Calibration, Calibration] | None = None,
    bench: Bench | None = None,
) -> Run:
    """Train on the crosspoints A and C of a station (see `Station.auxiliary_and_core`).

    Parameters
    ----------
    ramp
        Pulses up and down by which a crosspoint is characterised before.
    calibrations
        Of A and of C, where they are known already: nothing is measured before the training then.
    """
    bench = bench or Bench()
    auxiliary, core = station.auxiliary_and_core()
    a, c = calibrations or calibrate_pair(station, algorithm, ramp=ramp, bench=bench)
    training = _training(task, algorithm, station, (auxiliary, core), (a, c), settings)
    title = f"{algorithm} on {core}" if algorithm == "sgd" else f"{algorithm} on {auxiliary} and {core}"
    progress = bench.progress(title)
    return record_training(training, a, runs=bench.runs, station=station, progress=progress, resumed=bench.resume)


def _training(
    task: OneParameter,
    algorithm: str,
    station: Station,
    names: tuple[str, str],
    calibrations: tuple[Calibration, Calibration],
    settings: Settings | None,
) -> Training:
    (auxiliary, core), (a, c) = names, calibrations
    if algorithm == "sgd":
        return one_weight(task, algorithm, station[core], c, settings=settings)
    return one_weight(
        task, algorithm, station[core], c, auxiliary=station[auxiliary], auxiliary_calibration=a, settings=settings
    )


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
        _refuse_unfit(source.verdict.unfit_for_auxiliary, device, algorithm)
        calibration = Calibration.from_fitted(source)
    else:
        calibration = Calibration.from_model(source.model)
    progress = bench.progress(f"{algorithm} on {Path(device).name}")
    if not isinstance(task, OneParameter):
        training = network(task, algorithm, _arrays_of(source, calibration, settings), calibration, settings=settings)
        return record_training(training, calibration, runs=bench.runs, progress=progress, resumed=bench.resume)
    a, c = (
        simulated_crosspoints(device, folder, seed=2 * settings.seed + which, name=name)
        for which, name in enumerate(("auxiliary", "core"))
    )
    auxiliary = None if algorithm == "sgd" else a
    training = one_weight(task, algorithm, c, calibration, auxiliary=auxiliary, settings=settings)
    return record_training(training, calibration, runs=bench.runs, progress=progress, resumed=bench.resume)


def _refuse_unfit(why: str, device: str, algorithm: str) -> None:
    """An auxiliary array lives on its devices being driven back to their symmetry points; plain SGD has none."""
    if why and algorithm != "sgd":
        raise InputError(
            f"{device} cannot stand in the auxiliary array of {algorithm}: {why}; use another device, or sgd"
        )


def _arrays_of(source: FittedDevice | Preset, calibration: Calibration, settings: Settings) -> Maker:
    """Arrays of simulated devices, started at the reference."""

    def make(shape: tuple[int, int], name: str, number: int) -> SimCrosspoints:
        more: dict[str, Any] = {"seed": 1000 * settings.seed + number, "name": name, "initial": calibration.reference}
        if isinstance(source, FittedDevice):
            return SimCrosspoints.from_fitted(source, shape, **more)
        return SimCrosspoints.from_preset(source, shape, **more)

    return make


def calibrate_pair(station: Station, algorithm: str, *, ramp: int, bench: Bench) -> tuple[Calibration, Calibration]:
    """Calibrations of A and C. Only the crosspoint that gives the reference needs its symmetry point measured."""
    auxiliary, core = station.auxiliary_and_core()
    if algorithm == "sgd":
        c = calibrate(station, core, algorithm, ramp=ramp, with_symmetry_point=True, bench=bench)
        return c, c
    a = calibrate(station, auxiliary, algorithm, ramp=ramp, with_symmetry_point=True, bench=bench)
    return a, calibrate(station, core, algorithm, ramp=ramp, with_symmetry_point=False, bench=bench)


def calibrate(
    station: Station, name: str, algorithm: str, *, ramp: int, with_symmetry_point: bool, bench: Bench
) -> Calibration:
    """Steps and window of one crosspoint from a recorded ramp up and down; its zero from `symmetry-point`."""
    response = record(
        UpdateResponse(pulses=ramp, cycles=1),
        station[name],
        runs=bench.runs,
        station=station,
        progress=bench.progress(f"steps of {name}"),
    )
    fitted = fit_run(response)
    if not with_symmetry_point:
        return Calibration.from_fitted(fitted.device)
    _refuse_unfit(fitted.fit.abrupt, name, algorithm)
    found = Calibration.from_fitted(fitted.device)
    run = record(
        SymmetryPoint(),
        station[name],
        runs=bench.runs,
        station=station,
        progress=bench.progress(f"symmetry point of {name}"),
    )
    return with_reference(found, run)


def with_reference(calibration: Calibration, run: Run) -> Calibration:
    """The calibration with its zero where a run of `symmetry-point` found it; `InputError` unless that is stable."""
    numbers = run.result or {}
    at, std = numbers.get(f"symmetry_point_{run.unit}"), numbers.get(f"std_{run.unit}")
    if at is None or not numbers.get("stable"):
        raise InputError(
            f"{run.crosspoint} has no stable symmetry point ({numbers.get('verdict', run.why_stopped)}), "
            f"so that it cannot give the zero of the weights; see {run.folder}"
        )
    return replace(calibration, reference=at, reference_std=std or 0.0)


def record_training(
    training: Training,
    auxiliary: Calibration,
    *,
    runs: str | Path | None = None,
    station: RecordedStation | None = None,
    progress: Progress | None = None,
    resumed: Path | None = None,
) -> Run:
    """Run a training and keep every reading, step and pulse; gives the run. Ends safe, however it ends.

    `resumed` is the folder of a training, made with the same arguments, that this one goes on from.
    """
    if resumed is not None:
        resume(training, resumed / CHECKPOINT)
    settings = training.settings
    what = What("train", training.task.name, _described(training, auxiliary), settings.seed)
    blocks = [tile.main for tile in training.tiles]
    with recording(what, blocks, runs=runs, station=station, progress=progress, total=settings.steps) as made:
        try:
            _drive(training, made)
        finally:
            made.result(result(training, auxiliary))
    return open_run(made.folder)


def _drive(training: Training, made: Recording) -> None:
    core = f"{training.layers[0].core.name}_weight"
    saved = time.monotonic()
    for block in training.run():
        for array, points in block.points.items():
            for some in points:
                made.points(some, array, advance=False)
        if block.steps:
            shown = block.steps.get(core, block.steps["loss"])[-1]
            made.steps(block.steps, f"{'weight' if core in block.steps else 'loss'} {shown:.3f}")
        if time.monotonic() - saved > CHECKPOINT_EVERY:
            save(training, made.folder / CHECKPOINT)
            saved = time.monotonic()
    save(training, made.folder / CHECKPOINT)
    made.why_stopped = training.why_stopped


def _described(training: Training, auxiliary: Calibration) -> dict[str, Any]:
    """Everything that the training was given, for its run."""
    return {
        "algorithm": training.layers[0].name,
        "formula": training.layers[0].formula,
        "task": settings_of(training.task),
        **asdict(training.settings),
        "calibration": {"core": asdict(training.calibration), "auxiliary": asdict(auxiliary)},
        "arrays": {tile.name: tile.main.name for tile in training.tiles},
    }
