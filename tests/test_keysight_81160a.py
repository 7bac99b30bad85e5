"""The bytes that the Keysight 81160A driver sends: finite bursts, 0 V between pulses, nothing in conflict."""

import pytest
from pymeasure.test import expected_protocol

from instruments.crosspoints import Pulse
from instruments.drivers.keysight_81160a import Keysight81160A
from instruments.errors import CommandRefused, InputError, LimitError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-2, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
NONE = '+0,"No error"'
UP = (
    ":VOLT1:HIGH 2.000000e+00;:VOLT1:LOW 0;:FUNC1:PULS:TRAN 2.500000e-08;:FUNC1:PULS:TRAN:TRA 2.500000e-08;"
    ":PULS:WIDT1 5.000000e-07;:PULS:PER1 1.010000e-06;:SYST:ERR?"
)


def generator(*pairs):
    return expected_protocol(Keysight81160A, list(pairs), limits=LIMITS)


def test_prepare_waits_for_triggers_into_high_impedance_within_the_limits_of_the_station():
    settings = (
        ":OUTP1 OFF;:ARM:SOUR1 MAN;:OUTP1:LOAD 1.000000e+06;:FUNC1 PULS;:TRIG1:COUN 1;"
        ":VOLT1:LOW 0;:VOLT1:HIGH 1.000000e-01;"
        ":VOLT1:LIM:HIGH 5.000000e+00;:VOLT1:LIM:LOW -5.000000e+00;:VOLT1:LIM:STAT ON;:OUTP1:POL NORM;"
        ":PULS:WIDT1 1.000000e-07;:PULS:PER1 2.010000e-06;:PULS:WIDT1 1.000000e-06;"
        ":FUNC1:PULS:TRAN 5.000000e-08;:FUNC1:PULS:TRAN:TRA 5.000000e-08;:SYST:ERR?"
    )
    with generator(("*RST;*CLS", None), (settings, NONE)) as instrument:
        instrument.prepare()


def test_a_positive_pulse_rests_at_low_which_is_zero():
    with generator((UP, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))


def test_a_negative_pulse_is_inverted_so_that_it_rests_at_high_which_is_zero():
    down = (
        ":OUTP1 OFF;:OUTP1:POL INV;:VOLT1:LOW -2.000000e+00;:VOLT1:HIGH 0;:FUNC1:PULS:TRAN 2.500000e-08;"
        ":FUNC1:PULS:TRAN:TRA 2.500000e-08;:PULS:WIDT1 5.000000e-07;:PULS:PER1 1.010000e-06;:SYST:ERR?"
    )
    with generator((down, NONE)) as instrument:
        instrument.configure(Pulse(-2.0, 5e-7))


def test_polarity_changes_with_the_output_off_and_then_it_is_as_it_was():
    change = ":OUTP1 OFF;:OUTP1:POL INV;:VOLT1:LOW -1.000000e+00;:VOLT1:HIGH 0;:OUTP1 ON;:SYST:ERR?"
    with generator((UP, NONE), (":OUTP1 ON", None), (change, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.output_on()
        instrument.configure(Pulse(-1.0, 5e-7))


def test_a_longer_pulse_gets_its_period_first():
    longer = (
        ":VOLT1:HIGH 2.000000e+00;:VOLT1:LOW 0;:PULS:PER1 2.000001e-02;:PULS:WIDT1 1.000000e-02;"
        ":FUNC1:PULS:TRAN 1.000000e-07;:FUNC1:PULS:TRAN:TRA 1.000000e-07;:SYST:ERR?"
    )
    with generator((UP, NONE), (longer, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.configure(Pulse(2.0, 1e-2))


def test_a_burst_sets_its_count_once_and_waits_for_its_end():
    with generator(
        (UP, NONE), ("*TRG;*OPC?", "1"), (":TRIG1:COUN 5", None), ("*TRG;*OPC?", "1"), ("*TRG;*OPC?", "1")
    ) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        assert instrument.fire(1) == pytest.approx(525e-9)  # width + trailing edge
        assert instrument.fire(5) == pytest.approx(4 * 1.01e-6 + 525e-9)
        instrument.fire(5)


def test_a_long_burst_waits_on_the_clock_before_it_asks():
    waited = []

    class Clock:
        def wait(self, seconds):
            waited.append(seconds)

    with generator((UP, NONE), (":TRIG1:COUN 1000", None), ("*TRG", None), ("*OPC?", "1")) as instrument:
        instrument.clock = Clock()
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.fire(1000)
    assert waited == [pytest.approx(999 * 1.01e-6 + 525e-9)]


@pytest.mark.parametrize(
    "pulse", [Pulse(5.1, 5e-7), Pulse(-5.1, 5e-7), Pulse(1.0, 1.1e-2), Pulse(1.0, 1e-9), Pulse(0.05, 5e-7)]
)
def test_a_pulse_that_may_or_can_not_be_sends_not_a_byte(pulse):
    with generator() as instrument, pytest.raises(LimitError):
        instrument.configure(pulse)


def test_a_limit_wider_than_the_box_does_not_let_a_pulse_pass():
    wide = LIMITS.model_copy(update={"pulse_voltage": 20.0})
    with (
        expected_protocol(Keysight81160A, [], limits=wide) as instrument,
        pytest.raises(LimitError, match="beyond this generator"),
    ):
        instrument.configure(Pulse(12.0, 5e-7))


@pytest.mark.parametrize("count", [0, -1])
def test_a_burst_of_none_is_refused(count):
    with generator((UP, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        with pytest.raises(InputError, match="is none; give"):
            instrument.fire(count)


def test_what_was_refused_is_not_fired():
    pairs = ((UP, '-221,"Settings conflict"'), (":SYST:ERR?", NONE))
    with generator(*pairs) as instrument:
        with pytest.raises(CommandRefused, match="Settings conflict"):
            instrument.configure(Pulse(2.0, 5e-7))
        with pytest.raises(InputError, match="no pulse is configured"):
            instrument.fire(1)


def test_off_writes_and_asks_nothing():
    with generator((":OUTP1 OFF", None)) as instrument:
        instrument.off()


@pytest.mark.parametrize(("first", "second", "off"), [("0", "0", True), ("0", "1", False)])
def test_is_off_asks_both_outputs(first, second, off):
    with generator((":OUTP1?", first), (":OUTP2?", second)) as instrument:
        assert instrument.is_off() is off
