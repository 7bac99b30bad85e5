"""Other kinds of steps, the choice between them, abrupt devices, write noise and drift, arrays and their population."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from instruments.errors import InputError
from sim_device.fit.array import fit_array
from sim_device.fit.fitting import compare_models, fit_trace, joined
from sim_device.fit.population import spread_of
from sim_device.fit.steps import smooth_steps
from sim_device.models.fitted import FittedDevice
from sim_device.models.formulas import ConstantStep, DeviceModel, ExponentialStep, LinearStep, PowerStep, SoftBounds
from sim_device.models.table import TableStep

RAMPS = np.tile(np.repeat([1, -1], 250), 4)
DEVICES: list[DeviceModel] = [
    LinearStep(0.0, 1.0, 0.006, -0.006, 0.006, 0.004),
    ExponentialStep(0.0, 1.0, 0.0005, 0.0005, 0.012, 0.012, 3.5, 3.5),
    PowerStep(-0.05, 1.05, 0.02, 0.02, 2.5, 2.5),
    ConstantStep(0.0, 1.0, 0.006, 0.006),
]


def trace_of_device(
    model: DeviceModel,
    counts: np.ndarray,
    seed: int,
    *,
    cycle: float = 0.2,
    read: float = 0.004,
    write: float = 0.0,
    start: float | None = None,
) -> np.ndarray:
    """Readings of a device, one after each entry of `counts`; write noise stays until the next pulse."""
    rng = np.random.default_rng(seed)
    g = model.g_min + 0.1 * (model.g_max - model.g_min) if start is None else start
    offset, readings = 0.0, np.empty(len(counts))
    for k, count in enumerate(counts):
        for _ in range(abs(int(count))):
            step = model.step_up(g) if count > 0 else model.step_down(g)
            g = float(np.clip(g + step * (1 + cycle * rng.standard_normal()), model.g_min, model.g_max))
        if count:
            offset = write * rng.standard_normal()
        readings[k] = g + offset + read * rng.standard_normal()
    return readings


def sweeps(model: DeviceModel, seed: int, pulses: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Up until a reading passes 0.8, down until one passes 0.2, and so on, so that no hard bound is reached."""
    rng = np.random.default_rng(seed)
    g, way, counts, readings = 0.3, 1, [], []
    for _ in range(pulses):
        step = float(model.step_up(g) if way > 0 else model.step_down(g))
        g += step * (1 + 0.2 * rng.standard_normal())
        counts.append(way)
        readings.append(g + 0.004 * rng.standard_normal())
        way = -1 if readings[-1] > 0.8 else 1 if readings[-1] < 0.2 else way
    return np.array(counts), np.array(readings)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_each_kind_is_fitted_to_its_own_steps(device: DeviceModel, tmp_path: Path) -> None:
    hard = isinstance(device, ConstantStep)
    counts, g = (RAMPS, trace_of_device(device, RAMPS, 1)) if hard else sweeps(device, 1)
    fit = fit_trace(counts, g, unit="normalised", model=device.name)
    assert fit.model is not None
    at = np.linspace(0.25, 0.75, 7)
    scale = np.max(np.abs(device.step_up(at)))
    np.testing.assert_allclose(fit.model.step_up(at), device.step_up(at), atol=0.12 * scale)
    np.testing.assert_allclose(fit.model.step_down(at), device.step_down(at), atol=0.12 * scale)
    assert abs(fit.noise.read - 0.004) < 4 * fit.noise.read_std
    written = FittedDevice.load(fit.device().save(tmp_path / "device.json"))
    assert type(written.model()) in (type(device), TableStep)
    json.dumps(fit.json(), allow_nan=False)


