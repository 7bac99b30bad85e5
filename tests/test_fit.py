"""Fitting a trace: true parameters recovered with honest errors, noise told apart, wrong models refused."""

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from instruments.errors import InputError
from sim_device.fit.fitting import fit_trace
from sim_device.models.fitted import FittedDevice
from sim_device.models.formulas import SoftBounds
from sim_device.models.table import TableStep

TRUE = SoftBounds(1e-6, 11e-6, 0.0115, 0.0088)  # about 200 states
DATA = Path(__file__).parents[2] / "shared" / "data"
Step = Callable[[float], float]


def ramps(
    seed: int,
    *,
    up: Step = lambda g: float(TRUE.step_up(g)),
    down: Step = lambda g: float(TRUE.step_down(g)),
    counts: np.ndarray | None = None,
    cycle: float = 0.3,
    read: float = 1e-7,
    start: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray]:
    """2 x 500 pulses (or `counts`), one reading after each entry; the noise as the device model defines it."""
    rng = np.random.default_rng(seed)
    counts = np.repeat([1, -1], 500) if counts is None else counts
    g, readings = start, np.empty(len(counts))
    for k, count in enumerate(counts):
        for _ in range(abs(int(count))):
            g += (up(g) if count > 0 else down(g)) * (1 + cycle * rng.standard_normal())
        readings[k] = g + read * rng.standard_normal()
    return counts, readings


def test_true_parameters_lie_in_95_percent_intervals_at_the_nominal_rate() -> None:
    truth = {**TRUE.parameters("S"), "read_S": 1e-7, "cycle_to_cycle": 0.3}
    (point,) = TRUE.symmetry_points()
    inside = dict.fromkeys([*truth, "symmetry_point", "step"], 0)
    for seed in range(20):
        fit = fit_trace(*ramps(seed))
        assert fit.model is not None
        sigma = dict(zip(fit.names, np.sqrt(np.diag(fit.covariance)), strict=True))
        found = {**fit.parameters, "read_S": fit.noise.read, "cycle_to_cycle": fit.noise.cycle_to_cycle}
        for key, value in truth.items():
            inside[key] += abs(found[key] - value) < 1.96 * sigma[key]
        star = fit.symmetry_point
        assert star is not None
        inside["symmetry_point"] += star.interval[0] < point.conductance < star.interval[1]
        inside["step"] += abs(star.step - point.step) < 1.96 * star.step_std
    # Of 20 intervals that each hold with chance 0.95, fewer than 16 hold with chance 0.003; of 160 together (they are
    # correlated: 8 numbers of one trace), fewer than 142 with chance 0.001 were they independent.
    assert binom.cdf(15, 20, 0.95) < 0.003
    assert min(inside.values()) >= 16, inside
    assert sum(inside.values()) >= 142, inside


def test_read_noise_and_cycle_to_cycle_noise_are_told_apart() -> None:
    # In each pair one noise is doubled; the other must stay where it is, within 4 standard errors.
    for cycle, read in ((0.3, 1e-7), (0.6, 1e-7), (0.3, 2e-7)):
        noise = fit_trace(*ramps(5, cycle=cycle, read=read)).noise
        assert noise.read_std is not None
        assert noise.cycle_to_cycle_std is not None
        assert abs(noise.read - read) < 4 * noise.read_std
        assert abs(noise.cycle_to_cycle - cycle) < 4 * noise.cycle_to_cycle_std
        assert noise.read_std < 0.05 * read
        assert noise.cycle_to_cycle_std < 0.55 * cycle


def test_the_slope_is_free_of_the_bias_of_regressing_steps_on_noisy_readings() -> None:
    # A random run with s = 0.01: regression of dG on the reading before it gives (b V - r)/(V + r), with
    # V = (range/(2 sqrt(N)))^2 (1 + c2c^2), N = 200, and read noise of 3 % of the range; the fit must give -0.0100.
    model = SoftBounds(0.0, 1.0, 0.01, 0.01)
    counts = np.random.default_rng(7).choice([1, -1], 20000)
    pulses, g = ramps(
        7, up=lambda x: float(model.step_up(x)), down=lambda x: float(model.step_down(x)), counts=counts,
        cycle=0.3, read=0.03, start=0.5,
    )  # fmt: skip
    ups = pulses[1:] > 0
    naive = np.polyfit(g[:-1][ups], np.diff(g)[ups], 1)[0]
    fit = fit_trace(pulses, g, unit="normalised")
    assert naive < -0.3  # V is 0.0014 and the read noise 0.0009: the formula gives -0.40
    for key in ("s_up", "s_down"):
        assert abs(fit.parameters[key] - 0.01) < 3 * fit.std[key]
        assert fit.std[key] < 0.002


