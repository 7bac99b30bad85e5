"""Other pulses on simulated crosspoints: they go as far as the law says, on any model, and protocols find the law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conformance import Conformance
from rich_device import recorded

from instruments.clock import VirtualClock
from instruments.crosspoints import Crosspoints, Pulse, PulsePair
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from protocols.analysis.spike_timing.pairs import BEFORE, curves
from protocols.program import Program
from protocols.pulse_window import PulseWindow
from protocols.spike_timing import SpikeTiming
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import ConstantStep, ExponentialStep, LinearStep, PowerStep, SoftBounds
from sim_device.models.table import TableStep
from sim_device.models.voltage_law import VoltageLaw
from sim_device.virtual_bench.devices.device import ECRAM

LAW = VoltageLaw(0.35, 0.9)
PAIR = PulsePair(Pulse(2.0, 1e-6), Pulse(-1.8, 2e-6))
SOFT = SoftBounds(10e-6, 50e-6, s_up=0.004, s_down=0.006)
OTHERS: list[DeviceModel] = [
    LinearStep(1e-6, 9e-6, up=3e-8, down=-2e-8, up_slope=-0.002, down_slope=-0.001),
    LinearStep(1e-6, 9e-6, up=3e-8, down=-2e-8, up_slope=0.001, down_slope=-0.001),
    ConstantStep(1e-6, 9e-6, up=2e-8, down=3e-8),
    ExponentialStep(1e-6, 9e-6, up=1e-8, down=1e-8, up_extra=2e-8, down_extra=3e-8, gamma_up=4.0, gamma_down=5.0),
    PowerStep(1e-6, 9e-6, up=4e-8, down=4e-8, gamma_up=1.5, gamma_down=2.0),
    TableStep(1e-6, 9e-6, (1e-6, 5e-6, 9e-6), (5e-8, 3e-8, 1e-8), (-1e-8, -2e-8, -6e-8), (0, 0, 0), (0, 0, 0)),
]
MODELS: list[DeviceModel] = [SoftBounds(1e-6, 9e-6, s_up=0.004, s_down=0.006), *OTHERS]


def sim(model: DeviceModel = SOFT, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
    given: dict[str, Any] = {"pulses": PAIR, "law": LAW}
    return SimCrosspoints(model, shape, **(given | more))


def counting_as(times: float) -> PulsePair:
    """A pair whose pulses count as so many of the reference, by their width."""
    longer = times ** (1 / LAW.exponent)
    return PulsePair(Pulse(2.0, 1e-6 * longer), Pulse(-1.8, 2e-6 * longer))


class TestSimulatedWithALaw(Conformance):
    unmoved, visible = 3e-7, 50

    @pytest.fixture
    def crosspoints(self) -> Iterator[SimCrosspoints]:
        limits = Limits(
            pulse_voltage=3.0, pulse_width=1.0, read_voltage=0.2, current=1e-3, pulses_per_crosspoint=10_000,
            sweep_voltage=3.0,
        )  # fmt: skip
        with sim(shape=(2, 3), noise=SimNoise(0.3, read=5e-8), seed=1, limits=limits) as block:
            yield block

    def forbidden(self, crosspoints: Crosspoints) -> PulsePair:
        return PulsePair(Pulse(2.0, 1e-6), Pulse(1.0, 1e-6))  # both up


@pytest.mark.parametrize("volts", [0.3, 1.0, 1.7, 2.3, 3.0])
@pytest.mark.parametrize("width", [2e-7, 5e-6])
def test_soft_bounds_go_as_far_as_the_law_says(volts: float, width: float) -> None:
    # 1 - s = (1 - s_ref)^x, x = sinh(V/v0)/sinh(V_ref/v0) (w/w_ref)^beta, worked out here
    pair = PulsePair(Pulse(volts, width), Pulse(-volts, width))
    x_up = math.sinh(volts / 0.35) / math.sinh(2.0 / 0.35) * (width / 1e-6) ** 0.9
    x_down = math.sinh(volts / 0.35) / math.sinh(1.8 / 0.35) * (width / 2e-6) ** 0.9
    block = sim(shape=(1, 2), initial=20e-6)
    block.pulse([[1, -1]], pair)
    up, down = block.conductance[0] - 20e-6
    assert up == pytest.approx(30e-6 * (1 - (1 - 0.004) ** x_up), rel=1e-5, abs=4e-12)
    assert down == pytest.approx(-10e-6 * (1 - (1 - 0.006) ** x_down), rel=1e-5, abs=4e-12)


def test_it_is_the_law_of_the_virtual_bench() -> None:
    core, start = ECRAM.core, (ECRAM.core.g_min + ECRAM.core.g_max) / 2
    for pulse in (Pulse(1.3, 1e-6), Pulse(2.6, 3e-7)):
        block = SimCrosspoints(core, pulses=ECRAM.reference, law=ECRAM.law, initial=start)
        block.pulse(1, PulsePair(pulse, Pulse(-pulse.voltage, pulse.width)))
        moved = (block.conductance[0, 0] - start) / (core.g_max - start)
        assert moved == pytest.approx(ECRAM.fraction(pulse)[0], abs=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize("times", [2.0, 7.0, 100.0])
def test_one_pulse_goes_as_far_as_the_pulses_it_counts_as(model: DeviceModel, times: float) -> None:
    # Linear steps: float32. Tables: 1025 nodes, linear between them, 0.1 % of the way gone.
    for sign in (1, -1):
        one, many = sim(model, initial=5e-6), sim(model, initial=5e-6)
        one.pulse(sign, counting_as(times))
        for _ in range(int(times)):
            many.pulse(sign)
        moved, expected = one.conductance[0, 0] - 5e-6, many.conductance[0, 0] - 5e-6
        assert abs(expected) > 1e-8
        assert moved == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_half_a_pulse_twice_is_a_pulse(model: DeviceModel) -> None:
    # The change of a step over a step, 1 % here, is taken as linear; float32 at 5e-6: 5e-13.
    for sign in (1, -1):
        halves, one = sim(model, initial=5e-6), sim(model, initial=5e-6)
        halves.pulse(2 * sign, counting_as(0.5))
        one.pulse(sign)
        moved = one.conductance[0, 0] - 5e-6
        assert halves.conductance[0, 0] - 5e-6 == pytest.approx(moved, rel=5e-4)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_huge_pulse_ends_at_the_bound_or_where_steps_end(model: DeviceModel) -> None:
    block = sim(model, (1, 2), initial=5e-6)
    block.pulse([[1, -1]], PulsePair(Pulse(200.0, 1.0), Pulse(-200.0, 1.0)))
    ends, long = block.conductance[0], sim(model, (1, 2), initial=5e-6)
    long.pulse([[1_000_000, -1_000_000]])
    assert ends == pytest.approx(long.conductance[0], abs=5e-9)  # the power step is still 8 uS / (1e6 x 0.005) off


def test_its_noise_is_that_of_one_pulse_relative_to_its_step() -> None:
    for model in (SOFT, ExponentialStep(1e-5, 5e-5, 1e-7, 1e-7, 1e-7, 1e-7, 2.0, 2.0)):
        block = sim(model, (100, 100), noise=SimNoise(cycle_to_cycle=0.3), initial=30e-6, seed=1)
        block.pulse(1, counting_as(5.0))
        step = block.conductance - 30e-6
        quiet = sim(model, initial=30e-6)
        quiet.pulse(1, counting_as(5.0))
        mean = quiet.conductance[0, 0] - 30e-6
        assert step.mean() == pytest.approx(mean, rel=5 * 0.3 / 100)
        assert step.std() == pytest.approx(0.3 * mean, rel=5 / np.sqrt(2 * 10_000))


def test_measured_scatter_stays_the_same_share_of_the_step() -> None:
    table = TableStep(1e-6, 9e-6, (1e-6, 9e-6), (5e-8, 5e-8), (-5e-8, -5e-8), (2e-8, 2e-8), (2e-8, 2e-8))
    block = sim(table, (100, 100), initial=5e-6, seed=1)
    block.pulse(1, counting_as(4.0))
    step = block.conductance - 5e-6
    assert step.mean() == pytest.approx(2e-7, rel=5 * 0.4 / 100)
    assert step.std() == pytest.approx(0.4 * 2e-7, rel=5 / np.sqrt(2 * 10_000))


def test_devices_that_differ_each_follow_the_law() -> None:
    block = sim(shape=(3, 4), spread=Spread(0.3, 0.1, 0.1, 0.1), initial=30e-6, seed=2)
    block.pulse(1, counting_as(50.0))
    for row in range(3):
        for column in range(4):
            truth = block.device(row, column)
            expected = (truth["g_max"] - 30e-6) * (1 - (1 - truth["s_up"]) ** 50)
            assert block.conductance[row, column] - 30e-6 == pytest.approx(expected, rel=1e-4)


def test_pulses_of_turned_signs_move_the_other_way_and_are_recorded_as_asked() -> None:
    block, turned = sim(initial=20e-6), PulsePair(Pulse(-1.8, 2e-6), Pulse(2.0, 1e-6))
    up, down = block.trace([1, -1], turned).conductance[:, 0, 0]
    assert up < 20e-6 < down + 10e-6 * 0.006
    assert down > up


def test_pulses_that_go_one_way_only_are_refused() -> None:
    with pytest.raises(InputError, match="the same way; give them voltages of opposite sign"):
        sim().pulse(1, PulsePair(Pulse(2.0, 1e-6), Pulse(1.0, 1e-6)))


def test_limits_hold_for_other_pulses() -> None:
    limits = Limits(pulse_voltage=2.5, pulse_width=1e-3, read_voltage=1.0, current=1e-3, pulses_per_crosspoint=100)
    block = sim(limits=limits, initial=20e-6)
    high = PulsePair(Pulse(2.6, 1e-6), Pulse(-2.6, 1e-6))
    for call in (block.pulse, block.trace, block.stream):
        with pytest.raises(LimitError, match=r"2\.6 V"):
            call([1] if call != block.pulse else 1, high)
    with pytest.raises(LimitError, match="budget"):
        block.pulse(101, counting_as(0.5))
    assert block.conductance[0, 0] == pytest.approx(20e-6)


def test_other_pulses_take_their_own_time() -> None:
    clock = VirtualClock()
    sim(clock=clock, read_time=0.0).trace([3, -2], PulsePair(Pulse(1.0, 1e-3), Pulse(-1.0, 2e-3)))
    assert clock.now() == pytest.approx(5 * 2 * 2e-3)


def test_readings_go_on_with_the_same_noise_whatever_pulses_came_between() -> None:
    # Read noise is drawn by the number of the reading: no draw is used twice after other pulses.
    block = sim(noise=SimNoise(read=1e-8), seed=5)
    found = [block.trace([0, 0], pair).conductance.ravel() for pair in (PAIR, counting_as(2.0), PAIR)]
    assert len(set(np.concatenate(found).tolist())) == 6


@pytest.mark.parametrize("shape", [(1, 1), (2, 2)])
def test_pulse_window_finds_the_law(shape: tuple[int, int]) -> None:
    # sinh is exponential to 0.2 % from 1.2 V on; 4 standard errors, 16 numbers: 1e-3.
    pair = PulsePair(Pulse(2.0, 5e-7), Pulse(-2.0, 5e-7))
    block = sim(shape=shape, pulses=pair, noise=SimNoise(0.3, 2e-9), initial=30e-6, seed=3)
    protocol = PulseWindow()
    result = protocol.results(recorded(protocol, block)[0])
    for each in result.get("crosspoints", [result]):
        for direction in ("up", "down"):
            law = each["law"][direction]
            assert abs(law["volts_per_e_fold_V"] - 0.35) < 4 * law["volts_per_e_fold_std_V"] < 0.3 * 0.35
            assert abs(law["width_exponent"] - 0.9) < 4 * law["width_exponent_std"] < 0.3 * 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 2)])
def test_spike_timing_finds_the_curve_of_the_law(shape: tuple[int, int]) -> None:
    # Net pulse V = 2 V (1/2 + 1/2 exp(-dt/20 ms)); 9 means of 20 a curve, t of 19 degrees: 4.5 passed by 1 in 4000.
    pair = PulsePair(Pulse(2.0, 1e-6), Pulse(-2.0, 1e-6))
    block = sim(shape=shape, pulses=pair, noise=SimNoise(0.3, 2e-9), initial=30e-6, seed=4)
    protocol = SpikeTiming(repeats=20)
    series = recorded(protocol, block)[0]
    for column in range(shape[1]):
        one = series.crosspoint(0, column)
        g = float(np.mean(one.readings.conductance[one.phases == BEFORE]))
        for sign, bound, s in ((1, 50e-6, 0.004), (-1, 10e-6, 0.006)):
            curve = curves(one)[sign]
            volts = 2 * (0.5 + 0.5 * np.exp(-curve.delay / 0.02))
            times = np.sinh(volts / 0.35) / np.sinh(2.0 / 0.35)
            truth = (1 - (1 - s) ** times) * (bound - g)
            assert np.all(np.abs(curve.change - truth) < 4.5 * curve.std + 2e-11)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2)])
@pytest.mark.parametrize("method", ["incremental", "guided"])
def test_program_varies_the_voltage_and_arrives(method: str, shape: tuple[int, int]) -> None:
    pair = PulsePair(Pulse(2.0, 5e-6), Pulse(-2.0, 5e-6))
    block = sim(shape=shape, pulses=pair, noise=SimNoise(0.3, 2e-8), initial=30e-6, seed=6)
    protocol = Program(method=method, low=12e-6, high=48e-6, highest=2.6, tolerance=4e-7)  # type: ignore[arg-type]
    series, _ = recorded(protocol, block)
    result = protocol.results(series)
    assert series.pulse_voltage is not None
    used = np.abs(series.pulse_voltage[np.isfinite(series.pulse_voltage)])
    assert len(set(used.round(9).tolist())) >= 3
    for each in result.get("crosspoints", [result]):
        assert each["success"] == 1
    last = np.array([one["each"]["target_S"][-1] for one in result.get("crosspoints", [result])])
    # within the tolerance, and 4 read noises by which the reading that ended it may have been off
    assert np.all(np.abs(block.conductance.ravel() - last) < 4e-7 + 4 * 2e-8)


@pytest.mark.parametrize("wrong", [(0.0, 0.9), (-1.0, 0.9), (0.35, 0.0), (math.nan, 0.9)])
def test_a_law_that_is_none_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="law of pulse voltage and width"):
        VoltageLaw(*wrong)
