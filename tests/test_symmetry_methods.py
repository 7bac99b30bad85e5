"""Published estimators of the symmetry point: golden numbers of soft bounds, and errors that hold."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.analysis.symmetry.published_methods import (
    alternating_bias,
    alternating_midpoint,
    end_reading,
    random_wander,
    tail_mean,
)
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds


def block(s_up: float, s_down: float, noise: SimNoise, devices: int = 1) -> tuple[SimCrosspoints, float, float]:
    """Crosspoints at their symmetry point, with it and the step there."""
    model = SoftBounds(0.0, 1.0, s_up, s_down)
    (point,) = model.symmetry_points()
    made = SimCrosspoints(model, (1, devices), noise=noise, seed=5, initial=point.conductance, unit="normalised")
    return made, point.conductance, point.step


@pytest.mark.parametrize(
    ("s_up", "s_down", "cycle", "expected"),
    # R = 1, δ* = s₊s₋/(s₊ + s₋): √(1e-6/0.003996), √(4.444e-5·1.09/0.02975), √(6.4e-7·2/0.0049915).
    [(0.002, 0.002, 0.0, 0.015819), (0.02, 0.01, 0.3, 0.040353), (0.004, 0.001, 1.0, 0.016014)],
)
def test_random_pulsing_wanders_as_derived(s_up: float, s_down: float, cycle: float, expected: float) -> None:
    crosspoints, _, step = block(s_up, s_down, SimNoise(cycle), devices=400)
    assert random_wander(step, s_up, s_down, cycle) == pytest.approx(expected, rel=1e-4)
    signs = np.random.default_rng(1).choice([1, -1], (int(6 / (s_up + s_down)), 1, 400))
    ends = crosspoints.trace(signs).conductance[-1, 0]
    # Standard error of a standard deviation of 400: 1/√800 = 3.5 %; three time constants leave e⁻⁶ of the variance.
    assert np.std(ends) == pytest.approx(expected, rel=4 * 0.036)


def test_alternating_pulses_settle_half_a_bias_off_the_symmetry_point() -> None:
    s_up, s_down = 0.05, 0.02
    crosspoints, truth, step = block(s_up, s_down, SimNoise())
    counts = np.tile([1, -1], 600)
    readings = crosspoints.trace(counts[:, np.newaxis, np.newaxis]).conductance[:, 0, 0]
    # δ* = 0.05·0.02/0.07, D = 0.069: bias = δ*·0.03/0.138 = 3.1056e-3; after up G* + δ*·0.05/0.069.
    assert alternating_bias(step, s_up, s_down) == pytest.approx(3.10559e-3, rel=1e-5)
    assert readings[-2] - truth == pytest.approx(step * s_up / 0.069, rel=1e-4)
    found = alternating_midpoint(readings, counts, (step, s_up, s_down))
    assert found is not None
    assert found.value - truth == pytest.approx(3.10559e-3, rel=1e-3)
    assert found.bias == pytest.approx(found.value - truth, rel=1e-3)


def test_errors_of_the_tail_mean_and_the_end_reading_are_their_scatter_over_devices() -> None:
    crosspoints, truth, step = block(0.02, 0.02, SimNoise(0.3, read=0.01), devices=200)
    signs = np.random.default_rng(2).choice([1, -1], (2000, 1, 200))
    readings = crosspoints.trace(signs).conductance[:, 0]
    tails = [tail_mean(readings[:, k]) for k in range(200)]
    ends = [end_reading(readings[:, k]) for k in range(200)]
    values = np.array([t.value for t in tails if t])
    # Scatter of 200 devices is known to 1/√400 = 5 %; 1000 readings are ten times the autocorrelation time of 100, from
    # which the error of each is known on average to 20 %.
    assert np.mean([t.std for t in tails if t]) == pytest.approx(np.std(values), rel=0.2)
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(200)
    expected = np.hypot(random_wander(step, 0.02, 0.02, 0.3), 0.01)
    assert np.std([e.value for e in ends if e]) == pytest.approx(expected, rel=4 * 0.05)
    assert np.mean([e.std for e in ends if e]) == pytest.approx(expected, rel=0.1)


def test_too_few_readings_give_no_estimate() -> None:
    assert end_reading(np.zeros(39)) is None
    assert tail_mean(np.zeros(30)) is None
    assert alternating_midpoint(np.zeros(60), np.tile([1, -1], 30)) is None