def test_several_pulses_between_readings_give_the_same_device() -> None:
    counts = np.concatenate([np.repeat(5, 120), np.repeat(-5, 120)])
    fit = fit_trace(*ramps(3, counts=counts))
    assert fit.accepted, fit.why
    for key, value in TRUE.parameters("S").items():
        assert abs(fit.parameters[key] - value) < 3.3 * fit.std[key]


def test_repeated_readings_and_missing_ones_are_used_as_they_are() -> None:
    counts = np.zeros(3000, dtype=int)
    counts[0:1500:3], counts[1500::3] = 1, -1
    pulses, g = ramps(4, counts=counts)
    g[np.random.default_rng(0).random(3000) < 0.2] = np.nan
    fit = fit_trace(pulses, g)
    assert fit.accepted, fit.why
    for key, value in TRUE.parameters("S").items():
        assert abs(fit.parameters[key] - value) < 3.3 * fit.std[key]
    assert abs(fit.noise.read - 1e-7) < 3.3 * fit.noise.read_std
    # Nothing redrawn with each write was simulated, so the write noise must be small beside the read noise.
    assert fit.noise.write < 0.5e-7


def test_pieces_need_not_join() -> None:
    up, down = ramps(21, counts=np.repeat(1, 400)), ramps(22, counts=np.repeat(-1, 400), start=9e-6)
    pulses, g = np.concatenate([up[0], down[0]]), np.concatenate([up[1], down[1]])
    fit = fit_trace(pulses, g, segments=np.repeat([0, 1], 400))
    assert fit.accepted, fit.why
    for key, value in TRUE.parameters("S").items():
        assert abs(fit.parameters[key] - value) < 3.3 * fit.std[key]
    assert np.isnan(fit.innovations[[0, 400]]).all()


def test_the_unit_scales_everything_and_changes_nothing() -> None:
    pulses, g = ramps(6)
    small, large = fit_trace(pulses, g), fit_trace(pulses, g * 1e6, unit="normalised")
    assert small.symmetry_point is not None
    assert large.symmetry_point is not None
    assert large.symmetry_point.conductance == pytest.approx(small.symmetry_point.conductance * 1e6, rel=1e-6)
    assert large.parameters["s_up"] == pytest.approx(small.parameters["s_up"], rel=1e-5)
    assert "S" not in "".join(large.json()["parameters"])


def test_the_smoothed_trace_is_nearer_to_the_truth_than_the_readings() -> None:
    pulses, g = ramps(8)
    quiet = ramps(8, read=0.0)[1]  # the same random numbers are drawn, so the same states behind the readings
    fit = fit_trace(pulses, g)
    assert np.std(fit.smoothed - quiet) < 0.6 * np.std(g - quiet)
    moving = np.r_[20:150, 520:650]  # away from the bounds, where the error of the bounds themselves would count
    z = (fit.smoothed - quiet)[moving] / fit.smoothed_std[moving]
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.6


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("up", "down", "told"),
    [
        (lambda g: 1e-7 * math.exp(-0.3e6 * (g - 1e-6)), lambda g: -1e-7 * math.exp(-0.3e6 * (11e-6 - g)), "trend"),
        (lambda g: 2e-8 + 0.01 * (g - 1e-6), lambda g: -2e-8 - 0.01 * (g - 1e-6), "up step grows with G"),
    ],
    ids=["exponential", "growing"],
)
def test_devices_without_soft_bounds_are_refused_and_the_reason_told(
    up: Step, down: Step, told: str, seed: int
) -> None:
    counts = np.tile(np.repeat([1, -1], 100), 5)
    fit = fit_trace(*ramps(seed, up=up, down=down, counts=counts, cycle=0.3, read=2e-8, start=2e-6))
    assert not fit.accepted
    assert told in fit.why


