"""pulse-window: the law of the virtual device is found; the device is spared."""

from __future__ import annotations

import numpy as np
import pytest
from rehearsed import parameters, rehearsed
from rich_device import recorded

from instruments.errors import InputError, LimitError
from protocols.pulse_window import PulseWindow
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.formulas import SoftBounds


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_law_of_the_virtual_device_is_recovered_within_the_errors(seed: int) -> None:
    # Truth: x = sinh(V/v0) is exp(V/v0)/2 to 0.2 % at V >= 1.2 V, v0 = 0.35 V; steps are s x (bound - G) for s x << 1;
    # width exponent 0.9. 4 standard errors: probability 6e-5 a number, 12 numbers.
    with rehearsed(seed=seed) as station:
        protocol = PulseWindow()
        result = protocol.results(recorded(protocol, station["A1"])[0])
        truth = parameters(station)
        for direction in ("up", "down"):
            law = result["law"][direction]
            e_fold, error = law["volts_per_e_fold_V"], law["volts_per_e_fold_std_V"]
            assert abs(e_fold - truth.voltage_scale) < 4 * error < 4 * 0.25 * truth.voltage_scale
            assert abs(law["width_exponent"] - truth.width_exponent) < 4 * law["width_exponent_std"] < 4 * 0.25


def test_pulses_come_by_rising_voltage_then_width_and_up_and_down_take_turns() -> None:
    with rehearsed() as station:
        series, why = recorded(PulseWindow(voltages=3, widths=2, repeats=3, reads=1), station["A1"])
    assert series.pulse_voltage is not None
    assert series.pulse_width is not None
    v, w = series.pulse_voltage[1:, 0, 0], series.pulse_width[1:, 0, 0]
    dose = list(zip(np.abs(v).round(6).tolist(), w.tolist(), strict=True))
    assert dose == sorted(dose)
    assert np.all(np.sign(v[0::2]) == 1)
    assert np.all(np.sign(v[1::2]) == -1)
    assert sorted(set(np.abs(v).round(6).tolist())) == pytest.approx([1.2, 1.6, 2.0])
    assert why == "all 6 pulse shapes are applied"


def test_it_ends_at_the_limits_of_the_station_and_says_so() -> None:
    with rehearsed() as station:
        series, why = recorded(PulseWindow(highest=3.4, lowest=2.6, voltages=3, widths=1, repeats=3), station["A1"])
        assert "stopped after 2 of 3 pulse shapes" in why
        assert "limits.pulse_voltage" in why
        assert np.nanmax(np.abs(series.pulse_voltage)) == pytest.approx(3.0)
        with pytest.raises(LimitError):
            recorded(PulseWindow(lowest=3.2, highest=3.4), station["A1"])


def test_a_crosspoint_that_moves_too_far_gets_no_larger_dose() -> None:
    with rehearsed() as station:
        protocol = PulseWindow(lowest=1.2, highest=3.0, voltages=7, widths=1, repeats=3, largest_step=0.02)
        series, why = recorded(protocol, station.all)
    assert "largest_step 2 %" in why
    assert series.pulse_voltage is not None
    assert np.nanmax(np.abs(series.pulse_voltage)) < 3.0


def test_a_block_gives_every_crosspoint_its_own_law() -> None:
    with rehearsed() as station:
        protocol = PulseWindow(repeats=8)
        series, _ = recorded(protocol, station.all)
        for found, name in zip(protocol.results(series)["crosspoints"], ("A1", "A2"), strict=True):
            law = found["law"]["up"]
            assert abs(law["volts_per_e_fold_V"] - parameters(station, name).voltage_scale) < (
                4 * law["volts_per_e_fold_std_V"]
            )
        for figure in protocol.figures(series.crosspoint(0, 0), {}):
            assert figure.axes[0].get_xlabel() == "pulse voltage, magnitude"


def test_settings_that_make_no_grid_are_refused() -> None:
    block = SimCrosspoints(SoftBounds(10e-6, 50e-6, 0.01, 0.01))
    with pytest.raises(InputError, match="give the smaller ones as lowest"):
        recorded(PulseWindow(lowest=2.0, highest=1.0), block)
    with pytest.raises(InputError, match=r"10000000 pulses|make the grid coarser"):
        recorded(PulseWindow(voltages=1000, widths=1000, repeats=5), block)
    with pytest.raises(InputError, match="knows no pulse voltage"):
        recorded(PulseWindow(), block)


@pytest.mark.parametrize("cut", [0, 1, 4, 30])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed() as station:
        protocol = PulseWindow(voltages=2, widths=1, repeats=5)
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})
