"""What SHD would do with a fitted device: its error beside SGD's, damping, a wrong symmetry point, reasons."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.analysis.fit import FIT, fit_run
from labshd.analysis.outlook import Outlook, kept_sentence, outlook_of, told_of
from labshd.cli.command_line import main
from labshd.report.run_report import write_report
from labshd.runs.importing import import_files
from labshd.runs.run import Run, open_run
from labshd.training import Calibration, OneParameter, Settings, one_weight
from labshd.training.damping import measured_oscillator
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.fit.fitting import fit_trace
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import FittedDevice
from sim_device.models.formulas import ConstantStep, LinearStep, SoftBounds

ASYMMETRIC = SoftBounds(1e-6, 9e-6, 2 / 300, 3 / 300)  # symmetry point at 4.2 µS


def trace(model: DeviceModel, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """800 pulses up until 8 µS, down until 2 µS and so on, with 20 % noise of steps: pulses and conductance [S]."""
    device = SimCrosspoints(model, noise=SimNoise(0.2, read=5e-8), seed=seed)
    pulses, read = [0], [float(device.read().conductance.item())]
    way = 1
    for _ in range(800):
        way = -1 if read[-1] > 8e-6 else 1 if read[-1] < 2e-6 else way
        device.pulse(np.array([[way]]))
        pulses.append(way)
        read.append(float(device.read().conductance.item()))
    return np.array(pulses), np.array(read)


def of_trace(model: DeviceModel) -> FittedDevice:
    return fit_trace(*trace(model), unit="S").device()


def usable(found: Outlook | str) -> Outlook:
    assert isinstance(found, Outlook)
    return found


@pytest.fixture(scope="module")
def device() -> FittedDevice:
    return of_trace(ASYMMETRIC)


@pytest.fixture(scope="module")
def found(device: FittedDevice) -> Outlook:
    return usable(outlook_of(device))


def test_shd_ends_at_the_target_within_its_error_and_sgd_where_theory_says(found: Outlook) -> None:
    # The asymmetry of C pulls C by κ² S E|A| w0/2k, in shares of the range: below .8² · .4 · .07 · .5/2 = .0045.
    assert abs(found.shd.error.value) < 4 * found.shd.error.std + 0.0045
    assert found.shd.error.std < 0.003
    assert found.sgd.error.value == pytest.approx(found.sgd.predicted, abs=4 * found.sgd.error.std)
    better = abs(found.sgd.error.value) - abs(found.shd.error.value)
    assert better > 10 * math.hypot(found.sgd.error.std, found.shd.error.std)
    assert found.shd.diverged == found.sgd.diverged == 0


def test_damping_is_that_of_theory_and_the_period_longer_by_what_the_core_lacks(found: Outlook) -> None:
    # Steps of C up are smaller by κ/2 = .4 near C = .5, those down larger: 1/sqrt(.6) - 1 = 29 % at most.
    assert found.oscillator.damping == pytest.approx(found.damping, abs=4 * found.oscillator.damping_std)
    assert found.oscillator.damping_std < 0.1 * found.damping
    assert found.period - 4 * found.oscillator.period_std < found.oscillator.period < 1.29 * found.period
    assert 0.005 < found.shd.swing.value < 0.025  # σ/(k sqrt(2T)) = .5/sqrt(2 κ S τ/η_C) = .028 in weights, and more


def test_the_stated_error_is_that_of_other_seeds(device: FittedDevice, found: Outlook) -> None:
    others = [usable(outlook_of(device, seeds=range(k, k + 8))) for k in range(100, 180, 8)]
    means = np.array([one.shd.error.value for one in others])
    stated = np.mean([one.shd.error.std for one in others])  # of 8 seeds; ten of them scatter as known to 24 %
    assert 0.5 < means.std(ddof=1) / stated < 1.7
    assert abs(means.mean() - found.shd.error.value) < 4 * math.hypot(found.shd.error.std, stated / math.sqrt(10))


@pytest.mark.parametrize("errors", [-6, 6])
def test_a_wrong_symmetry_point_shifts_c_as_the_sentence_says(
    device: FittedDevice, found: Outlook, errors: int
) -> None:
    point = device.symmetry_point
    assert point is not None
    assert found.shift is not None
    wrong = point.model_copy(update={"conductance": point.conductance + errors * point.std})
    shifted = usable(outlook_of(device.model_copy(update={"symmetry_point": wrong})))
    assert "too high" in found.sentence
    assert "lower." in found.sentence
    assert abs(shifted.shd.error.value) > abs(found.shd.error.value)
    moved = shifted.shd.error.value - found.shd.error.value
    error = math.hypot(shifted.shd.error.std, found.shd.error.std)
    assert np.sign(moved) == -np.sign(errors)
    assert moved == pytest.approx(errors * found.shift, abs=4 * error + 0.2 * abs(errors * found.shift))


@pytest.mark.parametrize("read", [0.0, 0.003])
def test_an_even_core_swings_with_the_period_of_theory(read: float) -> None:
    calibration, task = Calibration.from_model(ASYMMETRIC), OneParameter()
    even = ConstantStep(1e-6, 9e-6, calibration.step, calibration.step)
    histories: list[dict[str, FloatArray]] = []
    for seed in range(16):
        noise = SimNoise(0.3, read=read * 8e-6)
        a, c = (
            SimCrosspoints(model, noise=noise, initial=calibration.reference, seed=2 * seed + which)
            for which, model in enumerate((ASYMMETRIC, even))
        )
        training = one_weight(task, "shd", c, calibration, auxiliary=a, settings=Settings(seed=seed))
        histories.append(training.finish().history)
    told, kappa = measured_oscillator(histories, task, 5), calibration.weight_kappa
    assert kappa is not None
    assert told.period == pytest.approx(2 * math.pi * math.sqrt(5) / 0.01, abs=4 * told.period_std)
    assert told.damping == pytest.approx(0.01 * kappa * task.mean_gradient(0.5), abs=4 * told.damping_std)
    assert told.period_std < 0.1 * told.period
    assert math.isnan(measured_oscillator(histories[:1], task, 5).damping_std)


def test_an_unstable_device_gives_the_reason() -> None:
    # Steps that grow on the way: pulsing drives away from where up and down cancel.
    fitted = of_trace(LinearStep(1e-6, 9e-6, 5e-8, -5e-8, 0.006, 0.004))
    said = outlook_of(fitted)
    assert isinstance(said, str)
    assert said.startswith("SHD cannot use this device as its A: its symmetry point at ")
    assert said.endswith("is unstable: pulsing drives away from it.")


def test_other_reasons_are_told_in_one_sentence(device: FittedDevice) -> None:
    none = outlook_of(device.model_copy(update={"symmetry_point": None}))
    assert none == "SHD cannot use this device as its A: it has no symmetry point in the measured range."

    def no_device() -> FittedDevice:
        raise InputError("the data make no device")

    assert told_of(no_device) == {
        "usable": False, "sentence": "SHD cannot use this device as its A: the data make no device.",
    }  # fmt: skip
    with pytest.raises(InputError, match="two or more different seeds"):
        outlook_of(device, seeds=[1, 1])


def test_a_zero_near_the_upper_end_is_trained_to_the_other_side() -> None:
    near_the_end = of_trace(SoftBounds(1e-6, 9e-6, 12 / 300, 3 / 300))
    found = usable(outlook_of(near_the_end, seeds=range(3)))
    assert found.target == -0.5
    assert found.seeds == 3
    assert abs(found.shd.error.value) < abs(found.sgd.error.value)


def test_a_guess_and_what_diverged_are_called_so(device: FittedDevice) -> None:
    verdict = device.verdict.model_copy(update={"accepted": False})
    exact = device.symmetry_point.model_copy(update={"std": 0.0})  # type: ignore[union-attr]
    said = usable(
        outlook_of(
            device.model_copy(update={"verdict": verdict, "symmetry_point": exact}),
            seeds=range(2),
            settings=Settings(steps=500),
        )
    )
    assert "after 500 steps" in said.sentence
    assert said.sentence.endswith("; its model was not accepted, so that this is a guess.")
    assert "is not known, since that has no error" in said.sentence
    assert json.loads(json.dumps(said.json(), allow_nan=False))["shift"] is None


def imported(folder: Path, model: DeviceModel = ASYMMETRIC) -> Run:
    rows = [f"{pulses},{conductance.item()!r}" for pulses, conductance in zip(*trace(model), strict=True)]
    (folder / "trace.csv").write_text("\n".join(["pulses,conductance_S", *rows]), encoding="utf-8")
    return import_files([folder / "trace.csv"], runs=folder / "runs")


def test_the_command_line_prints_and_keeps_it_and_the_report_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(tmp_path)
    assert main(["fit", str(run.folder), "--outlook"]) == 0
    said = capsys.readouterr().out
    kept = json.loads((run.folder / FIT).read_text(encoding="utf-8"))["outlook"]
    assert kept["sentence"] in said
    assert kept["sentence"].startswith("As A of SHD this device would be damped by ")
    assert kept["usable"] is True
    assert kept["shd"]["error"]["std"] > 0
    assert kept["oscillator"]["period"] > 1000
    assert kept_sentence(open_run(run.folder)) == kept["sentence"]
    assert kept["sentence"] in write_report(open_run(run.folder)).read_text(encoding="utf-8")
    assert main(["fit", str(run.folder), "--outlook", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outlook"] == kept


def test_without_the_option_nothing_is_said_and_an_earlier_outlook_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(tmp_path)
    fit_run(run).keep({"usable": False, "sentence": "as it was."})
    assert main(["fit", str(run.folder)]) == 0
    assert "As A of SHD" not in capsys.readouterr().out
    assert kept_sentence(run) == ""
    assert "outlook" not in json.loads((run.folder / FIT).read_text(encoding="utf-8"))


def test_a_damaged_outlook_is_told_by_the_report(tmp_path: Path) -> None:
    run = imported(tmp_path)
    fitted = fit_run(run)
    for damaged in ({"sentence": 3}, {}):
        fitted.keep(damaged)
        with pytest.raises(InputError, match="outlook kept there is damaged"):
            kept_sentence(run)
    assert "outlook kept there is damaged" in write_report(run).read_text(encoding="utf-8")
