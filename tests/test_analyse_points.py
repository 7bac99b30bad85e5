"""What each protocol takes of points without its phases, and which it says are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_runs import plain, recorded, written

from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError
from labshd.analysis.as_protocol import analyse
from labshd.analysis.kept_analyses import keep
from labshd.runs.importing import import_files
from protocols.common.protocol import UNKNOWN_COUNT

REFUSED = {
    "array-map": "whether a crosspoint works is told by the pulses that it chose to give or not; take update-response",
    "forming": "which readings belong to which voltage that was held is only told by its own run",
    "half-select": "which crosspoints were selected while others were read is only told by its own run",
    "program": "its targets are needed, and points alone do not tell where they were to lead",
    "spike-timing": "the delay between two spikes is only told by its own run",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_points_alone_do_not_tell_is_refused_by_name(name: str, tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    said = f"{name} is not analysed on points of other protocols or programs: {REFUSED[name]}"
    with pytest.raises(InputError) as error:
        analyse(run, name)
    assert str(error.value) == f"{run.folder}: {said}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("update-response", "the longest here are none up and none down"),
        ("symmetry-point", "here are 0 up and 0 down"),
        ("relaxation", "here are 0, and the most readings in a row after pulses are 0"),
        ("endurance", "endurance needs 4 cycles or more, as many pulses up as down with a reading at either end; "),
        ("iv-sweep", "iv-sweep needs the voltage and the current of every reading; 0 of 60 readings here have both"),
        ("pulse-window", "pulse-window needs the voltage and width of every pulse; here are no pulses of known count"),
        ("read-disturb", "here are 0, in 1 bursts of up to 60 readings"),
    ],
)
def test_readings_at_rest_lack_what_others_need(name: str, said: str, tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 60, np.linspace(1e-6, 2e-6, 60), time=np.arange(60.0))
    with pytest.raises(InputError, match="needs") as error:
        analyse(run, name)
    assert said in str(error.value)


def test_random_pulses_are_no_ramps_and_no_cycles(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    counts = rng.permutation(np.repeat([1, -1], 200))
    run = written(tmp_path, counts, 1e-5 + 1e-7 * np.cumsum(counts), time=np.arange(400.0))
    with pytest.raises(InputError, match=r"pulses that go up and down at random are none .* symmetry-point takes them"):
        analyse(run, "update-response")
    with pytest.raises(InputError, match=r"ramps of 1 to \d+ pulses, which are no cycles"):
        analyse(run, "endurance")


def test_ramps_give_a_symmetry_point_and_say_that_they_are_no_approaches(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path)
    found = analyse(run, "symmetry-point")
    at = run.result["symmetry_points"][0] if run.result and run.result["symmetry_points"] else None
    assert at is not None
    assert found.result["symmetry_point_S"] == pytest.approx(at["conductance_S"], abs=2 * at["std_S"])
    assert "it rests on ramps, without an approach from either side to compare" in found.result["verdict"]


def test_the_drives_of_a_symmetry_search_are_ramps_and_what_is_between_them_is_left_out(tmp_path: Path) -> None:
    found = analyse(recorded("symmetry-point", tmp_path), "update-response")
    assert found.result["dynamic_range"]["range_S"] > 0
    assert any("readings are of no ramp and are left out" in line for line in found.said)
    assert {name for name, _, _ in found.phases} == {"before", "up", "down"}


def test_one_cycle_of_ramps_alone_of_any_run(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path)
    one, other = (analyse(run, "update-response", cycles=str(k)) for k in (1, 2))
    assert one.result["pulses"] == other.result["pulses"] == 120
    assert one.result["delta_g"] != other.result["delta_g"]
    assert "4 ramps are of other cycles and are left out." in one.said


def test_ramps_are_cycles_of_an_endurance(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, pulses=30, cycles=5)
    found = analyse(run, "endurance")
    window = found.result["windows"]
    g = run.series().readings.conductance.ravel()
    assert window["cycle"] == [1, 2, 3, 4, 5]
    assert window["high_S"][0] == g[20 + 29]
    assert window["low_S"][-1] == g[-1]
    assert window["pulses"][-1] == 300


def test_imported_ramps_of_unknown_beginning_are_ramps(tmp_path: Path) -> None:
    for name, sign in (("set", 1), ("reset", -1)):
        columns = np.array([2e-4 + sign * 1e-6 * np.arange(-15, 15) + 1e-8 * k for k in range(3)])
        np.savetxt(tmp_path / f"{name}.csv", columns.T, delimiter=",", header="a,b,c", comments="")
    run = import_files(
        [], "ramps", up=tmp_path / "set.csv", down=tmp_path / "reset.csv", quantity="conductance", runs=tmp_path / "r"
    )
    found = analyse(run, "update-response")
    assert found.result["pulses"] == 6 * 29
    assert found.result["dynamic_range"]["high_S"] > found.result["dynamic_range"]["low_S"]
    assert found.said[0].startswith("Ramps up of 29 pulses are taken from 1: readings 1 to 29")
    with pytest.raises(InputError, match=r"endurance needs 4 cycles or more, .*; here are 3"):
        analyse(run, "endurance")
    phases = {name for name, _, _ in analyse(run, "symmetry-point").phases}
    assert phases == {"rest", "begins a piece", "drive up", "drive down"}


def sweep(g_of: Any, cycles: int = 3, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Voltages 0, out, back to 0, on either side, and the currents of a device that sets at 0.6 V, resets at -0.5 V."""
    way = np.round(np.arange(0, top + 0.01, 0.05), 3)
    volts = np.concatenate([np.concatenate([way, way[-2::-1], -way[1:], -way[-2::-1]]) for _ in range(cycles)])
    on, amps = False, []
    for v in volts:
        on = (on or v > 0.6) and not v < -0.5
        amps.append(v * (1e-4 if on else 1e-6))
    return volts, np.array(amps)


