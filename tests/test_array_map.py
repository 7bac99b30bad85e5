"""array-map: yield and spread of simulated arrays whose truth is known; on rehearsed benches; broken crosspoints."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from instruments.errors import InputError
from protocols.analysis.array.statistics import spread
from protocols.array_map import ArrayMap
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.formulas import SoftBounds

MODEL = SoftBounds(1e-5, 5e-5, 0.01, 0.01)


def test_yield_and_spread_of_an_array_are_found_within_their_errors() -> None:
    block = SimCrosspoints(MODEL, (16, 16), noise=SimNoise(0.3, 2e-8), spread=Spread(high=0.2, stuck=0.1), seed=5)
    protocol = ArrayMap()
    series, why = recorded(protocol, block)
    result = protocol.results(series)
    found = result["block"]
    assert len(series) == protocol.planned_readings((16, 16))
    assert why == "all crosspoints are read and pulsed 2 times 100 up and down"
    truth = ~block.stuck
    works = np.array([one["works"] for one in result["crosspoints"]]).reshape(16, 16)
    # 5 standard errors: a stuck crosspoint passes with probability 3e-7, one that works swings by hundreds of them.
    assert (works == truth).all()
    assert found["yield"] == pytest.approx(truth.mean())
    assert found["yield_low"] < 0.9 < found["yield_high"]
    assert found["wrong"] == {"stuck": int(block.stuck.sum())}
    # The swing is proportional to the range of a device: its relative spread is that of the ranges as drawn.
    ranges = np.array(
        [[block.device(r, c)["g_max"] - block.device(r, c)["g_min"] for c in range(16)] for r in range(16)]
    )
    drawn = ranges[truth].std(ddof=1) / ranges[truth].mean()
    swing = found["swing"]
    relative, error = swing["spread_S"] / swing["mean_S"], swing["spread_std_S"] / swing["mean_S"]
    assert abs(relative - drawn) < 4 * error
    assert "crosspoints work" in result["verdict"]


def test_maps_show_every_crosspoint_and_what_does_not_work() -> None:
    block = SimCrosspoints(MODEL, (3, 4), noise=SimNoise(0.3, 2e-8), spread=Spread(stuck=0.3), seed=2)
    protocol = ArrayMap()
    series, _ = recorded(protocol, block)
    figures = protocol.block_figures(series, protocol.results(series))
    image = figures[0].axes[0].images[0].get_array()
    assert image is not None
    assert image.shape == (3, 4)
    assert len(figures[0].axes[0].lines[0].get_xdata()) == block.stuck.sum() > 0


def test_on_a_bench_opens_and_shorts_are_not_pulsed() -> None:
    with rehearsed(start=30e-6) as station:
        assert station.virtual is not None
        protocol = ArrayMap(lowest=1e-6, highest=25e-6)
        series, why = recorded(protocol, station.all)
        assert station.virtual.applied == []
    assert "2 of 2 crosspoints stopped: shorted, so it is not pulsed" in why
    result = protocol.results(series)
    assert result["block"]["wrong"] == {"shorted": 2}
    assert result["block"]["yield"] == 0
    with rehearsed() as station:
        one = ArrayMap().results(recorded(ArrayMap(), station["A1"])[0])
    assert one["works"] is True
    assert one["step_up_S"] > 0 > one["step_down_S"]


def test_spread_takes_the_error_of_estimation_out() -> None:
    # Values of spread 3 measured with errors of 4: standard deviation 5; 2000 of them: 3 to 4 * 0.14.
    rng = np.random.default_rng(1)
    values = rng.normal(10, 3, 2000) + rng.normal(0, 4, 2000)
    found = spread(values, np.full(2000, 4.0))["spread"]
    assert found is not None
    assert abs(found - 3) < 0.56


def test_bounds_that_hold_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="lowest 50 uS is not below highest 10 uS"):
        recorded(ArrayMap(lowest=5e-5, highest=1e-5), SimCrosspoints(MODEL))


@pytest.mark.parametrize("cut", [0, 2, 10, 15, 30])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    protocol = ArrayMap()
    series, _ = recorded(protocol, SimCrosspoints(MODEL, (2, 2), noise=SimNoise(0.3, 2e-8)))
    part = series.where(np.arange(len(series)) < cut)
    result = protocol.results(part)
    assert result["verdict"]
    protocol.block_figures(part, result)
    protocol.figures(part.crosspoint(0, 0), {})
