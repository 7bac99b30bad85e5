"""Figures of merit that need no model: right where the model is known, and given where none holds."""

import numpy as np
import pytest
from scipy.stats import binom
from test_fit import DATA, TRUE, ramps

from labshd.analysis.fit import fit_run
from labshd.cli.command_line import main
from labshd.runs.importing import import_files
from protocols.analysis.update import figures_of_merit as fom
from protocols.analysis.update.model_free import figures_of, of_fit, ramps_of
from sim_device.fit.fitting import fit_trace
from sim_device.fit.trace import trace_of

NONLINEARITY = fom.neurosim_nonlinearity(TRUE.s_up, 1e-9, 500).value


def test_nonlinearity_of_one_ramp_is_that_of_its_soft_bounds_with_an_honest_error() -> None:
    away = []
    for seed in range(20):
        found = of_fit(fit_trace(*ramps(seed)))["neurosim_nonlinearity_up"]
        away.append((found.value - NONLINEARITY) / found.std)
    # Of 20 within 2 standard errors with chance 0.954, fewer than 16 with chance 0.002; a mean of 20 is within 0.9.
    assert binom.cdf(15, 20, 0.954) < 0.003
    assert np.sum(np.abs(away) < 2) >= 16, away
    assert abs(np.mean(away)) < 0.9
    assert np.std(away) > 0.5  # nor are errors far too wide


def test_errors_of_several_ramps_are_those_of_their_mean() -> None:
    found = []
    for seed in range(30):
        merits = figures_of(trace_of(*ramps(seed, counts=np.repeat([1, -1] * 4, 250))))
        found.append([(merits[name].value, merits[name].std) for name in ("step_up", "step_down")])
    values = np.array(found)
    for k in range(2):
        scatter = np.std(values[5:, k, 0])
        assert scatter < 3 * np.median(values[:, k, 1])
        assert np.median(values[:, k, 1]) < 40 * scatter  # the first ramp begins elsewhere than the others


def test_window_and_scatter_of_a_noisy_device_are_those_it_was_made_with() -> None:
    constant = {"up": lambda g: 1e-7, "down": lambda g: -1e-7}
    pulses, g = ramps(3, **constant, counts=np.repeat([1, -1] * 3, 100), cycle=0.5, read=0.2e-7, start=5e-6)
    found = figures_of(trace_of(pulses, g))
    assert abs(found["window"].value - 100e-7) < 6 * max(found["window"].std, 2e-7)
    assert abs(found["neurosim_nonlinearity_up"].value) < 4 * found["neurosim_nonlinearity_up"].std + 0.2
    assert abs(found["asymmetry_ratio"].value - 1) < 4 * found["asymmetry_ratio"].std
    expected = np.hypot(0.5e-7, np.sqrt(2) * 0.2e-7)  # of a step, and of a reading at either end
    for third in ("lower", "middle", "upper"):
        scatter = found[f"scatter_up_{third}"]
        assert abs(scatter.value - expected) < 4 * scatter.std
    assert found["on_off_ratio"].value == pytest.approx((5e-6 + 100e-7) / 5e-6, rel=0.2)


def test_growing_steps_have_a_negative_nonlinearity_and_no_ratio_where_the_bottom_is_zero() -> None:
    growing = {"up": lambda g: 2e-8 + 0.01 * g, "down": lambda g: -2e-8 - 0.01 * g}
    pulses, g = ramps(1, **growing, counts=np.repeat([1, -1] * 3, 200), cycle=0.1, read=2e-8, start=0.0)
    found = figures_of(trace_of(pulses, g))
    assert found["neurosim_nonlinearity_up"].value < -4 * found["neurosim_nonlinearity_up"].std < 0
    assert found["neurosim_nonlinearity_down"].value > 0
    assert "on_off_ratio" not in found or found["on_off_ratio"].std < found["on_off_ratio"].value / 3


def test_readings_without_ramps_have_none() -> None:
    pulses, g = ramps(2, counts=np.tile([1, -1], 60))
    assert ramps_of(trace_of(pulses, g)) == []
    assert figures_of(trace_of(pulses, g)) == {}


def test_ramps_that_begin_a_piece_keep_their_first_reading_as_a_beginning() -> None:
    pulses, g = ramps(2, counts=np.repeat([1, -1], 50))
    up, down = ramps_of(trace_of(pulses, g, segments=np.repeat([0, 1], 50)))
    assert (up.way, down.way) == (1, -1)
    assert up.pulses[-1] == down.pulses[-1] == 49
    joined = ramps_of(trace_of(pulses, g))[1]
    assert joined.pulses[-1] == 50  # from the last reading of the ramp before it


def test_a_measured_device_that_is_rejected_gets_them_all(tmp_path, capsys) -> None:
    folder = DATA / "alternating_ramps"
    if not folder.is_dir():
        pytest.skip("the measured data set alternating_ramps is not beside this checkout")
    run = import_files(
        [], "ramps", up=folder / "set.csv", down=folder / "reset.csv", quantity="current", read_voltage=0.1,
        runs=tmp_path,
    )  # fmt: skip
    fitted = fit_run(run)
    assert not fitted.fit.accepted
    free = fitted.model_free
    # by hand: mean over the 39 ramps up and 40 down of (last - first)/(readings - 1)
    assert free["step_up"].value == pytest.approx(4.434e-6, rel=1e-3)
    assert free["step_down"].value == pytest.approx(-5.523e-6, rel=1e-3)
    assert free["neurosim_nonlinearity_up"].value < -1
    assert main(["fit", str(run.folder)]) == 0
    said = capsys.readouterr().out
    assert "figures that need no model:" in said
    assert "NeuroSim nonlinearity of the ramps up (negative: steps grow)          -1.4" in said
    assert main(["report", str(run.folder)]) == 0
    assert "Figures that need no model" in (run.folder / "report.html").read_text(encoding="utf-8")