@pytest.mark.parametrize("device", DEVICES[:3], ids=lambda d: d.name)
def test_the_best_model_predicts_the_steps_of_a_device_that_has_no_soft_bounds(device: DeviceModel) -> None:
    fit = fit_trace(*sweeps(device, 2), unit="normalised", model="best")
    assert fit.model_name != "soft-bounds"
    steps = fit.steps(points=31)
    inside = (steps.conductance > 0.25) & (steps.conductance < 0.75)
    z = (steps.up - device.step_up(steps.conductance))[inside] / steps.up_std[inside]
    assert np.max(np.abs(z)) < 4.5


def test_models_are_compared_by_information_and_by_prediction() -> None:
    device = DEVICES[1]
    found = compare_models(*sweeps(device, 3), unit="normalised")
    by_name = {each.fit.model_name: each for each in found}
    assert {"soft-bounds", "linear-step", "exponential-step", "table"} <= set(by_name)
    best, soft = by_name["exponential-step"], by_name["soft-bounds"]
    assert found[0].fit.accepted
    assert found[0].fit.model_name in ("exponential-step", "power-step", "table")
    assert not soft.fit.accepted
    assert best.bic < soft.bic - 20
    assert best.score > soft.score


def test_soft_bounds_win_on_soft_bounds() -> None:
    device = SoftBounds(0.0, 1.0, 0.012, 0.01)
    assert (
        fit_trace(RAMPS, trace_of_device(device, RAMPS, 4), unit="normalised", model="best").model_name == "soft-bounds"
    )


def test_an_abrupt_device_is_named_and_refused_for_the_auxiliary_array() -> None:
    rng = np.random.default_rng(0)
    counts, g, readings = np.tile(np.append(np.ones(40, dtype=int), -1), 12), 0.0, []
    for count in counts:
        g = g + 0.025 * (1 + 0.2 * rng.standard_normal()) if count > 0 else 0.0
        readings.append(g + 0.003 * rng.standard_normal())
    fit = fit_trace(counts, readings, unit="normalised")
    assert not fit.accepted
    assert "abrupt: a single down pulse crosses" in fit.why
    assert "abrupt" in fit.unfit_for_auxiliary


def test_unstable_and_missing_symmetry_points_are_refused_for_the_auxiliary_array() -> None:
    growing = fit_trace(*sweeps(DEVICES[0], 5), unit="normalised")
    assert "unstable" in growing.unfit_for_auxiliary
    assert growing.json()["auxiliary_array"] == {"usable": False, "why_not": growing.unfit_for_auxiliary}
    lopsided = LinearStep(0.0, 1.0, 0.006, -0.002, 0.001, 0.001)  # up and down never cancel
    apart = fit_trace(*sweeps(lopsided, 6), unit="normalised", model="linear-step")
    assert apart.unfit_for_auxiliary
    good = fit_trace(RAMPS, trace_of_device(SoftBounds(0.0, 1.0, 0.012, 0.01), RAMPS, 6), unit="normalised")
    assert good.unfit_for_auxiliary == ""


def test_repeated_readings_tell_write_noise_from_read_noise() -> None:
    device = SoftBounds(0.0, 1.0, 0.012, 0.01)
    counts = np.zeros(4 * 1000, dtype=int)
    counts[::4] = np.repeat([1, -1], 500)
    for write, read in ((0.02, 0.01), (0.005, 0.01)):
        g = trace_of_device(device, counts, 7, write=write, read=read)
        noise = fit_trace(counts, g, unit="normalised").noise
        assert noise.write is not None
        assert abs(noise.read - read) < 4 * noise.read_std
        assert abs(noise.write - write) < 4 * noise.write_std
        assert noise.write_std < 0.2 * write


def test_one_reading_a_state_tells_write_noise_and_read_noise_together_only() -> None:
    device, counts = SoftBounds(0.0, 1.0, 0.012, 0.01), np.repeat([1, -1], 500)
    noise = fit_trace(counts, trace_of_device(device, counts, 8, write=0.008, read=0.006), unit="normalised").noise
    assert noise.write is None
    assert abs(noise.read - math.hypot(0.008, 0.006)) < 4 * noise.read_std


