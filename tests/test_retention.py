"""retention: the slope against ln t of the virtual device is found within its error."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from protocols.analysis.retention.straight_line import line
from protocols.common.turns import taken
from protocols.retention import Retention
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.ageing import Ageing

LOSS = 50e-9


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_slope_and_extrapolation_of_the_virtual_device_within_four_errors(seed: int) -> None:
    # G = G0 - nu ln(1 + t/t0) with t0 = 1 ms: for t >= 1 s a straight line in ln t to nu/1000.
    ageing = Ageing(log_drift=LOSS, log_drift_start=1e-3)
    with rehearsed(seed=seed, ageing=ageing, rest_time=1e15, volatile=0.0) as station:
        assert station.virtual is not None
        protocol = Retention(pulses=40)
        result = protocol.results(recorded(protocol, station["A1"])[0])
        device = station.virtual.devices["A1"]
        truth = device.conductance(station.virtual.clock.now()) - LOSS * np.log(3.156e8 / 3600)
    assert abs(result["slope_per_ln_t_S"] + LOSS) < 4 * result["slope_per_ln_t_std_S"] < 4 * 0.1 * LOSS
    assert abs(result["at_horizon_S"] - truth) < 4 * result["at_horizon_std_S"]
    assert result["law"] == "logarithmic"


def test_a_drift_in_proportion_to_time_is_told_from_one_in_its_logarithm() -> None:
    # Relaxing towards 30 uS with 1e6 s from about 36 uS: 6 uS/1e6 s = 6 pS/s, and straight over 1 h to 0.2 %.
    with rehearsed(rest_time=1e6, rest=30e-6, start=36e-6) as station:
        protocol = Retention(duration=20000.0)
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert result["law"] == "linear in t"
    assert result["at_horizon_S"] is None
    # curvature over 20000 s: 2 %
    assert result["rate_S_per_s"] == pytest.approx(-6e-12 * 0.99, rel=0.02 + 4 * result["rate_std_S_per_s"] / 6e-12)


def test_of_a_block_slopes_are_averaged_and_simulated_devices_keep_what_they_have() -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01), (2, 3), noise=SimNoise(0.3, 2e-8), seed=1)
    protocol = Retention(duration=100.0)
    result = protocol.results(recorded(protocol, block)[0])
    assert abs(result["block"]["slope_mean_S"]) < 4 * result["block"]["slope_mean_std_S"]
    assert all("No drift beyond its error" in one["verdict"] for one in result["crosspoints"])


def test_errors_of_a_line_are_honest_under_slow_noise() -> None:
    # Times of a run, white noise and a random walk's worth of slow noise: relaxations of 1, 10, 100, 1000 s.
    # Root mean square of z over 100 lines: 1 if honest; half of a variance that is itself estimated from 29 points.
    rng, t = np.random.default_rng(1), np.geomspace(1, 3600, 29)
    for slow in (0.0, 1.0):
        z = []
        for _ in range(100):
            y = rng.normal(size=29)
            for tau in (1, 10, 100, 1000):
                y += (
                    slow
                    * np.linalg.cholesky(np.exp(-np.abs(t[:, None] - t) / tau) + 1e-9 * np.eye(29))
                    @ (rng.normal(size=29))
                )
            found = line(np.log(t), y, t)
            assert found is not None
            z.append(found.slope / found.slope_std)
        assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.3


def test_readings_are_at_the_times_asked_for() -> None:
    with rehearsed() as station:
        protocol = Retention(first=1.0, duration=100.0, per_decade=2, reads=3)
        series, _ = recorded(protocol, station["A1"])
    at = series.readings.time[1::3, 0, 0] - series.readings.time[0, 0, 0]
    assert at == pytest.approx([1, 10**0.5, 10, 10**1.5, 100], rel=0.02, abs=0.2)
    assert len(series) == protocol.planned_readings((1, 1))


@pytest.mark.parametrize("cut", [0, 1, 2, 9, 40])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    block = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01), noise=SimNoise(0.3, 2e-8))
    protocol = Retention()
    series, _ = recorded(protocol, block)
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})


def test_staggered_each_crosspoint_is_read_at_its_own_times_while_others_wait() -> None:
    names = [f"{row}{column}" for row in "AB" for column in (1, 2, 3)]
    columns = "\n".join(f"{name} = {{ gate = {2 * n + 1}, channel = {2 * n + 2} }}" for n, name in enumerate(names))
    ageing = Ageing(log_drift=LOSS, log_drift_start=1e-3)
    edit = {"A1 = { gate = 1, channel = 2 }\nA2 = { gate = 3, channel = 4 }": columns}
    with rehearsed(edit=edit, seed=2, ageing=ageing, rest_time=1e15, volatile=0.0) as station:
        assert station.virtual is not None
        protocol = Retention(pulses=40, stagger=True, duration=1000.0)
        series, why = recorded(protocol, station.all)
        took = station.virtual.clock.now()
        pulses = {name: sum(one.pulses for one in station.virtual.applied if one.crosspoint == name) for name in names}
    assert why == "1 ks have passed for every crosspoint"
    assert len(series) == protocol.planned_readings(series.shape)
    # All within little more than the time of one: 6 starts of some 10 s each.
    assert took < 1100
    assert set(pulses.values()) == {40}
    wanted = np.geomspace(1, 1000, 25)
    rows, columns_ = series.shape
    result = protocol.results(series)
    for number, (row, column) in enumerate(np.ndindex(rows, columns_)):
        own = taken(series.crosspoint(row, column))
        at = own.readings.time[1::5, 0, 0] - own.readings.time[0, 0, 0]
        # Nothing is early; what waits for another crosspoint's five readings of 60 ms is late by a few of these.
        assert np.all(at > wanted)
        assert np.all(at - wanted < 1.0)
        one = result["crosspoints"][number]
        assert abs(one["slope_per_ln_t_S"] + LOSS) < 4 * one["slope_per_ln_t_std_S"]
    assert abs(result["block"]["slope_mean_S"] + LOSS) < 4 * result["block"]["slope_mean_std_S"]


def test_staggered_a_stop_rule_leaves_one_crosspoint_alone_and_the_others_go_on() -> None:
    with rehearsed(seed=2) as station:
        protocol = Retention(pulses=40, stagger=True, duration=100.0, stop_pulses=30)
        series, why = recorded(protocol, station.all)
    assert "2 of 2 crosspoints stopped: 30 pulses are spent" in why
    assert np.all(series.phases == "start")
