"""iv-sweep: set and reset voltages of the virtual device follow from its pulse law and are found within errors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from instruments.crosspoints import Pulse, PulsePair, Status
from instruments.errors import InputError, LimitError
from protocols.analysis.iv.loops import Loop
from protocols.common.turns import taken
from protocols.iv_sweep import IVSweep
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds
from sim_device.models.voltage_law import VoltageLaw
from sim_device.virtual_bench.devices.device import DeviceParameters

WIDE = {'current = "100 uA"': 'current = "10 mA"', 'compliance = "50 uA"': 'compliance = "50 uA"'}
QUIET = {"white_noise": 1e-9, "slow_noise": 0.0, "volatile": 0.0}


def switches_at(p: DeviceParameters, volts: np.ndarray, seconds: float, before: float, after: float) -> float:
    """Where the middle of ln G is passed on a staircase, from the published form of the law alone.

    ``G = b + (G0 - b) (1 - s)^x``, ``x = (sum a_k t)^beta``, ``a_k = (sinh(V/v0)/sinh(Vref/v0))^(1/beta)/w_ref``.
    """
    up = after > before
    bound, s = (p.core.g_max, p.core.s_up) if up else (p.core.g_min, p.core.s_down)
    ref = p.reference.up if up else p.reference.down
    ratio = np.sinh(volts / p.voltage_scale) / math.sinh(abs(ref.voltage) / p.voltage_scale)
    x = (np.cumsum(ratio ** (1 / p.width_exponent)) * seconds / ref.width) ** p.width_exponent
    g = bound + (before - bound) * (1 - s) ** x
    middle = math.sqrt(before * after)
    at = int(np.flatnonzero(g > middle if up else g < middle)[0])
    share = (math.log(middle) - math.log(g[at - 1])) / (math.log(g[at]) - math.log(g[at - 1]))
    return float(volts[at - 1] + share * (volts[at] - volts[at - 1]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_set_and_reset_voltages_and_their_spread_of_the_virtual_device_within_four_errors(seed: int) -> None:
    # No current limit within reach, so that the law alone decides. A hold is exp(0.5 xi) faster or slower: v0 x 0.5 in
    # voltage. Steps of 20 mV; a level takes 20 ms, one power line cycle.
    with rehearsed("rram.toml", edit=WIDE, seed=seed, **QUIET) as station:
        assert station.virtual is not None
        protocol = IVSweep(cycles=20, step=0.02, compliance=10e-3)
        series, _ = recorded(protocol, station["A1"])
        p = station.virtual.devices["A1"].parameters
    result = protocol.results(series)
    own = taken(series)
    seconds = float(np.median(np.diff(own.readings.time[:, 0, 0])))
    volts = np.arange(1, 76) * 0.02
    spread = 0.5 * p.voltage_scale
    for name, before, after in (("set", result["off_S"], result["on_S"]), ("reset", result["on_S"], result["off_S"])):
        truth = switches_at(p, volts, seconds, before, after)
        assert abs(abs(result[f"{name}_voltage_V"]) - truth) < 4 * result[f"{name}_voltage_std_V"]
        assert result[f"{name}_voltage_std_V"] < 0.02
        assert abs(result[f"{name}_spread_V"] - spread) < 4 * result[f"{name}_spread_std_V"]
    assert result["off_S"] == pytest.approx(p.core.g_min, rel=0.02)
    assert result["on_S"] == pytest.approx(p.core.g_max, rel=0.05)
    assert result["set_cycles"] >= 18


def test_a_hold_does_what_a_pulse_of_its_length_does() -> None:
    with rehearsed("rram.toml", edit=WIDE, **QUIET, start=30e-6) as station:
        assert station.virtual is not None
        device = station.virtual.devices["A1"]
        assert device.parameters.switching is not None
        still = replace(device.parameters.switching, hold_to_hold=0.0)
        p = device.parameters = replace(device.parameters, switching=still)
        (read,) = station["A1"].sweep([1.0], 10e-3)
        moved = device.conductance(station.virtual.clock.now())
    # One measurement of three integrations of 20 ms.
    fraction, _ = p.fraction(Pulse(1.0, 0.06))
    assert moved == pytest.approx(30e-6 + fraction * (p.core.g_max - 30e-6), rel=1e-3)
    assert read.voltage.item() == pytest.approx(1.0, rel=1e-3)


def test_a_current_limit_ends_the_set_and_larger_limits_set_further() -> None:
    on = []
    for limit in (30e-6, 100e-6):
        with rehearsed("rram.toml", edit=WIDE, start=20e-6, **QUIET) as station:
            protocol = IVSweep(compliance=limit, compliance_negative=10e-3, cycles=3)
            series, _ = recorded(protocol, station["A1"])
            result = protocol.results(series)
        assert result["limited_positive_cycles"] == 3
        assert np.nanmax(series.readings.current) <= limit * 1.01
        on.append(result["on_S"])
        own = taken(series)
        limited = (own.readings.status[:, 0, 0] & int(Status.COMPLIANCE)) != 0
        assert np.any(limited & (np.char.startswith(own.phases, "positive")))
    assert on[1] > 2 * on[0]


def test_a_device_that_does_not_switch_is_said_to_be_ohmic() -> None:
    with rehearsed("rram.toml", edit=WIDE, switching=None) as station:
        protocol = IVSweep(compliance=10e-3, cycles=2)
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert result["verdict"].startswith("Nothing switched")
    assert result["set_voltage_V"] is None
    # Area of noise alone: 0.4 uS of read noise at 1.5 V over 60 levels is some 1e-7 W; a switching loop has 1e-4 W.
    assert result["hysteresis_positive_W"] < 1e-6


def loop(g: np.ndarray, out: int) -> Loop:
    volts = np.concatenate([np.linspace(0.1, 1.0, out), np.linspace(1.0, 0.1, out)])
    return Loop("positive", 0, volts, g * volts, g, np.zeros(2 * out, dtype=bool), out)


def test_an_abrupt_switch_is_told_from_a_gradual_one() -> None:
    jump = np.where(np.arange(20) < 6, 1e-6, 1e-4)
    found = loop(jump, 10).switch(0.1, 1.5)
    assert found is not None
    assert found.largest == pytest.approx(1.0)
    assert 0.6 < found.voltage < 0.7
    gradual = np.concatenate([np.geomspace(1e-6, 1e-4, 10), np.full(10, 1e-4)])
    found = loop(gradual, 10).switch(0.1, 1.5)
    assert found is not None
    assert found.largest == pytest.approx(1 / 9)
    assert found.voltage == pytest.approx(0.55, abs=0.01)  # half of the decades on a staircase even in the logarithm
    assert loop(np.full(20, 1e-6), 10).switch(0.1, 1.5) is None


def test_the_area_of_a_loop_of_two_ohmic_ways_is_half_the_difference_times_the_voltage_squared() -> None:
    # out with 1 uS, back with 3 uS, from 0.1 to 1 V: (3 - 1) uS (1 - 0.01) V^2/2
    g = np.concatenate([np.full(200, 1e-6), np.full(200, 3e-6)])
    assert loop(g, 200).area == pytest.approx(2e-6 * 0.99 / 2, rel=1e-3)


def test_simulated_crosspoints_with_a_law_are_swept_side_by_side() -> None:
    pair = PulsePair(Pulse(1.2, 100e-9), Pulse(-1.2, 100e-9))
    block = SimCrosspoints(
        SoftBounds(2e-5, 2e-4, 0.05, 0.07), (2, 2), pulses=pair, law=VoltageLaw(0.08, 0.3), noise=SimNoise(0.3, 1e-7)
    )
    protocol = IVSweep(cycles=2, step=0.02, compliance=1e-3)
    series, why = recorded(protocol, block)
    result = protocol.results(series)
    assert why == "all 2 cycles are done"
    volts = np.arange(1, 76) * 0.02
    p = DeviceParameters(SoftBounds(2e-5, 2e-4, 0.05, 0.07), pair, 0.08, 0.3, 0, 0, 0, (), 0, 1, 0, 1, 0)
    for one in result["crosspoints"]:
        truth = switches_at(p, volts, 0.02, one["off_S"], one["on_S"])
        # whole pulses of 5 % of the way, 30 % scatter each: within a step or two
        assert one["set_voltage_V"] == pytest.approx(truth, abs=0.04)
    assert len(protocol.block_figures(series, result)) == 1
    assert result["block"]["switching"] == 4
    with pytest.raises(InputError, match="knows no voltage"):
        recorded(IVSweep(), SimCrosspoints(SoftBounds(2e-5, 2e-4, 0.05, 0.07)))


def test_simulated_crosspoints_feel_the_current_limit() -> None:
    # At a limit I a set ends where I/G no longer moves it: on is smaller, and no current is above the limit.
    pair, on = PulsePair(Pulse(1.2, 100e-9), Pulse(-1.2, 100e-9)), []
    for limit in (50e-6, 1e-3):
        block = SimCrosspoints(SoftBounds(2e-5, 2e-4, 0.02, 0.02), pulses=pair, law=VoltageLaw(0.08, 0.3), initial=2e-5)
        protocol = IVSweep(cycles=2, step=0.02, compliance=limit, compliance_negative=1e-3)
        series, _ = recorded(protocol, block)
        result = protocol.results(series)
        on.append(result["on_S"])
        assert np.nanmax(series.readings.current) <= limit * (1 + 1e-9)
        limited = (series.readings.status & int(Status.COMPLIANCE)) != 0
        assert np.any(limited) == (limit < 1e-4)
        assert result["limited_positive_cycles"] == (2 if limit < 1e-4 else 0)
    assert on[0] < 0.5 * on[1]


def test_beyond_the_limits_nothing_is_driven() -> None:
    with rehearsed("rram.toml") as station:
        assert station.virtual is not None
        with pytest.raises(LimitError, match=r"beyond the limit of ±3\.5 V"):
            recorded(IVSweep(lowest=-4.0), station["A1"])
        assert station.virtual.largest_voltage["A1"] == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"highest": 0.0, "lowest": 0.0}, "nothing to sweep"),
        ({"read_voltage": 2.0}, "not within the sweep"),
        ({"step": 1e-5}, "above 10000"),
    ],
)
def test_sweeps_that_are_none_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recorded(IVSweep.model_validate(settings), SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01)))


def test_one_polarity_alone_and_the_other_first() -> None:
    assert [phase for phase, _ in IVSweep(lowest=0.0).branches()] == ["positive, out", "positive, back"]
    assert IVSweep(first="negative").branches()[0][0] == "negative, out"


@pytest.mark.parametrize("cut", [0, 1, 40, 70, 130])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed("rram.toml") as station:
        protocol = IVSweep(cycles=2)
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    result = protocol.results(part)
    assert result["verdict"]
    protocol.figures(part, result)
