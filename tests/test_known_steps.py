"""What is known of a device before its trace: joined with the likelihood, left out where the trace contradicts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instruments.errors import InputError
from labshd.analysis.fit import fit_again, fit_run
from labshd.recording.recorder import record
from protocols.analysis.symmetry.prior import prior_of
from protocols.analysis.update.merits_of_fit import TITLES, merits_of
from protocols.update_response import UpdateResponse
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.fit.fitting import fit_trace
from sim_device.fit.known_steps import KnownSteps
from sim_device.models.formulas import SoftBounds

MODEL = SoftBounds(0.0, 1.0, 0.01, 0.01)  # 200 states
SPREAD = Spread(step=0.1, up_down=0.01, low=0.05, high=0.05)
NOISE = SimNoise(cycle_to_cycle=0.3, read=0.01)
TRUE = np.array([0.01, -0.01, 0.0, -0.01])  # (A+, B+, A-, B-) of MODEL: s Gmax, -s, s Gmin, -s


def block(devices: int, seed: int, spread: Spread | None = SPREAD) -> SimCrosspoints:
    return SimCrosspoints(MODEL, (1, devices), noise=NOISE, spread=spread, seed=seed, initial=0.25, unit="normalised")


def ramps(crosspoints: SimCrosspoints, pulses: int) -> list[tuple[np.ndarray, np.ndarray]]:
    counts = np.repeat([1, -1], pulses)
    readings = crosspoints.trace(counts[:, np.newaxis, np.newaxis]).conductance[:, 0]
    return [(counts, readings[:, k]) for k in range(crosspoints.shape[1])]


@pytest.fixture(scope="module")
def known() -> KnownSteps:
    fits = [fit_trace(*trace, unit="normalised") for trace in ramps(block(16, seed=3), 500)]
    return KnownSteps(*prior_of([fit.device() for fit in fits], "array").known())


def test_a_prior_that_knows_next_to_nothing_changes_nothing() -> None:
    (trace,) = ramps(block(1, seed=5, spread=None), 300)
    alone = fit_trace(*trace, unit="normalised")
    vague = fit_trace(*trace, unit="normalised", known=KnownSteps(TRUE, np.diag([1e4, 1e4, 1e4, 1e4])))
    assert vague.before is not None
    assert vague.before.used
    for name, value in alone.parameters.items():
        assert vague.parameters[name] == pytest.approx(value, rel=1e-4)
        assert vague.std[name] == pytest.approx(alone.std[name], rel=1e-3)


def test_a_prior_that_knows_all_leaves_nothing_to_the_trace() -> None:
    (trace,) = ramps(block(1, seed=5, spread=None), 300)
    sure = fit_trace(*trace, unit="normalised", known=KnownSteps(TRUE, np.diag([1e-12, 1e-12, 1e-12, 1e-12])))
    assert sure.parameters["s_up"] == pytest.approx(0.01, abs=1e-5)
    assert sure.symmetry_point is not None
    assert sure.symmetry_point.conductance == pytest.approx(0.5, abs=1e-3)
    # 1e-6 in each of the four numbers, of steps whose net slope is 0.02: some 1e-4 of the range.
    assert sure.symmetry_point.std < 2e-4


def test_the_population_of_an_array_halves_the_error_of_short_ramps_and_states_it(known: KnownSteps) -> None:
    crosspoints = block(60, seed=100)
    alone, with_array, z = [], [], []
    for column, trace in enumerate(ramps(crosspoints, 50)):
        d = crosspoints.device(0, column)
        truth = (d["s_up"] * d["g_max"] + d["s_down"] * d["g_min"]) / (d["s_up"] + d["s_down"])
        by_trace = fit_trace(*trace, unit="normalised").symmetry_point
        by_both = fit_trace(*trace, unit="normalised", known=known).symmetry_point
        alone.append(by_trace.conductance - truth if by_trace else 0.5)
        assert by_both is not None
        with_array.append(by_both.conductance - truth)
        z.append(with_array[-1] / by_both.std)
    # A ratio of two root mean squares of 60 has a standard error of at most 13 %; 400 devices gave one half.
    assert np.sqrt(np.mean(np.square(with_array)) / np.mean(np.square(alone))) < 0.5 * (1 + 3 * 0.13)
    # Root mean square of z over 60: 1 ± 0.09.
    assert 0.7 < np.sqrt(np.mean(np.square(z))) < 1.28


def test_a_device_unlike_its_population_is_not_pulled_towards_it(known: KnownSteps) -> None:
    (trace,) = ramps(block(1, seed=9, spread=None), 300)
    wrong = KnownSteps(np.asarray(known.mean) * np.array([2.0, 2.0, 2.0, 2.0]), np.asarray(known.covariance))
    fit = fit_trace(*trace, unit="normalised", known=wrong)
    assert fit.before is not None
    assert not fit.before.used
    assert "left out" in fit.before.told
    assert fit.parameters == fit_trace(*trace, unit="normalised").parameters
    assert fit.json()["known_before"] == {"used": False, "p": fit.before.p}


def test_one_direction_alone_takes_what_is_known_of_that_direction() -> None:
    counts = np.ones(200, dtype=int)
    readings = block(1, seed=4, spread=None).trace(counts).conductance[:, 0, 0]
    fit = fit_trace(counts, readings, unit="normalised", known=KnownSteps(TRUE, np.diag([1e-10, 1e-10, 1.0, 1.0])))
    assert fit.parameters["s_up"] == pytest.approx(0.01, abs=1e-4)
    assert "s_down" not in fit.parameters
    assert any("s_down" in sentence for sentence in fit.not_identified)


@pytest.mark.parametrize(
    ("known", "model", "told"),
    [
        (KnownSteps(np.zeros(3), np.eye(3)), "soft-bounds", "4 numbers"),
        (KnownSteps(np.zeros(4), np.zeros((4, 4))), "soft-bounds", "positive definite"),
        (KnownSteps(np.full(4, np.nan), np.eye(4)), "soft-bounds", "4 numbers"),
        (KnownSteps(TRUE, np.eye(4)), "power-step", "fit without it"),
    ],
)
def test_what_is_no_prior_is_refused(known: KnownSteps, model: str, told: str) -> None:
    (trace,) = ramps(block(1, seed=5, spread=None), 60)
    with pytest.raises(InputError, match=told):
        fit_trace(*trace, unit="normalised", model=model, known=known)


def test_a_run_is_fitted_with_a_prior_and_again_for_its_report(tmp_path: Path) -> None:
    crosspoints = block(1, seed=6)
    first = record(UpdateResponse(pulses=150, cycles=1), crosspoints, runs=tmp_path)
    device = fit_run(first).save(tmp_path / "earlier.json")
    second = record(UpdateResponse(pulses=150, cycles=1), crosspoints, runs=tmp_path)
    alone, fitted = fit_run(second), fit_run(second, prior=device)
    assert fitted.fit.before is not None
    assert fitted.fit.before.used
    ratio = fitted.fit.std["s_up"] / alone.fit.std["s_up"]  # type: ignore[operator]
    assert 0.5 < ratio < 0.9  # two traces instead of one: 1/√2
    fitted.keep()
    again = fit_again(second)
    assert again is not None
    assert again.fit.parameters == fitted.fit.parameters


def test_a_prior_in_another_unit_is_refused(tmp_path: Path) -> None:
    run = record(UpdateResponse(pulses=100, cycles=1), block(1, seed=6), runs=tmp_path)
    siemens = SimCrosspoints(SoftBounds(0.0, 1e-4, 0.01, 0.01), noise=SimNoise(0.3, read=1e-6), seed=2)
    other = record(UpdateResponse(pulses=100, cycles=1), siemens, runs=tmp_path)
    with pytest.raises(InputError, match="units of"):
        fit_run(run, prior=fit_run(other).save(tmp_path / "other.json"))


def test_figures_of_merit_of_a_fit_hold_the_truth() -> None:
    (trace,) = ramps(block(1, seed=12, spread=None), 500)
    found = merits_of(fit_trace(*trace, unit="normalised"))
    # R/δ* = 200; ln 0.01/ln 0.99 = 458.2; symmetric about the middle: no skew, ratio 1; noise 0.3 of a step.
    # NL of 500 pulses of 1 %: 1/a = 5.025, x = ln(5.025/0.99343)/5.025 = 0.3226, (0.80776 - 0.3226)/0.09899 = 4.90.
    truth = {"states_at_symmetry_point": 200, "pulses_end_to_end_up": 458.2, "pulses_end_to_end_down": 458.2}
    truth |= {"asymmetry_ratio_mid_window": 1.0, "symmetry_factor_mid_window": 0.0, "noise_to_signal": 0.3}
    truth |= {"neurosim_nonlinearity_up": 4.90, "neurosim_nonlinearity_down": 4.90}
    for name, value in truth.items():
        assert abs(found[name].value - value) < 3.5 * found[name].std, name
        assert found[name].std < 0.2 * max(value, 1.0), name
    assert set(found) <= set(TITLES)


def test_no_figure_of_merit_is_given_of_what_does_not_hold() -> None:
    counts = np.ones(200, dtype=int)
    readings = block(1, seed=4, spread=None).trace(counts).conductance[:, 0, 0]
    assert merits_of(fit_trace(counts, readings, unit="normalised")) == {}