def test_a_slow_drift_is_told_from_the_steps_by_readings_at_rest() -> None:
    device = SoftBounds(0.0, 1.0, 0.012, 0.01)
    counts = np.zeros(4000, dtype=int)
    counts[::4] = np.repeat([1, -1], 500)
    rng, g, readings = np.random.default_rng(9), 0.1, []
    for count in counts:
        step = 0.0 if count == 0 else float(device.step_up(g) if count > 0 else device.step_down(g))
        g += step * (1 + 0.2 * rng.standard_normal()) + 4e-4
        readings.append(g + 0.004 * rng.standard_normal())
    fit = fit_trace(counts, readings, unit="normalised", time=0.5 * np.arange(4000))
    assert abs(fit.noise.drift - 8e-4) < 4 * fit.noise.drift_std  # 4e-4 in half a second
    assert fit.noise.drift_std < 2e-4
    assert "drift_normalised_per_s" in fit.json()["noise"]


def test_several_traces_of_one_device_are_better_than_one() -> None:
    device, counts = SoftBounds(0.0, 1.0, 0.012, 0.01), np.repeat([1, -1], 150)
    traces = [(counts, trace_of_device(device, counts, seed)) for seed in range(6)]
    pulses, g, segments = joined(traces)
    together, alone = (
        fit_trace(pulses, g, unit="normalised", segments=segments),
        fit_trace(*traces[0], unit="normalised"),
    )
    assert together.std["s_up"] < 0.55 * alone.std["s_up"]
    assert abs(together.parameters["s_up"] - 0.012) < 3.5 * together.std["s_up"]
    with pytest.raises(InputError, match="trace 2"):
        joined([traces[0], (counts, [1.0])])


def test_smooth_steps_have_an_honest_band_on_a_device_without_a_model() -> None:
    up, down = (0.010, 0.008, 0.004, 0.003), (-0.004, -0.006, -0.007, -0.012)
    table = TableStep(0.0, 1.0, (0.0, 0.3, 0.6, 1.0), up, down, (0.0,) * 4, (0.0,) * 4)
    # Nodes make corners, which a smooth curve rounds: hence 4 standard errors at 61 points of 3 traces.
    for seed in range(3):
        steps = smooth_steps(*sweeps(table, seed), unit="normalised", points=61)
        inside = (steps.conductance > 0.25) & (steps.conductance < 0.75)
        z = (steps.up - table.step_up(steps.conductance))[inside] / steps.up_std[inside]
        assert np.sqrt(np.mean(z**2)) < 2.5
        assert np.all(steps.up_std[inside] < 0.1 * np.abs(steps.up[inside]))
    assert set(steps.columns("S")) >= {"conductance_S", "up_S", "up_std_S", "down_scatter_S"}


def test_an_array_gives_device_to_device_variation_with_its_error() -> None:
    rng = np.random.default_rng(10)
    rows, columns, counts = 6, 10, np.repeat([1, -1], 200)
    s_up, s_down = 0.02 * (1 + 0.2 * rng.standard_normal((2, rows, columns)))
    g_max = 1 + 0.1 * rng.standard_normal((rows, columns))
    g, readings = np.full((rows, columns), 0.1), []
    for count in counts:
        step = s_up * (g_max - g) if count > 0 else -s_down * g
        g = g + step * (1 + 0.3 * rng.standard_normal(g.shape))
        readings.append(g + 0.01 * rng.standard_normal(g.shape))
    found = np.array(readings)
    found[:, 0, 0] = 0.5  # a stuck device
    fit = fit_array(counts, found, unit="normalised")
    assert list(fit.failed) == [(0, 0)]
    assert "stuck" in fit.failed[0, 0]
    assert np.isnan(fit.numbers["s_up"][0, 0])
    spread = fit.population["g_max_normalised"]
    assert spread.devices == 59
    assert abs(spread.spread - np.std(g_max.ravel()[1:], ddof=1)) < 0.02
    assert abs(spread.mean - np.mean(g_max.ravel()[1:])) < 4 * spread.mean_std
    # True values inside their 95 % intervals: of 59, fewer than 50 with chance 0.001.
    z = (fit.numbers["g_max_normalised"] - g_max) / fit.std["g_max_normalised"]
    assert np.nansum(np.abs(z) < 1.96) >= 50
    assert fit.fit(2, 3).parameters["s_up"] == pytest.approx(fit.numbers["s_up"][2, 3])


