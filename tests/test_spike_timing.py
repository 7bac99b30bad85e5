"""spike-timing: the change at every delay is that of the net pulse on the virtual device; its exponential is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError, LimitError
from protocols.analysis.spike_timing.pairs import BEFORE, Curve, curves, delay_of, exponential, phase_of
from protocols.spike_timing import SpikeTiming
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.formulas import SoftBounds

LONG = {"500 ns": "2 us"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_curve_of_the_virtual_device_within_four_errors(seed: int) -> None:
    # Net pulse V = 2 V (1/2 + 1/2 exp(-dt/20 ms)), 2 us; steps by the law of the device, from where it was on average.
    with rehearsed(seed=seed, edit=LONG, volatile=0.0) as station:
        assert station.virtual is not None
        protocol = SpikeTiming(repeats=20)
        series, _ = recorded(protocol, station["A1"])
        p = station.virtual.devices["A1"].parameters
    result, found = protocol.results(series), curves(series)
    g = float(np.mean(series.readings.conductance[series.phases == BEFORE]))
    for sign, name, bound in ((1, "pre_first", p.core.g_max), (-1, "post_first", p.core.g_min)):
        curve = found[sign]
        assert np.isinf(curve.delay[-1])
        volts = 2 * (0.5 + 0.5 * np.exp(-curve.delay / 0.02))
        truth = np.array([p.fraction(Pulse(sign * v, 2e-6))[0] for v in volts]) * (bound - g)
        # 12 means of 20: 4.5 standard errors of a t distribution of 19 are passed by one in 4000
        assert np.all(np.abs(curve.change - truth) < 4.5 * curve.std + 1e-12)
        expected = exponential(Curve(curve.delay, truth, curve.std))
        assert expected is not None
        for key, value in ((f"{name}.amplitude_S", expected.mean[0]), (f"{name}.time_constant_s", expected.mean[1])):
            of, quantity = key.split(".")
            body, unit = quantity.rsplit("_", 1)
            assert abs(result[of][quantity] - value) < 4 * result[of][f"{body}_std_{unit}"], key
        assert result[name]["time_constant_std_s"] < 0.2 * result[name]["time_constant_s"]
    assert result["pre_first"]["amplitude_S"] > 0 > result["post_first"]["amplitude_S"]


def test_an_exponential_is_found_with_honest_errors() -> None:
    # z of amplitude and time constant over 200 made curves, noise growing with the change as cycle-to-cycle noise does
    rng, delay = np.random.default_rng(3), np.array([*np.geomspace(1e-3, 80e-3, 8), np.inf])
    z = []
    for _ in range(200):
        truth = 2e-7 * np.exp(-delay / 15e-3) + 1e-8
        each = truth + rng.normal(size=(12, 9)) * (0.3 * truth + 1e-8)
        curve = Curve(delay, each.mean(axis=0), each.std(axis=0, ddof=1) / math.sqrt(12))
        fitted = exponential(curve)
        assert fitted is not None
        z.append((fitted.mean[:2] - [2e-7, 15e-3]) / np.sqrt(np.diag(fitted.cov))[:2])
    # 1 if honest; chi distribution of 200: 0.9 to 1.1, and errors from 12 repeats widen it by 9/(9 - 2) in variance
    assert np.all((np.sqrt(np.mean(np.square(z), axis=0)) > 0.85) & (np.sqrt(np.mean(np.square(z), axis=0)) < 1.3))


def test_net_pulses_are_peak_and_tail() -> None:
    station = PulsePair(Pulse(2.0, 1e-6), Pulse(-1.8, 2e-6))
    protocol = SpikeTiming(peak=0.8, tail=1.2, decay=10e-3)
    at_once, late, alone = (protocol.net(delay, station) for delay in (0.0, 10e-3, math.inf))
    assert at_once == station
    assert late.up.voltage == pytest.approx(0.8 + 1.2 / math.e)
    assert alone.down.voltage == pytest.approx(-1.8 * 0.4)
    assert alone.down.width == 2e-6


@pytest.mark.parametrize("delay", [1e-3, -12.285714e-3, math.inf, -math.inf])
def test_delays_are_read_again_from_phases(delay: float) -> None:
    assert delay_of(phase_of(delay)) == pytest.approx(delay, rel=1e-11)
    assert delay_of(BEFORE) is None


def test_a_block_and_a_device_that_knows_no_time() -> None:
    with rehearsed(edit=LONG) as station:
        protocol = SpikeTiming(repeats=3)
        series, why = recorded(protocol, station.all)
        found = protocol.results(series)["crosspoints"]
    assert why == "all 18 delays are measured 3 times"
    assert len(series) == protocol.planned_readings((1, 2))
    assert all(one["pre_first"] is not None for one in found)


def test_a_stuck_device_has_no_dependence() -> None:
    with rehearsed(edit=LONG, stuck=True) as station:
        protocol = SpikeTiming()
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert result["verdict"].count("no dependence on the delay is resolved") == 2


def test_what_cannot_be_is_refused() -> None:
    with rehearsed() as station:
        with pytest.raises(LimitError, match="beyond the limit"):
            recorded(SpikeTiming(peak=2.0, tail=2.0), station["A1"])
        with pytest.raises(InputError, match="not below longest"):
            recorded(SpikeTiming(shortest=1.0), station["A1"])
        with pytest.raises(InputError, match="no spike"):
            recorded(SpikeTiming(tail=2.5), station["A1"])
    with pytest.raises(InputError, match="knows no pulse voltage"):
        recorded(SpikeTiming(), SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01)))


@pytest.mark.parametrize("cut", [0, 3, 40, 400])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed(edit=LONG) as station:
        protocol = SpikeTiming(repeats=5)
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
