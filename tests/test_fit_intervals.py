"""95 % intervals of a fit: where the truth lies as often as stated, wider where less is known."""

from __future__ import annotations

import numpy as np
import pytest

from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.fit.fitting import fit_trace
from sim_device.fit.intervals import evenly, of_noise, of_root
from sim_device.models.formulas import SoftBounds


def test_the_interval_of_a_ratio_is_that_of_fieller() -> None:
    # (1 − x)² = 4 (0.01 + 0.04 x²): 0.84 x² − 2 x + 0.96 = 0, x = (2 ± √(4 − 3.2256))/1.68 = 0.66667, 1.71429.
    covariance = np.array([[0.01, 0.0], [0.0, 0.04]])
    interval = of_root((1.0, -1.0), covariance, 2.0)
    assert interval == pytest.approx((0.666667, 1.714286), rel=1e-5)
    # A slope that does not differ from 0 by q standard errors leaves the root without an end.
    assert of_root((1.0, -0.3), covariance, 2.0) is None


def test_a_well_known_ratio_has_the_interval_of_the_delta_method() -> None:
    covariance = np.array([[1e-8, 2e-9], [2e-9, 4e-8]])
    # Root 0.5 of 1 − 2x; its variance (C00 + 2 C01 x + C11 x²)/c1² = (1e-8 + 2e-9 + 1e-8)/4 = 5.5e-9.
    assert of_root((1.0, -2.0), covariance, 1.96) == pytest.approx(evenly(0.5, np.sqrt(5.5e-9), 1.96), rel=1e-6)


def test_noise_has_a_positive_interval() -> None:
    low, high = of_noise(0.3, 0.2)
    assert low == pytest.approx(0.3 * np.exp(-1.96 * 2 / 3), rel=1e-4)
    assert low * high == pytest.approx(0.09)


def test_intervals_of_short_ramps_hold_as_often_as_they_say() -> None:
    """Steps that fall by little over a ramp: the bounds are skew, and value ± 1.96 std holds in 89 % only."""
    model = SoftBounds(0.0, 1.0, 0.00226, 0.00174)
    counts = np.repeat([1, -1], 500)
    block = SimCrosspoints(model, (1, 120), noise=SimNoise(1.0, read=0.01), seed=8, initial=0.0, unit="normalised")
    readings = block.trace(counts[:, np.newaxis, np.newaxis]).conductance[:, 0]
    truth = {"g_min_normalised": 0.0, "g_max_normalised": 1.0, "s_up": 0.00226, "s_down": 0.00174}
    truth |= {"read_normalised": 0.01, "cycle_to_cycle": 1.0}
    inside: dict[str, list[bool]] = {name: [] for name in truth}
    for column in range(120):
        fit = fit_trace(counts, readings[:, column], unit="normalised")
        for name, (low, high) in fit.interval95.items():
            inside[name].append(low <= truth[name] <= high)
    for name, held in inside.items():
        # 95 % of 120: 114 ± 2.4; 106 is three standard errors and a half below.
        assert len(held) > 100, name
        assert np.mean(held) > 106 / 120, name


def test_intervals_are_in_the_json_and_hold_the_estimates() -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.012), noise=SimNoise(0.3, read=2e-7), seed=3)
    counts = np.repeat([1, -1], 300)
    fit = fit_trace(counts, block.trace(counts).conductance[:, 0, 0])
    told = fit.json()
    for name, value in told["parameters"].items():
        low, high = told["interval95"][name]
        assert low < value < high
    assert set(told["interval95"]) == {"g_min_S", "g_max_S", "s_up", "s_down", "read_S", "cycle_to_cycle"}