def test_true_soft_bounds_are_rarely_refused() -> None:
    # 40 traces, each refused by chance with 0.05 at most: 7 or more have a chance of 0.004.
    refused = [fit.why for fit in (fit_trace(*ramps(100 + seed)) for seed in range(40)) if not fit.accepted]
    assert binom.sf(6, 40, 0.05) < 0.004
    assert len(refused) <= 6, refused


def test_one_direction_says_what_it_does_not_tell() -> None:
    fit = fit_trace(*ramps(1, counts=np.repeat(1, 500)))
    assert set(fit.parameters) == {"g_max_S", "s_up"}
    assert fit.symmetry_point is None
    told = " ".join(fit.not_identified)
    assert "s_down: there is no down pulse" in told
    assert "g_min_S" in told
    with pytest.raises(InputError, match="no down pulse"):
        fit.device()


def test_a_short_ramp_does_not_pretend_to_know_the_bounds() -> None:
    # 15 pulses of 1000 states: the step falls by 3 % over the ramp, far below what the noise lets one see.
    device = SoftBounds(0.0, 1.0, 0.002, 0.002)
    counts = np.repeat([1, -1], 15)
    pulses, g = ramps(
        0, up=lambda x: float(device.step_up(x)), down=lambda x: float(device.step_down(x)), counts=counts,
        cycle=0.3, read=1e-3, start=0.45,
    )  # fmt: skip
    fit = fit_trace(pulses, g, unit="normalised")
    assert fit.std["g_max_normalised"] is None
    assert any(text.startswith("g_max_normalised") for text in fit.not_identified)


def test_a_noise_free_trace_is_fitted_to_its_parameters() -> None:
    fit = fit_trace(*ramps(0, cycle=0.0, read=0.0))
    assert fit.parameters["s_up"] == pytest.approx(0.0115, rel=1e-4)
    assert fit.parameters["g_min_S"] == pytest.approx(1e-6, rel=1e-3)


def test_json_has_the_promised_shape_and_no_number_that_is_none() -> None:
    content = fit_trace(*ramps(2)).json()
    text = json.dumps(content, allow_nan=False)
    assert {"model", "accepted", "why", "parameters", "std", "noise", "symmetry_point"} <= set(content)
    assert set(content["std"]) == set(content["parameters"]) == {"g_min_S", "g_max_S", "s_up", "s_down"}
    assert {"read_S", "cycle_to_cycle"} <= set(content["noise"])
    assert {"conductance_S", "std_S", "stable", "step_S"} <= set(content["symmetry_point"])
    assert "NaN" not in text


def test_a_fit_becomes_a_device_file(tmp_path: Path) -> None:
    fit = fit_trace(*ramps(3))
    device = FittedDevice.load(fit.device().save(tmp_path / "device.json"))
    assert device.model() == fit.model
    assert device.noise.cycle_to_cycle == fit.noise.cycle_to_cycle
    assert device.verdict.accepted


GOOD = ramps(0)