def test_a_spread_has_the_errors_of_estimates_taken_out() -> None:
    # 400 devices that are all alike, each known to 1: the scatter of 1 is no device-to-device variation.
    rng = np.random.default_rng(11)
    alike = spread_of(5 + rng.standard_normal(400), np.ones(400))
    assert alike.spread < 0.4
    # A true spread of 2 seen through errors of 1: scatter sqrt(5), spread 2 within 4 of its standard errors.
    apart = spread_of(5 + 2 * rng.standard_normal(400) + rng.standard_normal(400), np.ones(400))
    assert abs(apart.spread - 2) < 4 * apart.spread_std
    # std of a spread of sqrt(4 + 1) from 400: sqrt(5)/sqrt(800) for the scatter, times scatter/spread
    assert apart.spread_std == pytest.approx(5 / 2 / math.sqrt(800), rel=0.1)
    value, std = apart.shrunk(9.0, 1.0)
    assert value == pytest.approx((9 + apart.mean / apart.spread**2) / (1 + 1 / apart.spread**2), rel=0.01)
    assert std < 1.0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fit_array([1, 1], np.ones((3, 2, 2))), "for 3 readings; one for each is needed"),
        (lambda: fit_array([1, 1], np.ones((2, 2))), r"\(readings, rows, columns\)"),
        (lambda: fit_array(np.ones(50), np.full((50, 2, 2), 1e-6)), "no device of the array can be fitted"),
        (lambda: fit_trace(RAMPS, RAMPS * 1.0, model="softbounds"), "choose one of soft-bounds"),
        (
            lambda: fit_trace(np.ones(100), np.linspace(0, 1, 100) ** 0.5, unit="normalised", model="power-step"),
            "pulses in both directions",
        ),
        (
            lambda: fit_trace(np.ones(9), np.arange(9.0), unit="normalised", time=[0, 1, 2, 1, 4, 5, 6, 7, 8]),
            "never run backwards",
        ),
    ],
)
def test_bad_input_is_told(call: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()


@pytest.mark.parametrize("seed", range(40))
def test_any_trace_gives_finite_numbers_or_a_reason(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([8, 12, 40, 150]))
    pulses = [rng.choice([-1, 0, 1], n), np.repeat([1, -1], n // 2), rng.integers(-5, 6, n)][seed % 3]
    g = np.abs(np.cumsum(0.02 * np.sign(pulses) * rng.random(n)))
    disturbed = [
        g,
        np.round(g, 1),  # coarse
        g + rng.random(n),  # noise above everything
        np.where(rng.random(n) < 0.5, np.nan, g),
        0.5 + 1e-12 * rng.random(n),  # as good as constant
        np.where(np.arange(n) == n // 2, 30.0, g),  # one outlier
        np.where(np.arange(n) > n // 2, 0.9, 0.1),  # two levels
    ][seed % 7]
    segments = None if seed % 2 else np.arange(n) // max(4, n // 3)
    scaled = disturbed * 10.0 ** float(rng.integers(-9, -2))
    answer = _answer(pulses, scaled, segments)
    assert answer.startswith("[{") or len(answer) > 20


def _answer(pulses: np.ndarray, g: np.ndarray, segments: np.ndarray | None) -> str:
    try:
        fit = fit_trace(pulses, g, segments=segments)
        return json.dumps([fit.json(), fit.device().json()], allow_nan=False)
    except InputError as error:
        return str(error)
