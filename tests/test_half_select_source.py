"""A two-channel generator as one source of half-select voltages: its bytes, and that both halves come at once."""

import pytest
from pymeasure.test import expected_protocol

from instruments.bench.wiring import Kind, MatrixCabling, Relay, Terminal, Wiring
from instruments.crosspoints import Pulse
from instruments.drivers import load
from instruments.drivers.half_select import HalfSelect81160A, on_second
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.half_select import HalfSelect81160ATwin

LIMITS = Limits(pulse_voltage=4.0, pulse_width=1e-2, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
NAME = "TCPIP0::it::inst0::INSTR"
NONE = '+0,"No error"'
LINES = {("a", Terminal.ROW): 1, ("a", Terminal.COLUMN): 2}
MATRIX = MatrixCabling(1, "A", "C", "E", dict(LINES), bias="D", inverse="B")
DRIVERS = ["keysight-81160a-halves", "keysight-33500b-halves", "keysight-33600a-halves"]


def source(*pairs):
    return expected_protocol(HalfSelect81160A, list(pairs), limits=LIMITS)


def bench(driver):
    virtual = VirtualBench(Wiring(Kind.CROSSBAR, MATRIX), make_devices(["a"], "rram", seed=1), {NAME: driver})
    virtual.matrix_closes(frozenset({Relay(1, "A", 1), Relay(1, "B", 2)}))
    generator = load(driver)(Wire(NAME, virtual.library(), instrument="it", clock=virtual.clock), LIMITS)
    generator.prepare()
    return generator, virtual


def test_prepare_resets_once_and_tells_each_channel_half_the_limit_of_the_station():
    first = (
        ":OUTP1 OFF;:ARM:SOUR1 MAN;:OUTP1:LOAD 1.000000e+06;:FUNC1 PULS;:TRIG1:COUN 1;:VOLT1:LOW 0;"
        ":VOLT1:HIGH 1.000000e-01;:VOLT1:LIM:HIGH 2.000000e+00;:VOLT1:LIM:LOW -2.000000e+00;:VOLT1:LIM:STAT ON;"
        ":OUTP1:POL NORM;:PULS:WIDT1 1.000000e-07;:PULS:PER1 2.010000e-06;:PULS:WIDT1 1.000000e-06;"
        ":FUNC1:PULS:TRAN 5.000000e-08;:FUNC1:PULS:TRAN:TRA 5.000000e-08;:SYST:ERR?"
    )
    second = ";".join(on_second(command) for command in first.split(";"))
    assert ":VOLT2:LIM:HIGH 2.000000e+00" in second
    assert ":PULS:WIDT2 1.000000e-06" in second
    with source(("*RST;*CLS", None), (first, NONE), (second, NONE)) as instrument:
        instrument.prepare()


def test_a_pulse_is_half_on_each_channel_with_opposite_signs_and_one_trigger():
    row = (
        ":VOLT1:HIGH 1.000000e+00;:VOLT1:LOW 0;:FUNC1:PULS:TRAN 2.500000e-08;:FUNC1:PULS:TRAN:TRA 2.500000e-08;"
        ":PULS:WIDT1 5.000000e-07;:PULS:PER1 1.010000e-06;:SYST:ERR?"
    )
    column = (
        ":OUTP2 OFF;:OUTP2:POL INV;:VOLT2:LOW -1.000000e+00;:VOLT2:HIGH 0;:FUNC2:PULS:TRAN 2.500000e-08;"
        ":FUNC2:PULS:TRAN:TRA 2.500000e-08;:PULS:WIDT2 5.000000e-07;:PULS:PER2 1.010000e-06;:SYST:ERR?"
    )
    with source(
        (row, NONE), (column, NONE), (":OUTP1 ON", None), (":OUTP2 ON", None), (":TRIG1:COUN 3", None),
        (":TRIG2:COUN 3", None), ("*TRG;*OPC?", "1"), (":OUTP1 OFF;:OUTP2 OFF", None),
    ) as instrument:  # fmt: skip
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.output_on()
        instrument.fire(3)
        instrument.off()


def test_the_whole_pulse_is_what_the_limit_is_for():
    with source() as instrument, pytest.raises(LimitError, match=r"4\.2 V is beyond the limit of ±4 V"):
        instrument.configure(Pulse(4.2, 5e-7))
    with source() as instrument, pytest.raises(InputError, match="no pulse is configured"):
        instrument.fire(1)


def test_a_change_of_sign_with_the_outputs_off_leaves_them_off():
    for driver in DRIVERS:
        generator, virtual = bench(driver)
        generator.configure(Pulse(2.0, 1e-6))
        generator.output_on()
        generator.off()
        generator.configure(Pulse(-2.0, 1e-6))
        assert virtual.outputs_on() == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_both_halves_come_at_once_and_rest_at_zero(driver):
    generator, virtual = bench(driver)
    generator.output_on()
    for volts in (2.0, -3.0):
        generator.configure(Pulse(volts, 1e-6))
        generator.fire(5)
    assert [(one.pulses, round(one.voltage, 3)) for one in virtual.applied] == [(5, 2.0), (5, -3.0)]
    assert virtual.faults == []
    generator.off()
    assert virtual.outputs_on() == []
    assert generator.is_off()


@pytest.mark.parametrize(
    ("driver", "spoil"),
    [
        ("keysight-81160a-halves", ":TRIG2:COUN 4"),
        ("keysight-81160a-halves", ":OUTP2 OFF"),
        ("keysight-33500b-halves", ":SOUR2:BURS:NCYC 4"),
        ("keysight-33600a-halves", ":OUTP1 OFF"),
    ],
)
def test_the_observer_notes_halves_that_do_not_come_together(driver, spoil):
    generator, virtual = bench(driver)
    generator.configure(Pulse(2.0, 1e-6))
    generator.output_on()
    virtual.twins[NAME].receive(spoil)
    generator.fire(1)
    assert virtual.applied == []
    assert "the two halves of a pulse do not come together" in virtual.faults[-1]


def test_a_channel_that_rests_at_a_voltage_or_runs_freely_is_noted():
    _, virtual = bench("keysight-81160a-halves")
    virtual.twins[NAME].receive(":VOLT2:HIGH 1;:VOLT2:LOW 0.5;:OUTP2 ON")
    assert "the generator rests at" in virtual.faults[-1]
    virtual.twins[NAME].receive(":OUTP2 OFF;:VOLT2:LOW 0;:ARM:SOUR2 IMM;:OUTP2 ON")
    assert "the generator runs freely" in virtual.faults[-1]


def test_a_circuit_without_a_second_terminal_takes_no_such_source():
    with pytest.raises(TypeError, match="no terminals for a second output"):
        HalfSelect81160ATwin(object())  # type: ignore[arg-type] - that is what is tried