@pytest.mark.parametrize(
    ("pulses", "g", "told"),
    [
        ([], [], "holds no reading"),
        ([1, 1], [np.nan, np.nan], "holds no reading"),
        ([1] * 50, [2e-6] * 50, "stuck"),
        (
            GOOD[0],
            GOOD[1] - 5e-6,
            "readings 952 to 961 are negative, -3.894e-06 S in the mean, and not by noise",
        ),
        (GOOD[0], np.where(np.arange(1000) == 3, np.inf, GOOD[1]), "1 readings are infinite"),
        (GOOD[0] * 0.5, GOOD[1], "whole signed numbers"),
        (GOOD[0] * 0, GOOD[1], "there is no pulse"),
        (GOOD[0][:4], GOOD[1][:4], "4 readings are too few"),
        (GOOD[0][:-1], GOOD[1], "shapes"),
    ],
)
def test_bad_input_is_told_without_a_fit(pulses: object, g: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        fit_trace(pulses, g)


def test_readings_below_zero_by_noise_are_readings() -> None:
    """A window that begins at 0 S, read with noise: every trace is fitted, the symmetry point found."""
    window = SoftBounds(0.0, 40e-6, 0.01, 0.015)
    (true,) = window.symmetry_points()
    steps = {"up": lambda g: float(window.step_up(g)), "down": lambda g: float(window.step_down(g))}
    below = within = 0
    for seed in range(20):
        pulses, g = ramps(seed, **steps, counts=np.repeat([1, -1, 1, -1], 300), read=0.3e-6, start=0.5e-6)
        below += bool(np.any(g < 0))
        point = fit_trace(pulses, g).symmetry_point
        within += point is not None and point.interval[0] <= true.conductance <= point.interval[1]
    assert below >= 10
    assert within >= 16  # of 20 intervals that hold with chance 0.95, fewer than 16 with chance 0.003


def _measured_ramps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder = DATA / "alternating_ramps"
    if not folder.is_dir():
        pytest.skip("the measured data set alternating_ramps is not beside this checkout")
    columns = []
    for name, sign in (("set", 1), ("reset", -1)):
        table = np.genfromtxt(folder / f"{name}.csv", delimiter=",", skip_header=1)
        columns += [(2 * i + (sign < 0), sign, c[np.isfinite(c)] / 0.1) for i, c in enumerate(table.T)]
    columns.sort(key=lambda column: column[0])
    pulses = np.concatenate([np.full(len(g), sign) for _, sign, g in columns])
    segments = np.concatenate([np.full(len(g), order) for order, _, g in columns])
    return pulses, np.concatenate([g for _, _, g in columns]), segments


def test_measured_ramps_with_growing_steps_are_no_soft_bounds() -> None:
    pulses, g, segments = _measured_ramps()
    fit = fit_trace(pulses, g, segments=segments)
    assert not fit.accepted
    assert "up step grows with G" in fit.why
    point = fit.symmetry_point
    assert point is not None
    assert abs(point.conductance - 2.13e-3) < 0.03e-3
    assert not point.stable
    assert 0 < point.std < 0.03e-3
    assert isinstance(fit.device().model(), TableStep)


def test_a_table_of_measured_ramps_has_their_mean_steps_and_scatter_in_every_bin() -> None:
    pulses, g, segments = _measured_ramps()
    fit = fit_trace(pulses, g, segments=segments)
    table = fit.device().model()
    assert isinstance(table, TableStep)
    joins = np.append(False, segments[1:] == segments[:-1])
    change, before = np.diff(g, prepend=np.nan), np.append(np.nan, g[:-1])
    edges = np.linspace(1.65e-3, 2.45e-3, 17)
    for way, step, scatter in ((1, table.step_up, table.scatter_up), (-1, table.step_down, table.scatter_down)):
        for low, high in pairwise(edges):
            found = change[joins & (pulses == way) & (before >= low) & (before < high)]
            at = before[joins & (pulses == way) & (before >= low) & (before < high)]
            assert abs(np.mean(found) - np.mean(step(at))) < 4 * np.std(found) / np.sqrt(len(found))
            # Differences of readings carry the read noise twice; outliers make the spread itself uncertain by a third.
            expected = np.sqrt(np.mean(scatter(at) ** 2) + 2 * fit.noise.read**2)
            assert 0.7 < np.std(found) / expected < 1.45


def test_measured_reram_has_noise_far_above_its_step() -> None:
    file = DATA / "gong_reram" / "gong_et_al.csv"
    if not file.is_file():
        pytest.skip("the measured data set gong_reram is not beside this checkout")
    g = np.loadtxt(file, delimiter=",").T.ravel()
    fit = fit_trace(np.repeat([1, -1], 1000), g, unit="normalised")
    # Differences of single readings scatter by 0.16 = sqrt(2) x read noise, against a mean step of 0.002.
    assert 0.09 < fit.noise.read < 0.13
    assert fit.symmetry_point is not None
    assert g.min() < fit.symmetry_point.conductance < g.max()
    assert fit.symmetry_point.std > 0
    assert "_S" not in json.dumps(fit.json())
