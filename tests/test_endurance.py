"""endurance: the window's closure is found where the virtual device closes; pulses are counted, seen or unseen."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from protocols.endurance import Endurance
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.ageing import Ageing


@pytest.mark.parametrize(("seed", "half", "exponent"), [(1, 4000.0, 2.0), (2, 4000.0, 2.0), (3, 15000.0, 3.0)])
def test_closure_of_the_virtual_device_within_four_errors(seed: int, half: float, exponent: float) -> None:
    # window(n) = window(0)/(1 + (n/half)^k): half of it is left at n = half pulses. Cycles of 50 pulses swing through
    # a fixed share of the bounds, so that their window closes as the bounds do.
    with rehearsed(seed=seed, ageing=Ageing(endurance=half, endurance_exponent=exponent)) as station:
        assert station.virtual is not None
        protocol = Endurance(cycles=3000)
        series, why = recorded(protocol, station["A1"])
        result = protocol.results(series)
        applied = sum(one.pulses for one in station.virtual.applied)
    assert why == "stopped: the window closed to 50 % of the first, confirmed by 2 checks"
    assert abs(result["closed_at_pulses"] - half) < 4 * result["closed_at_pulses_std"] < 4 * 0.2 * half
    assert result["pulses"] == applied < 4 * half
    assert result["closed_at_cycles"] == pytest.approx(result["closed_at_pulses"] / 100, rel=1e-6)


def test_a_device_that_lasts_is_said_to_last_and_checks_are_log_spaced() -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.02, 0.02), (1, 2), noise=SimNoise(0.3, 2e-8), seed=2)
    protocol = Endurance(cycles=200)
    series, why = recorded(protocol, block)
    assert len(series) == protocol.planned_readings((1, 2))
    assert why == "all 200 cycles are done"
    for one in protocol.results(series)["crosspoints"]:
        assert one["closed"] is False
        assert one["window_left"] == pytest.approx(1, abs=0.2)
        assert one["windows"]["cycle"] == protocol.checks()
        assert one["pulses"] == 200 * 100
    assert block.pulses_applied.tolist() == [[20000, 20000]]


def test_of_a_block_a_closed_crosspoint_is_left_alone_while_the_other_goes_on() -> None:
    with rehearsed(ageing=Ageing(endurance=2000.0)) as station:
        assert station.virtual is not None
        lasting = station.virtual.devices["A2"]
        lasting.parameters = type(lasting.parameters)(**{**vars(lasting.parameters), "ageing": Ageing()})
        protocol = Endurance(pulses=20, cycles=400)
        series, why = recorded(protocol, station.all)
        first, second = protocol.results(series)["crosspoints"]
    assert first["closed"] is True
    assert second["closed"] is False
    assert first["pulses"] < second["pulses"] == 400 * 40
    assert "1 of 2 crosspoints stopped: the window closed" in why
    assert len(protocol.figures(series.crosspoint(0, 0), first)) == 1


def test_a_budget_of_pulses_ends_it() -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.02, 0.02), noise=SimNoise(0.3, 2e-8))
    _, why = recorded(Endurance(stop_pulses=5000), block)
    assert why == "stopped: 5000 pulses are spent"
    # rows count 50 unread cycles of 100 pulses at once
    assert block.pulses_applied[0, 0] <= 5000 + 50 * 100


@pytest.mark.parametrize("cut", [0, 1, 5, 10, 31])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    protocol = Endurance(cycles=50)
    series, _ = recorded(protocol, SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.02, 0.02), noise=SimNoise(0.3, 2e-8)))
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
