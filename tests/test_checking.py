"""`labshd check`: all that is wrong with a bench, in one list, and nothing driven but a known resistor."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pymeasure.test import expected_protocol
from served import served

from instruments.bench.capability import MOST
from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Pulse
from instruments.drivers import known, load
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import Interlock, PulseSource, SourceMeasureUnit
from instruments.units import share
from instruments.wire import Wire
from labshd.cli.command_line import main
from labshd.recording.recorder import record
from labshd.station.check import Budget, MeasuredResistor, check_bench
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench import VirtualBench, make_devices

STATIONS = Path(__file__).parents[1] / "data" / "stations"
ECRAM = STATIONS / "ecram.toml"
WIDE = Limits(pulse_voltage=1e3, pulse_width=1.0, read_voltage=1e3, current=100.0, pulses_per_crosspoint=10)
RESISTOR = """
[check]
resistor = "100 kohm"
tolerance = "1 %"
crosspoint = "A2"
"""


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSHD_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def station(tmp_path, more="", edit=None):
    text = ECRAM.read_text(encoding="utf-8")
    for old, new in (edit or {}).items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "bench.toml"
    file.write_text(text + more, encoding="utf-8")
    return file


def twin_of(driver, limits=WIDE):
    name = "TCPIP0::it::inst0::INSTR"
    virtual = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {name: driver})
    wire = Wire(name, virtual.library(), instrument="it", clock=virtual.clock)
    return load(driver)(wire, limits), virtual.twins[name]


def test_a_good_bench_has_no_problems_and_is_not_driven(tmp_path):
    with served(tmp_path) as bench:
        found = check_bench(bench.file)
        assert found.problems == []
        assert [one.interlock for one in found.instruments] == [None, "interlock closed", None]
        assert bench.virtual.largest_voltage == {"A1": 0.0, "A2": 0.0}
        assert bench.virtual.applied == []


def test_all_problems_are_in_one_list(tmp_path, capsys):
    edit = {"pulses_per_crosspoint = 1_000_000": "pulses_per_crosspoint = 40"}
    with served(tmp_path, edit=edit) as bench:
        with open_station(bench.file) as opened:
            record(UpdateResponse(pulses=20, cycles=1, rest=1), opened["A1"])
        generator, smu, matrix = bench.virtual.twins.values()
        generator.push_error(-240, "Hardware error")
        smu.receive(":OUTP ON")
        matrix.identity = "Keithley Instruments Inc., Model 7001, 1, 1.0"
        said = check_bench(bench.file)
        assert len(said.problems) == 4
        assert "Hardware error" in said.problems[0]
        assert "an output is on" in said.problems[1]
        assert "not the 707B" in said.problems[2]
        assert "the endurance budget of A1 is spent: 40 of 40" in said.problems[3]
        assert main(["check", str(bench.file), "--json"]) == 1
        answer = json.loads(capsys.readouterr().out)
        assert answer["crosspoints"][0] == {"crosspoint": "A1", "pulses_used": 40, "budget": 40, "pulses_left": 0}
        assert len(answer["problems"]) >= 3
        assert main(["check", str(bench.file)]) == 1
        out = capsys.readouterr().out
        assert out.count("FAIL") >= 3
        assert "A1: 40 of 40 pulses used" in out


def test_a_known_resistor_is_measured_and_everything_is_off_after(tmp_path, capsys):
    found = check_bench(station(tmp_path, RESISTOR), rehearse=True)
    assert found.resistor is not None
    assert found.resistor.measured == pytest.approx(100e3, rel=2e-3)  # the 2450 reads to some 1e-3 there
    assert found.ok
    assert main(["check", str(station(tmp_path, RESISTOR)), "--rehearse"]) == 0
    assert "ok    resistor on A2: " in capsys.readouterr().out
    with served(tmp_path) as bench:
        text = bench.file.read_text(encoding="utf-8") + RESISTOR
        bench.file.write_text(text, encoding="utf-8")  # now there is a device where the resistor should be
        found = check_bench(bench.file)
        assert bench.virtual.is_safe()
        assert bench.virtual.applied == []
        assert bench.virtual.largest_voltage["A2"] == pytest.approx(0.1)
        assert not found.ok
        assert "the resistor on A2 is" in found.problems[0]
        assert "not 100 kohm" in found.problems[0]


def test_nothing_is_measured_while_something_else_is_wrong(tmp_path):
    with served(tmp_path) as bench:
        bench.file.write_text(bench.file.read_text(encoding="utf-8") + RESISTOR, encoding="utf-8")
        next(iter(bench.virtual.twins.values())).push_error(-240, "Hardware error")
        found = check_bench(bench.file)
        assert found.resistor is None
        assert bench.virtual.largest_voltage["A2"] == 0.0


@pytest.mark.parametrize(
    ("measured", "status", "problem"),
    [
        (100.4e3, 0, None),
        (102e3, 0, "is 102 kohm, not 100 kohm within 0.01"),
        (np.nan, 4, "gave no reading"),
        (20.0, 1, "at compliance"),
    ],
)
def test_what_is_said_of_a_resistor(measured, status, problem):
    said = MeasuredResistor("R1", 100e3, 0.01, measured, 100.0, status).problem
    assert said is None if problem is None else problem in said


def test_a_resistor_must_be_a_crosspoint_and_a_tolerance_a_share(tmp_path):
    for old, new, said in (
        ('crosspoint = "A2"', 'crosspoint = "A7"', "no crosspoint of this station"),
        ('"1 %"', '"one"', "in percent"),
        ('"100 kohm"', '"100 kV"', "ohm is needed"),
    ):
        with pytest.raises(InputError, match=said):
            read_station_file(station(tmp_path, RESISTOR.replace(old, new)))
    assert share("2.5 %") == pytest.approx(0.025)
    for wrong in ("2.5", "x %", 3, "% 1"):
        with pytest.raises(ValueError, match="percent"):
            share(wrong)


def test_a_budget_tells_what_is_left():
    assert Budget("A1", 30, 100).json()["pulses_left"] == 70
    assert Budget("A1", 130, 100).json()["pulses_left"] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('pulse_voltage = "3 V"', 'pulse_voltage = "12 V"', r"pulse_voltage.*keysight-81160a can do, 9.99 V"),
        ('read_voltage = "200 mV"', 'read_voltage = "300 V"', r"read_voltage.*keithley-2450 can do, 210 V"),
        ('current = "100 uA"', 'current = "2 A"', r"current.*keithley-2450 can do, 1.05 A"),
    ],
)
def test_a_limit_wider_than_the_instrument_is_told_before_anything_is_opened(tmp_path, old, new, said):
    file = station(tmp_path, edit={old: new})
    for open_it in (read_station_file, open_station):
        with pytest.raises(InputError, match=said):
            open_it(file)


@pytest.mark.parametrize("driver", [name for name in MOST if "b1500a" not in name and "2600b" not in name])
def test_what_an_instrument_can_do_is_what_its_driver_takes(driver):
    """Just within passes, just beyond is refused by the driver itself, with limits that allow anything."""
    instrument, _ = twin_of(driver)
    most = MOST[driver]
    if isinstance(instrument, PulseSource):
        width = max(1e-3, instrument.shortest_width)
        instrument.prepare()
        instrument.configure(Pulse(most.voltage, width))
        with pytest.raises(LimitError):
            instrument.configure(Pulse(most.voltage * 1.001, width))
        return
    assert isinstance(instrument, SourceMeasureUnit)
    instrument.prepare()
    instrument.configure(most.voltage * 0.999, 1e-3, 1.0)
    instrument.prepare()
    instrument.configure(1.0, most.current * 0.95, 1.0)
    for voltage, current in ((most.voltage * 1.001, 1e-3), (1.0, most.current * 1.001)):
        with pytest.raises(LimitError):
            instrument.configure(voltage, current, 1.0)


def test_every_driver_that_drives_says_how_far_it_goes():
    assert set(MOST) == {name for name, one in known().items() if one.role != "matrix"}


@pytest.mark.parametrize(
    ("driver", "calibrated", "interlock"),
    [
        ("keithley-2400", date(2025, 3, 12), None),
        ("keithley-2450", None, Interlock(True, 21.0)),
        ("keithley-2600b", date(2025, 3, 12), None),
        ("keithley-2600b-channel-b", date(2025, 3, 12), None),
        ("keysight-81160a", None, None),
        ("keithley-707b", None, None),
    ],
)
def test_calibration_and_interlock_where_the_instrument_tells(driver, calibrated, interlock):
    instrument, _ = twin_of(driver)
    instrument.identity()
    assert instrument.calibrated() == calibrated
    assert instrument.interlock() == interlock
    instrument.check_errors()


def test_an_interlock_that_is_open_matters_where_the_station_needs_it(tmp_path):
    with served(tmp_path) as bench:
        list(bench.virtual.twins.values())[1].interlock_closed = False
        found = check_bench(bench.file)
        assert found.ok  # 200 mV need no interlock
        assert found.instruments[1].interlock == "interlock open: at most 21 V until it is closed"
        text = bench.file.read_text(encoding="utf-8").replace('read_voltage = "200 mV"', 'read_voltage = "60 V"')
        bench.file.write_text(text, encoding="utf-8")
        assert "the station needs 60 V" in check_bench(bench.file).problems[0]


def test_a_2400_whose_interlock_is_used_and_open_gives_nothing():
    instrument, twin = twin_of("keithley-2400")
    twin.receive(":OUTP:INT:STAT ON")
    assert instrument.interlock() == Interlock(True, 0.0)
    twin.interlock_closed = False
    assert str(instrument.interlock()) == "interlock open: no output until it is closed"


def test_bytes_of_calibration_and_interlock():
    with expected_protocol(
        load("keithley-2400"),
        [
            (b":CAL:PROT:DATE?", b"2019,7,4"),
            (b":CAL:PROT:DATE?", b"0,0,0"),
            (b":CAL:PROT:DATE?", b"never"),
            (b":OUTP:INT:STAT?", b"0"),
            (b":OUTP:INT:STAT?", b"1"),
            (b":OUTP:INT:TRIP?", b"0"),
        ],
        limits=WIDE,
    ) as smu:
        assert smu.calibrated() == date(2019, 7, 4)
        assert smu.calibrated() is None
        with pytest.raises(InstrumentError, match="3 numbers were expected"):
            smu.calibrated()
        assert smu.interlock() is None
        assert smu.interlock() == Interlock(False, 0.0)
    with expected_protocol(load("keithley-2450"), [(b":OUTP:INT:TRIP?", b"0")], limits=WIDE) as smu:
        assert smu.interlock() == Interlock(False, 21.0)
    asked = b"format.asciiprecision = 10 print(smub.cal.date)"
    answers = [(asked, b"1.561939200e+09"), (asked, b"0.000000000e+00")]
    with expected_protocol(load("keithley-2600b-channel-b"), answers, limits=WIDE) as smu:
        assert smu.calibrated() == date(2019, 7, 1)
        assert smu.calibrated() is None