def test_voltages_that_go_out_and_back_are_sweeps(tmp_path: Path) -> None:
    volts, amps = sweep(None)
    with np.errstate(invalid="ignore"):
        g = np.where(volts == 0, np.nan, amps / np.where(volts == 0, 1, volts))
    run = written(tmp_path, [UNKNOWN_COUNT] * len(volts), g, time=np.arange(len(volts)), volts=volts, amps=amps)
    found = analyse(run, "iv-sweep")
    assert found.result["cycles"] == 3
    assert found.result["set_voltage_V"] == pytest.approx(0.625, abs=0.026)
    assert found.result["reset_voltage_V"] == pytest.approx(-0.525, abs=0.026)
    assert found.result["on_S"] == pytest.approx(1e-4)
    assert found.result["off_S"] == pytest.approx(1e-6)
    assert found.said[0].startswith("3 positive sweeps out to 1 V and back are taken from 1: readings 1 to 39")
    assert analyse(run, "iv-sweep", cycles="2").result["cycles"] == 1
    assert found.figures()
    keep(found)


@pytest.mark.parametrize("limit", ["10 mA", "150 uA"])
def test_sweeps_of_labshd_read_by_their_voltages_give_its_own_numbers(limit: str, tmp_path: Path) -> None:
    run = recorded("iv-sweep", tmp_path, station="rram.toml", cycles=3, compliance=limit, compliance_negative="10 mA")
    series = run.series()
    r = series.readings
    volts, amps = r.voltage.ravel(), r.current.ravel()
    counts, time = series.counts, r.time.ravel()
    other = written(tmp_path / "o", counts, r.conductance, time=time, volts=volts, amps=amps, status=r.status)
    analysed = analyse(other, "iv-sweep")
    found, own = analysed.result, run.result
    assert own is not None
    for key in ("cycles", "set_cycles", "reset_cycles"):
        assert found[key] == own[key], key
    for key in ("set_voltage_V", "reset_voltage_V"):
        assert found[key] == pytest.approx(own[key], abs=0.05), key  # a step at most, at the current limit
    for key in ("on_S", "off_S"):
        assert found[key] == pytest.approx(own[key], rel=0.03), key
    assert any("at the current limit had less voltage" in line for line in analysed.said) == (limit == "150 uA")


