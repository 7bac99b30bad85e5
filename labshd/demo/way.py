"""The steps of the demo: characterise, find the symmetry point, fit, train on the bench and on the fit."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from instruments.crosspoints import Crosspoints
from labshd.analysis.fit import FittedRun, fit_run
from labshd.demo.stages import StageProgress, Stages
from labshd.recording.recorder import record
from labshd.runs.run import Run
from labshd.station.station import Station, open_station
from labshd.station_training.trainer import Bench, record_training, train_on_device, with_reference
from labshd.training import Calibration, OneParameter, Settings, one_weight
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import ConstantStep

TASK = OneParameter(target=0.4)
SEED = 7


@dataclass(frozen=True)
class Way:
    """Everything that the demo recorded. `truth` is what the virtual device A1 discloses: no bench can tell that."""

    station: Path
    response: Run
    symmetry: Run
    fitted: FittedRun
    bench: dict[str, Run]
    device: dict[str, Run]
    symmetric: Run
    truth: dict[str, float]


def go(out: Path, stages: Stages) -> Way:
    """Do it; runs go to ``out/runs``, the station file and the fitted device to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "station.toml"
    file.write_text(resources.files("labshd.demo").joinpath("station.toml").read_text("utf-8"), encoding="utf-8")
    with open_station(file, rehearse=True) as station:
        return _on(station, file, out, stages)


def _on(station: Station, file: Path, out: Path, stages: Stages) -> Way:
    runs = out / "runs"

    def measure(protocol: Any, name: str, title: str) -> Run:
        return record(protocol, station[name], runs=runs, station=station, progress=stages.stage(title))

    response = measure(UpdateResponse(pulses=500, cycles=1), "A1", "update response of A1")
    symmetry = measure(SymmetryPoint(seed=SEED), "A1", "symmetry point of A1")
    stages.stage("fit")
    fitted = fit_run(response)
    device = fitted.save(out / "fitted.json")
    auxiliary = with_reference(Calibration.from_fitted(fitted.device), symmetry)
    core = Calibration.from_fitted(fit_run(measure(UpdateResponse(pulses=300, cycles=1), "A2", "steps of A2")).device)
    bench = {
        "shd": _shd(station, auxiliary, core, runs, stages.stage("SHD on the bench")),
        "sgd": _sgd(station, auxiliary, runs, stages.stage("SGD on the bench")),
    }
    simulated = {
        algorithm: _simulated(str(device), algorithm, runs, stages.stage(f"{algorithm.upper()} on the fitted device"))
        for algorithm in ("shd", "sgd")
    }
    symmetric = _symmetric(auxiliary, runs, stages.stage("SHD on a symmetric device"))
    return Way(file, response, symmetry, fitted, bench, simulated, symmetric, _truth(station))


def _shd(station: Station, a: Calibration, c: Calibration, runs: Path, progress: StageProgress) -> Run:
    training = one_weight(
        TASK, "shd", station["A2"], c, auxiliary=station["A1"], auxiliary_calibration=a, settings=Settings(seed=SEED)
    )
    return record_training(training, a, runs=runs, station=station, progress=progress)


def _sgd(station: Station, a: Calibration, runs: Path, progress: StageProgress) -> Run:
    training = one_weight(TASK, "sgd", station["A1"], a, settings=Settings(seed=SEED))
    return record_training(training, a, runs=runs, station=station, progress=progress)


def _simulated(device: str, algorithm: str, runs: Path, progress: StageProgress) -> Run:
    bench = Bench(runs, lambda _: progress)
    return train_on_device(device, TASK, algorithm, settings=Settings(seed=SEED), bench=bench)


def _symmetric(like: Calibration, runs: Path, progress: StageProgress) -> Run:
    """SHD with an auxiliary device of the same window and step that is perfectly symmetric: it oscillates."""
    model = ConstantStep(g_min=like.low, g_max=like.high, up=like.step, down=like.step)

    def crosspoint(seed: int, name: str) -> Crosspoints:
        return SimCrosspoints(model, noise=SimNoise(cycle_to_cycle=0.3), seed=seed, name=name)

    calibration = Calibration.from_model(model)
    a, c = crosspoint(2 * SEED, "symmetric A"), crosspoint(2 * SEED + 1, "symmetric C")
    training = one_weight(TASK, "shd", c, calibration, auxiliary=a, settings=Settings(seed=SEED))
    return record_training(training, calibration, runs=runs, progress=progress)


def _truth(station: Station) -> dict[str, float]:
    if station.virtual is None:
        return {}
    truth = station.virtual.devices["A1"].truth(station["A1"].pulses)
    return {name: float(getattr(truth, name)) for name in ("symmetry_point_S", "g_min_S", "g_max_S", "s_up", "s_down")}
