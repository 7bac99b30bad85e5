"""Every kind of wiring, rehearsed from its station file: the conformance suite, the observer, what reaches whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conformance import Conformance
from rehearsed import rehearsed

from instruments.crosspoints import Crosspoints, Pulse, PulsePair, Status
from instruments.errors import InputError
from labshd.recording.recorder import record
from labshd.station.station import Station, open_station
from labshd.station.station_file import read_station_file
from protocols.read_noise import ReadNoise
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench.circuit.transistor import Transistor

STATIONS = Path(__file__).parents[1] / "data" / "stations"
HELD = {
    'ground = "C" #': 'bias = "D"\nread_gate = "held"\nground = "C" #',
    "[instruments.matrix]": '[instruments.bias]\ndriver = "keithley-2400"\nresource = "GPIB0::24::INSTR"\n\n'
    '[bias]\nread = "50 mV"\ncompliance = "1 uA"\n\n[instruments.matrix]',
    'read_voltage = "200 mV"': 'read_voltage = "200 mV"\ngate_voltage = "1 V"',
}


class OnABench(Conformance):
    """A rehearsed station; its observer has nothing to say, and everything ends off."""

    station: ClassVar[str] = "ecram.toml"
    edit: ClassVar[dict[str, str]] = {}
    # ECRAM: white 15 nS and slow 10 nS; levels of 4 readings differ by sqrt(2) (15/2, 10) nS, 18 nS, 5.5 of which are
    unmoved = 100e-9
    visible = 20  # 1.6 uS of some 30 uS

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        with rehearsed(self.station, edit=self.edit) as station:
            assert station.virtual is not None
            yield self.block(station)
            station.safe()
            assert station.virtual.is_safe()

    def block(self, station: Station) -> Crosspoints:
        return station.all

    def forbidden(self, crosspoints: Crosspoints) -> PulsePair | None:
        return PulsePair(Pulse(4.0, 500e-9), Pulse(-4.0, 500e-9))


class TestThreeTerminalsGateFloating(OnABench):
    pass


class TestThreeTerminalsGateGrounded(OnABench):
    edit: ClassVar = {'ground = "C" #': 'read_gate = "grounded"\nground = "C" #'}


class TestThreeTerminalsGateHeld(OnABench):
    edit: ClassVar = HELD


class TestSixSlots(OnABench):
    station = "ecram-36.toml"

    def block(self, station: Station) -> Crosspoints:
        return station.all[:, 10:14]  # B5 and B6 on slot 2, C1 and C2 on slot 3


class TestTwoTerminals(OnABench):
    station = "rram.toml"
    # RRAM: white 0.2 uS and slow 0.3 uS; levels of 4 readings differ by 0.45 uS, 6 of which are
    unmoved = 2.7e-6
    visible = 6  # 20 uS of 90 uS


class TestOneTransistor(OnABench):
    station = "1t1r.toml"
    unmoved = 2.7e-6
    visible = 6


class TestOneTransistorSourceLinesGroundedForGood(OnABench):
    station = "1t1r.toml"
    edit: ClassVar = {", source = 3": "", ", source = 6": ""}
    unmoved = 2.7e-6
    visible = 6


class TestOneTransistorOneBoxReadsAndHolds(OnABench):
    station = "1t1r.toml"
    edit: ClassVar = {
        'driver = "keithley-2450"': 'driver = "keithley-2600b"',
        'driver = "keithley-2400"': 'driver = "keithley-2600b-channel-b"',
        "GPIB0::24::INSTR": "TCPIP0::192.168.0.12::inst0::INSTR",
    }
    unmoved = 2.7e-6
    visible = 6


class TestCrossbar(OnABench):
    station = "crossbar.toml"
    unmoved = 2.7e-6
    visible = 6

    def block(self, station: Station) -> Crosspoints:
        return station.all[:2, :2]

    def test_a_sweep_measures_at_every_level_in_order_and_at_these_moves_nothing(
        self, crosspoints: Crosspoints
    ) -> None:
        """There are no sweeps of a crosspoint between two sources."""
        with pytest.raises(InputError, match="neither of which may be swept"):
            next(iter(crosspoints.sweep([0.05, 0.1], 5e-5)))

    test_a_sweep_leaves_alone_what_is_given_no_voltage = None  # type: ignore[assignment]
    test_a_sweep_may_be_left_at_any_level = None  # type: ignore[assignment]


class TestCrossbarFloating(TestCrossbar):
    edit: ClassVar = {
        'scheme = "V/2"': 'scheme = "floating"',
        'inverse = "B" # output 2\n': "",
        "keysight-81160a-halves": "keysight-81160a",
    }


# -- a transistor in series ------------------------------------------------------------------------------------------


def test_the_gate_voltage_is_the_current_compliance_of_a_set() -> None:
    # In saturation I = k/2 (Vg - Vt)^2; a set ends where I/G no longer moves the device: lower gate, lower conductance.
    reached = {}
    for gate in ("600 mV", "800 mV", "2.5 V"):
        edit = {'\nset = "1.1 V"': f'\nset = "{gate}"'}
        with rehearsed("1t1r.toml", edit=edit, start=30e-6) as station:
            station["A1"].pulse(300)
            reached[gate] = float(station["A1"].read(8).conductance.mean())
    assert reached["600 mV"] < 0.7 * reached["800 mV"]
    assert reached["800 mV"] < 0.7 * reached["2.5 V"]
    assert Transistor().saturation(1.0) == pytest.approx(1e-3 / 2 * 0.55**2)


def test_a_gate_that_is_off_lets_no_pulse_through_and_adds_its_resistance_to_a_reading() -> None:
    transistor = Transistor()
    assert transistor.across(1.4, 0.0, 0.0, 100e-6) == pytest.approx(0.0, abs=1e-9)
    # Small voltages: 1/k(Vg - Vt) = 1/(1 mS/V x 1.55 V) = 645 ohm beside 10 kohm
    assert transistor.across(0.01, 0.0, 2.0, 100e-6) / 0.01 == pytest.approx(1 / (1 + 645e-4), rel=1e-3)
    # A negative top electrode: the node is the transistor's source, which conducts the more for it.
    assert abs(transistor.across(-1.4, 0.0, 1.0, 1e-3)) > transistor.across(1.4, 0.0, 1.0, 1e-3)


def test_the_word_line_is_within_its_own_limit(tmp_path: Path) -> None:
    text = (STATIONS / "1t1r.toml").read_text(encoding="utf-8")
    (tmp_path / "low.toml").write_text(text.replace('gate_voltage = "3 V"', 'gate_voltage = "2.5 V"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"held at 2\.8 V is beyond the limit of ±2\.5 V \(limits\.gate_voltage\)"):
        read_station_file(tmp_path / "low.toml")
    with rehearsed("1t1r.toml") as station:
        assert station.virtual is not None
        station["A1"].pulse(-1)
        assert station.virtual.largest_gate_voltage == pytest.approx(2.8)


# -- a crossbar ------------------------------------------------------------------------------------------------------


def test_neighbours_on_both_lines_see_half_a_pulse_and_all_others_none() -> None:
    with rehearsed("crossbar.toml") as station:
        assert station.virtual is not None
        assert station.grid.shape == (4, 4)
        station["B3"].pulse(-2)
        seen = {one.crosspoint: round(one.voltage, 3) for one in station.virtual.applied}
    assert seen.pop("B3") == -1.2
    assert seen == dict.fromkeys(("B1", "B2", "B4", "A3", "C3", "D3"), -0.6)


def test_lines_that_float_leave_a_third_and_less_to_neighbours_of_equal_devices() -> None:
    # All 16 conductances equal: neighbours see (N - 1)/(2N - 1) of V, 3/7 of it, all others 1/7, of the other sign.
    with rehearsed("crossbar.toml", edit=TestCrossbarFloating.edit, start=100e-6, spread=0.0) as station:
        assert station.virtual is not None
        station["B3"].pulse(1)
        seen = {one.crosspoint: one.voltage for one in station.virtual.applied}
    assert seen["B3"] == pytest.approx(1.2, rel=1e-3)
    assert seen["B1"] == pytest.approx(1.2 * 3 / 7, rel=0.02)
    assert seen["A3"] == pytest.approx(1.2 * 3 / 7, rel=0.02)
    assert seen["A1"] == pytest.approx(-1.2 / 7, rel=0.05)


def test_a_reading_of_a_crossbar_is_its_own_crosspoint_beside_neighbours_a_hundred_times_better() -> None:
    with rehearsed("crossbar.toml") as station:
        assert station.virtual is not None
        for name, device in station.virtual.devices.items():
            device._core = 2e-6 if name == "B3" else 190e-6
        readings = station["B3"].read(8)
        assert np.all(readings.status == Status.OK)
        # 6 sigma of white and slow noise of 8 readings
        assert readings.conductance.mean() == pytest.approx(2e-6, abs=2e-6)


# -- matrices of several slots ---------------------------------------------------------------------------------------


def test_thirty_six_crosspoints_of_six_slots_are_one_station() -> None:
    with rehearsed("ecram-36.toml") as station:
        assert station.virtual is not None
        block = station.all
        before = block.read().conductance[0]
        counts = np.zeros((1, 36), dtype=np.int64)
        counts[0, [0, 17, 35]] = 30
        block.pulse(counts)
        moved = block.read().conductance[0] - before
        assert set(np.flatnonzero(moved[0] > 0.5e-6)) == {0, 17, 35}
        assert {one.crosspoint for one in station.virtual.applied} == {"A1", "C6", "F6"}


# -- protocols and the observer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["1t1r.toml", "crossbar.toml", "ecram-36.toml"])
def test_a_recorded_run_leaves_nothing_on_and_the_observer_nothing_to_say(name: str, tmp_path: Path) -> None:
    with open_station(STATIONS / name, rehearse=True) as station:
        assert station.virtual is not None
        for protocol in (ReadNoise(reads=20), UpdateResponse(pulses=10, cycles=1)):
            run = record(protocol, station.first, runs=tmp_path, station=station)
            assert run.status == "finished"
            assert np.all(run.series().readings.status == 0)
            assert station.virtual.is_safe()
        assert station.virtual.faults == []


# -- station files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("ecram-36.toml", 'gate = "6:11"', "gate = 13", 'counted through, this is "2:1"'),
        ("ecram-36.toml", 'gate = "6:11"', 'gate = "7:1"', "slots 1 to 6 with columns 1 to 12 each"),
        ("ecram-36.toml", 'gate = "6:11"', 'gate = "6-11"', r'a number from 1, or "slot:column" such as "2:3"'),
        ("ecram.toml", "gate = 3", "gate = 13", r'counted through, this is "2:1"'),
        ("ecram.toml", 'ground = "C" #', 'read_gate = "grounded" #', "wiring.ground.*is missing"),
        ("ecram.toml", 'ground = "C" #', 'read_gate = "held" #', "wiring.bias.*is missing"),
        ("ecram.toml", 'ground = "C" #', 'scheme = "V/2" #', "only the lines of a crossbar"),
        ("ecram.toml", "keysight-81160a", "keysight-81160a-halves", "half of every pulse"),
        ("rram.toml", 'smu = "B"', 'smu = "A"', "one row of the matrix for generator and smu"),
        ("rram.toml", 'smu = "B"', 'smu = "B"\nread_gate = "grounded"', "has no such choice"),
        ("1t1r.toml", 'reset = "2.8 V"', "", r"bias\.reset.*is missing"),
        ("1t1r.toml", 'gate_voltage = "3 V"', "", r"names no limits\.gate_voltage"),
        ("1t1r.toml", 'bias = "D"', "", r"wiring\.bias.*is missing"),
        ("1t1r.toml", 'ground = "C"', "#", r"wiring\.ground.*is missing.*the end of the cell"),
        ("1t1r.toml", "gate = 5", "gate = 4", "two names for one electrode"),
        ("1t1r.toml", "keithley-707b", "keithley-7001", ""),
        ("crossbar.toml", "keysight-81160a-halves", "keysight-81160a", "come from two outputs of one generator"),
        ("crossbar.toml", 'inverse = "B"', "#", r"wiring\.inverse.*is missing"),
        ("crossbar.toml", "keithley-707b", "keithley-7001", "this matrix has rows A to D; 5 of them are needed"),
        ("crossbar.toml", " row = 1, column = 6 }", " row = 1, column = 5 }", "A1 is between these two lines"),
        ("crossbar.toml", " row = 1, column = 6 }", " row = 5, column = 6 }", "two names for one electrode"),
        ("crossbar.toml", "[bias]", '[bias]\nread = "100 mV"', r"a crossbar's row is read at read\.voltage"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_wiring_is_said(name: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (STATIONS / name).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    if not says:
        read_station_file(path)
        return
    with pytest.raises(InputError, match=says):
        read_station_file(path)


def test_crosspoints_of_a_crossbar_with_gaps_are_one_row(tmp_path: Path) -> None:
    text = (STATIONS / "crossbar.toml").read_text(encoding="utf-8").replace("D4 = { row = 4, column = 8 }\n", "")
    path = tmp_path / "gaps.toml"
    path.write_text(text, encoding="utf-8")
    with open_station(path, rehearse=True) as station:
        assert station.grid.shape == (1, 15)