def test_a_voltage_that_stays_is_no_sweep(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, [1e-5] * 20, volts=[0.1] * 20, amps=[1e-6] * 20)
    with pytest.raises(
        InputError, match=r"go out beyond 100 mV \(setting read_voltage\) and back, .* between 100 mV and"
    ):
        analyse(run, "iv-sweep")


def test_single_pulses_of_several_voltages_are_a_pulse_window(tmp_path: Path) -> None:
    run = recorded("pulse-window", tmp_path, voltages=2, widths=2, repeats=4)
    series = run.series()
    assert series.pulse_voltage is not None
    assert series.pulse_width is not None
    pairs: list[PulsePair] = []
    for v, w in zip(series.pulse_voltage.ravel().tolist(), series.pulse_width.ravel().tolist(), strict=True):
        one = Pulse(v if v == v else 1.0, w if w == w else 1e-6)
        pairs.append(PulsePair(one, one))
    r = series.readings
    other = written(tmp_path / "o", series.counts, r.conductance, time=r.time.ravel(), pulses=pairs)
    found = analyse(other, "pulse-window")
    assert plain(found.result) == run.result
    assert found.said[0].startswith("Steps are taken from single pulses of 8 shapes: ")
    with pytest.raises(InputError, match=r"update-response needs ramps|pulses up have 4 shapes"):
        analyse(other, "update-response")
    with pytest.raises(InputError, match=r"symmetry-point is of one pair of pulses; here pulses up have 4 shapes"):
        analyse(other, "symmetry-point")


def test_ramps_whose_pulses_grow_are_taken_as_such(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, pulses=20, cycles=3, ramp="voltage")
    found = analyse(run, "update-response", cycles="1-3")
    assert plain(found.result) == run.result
    assert "Pulses of a ramp grow in voltage." in found.said
    assert analyse(run, "pulse-window").result["law"]


def test_dense_readings_are_averaged_at_log_spaced_times(tmp_path: Path) -> None:
    time = np.arange(5000) * 0.01
    g = 1e-5 - 1e-7 * np.log(np.maximum(time, 0.01)) + 1e-9 * np.random.default_rng(1).standard_normal(5000)
    run = written(tmp_path, [3] + [0] * 4999, g, time=time)
    found = analyse(run, "retention", {"horizon": "1e6 s"})
    assert found.result["slope_per_ln_t_S"] == pytest.approx(-1e-7, rel=0.05)
    assert found.result["horizon_s"] == 1e6
    assert found.said[0] == "Time counts from reading 0, the first after 3 pulses."
    assert "averaged at" in found.said[1]
    assert found.figures()


def test_bursts_whose_pauses_are_short_are_no_read_disturb(tmp_path: Path) -> None:
    time = np.concatenate([k * 80.0 + 0.5 * np.arange(60) for k in range(6)])
    run = written(tmp_path, [0] * len(time), np.linspace(1e-5, 1.1e-5, len(time)), time=time)
    assert analyse(run, "read-disturb").result["pairs"] == 5
    close = np.concatenate([k * 40.0 + 0.5 * np.arange(60) for k in range(6)])
    run = written(tmp_path, [0] * len(time), np.linspace(1e-5, 1.1e-5, len(time)), time=close)
    with pytest.raises(InputError, match=r"the pause after readings 0 to 59 is 10.5 s, these readings took 29.5 s"):
        analyse(run, "read-disturb")


def test_relaxations_after_trains_of_single_pulses(tmp_path: Path) -> None:
    counts = np.tile([1] * 5 + [0] * 20 + [-1] * 5 + [0] * 20, 3)
    after = np.tile(np.concatenate([np.full(5, 0.0), np.arange(1, 21)]), 6)
    sign = np.repeat(np.tile([1.0, -1.0], 3), 25)
    g = 1e-5 + 1e-7 * np.cumsum(counts) + sign * 2e-7 * np.exp(-after / 5)
    g += 1e-10 * np.random.default_rng(2).standard_normal(len(g))
    run = written(tmp_path, counts, g, time=np.arange(len(g)))
    found = analyse(run, "relaxation")
    # The first burst has no reading before it; its pulses count all the same.
    assert found.result["relaxations"] == 5
    assert found.result["pulses"] == 30
    assert found.result["time_constant_s"] == pytest.approx(5, rel=0.2)
