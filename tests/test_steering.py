"""Steered pulses: promised errors, predicted pulses, parking, and what was known before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from instruments.errors import InputError
from protocols.analysis.symmetry.prior import FEWEST, prior_from
from protocols.analysis.symmetry.straight_steps import StraightSteps
from protocols.closed_loop.steering import promised, pulses_to
from protocols.symmetry_point import SymmetryPoint
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.fit.fitting import fit_trace
from sim_device.models.formulas import SoftBounds

RANGE = 90e-6


def steps(read: float = 0.01) -> StraightSteps:
    """Soft bounds of s = 0.02 on −1 .. 1, known to a tenth of a step and of a slope."""
    theta = np.array([0.02, -0.02, -0.02, -0.02])
    return StraightSteps(0.0, 1.0, theta, np.diag([4e-6, 4e-6, 4e-6, 4e-6]), 0.3, read)


def test_without_read_noise_the_promise_is_that_of_weighted_least_squares() -> None:
    # Every pulse then tells its own step exactly: I = Σ (1, m)ᵀ(1, m)/(σ_c f)², for up and down apart.
    choice = np.array([1, 1, -1, 1, -1, -1, -1, 1])
    known, m = steps(read=0.0), 0.1
    information = np.linalg.inv(known.covariance)
    for sign in choice:
        at = 0 if sign > 0 else 2
        step = known.theta[at] + known.theta[at + 1] * m
        row = np.zeros(4)
        row[at : at + 2] = 1.0, m
        information += np.outer(row, row) / (0.3 * step) ** 2
        m += step
    net = np.array([1.0, 0.2, 1.0, 0.2])
    expected = net @ np.linalg.inv(information) @ net
    assert promised(known, (0.1, 0.0), 0.2, choice[np.newaxis])[0] == pytest.approx(expected, rel=1e-6)


def test_pulses_on_both_sides_promise_more_than_pulses_of_one_kind() -> None:
    up_only, there_and_back = np.ones(100, dtype=np.int64), np.repeat([1, -1], 50)
    left = promised(steps(), (-0.4, 1e-4), 0.0, np.array([up_only, there_and_back]))
    assert left[1] < 0.5 * left[0]


def test_reading_four_times_promises_what_half_the_read_noise_does() -> None:
    choices = np.array([np.repeat([1, -1], 50), np.tile([1, -1], 50)])
    often = promised(steps(read=0.02), (-0.4, 1e-4), 0.0, choices, reads=4)
    assert often == pytest.approx(promised(steps(read=0.01), (-0.4, 1e-4), 0.0, choices), rel=1e-12)


@pytest.mark.parametrize("method", ["random", "steered"])
def test_every_pulse_is_read_as_often_as_asked_and_only_pulses_count(method: str) -> None:
    model = SoftBounds(0.0, 1.0, 0.01, 0.008)
    crosspoints = SimCrosspoints(model, noise=SimNoise(0.3, read=0.02), seed=4, initial=0.3, unit="normalised")
    protocol = SymmetryPoint.model_validate({"method": method, "reads": 4, "budget": 900, "target": 0.001})
    series, _ = recorded(protocol, crosspoints)
    counts = series.counts[:, 0, 0][series.phases != "rest"]
    assert np.all(counts[::4] != 0)
    assert not np.any(np.concatenate([counts[1::4], counts[2::4], counts[3::4]]))
    assert 800 <= np.sum(np.abs(counts)) <= 900
    result = protocol.analyse(series)
    (truth,) = model.symmetry_points()
    error = result["symmetry_point_normalised"] - truth.conductance
    assert abs(error) < 3.5 * result["std_normalised"]


def test_predicted_pulses_are_those_of_the_closed_form() -> None:
    # 1 − x_n = (1 − x_0)(1 − s)^n: from −0.5 to 0.3, n = ln(1.5/0.7)/−ln(0.98) = 37.7.
    assert pulses_to(steps(), -0.5, 0.3, 1000) == 38
    assert pulses_to(steps(), 0.3, -0.5, 1000) == -47  # ln(1.3/0.5)/0.0202 = 47.3
    assert pulses_to(steps(), 0.3, 0.3001, 1000) == 0
    assert pulses_to(steps(), -0.5, 1.5, 60) == 60


def test_a_parked_device_stands_on_its_symmetry_point() -> None:
    model = SoftBounds(10e-6, 100e-6, 0.006, 0.004)
    truth = model.symmetry_points()[0]
    for seed in range(3):
        crosspoints = SimCrosspoints(model, noise=SimNoise(0.3, 0.01 * RANGE), seed=seed, initial=30e-6)
        protocol = SymmetryPoint(method="steered", park=True, seed=seed)
        series, why = recorded(protocol, crosspoints)
        result = protocol.results(series)
        parked = result["parked"]
        assert why.endswith("; parked on the symmetry point")
        assert crosspoints.pulses_applied[0, 0] == result["pulses"] <= protocol.budget
        # Distance of the state itself: error of G*, of 20 readings when deciding, and one step.
        allowed = np.hypot(4 * result["std_S"], 4 * 0.01 * RANGE / np.sqrt(20)) + truth.step
        assert abs(crosspoints.conductance[0, 0] - truth.conductance) < allowed
        assert abs(parked["conductance_S"] - crosspoints.conductance[0, 0]) < 4 * parked["std_S"]
        assert abs(parked["difference_S"]) < 3 * parked["difference_std_S"] + truth.step
        assert parked["difference_in_steps"] == pytest.approx(parked["difference_S"] / result["step_S"])


def test_steered_takes_fewer_pulses_than_random() -> None:
    physics, truth = soft_bounds(10e-6, 100e-6, 0.01, 0.008, read=0.01 * RANGE)
    used = {}
    for method in ("random", "steered"):
        protocol = SymmetryPoint.model_validate({"method": method, "target_conductance": "2 uS"})
        runs = [protocol.results(recorded(protocol, RichCrosspoints(physics, 30e-6, seed))[0]) for seed in range(3)]
        assert all(abs(run["symmetry_point_S"] - truth) < 4 * run["std_S"] for run in runs)
        used[method] = sum(run["pulses"] for run in runs)
    assert used["steered"] < 0.8 * used["random"]


def test_nothing_is_parked_on_an_unstable_point() -> None:
    physics = Physics(lambda g: 0.004 * (g - 20e-6), lambda g: -0.004 * (100e-6 - g), read=3e-7)
    protocol = SymmetryPoint(method="steered", budget=1000, drive=50, park=True)
    series, why = recorded(protocol, RichCrosspoints(physics, 58e-6, 1))
    assert why.endswith("nothing to park on: no stable symmetry point")
    assert protocol.results(series).get("parked") is None


def fitted_array(folder: Path, devices: int) -> SimCrosspoints:
    """Devices of one array, of which all but the last are ramped, fitted and saved."""
    crosspoints = SimCrosspoints(
        SoftBounds(10e-6, 100e-6, 0.01, 0.008), (1, devices), noise=SimNoise(0.3, 0.5e-6),
        spread=Spread(step=0.1, up_down=0.02, low=0.05, high=0.05), seed=8,  # all accepted as soft bounds
    )  # fmt: skip
    folder.mkdir()
    for column in range(devices - 1):
        ramps = np.repeat([1, -1, 1, -1], 200)
        readings = crosspoints[0, column].trace(ramps[:, np.newaxis, np.newaxis]).conductance[:, 0, 0]
        fit_trace(ramps, readings).device().save(folder / f"{column}.json")
    return crosspoints


def test_devices_of_the_array_tell_of_the_next_one(tmp_path: Path) -> None:
    crosspoints = fitted_array(tmp_path / "fits", 13)
    device = crosspoints.device(0, 12)
    truth = (device["s_up"] * device["g_max"] + device["s_down"] * device["g_min"]) / (
        device["s_up"] + device["s_down"]
    )
    protocol = SymmetryPoint.model_validate(
        {"method": "steered", "prior": str(tmp_path / "fits"), "target_conductance": "4 uS"}
    )
    again = SymmetryPoint.model_validate(json.loads(protocol.model_dump_json()))
    assert again == protocol  # a recorded run holds the prior itself
    result = again.results(recorded(again, crosspoints[0, 12])[0])
    assert abs(result["symmetry_point_S"] - truth) < 4 * result["std_S"]
    alone = SymmetryPoint(method="steered", target_conductance=4e-6)
    without = alone.results(recorded(alone, fitted_array(tmp_path / "same", 13)[0, 12])[0])
    assert result["pulses"] < without["pulses"]


def test_devices_of_the_array_with_other_steps_are_left_out_of_the_prior(tmp_path: Path) -> None:
    crosspoints = fitted_array(tmp_path / "fits", FEWEST + 1)
    before = prior_from(tmp_path / "fits")
    ramps = np.repeat([1, -1, 1, -1], 200)
    readings = crosspoints[0, FEWEST].trace(ramps[:, np.newaxis, np.newaxis]).conductance[:, 0, 0]
    fit_trace(ramps, readings, model="table").device().save(tmp_path / "fits" / "curved.json")
    with_curved = prior_from(tmp_path / "fits")
    assert with_curved.devices == before.devices == FEWEST
    assert with_curved.mean == before.mean


def test_an_earlier_fit_of_the_device_itself_is_a_prior_as_tight_as_that_fit(tmp_path: Path) -> None:
    fitted_array(tmp_path / "fits", 2)
    prior = prior_from(tmp_path / "fits" / "0.json")
    ramps = np.repeat([1, -1, 1, -1], 200)
    noise, model = SimNoise(0.3, 0.5e-6), SoftBounds(10e-6, 100e-6, 0.01, 0.008)
    readings = SimCrosspoints(model, noise=noise, seed=9).trace(ramps[:, np.newaxis, np.newaxis]).conductance[:, 0, 0]
    fit = fit_trace(ramps, readings, unit="normalised", model="linear-step")
    own = StraightSteps.of(fit)
    assert own is not None
    joined = own.joined((own.absolute()[0], own.absolute()[1]))
    # The same knowledge twice over: the same point, half of the variance.
    assert joined.crossing().value == pytest.approx(own.crossing().value, rel=1e-6)
    assert joined.crossing().std == pytest.approx(own.crossing().std / np.sqrt(2), rel=1e-3)
    assert prior.devices == 1
    assert prior.mean[1] == pytest.approx(-0.01, rel=0.5)


def test_priors_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    fitted_array(tmp_path / "fits", 3)
    with pytest.raises(InputError, match=f"2 fitted devices do not tell how devices differ; give a folder of {FEWEST}"):
        prior_from(tmp_path / "fits")
    with pytest.raises(InputError, match="no such file"):
        prior_from(tmp_path / "nothing.json")
    prior = prior_from(tmp_path / "fits" / "0.json")
    physics, _ = soft_bounds(10e-6, 100e-6, 0.02, 0.015)
    crosspoints = RichCrosspoints(physics, 30e-6, 1)
    crosspoints.unit = "normalised"
    with pytest.raises(InputError, match="is in units of 'S', these crosspoints in 'normalised'"):
        recorded(SymmetryPoint(prior=prior), crosspoints)
