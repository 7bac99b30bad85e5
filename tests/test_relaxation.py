"""relaxation: time constant and share of the virtual device are found within their errors."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from instruments.errors import InputError
from protocols.relaxation import Relaxation


@pytest.mark.parametrize(("seed", "tau"), [(1, 0.5), (2, 0.5), (3, 2.0), (4, 2.0)])
def test_time_constant_and_share_of_the_virtual_device_within_four_errors(seed: int, tau: float) -> None:
    # Of a step d, 0.25 d decays; the first reading is at `settle` 10 ms + 1 power line cycle: of what is then left of
    # the change, d (1 + 0.25 x), the share still to decay is 0.25 x / (1 + 0.25 x), x = exp(-t/tau), t = 10 to 40 ms.
    with rehearsed(seed=seed, volatile_time=tau) as station:
        protocol = Relaxation(duration=5 * tau)
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert abs(result["time_constant_s"] - tau) < 4 * result["time_constant_std_s"] < 4 * 0.15 * tau
    low, high = (0.25 * x / (1 + 0.25 * x) for x in (np.exp(-0.05 / tau), 1.0))
    error = 4 * result["share_relaxing_std"]
    assert low - error < result["share_relaxing"] < high + error
    assert result["size_up_S"] > 0 > result["size_down_S"]


def test_a_device_that_does_not_relax_is_said_to_be_so() -> None:
    with rehearsed(volatile=0.0) as station:
        protocol = Relaxation(duration=1.0)
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert result["time_constant_s"] is None
    assert "No relaxation is resolved" in result["verdict"]


def test_a_block_is_pulsed_and_watched_together() -> None:
    with rehearsed(volatile_time=0.5) as station:
        protocol = Relaxation(duration=2.0, repeats=3)
        series, why = recorded(protocol, station.all)
        assert len(series) <= protocol.planned_readings((1, 2))
        found = protocol.results(series)["crosspoints"]
        assert len(protocol.figures(series.crosspoint(0, 1), found[1])) == 1
    assert why == "3 relaxations after pulses up and 3 after pulses down are seen"
    for one in found:
        assert abs(one["time_constant_s"] - 0.5) < 4 * one["time_constant_std_s"]
        assert one["pulses"] == 60


@pytest.mark.parametrize("cut", [0, 3, 40, 120])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    physics = soft_bounds(1e-5, 5e-5, 0.01, 0.01, read=1e-8)[0]
    protocol = Relaxation(duration=1.0, repeats=3)
    series, _ = recorded(protocol, RichCrosspoints(physics, 3e-5, 1))
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})


def test_times_that_run_backwards_are_refused() -> None:
    with pytest.raises(InputError, match="first 10 s is not before duration 1 s"):
        recorded(Relaxation(first=10.0, duration=1.0), RichCrosspoints(Physics(np.zeros_like, np.zeros_like), 1e-5, 1))
