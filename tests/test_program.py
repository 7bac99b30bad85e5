"""program: targets are reached on rehearsed devices, by few pulses, and what cannot be is refused or said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rehearsed import parameters, rehearsed
from rich_device import recorded

from instruments.errors import InputError
from protocols.analysis.program.outcome import outcomes, wilson
from protocols.closed_loop.approach import Guided, Move, Range
from protocols.program import Program
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.fitted import FittedDevice, Noise, Verdict
from sim_device.models.formulas import SoftBounds


@pytest.mark.parametrize("method", ["fixed", "incremental", "guided"])
def test_every_level_is_programmed_and_the_device_is_where_the_result_says(method: str) -> None:
    with rehearsed(seed=3) as station:
        protocol = Program(method=method, repeats=1)  # type: ignore[arg-type]
        series, why = recorded(protocol, station["A1"])
        result = protocol.results(series)
        assert station.virtual is not None
        truth = station.virtual.devices["A1"].conductance(station.virtual.clock.now())
        core = parameters(station).core
    assert result["success"] == 1
    assert why.startswith("5 of 5 targets reached")
    # 20 readings later it is where the verification found it: 4 standard errors, drift and slow noise of 10 nS.
    last, error = result["each"]["target_S"][-1] + result["each"]["error_S"][-1], result["each"]["error_std_S"][-1]
    assert abs(truth - last) < 4 * np.hypot(error, 10e-9)
    assert max(np.abs(result["each"]["error_S"])) < result["tolerance_S"] + 4 * 25e-9
    assert all(core.g_min < g < core.g_max for g in result["each"]["target_S"])
    # Half of the successes would be a fluke of 1/32; Wilson's interval for 5 of 5 starts at 57 %.
    assert result["success_low"] == pytest.approx(0.566, abs=0.001)


def test_guided_needs_at_most_half_the_pulses_of_fixed_steps() -> None:
    # 4.0 ± 0.3 against 14.2 ± 1.4 (benchmarks/program_pulses.py); 10 targets each here.
    pulses = {}
    for name, settings in {
        "fixed": {"method": "fixed", "highest": 2.4, "lowest": 2.4},
        "guided": {"method": "guided", "highest": 3.0},
    }.items():
        with rehearsed(edit={"500 ns": "2 us"}, seed=5) as station:
            core = parameters(station).core
            width = core.g_max - core.g_min
            protocol = Program(
                low=core.g_min + 0.1 * width,
                high=core.g_max - 0.1 * width,
                tolerance=0.01 * width,
                repeats=2,
                **settings,
            )  # type: ignore[arg-type]
            found = outcomes(recorded(protocol, station["A1"])[0])
        assert all(one.reached for one in found)
        pulses[name] = np.mean([one.pulses for one in found])
    assert pulses["guided"] <= 0.5 * pulses["fixed"]


def guided(noise: float, known: float = 0.3, highest: float = 1.5) -> Guided:
    """Steps of 1 uS whatever the conductance, 20 uS to go or less."""
    return Guided(lambda g, direction: 1e-6, Range(0.5, highest, 1), noise, known)


def test_where_reading_and_estimate_disagree_it_is_read_again_in_place_of_being_pulsed() -> None:
    way = guided(noise=1e-6)
    for _ in range(5):
        assert not way.arrived(20e-6, 21.2e-6, 1e-6)
        way.saw(20e-6, 20e-6, Move(0, 1.0))
    # Six readings say 20 uS within 0.4 uS; one that is by chance at the target is not believed, and not pulsed upon.
    way.saw(20e-6, 21.2e-6, Move(0, 1.0))
    assert not way.arrived(21.2e-6, 21.5e-6, 1e-6)
    assert way.move(21.2e-6, 21.5e-6, 1e-6) == Move(0, 1.0)
    # Four times; then the estimate decides.
    counts = [way.move(21.2e-6, 21.5e-6, 1e-6).count for _ in range(4)]
    assert counts == [0, 0, 0, 1]


def test_the_voltage_is_raised_by_no_more_than_a_quarter_beyond_what_was_tried_and_less_the_less_is_known() -> None:
    first = {}
    for known in (0.1, 1.0):
        way = guided(noise=1e-9, known=known)
        way.arrived(10e-6, 30e-6, 1e-7)
        first[known] = way.move(10e-6, 30e-6, 1e-7).level
        assert 0.5 <= first[known] <= 1.25
    assert first[1.0] < first[0.1]
    way = guided(noise=1e-9)
    way.arrived(10e-6, 30e-6, 1e-7)
    level, g = 1.0, 10e-6
    for _ in range(6):
        move = way.move(g, 30e-6, 1e-7)
        assert move.level <= level + 0.25 + 1e-12
        level = max(level, move.level)
        way.saw(g, g + 1e-9, move)  # it hardly moves
        g += 1e-9
    assert level == 1.5  # up to the highest allowed, and no further


def test_with_noise_near_the_tolerance_the_guided_way_ends_within_it_more_often() -> None:
    # Read noise of 0.7 of the tolerance: a fixed way stops at the first reading that chances to be within. Share of
    # targets whose true conductance is within: 60 targets each, binomial error 6 %.
    model = SoftBounds(10e-6, 50e-6, 0.004, 0.004)
    within = {}
    for method in ("fixed", "guided"):
        found = []
        for seed in range(3):
            block = SimCrosspoints(model, (2, 2), noise=SimNoise(0.2, 2.8e-7), seed=seed)
            protocol = Program(method=method, vary="count", low=12e-6, high=48e-6, tolerance=4e-7, verify=40)  # type: ignore[arg-type]
            series, _ = recorded(protocol, block)
            for row in range(2):
                for column in range(2):
                    found += [abs(one.left) < 4e-7 for one in outcomes(series.crosspoint(row, column))]
        within[method] = np.mean(found)
    assert within["guided"] > within["fixed"] + 0.06


def test_no_voltage_beyond_the_highest_allowed_is_used() -> None:
    with rehearsed() as station:
        series, _ = recorded(Program(highest=2.2, lowest=1.5), station["A1"])
    assert series.pulse_voltage is not None
    used = np.abs(series.pulse_voltage[np.isfinite(series.pulse_voltage)])
    assert used.max() <= 2.2 * (1 + 1e-12)
    assert used.min() >= 1.5 * (1 - 1e-12)


def test_a_block_is_programmed_side_by_side_and_a_stuck_crosspoint_ends_with_its_reason() -> None:
    with rehearsed() as station:
        assert station.virtual is not None
        device = station.virtual.devices["A2"]
        device.parameters = type(device.parameters)(**{**vars(device.parameters), "stuck": True})
        protocol = Program(levels=2)
        series, why = recorded(protocol, station.all)
        first, second = protocol.results(series)["crosspoints"]
    assert "1 of 2 crosspoints stopped: stuck: 150 pulses down and 150 up moved it by no more than its noise" in why
    assert first["success"] == 1
    assert second["success"] == 0
    assert second["pulses"] == 300  # the drives; not one more


def test_a_target_beyond_what_pulses_reach_is_given_up_and_said() -> None:
    with rehearsed(seed=2) as station:
        core = parameters(station).core
        protocol = Program(
            target=core.g_max - 1e-8, low=core.g_min, high=core.g_max, tolerance=1e-9, method="fixed", most=2000
        )
        series, why = recorded(protocol, station["A1"])
    result = protocol.results(series)
    assert why.startswith("0 of 1 targets")
    assert result["each"]["pulses"][0] < 2000
    assert "pulses no longer moved it" in result["verdict"] or "did not suffice" in result["verdict"]


def test_a_target_outside_the_window_is_refused_before_a_pulse() -> None:
    with rehearsed() as station:
        with pytest.raises(InputError, match="the target 90 uS is outside the window from 10 uS to 50 uS"):
            recorded(Program(target=90e-6, low=10e-6, high=50e-6), station["A1"])
        assert station.virtual is not None
        assert station.virtual.applied == []


def test_on_a_simulated_device_the_count_is_varied_by_the_model_of_its_file(tmp_path: Path) -> None:
    model = SoftBounds(10e-6, 50e-6, 0.01, 0.008)
    fitted = FittedDevice(
        unit="S", model_name="soft-bounds", parameters=model.parameters("S"),
        noise=Noise(read=2e-8, cycle_to_cycle=0.2), symmetry_point=None, verdict=Verdict(accepted=True, why="made"),
    )  # fmt: skip
    file = fitted.save(tmp_path / "device.json")
    counts = {}
    for method in ("fixed", "guided"):
        block = SimCrosspoints(model, (2, 2), noise=SimNoise(0.2, 2e-8), seed=4)
        protocol = Program(method=method, vary="count", device=str(file), tolerance=4e-7)  # type: ignore[arg-type]
        series, _ = recorded(protocol, block)
        each = protocol.results(series)["crosspoints"]
        assert all(one["success"] == 1 for one in each)
        counts[method] = len(series)
    # Far fewer readings: many pulses in one go where the model says that they fit.
    assert counts["guided"] < 0.5 * counts["fixed"]
    with pytest.raises(InputError, match="knows no pulse voltage"):
        recorded(Program(method="incremental"), SimCrosspoints(model))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lowest": 3.0, "highest": 2.0}, "lowest 3 V is above highest 2 V"),
        ({"low": 5e-5, "high": 1e-5}, "low must be below high"),
        ({"device": "nowhere.json"}, "no such file"),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recorded(Program.model_validate(settings), SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01)))


def test_wilson_intervals_are_those_of_the_book() -> None:
    # Wilson (1927) for 8 of 10 at 95 %: 0.490 to 0.943.
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)


@pytest.mark.parametrize("cut", [0, 5, 200, 315, 340])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed() as station:
        protocol = Program(method="fixed", levels=2)
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
