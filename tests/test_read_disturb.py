"""read-disturb: what a reading does to the virtual device is found within its error; nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import parameters, rehearsed
from rich_device import recorded

from protocols.read_disturb import ReadDisturb
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.ageing import Ageing

FRACTION = 1e-5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_disturb_of_the_virtual_device_is_found_within_four_errors(seed: int) -> None:
    # A reading goes 1e-5 of the way to g_max. Readings of the levels disturb in stress and control alike. The mean
    # distance over the run is that of its mean conductance, which changes by about 5 % of the way.
    with rehearsed(seed=seed, ageing=Ageing(read_disturb=FRACTION)) as station:
        protocol = ReadDisturb()
        series, _ = recorded(protocol, station["A1"])
        result = protocol.results(series)
        truth = FRACTION * (parameters(station).core.g_max - result["conductance_S"])
    assert abs(result["disturb_per_read_S"] - truth) < 4 * result["disturb_per_read_std_S"] < 4 * 0.3 * truth
    assert result["reads_to_1_percent"] == pytest.approx(0.01 * result["conductance_S"] / result["disturb_per_read_S"])
    assert not np.any(series.counts)


def test_where_reading_does_nothing_a_bound_is_given() -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01), (1, 2), noise=SimNoise(0.3, 2e-8), seed=3)
    protocol = ReadDisturb(reads=50)
    series, why = recorded(protocol, block)
    assert len(series) == protocol.planned_readings((1, 2))
    assert why == "10 stresses of 50 readings and as many waits are done"
    for one in protocol.results(series)["crosspoints"]:
        assert one["reads_to_1_percent"] is None
        assert "No disturb beyond its error" in one["verdict"]
        # The level is known to 20 nS/sqrt(20) = 4.5 nS; a pair to sqrt(6) of it (a level enters the difference twice)
        # and the mean of 10 pairs to 3.5 nS; over 50 readings 70 pS: bound of the order of 1 % of 30 uS over 200 pS.
        assert 500 < one["reads_to_1_percent_at_least"] < 10_000
        assert one["pairs"] == 10


def test_the_wait_is_as_long_as_the_stress() -> None:
    with rehearsed() as station:
        series, _ = recorded(ReadDisturb(reads=200, repeats=4), station["A1"])
    t, phases = series.readings.time[:, 0, 0], series.phases
    stress_ends = t[np.flatnonzero((phases[:-1] == "stress") & (phases[1:] == "level"))]
    level_ends = t[np.flatnonzero((phases[:-1] == "level") & (phases[1:] == "control"))]
    control_ends = t[np.flatnonzero(phases == "control")[19::20]]
    stress = stress_ends[1:] - control_ends[:-1]
    wait = (control_ends - level_ends)[:-1] - (level_ends - stress_ends)[:-1]
    assert wait == pytest.approx(stress, rel=0.02)


@pytest.mark.parametrize("cut", [0, 10, 100, 400, 900])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    protocol = ReadDisturb(reads=50)
    series, _ = recorded(protocol, SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01), noise=SimNoise(0.3, 2e-8)))
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
