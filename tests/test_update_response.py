"""update-response: what a physicist reads from it, against devices whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rehearsed import parameters, rehearsed
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from instruments.crosspoints import Crosspoints, Pulse
from instruments.errors import InputError
from protocols.common.protocol import Series
from protocols.update_response import UpdateResponse

RANGE = 90e-6


def device(seed: int = 0, *, read: float = 0.01, shape: tuple[int, int] = (1, 1)) -> tuple[RichCrosspoints, float]:
    physics, truth = soft_bounds(10e-6, 100e-6, 0.004, 0.003, read=read * RANGE)
    return RichCrosspoints(physics, 30e-6, seed, shape), truth


def test_ramps_are_applied_as_asked_and_every_pulse_is_read() -> None:
    crosspoints, _ = device()
    series, why = recorded(UpdateResponse(pulses=30, cycles=2, rest=5), crosspoints)
    counts = series.counts[:, 0, 0]
    assert counts.tolist() == [0] * 5 + [1] * 30 + [-1] * 30 + [1] * 30 + [-1] * 30
    assert [str(series.phases[k]) for k in (0, 5, 35, 65, 95)] == ["rest", "up", "down", "up", "down"]
    assert crosspoints.applied[0, 0] == 120
    assert why == "all 2 cycles of 30 pulses up and 30 down are done"


def test_planned_readings_are_the_readings_taken() -> None:
    protocol = UpdateResponse(pulses=20, cycles=2, reads=3, rest=7)
    series, _ = recorded(protocol, device()[0])
    assert len(series) == protocol.planned_readings((1, 1)) == 7 + 2 * 2 * 20 * 3


def test_first_ramp_may_go_down_and_repeated_reads_pulse_once() -> None:
    series, _ = recorded(UpdateResponse(pulses=4, cycles=1, reads=2, first="down", rest=1), device()[0])
    assert series.counts[1:, 0, 0].tolist() == [-1, 0] * 4 + [1, 0] * 4


def test_symmetry_point_of_twelve_devices_within_its_errors() -> None:
    # z of 12 runs: |z| > 4 has probability 12 * 6e-5 for normal errors; the root mean square of 12 is below 1.6
    # with probability 0.999 (chi-square, 12 degrees of freedom: 32.9/12 = 2.74 = 1.66²), if errors are honest;
    # the errors of a random walk seen six times are themselves known to 20 %, which 2.0 allows for.
    z = []
    for seed in range(12):
        crosspoints, truth = device(seed)
        protocol = UpdateResponse(pulses=250, cycles=3)
        result = protocol.results(recorded(protocol, crosspoints)[0])
        (point,) = result["symmetry_points"]
        assert point["stable"] is True
        z.append((point["conductance_S"] - truth) / point["std_S"])
    assert max(np.abs(z)) < 4.5
    assert np.sqrt(np.mean(np.square(z))) < 2.0


def test_noises_are_told_apart_each_within_four_of_its_errors() -> None:
    crosspoints, _ = device(3)
    protocol = UpdateResponse(pulses=500, cycles=3)
    noise = protocol.results(recorded(protocol, crosspoints)[0])["noise"]
    assert abs(noise["read_S"] - 0.01 * RANGE) < 4 * noise["read_std_S"] < 0.1 * RANGE * 0.01 * 4
    assert abs(noise["cycle_to_cycle"] - 0.3) < 4 * noise["cycle_to_cycle_std"] < 4 * 0.15


def test_repeated_reads_give_the_read_noise_of_one_reading() -> None:
    # 2 reads of 401 states: 401 degrees of freedom, standard error 1/sqrt(802) = 3.5 %.
    crosspoints, _ = device(4)
    protocol = UpdateResponse(pulses=200, cycles=1, reads=2, rest=2)
    noise = protocol.results(recorded(protocol, crosspoints)[0])["noise"]
    assert noise["read_S"] == pytest.approx(0.01 * RANGE, rel=4 * 0.036)
    assert noise["read_std_S"] / noise["read_S"] == pytest.approx(0.0353, rel=0.02)


def test_dynamic_range_holds_the_ends_of_the_closed_form() -> None:
    # One ramp of n pulses up from G0: Gmax - (Gmax - G0)(1 - s)^n, and down from there likewise; without noise.
    physics, _ = soft_bounds(10e-6, 100e-6, 0.02, 0.01, cycle_to_cycle=0.0)
    protocol = UpdateResponse(pulses=100, cycles=1)
    window = protocol.results(recorded(protocol, RichCrosspoints(physics, 30e-6, 0))[0])["dynamic_range"]
    ends_up = [100e-6 - 70e-6 * 0.98**n for n in range(96, 101)]
    ends_down = [10e-6 + (ends_up[-1] - 10e-6) * 0.99**n for n in range(96, 101)]
    assert window["high_S"] == pytest.approx(np.mean(ends_up), rel=1e-9)
    assert window["low_S"] == pytest.approx(np.mean(ends_down), rel=1e-9)
    assert window["ratio"] == pytest.approx(np.mean(ends_up) / np.mean(ends_down), rel=1e-9)


def test_growing_steps_cross_at_an_unstable_symmetry_point() -> None:
    physics = Physics(lambda g: 0.01 * (g - 20e-6), lambda g: np.full_like(g, -0.4e-6), read=2e-7)
    protocol = UpdateResponse(pulses=80, cycles=4)
    crosspoints = RichCrosspoints(physics, 50e-6, 5)
    (point,) = protocol.results(recorded(protocol, crosspoints)[0])["symmetry_points"]
    assert point["stable"] is False
    assert abs(point["conductance_S"] - 60e-6) < 4 * point["std_S"]


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 60, 300, 700])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    protocol = UpdateResponse(pulses=250, cycles=2)
    series, _ = recorded(protocol, device()[0])
    part = series.where(np.arange(len(series)) < cut)
    result = protocol.results(part)
    assert result["readings"] == cut
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["verdict"]
    protocol.figures(part, result)


def test_a_stuck_crosspoint_and_missing_readings_make_no_numbers() -> None:
    still = Physics(np.zeros_like, np.zeros_like, read=0.0)
    protocol = UpdateResponse(pulses=50, cycles=1)
    series, _ = recorded(protocol, RichCrosspoints(still, 20e-6, 0))
    assert protocol.results(series)["symmetry_points"] == []
    lost = series.readings.conductance.copy()
    lost[:] = np.nan
    nothing = Series(
        series.phases, series.counts, type(series.readings)(lost, *[series.readings.time] * 3, series.readings.status)
    )
    assert protocol.results(nothing)["dynamic_range"] is None


def test_a_block_gives_a_result_for_every_crosspoint() -> None:
    protocol = UpdateResponse(pulses=60, cycles=1)
    crosspoints: Crosspoints = device(shape=(2, 3))[0]
    found = protocol.results(recorded(protocol, crosspoints)[0])["crosspoints"]
    assert [(c["row"], c["column"]) for c in found] == [(r, c) for r in range(2) for c in range(3)]
    assert all(c["pulses"] == 120 for c in found)


def test_figures_name_their_axes_with_units() -> None:
    protocol = UpdateResponse(pulses=250, cycles=1)
    series, _ = recorded(protocol, device()[0])
    trace, steps = protocol.figures(series, protocol.results(series))
    assert trace.axes[0].get_ylabel() == "conductance"
    assert trace.axes[0].yaxis.get_major_formatter().format_data(5e-5) == "50 µS"
    assert "symmetry point" in " ".join(t.get_text() for t in steps.axes[0].get_legend().get_texts())


def pulsed(**settings: object) -> tuple[Series, UpdateResponse, float, float]:
    """A ramp on a rehearsed bench: series, protocol, and v0 and s of the virtual device (up)."""
    with rehearsed(seed=2, edit={"500 ns": "5 us"}, volatile=0.0, start=10e-6) as station:
        protocol = UpdateResponse.model_validate({"pulses": 80, "cycles": 4, "rest": 5} | settings)
        series, _ = recorded(protocol, station["A1"])
        p = parameters(station)
    return series, protocol, p.voltage_scale, p.fraction(Pulse(2.0, 5e-6))[0]


def test_the_departure_from_a_straight_line_is_that_of_the_law_and_a_voltage_ramp_is_straighter() -> None:
    # Soft bounds: y = (1 - q^k)/(1 - q^n) over n identical pulses, q = 1 - s; a ramp in voltage from 1.2 V to 2 V:
    # the product of the (1 - s_k), 1 - s_k = (1 - s)^(sinh(V_k/v0)/sinh(2/v0)).
    found = {}
    for ramp in ("identical", "voltage"):
        series, protocol, scale, s = pulsed(ramp=ramp)
        volts = np.full(80, 2.0) if ramp == "identical" else np.linspace(1.2, 2.0, 80)
        log = np.cumsum(np.sinh(volts / scale) / np.sinh(2.0 / scale)) * np.log1p(-s)
        y = np.concatenate([[0.0], -np.expm1(log)])
        truth = np.max(np.abs(y / y[-1] - np.linspace(0, 1, 81)))
        straight = protocol.results(series)["departure_from_straight"]
        # the first ramp begins at g_min, the others where the one before ended: the same curve in y.
        assert abs(straight["up"] - truth) < 4 * straight["up_std"] + 0.01  # of the polynomial that smooths
        found[ramp] = straight["up"]
        assert series.pulse_voltage is not None
        applied = series.pulse_voltage[5:85, 0, 0]
        assert applied == pytest.approx(volts)
    assert found["voltage"] != pytest.approx(found["identical"], abs=0.05)


def test_a_width_ramp_grows_in_width_both_ways_and_has_no_symmetry_point() -> None:
    series, protocol, _, _ = pulsed(ramp="width", shortest=1e-6, longest=4e-6)
    assert series.pulse_width is not None
    assert series.pulse_width[5:85, 0, 0] == pytest.approx(np.linspace(1e-6, 4e-6, 80))
    assert series.pulse_width[85:165, 0, 0] == pytest.approx(np.linspace(1e-6, 4e-6, 80))
    result = protocol.results(series)
    assert result["symmetry_points"] == []
    assert "pulses grow in width" in result["verdict"]
    assert len(protocol.figures(series, result)) == 2
    assert len(series) == protocol.planned_readings((1, 1))


def test_a_ramp_that_runs_backwards_is_refused() -> None:
    with pytest.raises(InputError, match="the ramp runs from 3 V down to 2 V"):
        recorded(UpdateResponse(ramp="voltage", lowest=3.0, highest=2.0), device()[0])


def test_a_stop_rule_ends_it() -> None:
    series, why = recorded(UpdateResponse(pulses=40, cycles=2, stop_pulses=50), device()[0])
    assert why == "stopped: 50 pulses are spent"
    assert int(np.abs(series.counts).sum()) == 50
