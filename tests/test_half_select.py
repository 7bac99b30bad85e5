"""half-select: the ratio of a half-selected pulse to a full one is that of the virtual device."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import parameters, rehearsed
from rich_device import recorded

from instruments.crosspoints import Pulse
from instruments.errors import InputError
from protocols.half_select import HalfSelect
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.formulas import SoftBounds


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_ratio_of_the_virtual_device_is_found_within_four_errors(seed: int) -> None:
    # Step of one pulse: fraction(V, w) of the remaining way, sinh in V: half the voltage does sinh(V/2v0)/sinh(V/v0),
    # 5.7 % at 2 V and v0 = 0.35 V. 500 of them at once go 1 - (1 - f)^500 of the way: per pulse less by a known factor.
    with rehearsed(seed=seed) as station:
        protocol = HalfSelect(pulses=100, full=5)
        result = protocol.results(recorded(protocol, station["A1"])[0])
        truth = parameters(station)
        core = truth.core
    for name, sign in (("up", 1), ("down", -1)):
        half, _ = truth.fraction(Pulse(sign * 1.0, 500e-9))
        full, _ = truth.fraction(Pulse(sign * 2.0, 500e-9))
        expected = (1 - (1 - half) ** 100) / 100 / ((1 - (1 - full) ** 5) / 5)
        # Full and half pulses start within a few steps of each other: the remaining ways differ by at most 2 %.
        found = result[name]
        assert abs(found["ratio"] - expected) < 4 * found["ratio_std"] + 0.02 * expected
        assert found["ratio_std"] < 0.4 * expected
    assert core.g_min < result["conductance_S"] < core.g_max


def test_a_disturb_that_is_not_seen_gets_a_bound() -> None:
    # The true change of 20 pulses is 1 to 2 of its standard errors; seen are 4.3 (Student's t, 8 repeats).
    with rehearsed(seed=5) as station:
        protocol = HalfSelect(method="emulated", fraction=0.1, pulses=20)
        series, why = recorded(protocol, station.all)
        assert len(series) == protocol.planned_readings((1, 2))
        each = protocol.results(series)["crosspoints"]
        assert len(protocol.figures(series.crosspoint(0, 0), each[0])) == 1
    assert (
        why == "emulated on each crosspoint by itself: 8 times 20 half-selected and 5 full pulses each way are applied"
    )
    for one in each:
        assert one["method"] == "emulated"
        for name in ("up", "down"):
            assert one[name]["half_selected_pulses_to_one_step"] is None
            # 0.1 x 2 V: sinh(0.57)/sinh(5.7) = 0.4 %; the bound must allow for it
            assert 5 < one[name]["half_selected_pulses_to_one_step_at_least"] < 250
        assert "does less than" in one["verdict"]


def test_crosspoints_without_voltage_refuse() -> None:
    with pytest.raises(InputError, match="knows no pulse voltage"):
        recorded(HalfSelect(), SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01)))


@pytest.mark.parametrize("cut", [0, 1, 30, 100, 250])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed() as station:
        protocol = HalfSelect(pulses=10)
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
