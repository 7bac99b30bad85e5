"""The bytes that the drivers of Keithley 2400, 2600B and Keysight B2902B send, and what they make of the answers."""

import math

import pytest
from pymeasure.test import expected_protocol

from instruments.crosspoints import Status
from instruments.drivers.keithley_2400 import Keithley2400
from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.drivers.keithley_2600b.smu import Keithley2600B, Keithley2600BChannelB
from instruments.drivers.keysight_b1500a.smu import KeysightB1500ASmu
from instruments.drivers.keysight_b2902b.smu import KeysightB2902B
from instruments.errors import CommandRefused, InstrumentError, LimitError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=2e-3, pulses_per_crosspoint=1000)
NONE = '+0,"No error"'
COUNT = " waitcomplete() print(errorqueue.count)"


def smu(driver, *pairs):
    return expected_protocol(driver, list(pairs), limits=LIMITS)


@pytest.mark.parametrize(
    ("driver", "more"),
    [(Keithley2400, {}), (Keithley2450, {}), (KeysightB2902B, {}), (KeysightB1500ASmu, {"channel": 2})],
)
def test_a_compliance_that_the_instrument_cannot_limit_at_is_refused_before_a_byte(driver, more):
    with (
        expected_protocol(driver, [], limits=LIMITS, **more) as instrument,
        pytest.raises(LimitError, match=r"999 pA is below this instrument's least, 1 nA"),
    ):
        instrument.configure(0.1, 0.999e-9, 1.0)


# -- Keithley 2400 -----------------------------------------------------------------------------------------------------


def test_2400_prepares_without_ever_asking_for_a_measurement():
    settings = (
        ":OUTP OFF;:SOUR:CLE:AUTO OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;:SOUR:DEL 0;:SENS:FUNC:CONC ON;"
        ':SENS:FUNC "VOLT","CURR";:SYST:RSEN OFF;:SYST:AZER ON;:FORM:ELEM VOLT,CURR,STAT;:TRIG:COUN 1;:SYST:ERR?'
    )
    with smu(Keithley2400, ("*RST;*CLS", None), (settings, NONE)) as instrument:
        instrument.prepare()


def test_2400_sets_compliance_then_range_then_level_and_reads_the_compliance_back():
    settings = (
        ":SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT 1.000000e-05;:SENS:CURR:RANG 1.000000e-05;"
        ":SOUR:VOLT:RANG 2.000000e-01;:SOUR:VOLT -1.000000e-01;:SENS:CURR:NPLC 1.000000e+00;:SYST:ERR?"
    )
    with smu(Keithley2400, (settings, NONE), (":SENS:CURR:PROT?", "1.000000E-05")) as instrument:
        instrument.configure(-0.1, 1e-5, 1.0)
    with (
        smu(Keithley2400, (settings, NONE), (":SENS:CURR:PROT?", "1.050000E-04")) as instrument,
        pytest.raises(InstrumentError, match="limits at 105 uA"),
    ):
        instrument.configure(-0.1, 1e-5, 1.0)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (22528, Status.OK),  # voltage sourced, voltage and current measured
        (22528 + 8, Status.COMPLIANCE),
        (22528 + 65536, Status.COMPLIANCE),  # range compliance
        (22528 + 1, Status.OVERRANGE),
    ],
)
def test_2400_status_word_comes_with_the_reading(word, status):
    with smu(Keithley2400, (":READ?", f"+1.000000E-01,+3.000000E-06,{word:+.6E}")) as instrument:
        instrument._on = True
        (one,) = instrument.measure()
    assert (one.voltage, one.current, one.status) == (0.1, 3e-6, status)


def test_2400_many_readings_by_the_trigger_count():
    reply = "+1E-1,+1E-6,+2.2528E+4,+1E-1,+9.9E37,+2.2529E+4"
    with smu(Keithley2400, (":TRIG:COUN 2", None), (":READ?", reply), (":TRIG:COUN 1", None)) as instrument:
        instrument._on = True
        first, second = instrument.measure(2)
    assert first.current == 1e-6
    assert math.isnan(second.current)
    assert second.status & Status.OVERRANGE


def test_2400_off_writes_and_asks_nothing():
    with smu(Keithley2400, (":OUTP OFF", None)) as instrument:
        instrument.off()


# -- Keithley 2600B ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("driver", "x"), [(Keithley2600B, "smua"), (Keithley2600BChannelB, "smub")])
def test_2600b_configures_its_own_channel_with_numbers_that_stay_what_they_are(driver, x):
    settings = (
        f"{x}.source.rangev = 1.000000e-01 {x}.source.limiti = 4.900000e-07 {x}.measure.rangei = 4.900000e-07 "
        f"{x}.source.levelv = -1.000000e-01 {x}.measure.nplc = 1.000000e+00"
    )
    pairs = ((settings + COUNT, "0.000000000e+00"), (f"print({x}.source.limiti)", "4.900000000e-07"))
    with smu(driver, *pairs) as instrument:  # '%f' would have written 0 for the 490 nA
        instrument.configure(-0.1, 4.9e-7, 1.0)


def test_2600b_an_error_is_read_and_raised():
    settings = (
        "smua.source.rangev = 1.000000e-01 smua.source.limiti = 1.000000e-05 smua.measure.rangei = 1.000000e-05 "
        "smua.source.levelv = 1.000000e-01 smua.measure.nplc = 1.000000e+00"
    )
    pairs = (
        (settings + COUNT, "1.000000000e+00"),
        ("print(errorqueue.next())", "1.10200e+03\tParameter too big\t2.00000e+01\t1.00000e+00"),
        ("print(errorqueue.next())", "0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00"),
    )
    with smu(Keithley2600B, *pairs) as instrument, pytest.raises(CommandRefused, match="1102 Parameter too big"):
        instrument.configure(0.1, 1e-5, 1.0)


READ = "i, v = smua.measure.iv() print(i, v, smua.source.compliance)"


def test_2600b_one_reading_is_one_message_with_the_compliance_of_that_moment():
    with smu(Keithley2600B, (READ, "3.0e-06\t1.0e-01\tfalse"), (READ, "1e-05\t4e-02\ttrue")) as instrument:
        (good,) = instrument.measure()
        (limited,) = instrument.measure()
    assert (good.voltage, good.current, good.status) == (0.1, 3e-6, Status.OK)
    assert limited.status == Status.COMPLIANCE


@pytest.mark.parametrize("reply", ["", "3e-6\t0.1", "3e-6\t0.1\tnil", "x\t0.1\tfalse", "nan\t0.1\tfalse"])
def test_2600b_an_answer_that_is_no_reading_is_never_a_value(reply):
    with smu(Keithley2600B, (READ, reply)) as instrument, pytest.raises(InstrumentError):
        instrument.measure()


def test_2600b_many_readings_through_the_buffers_with_their_statuses():
    pairs = (
        ("smua.nvbuffer1.clear() smua.nvbuffer2.clear() smua.measure.count = 2", None),
        ("smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2) smua.measure.count = 1", None),
        (
            "printbuffer(1, 2, smua.nvbuffer1, smua.nvbuffer2, smua.nvbuffer1.statuses)",
            "1e-06, 1e-01, 0, 1e-05, 4e-02, 64",
        ),
    )
    with smu(Keithley2600B, *pairs) as instrument:
        first, second = instrument.measure(2)
    assert (first.current, first.voltage, first.status) == (1e-6, 0.1, Status.OK)
    assert second.status == Status.COMPLIANCE


def test_2600b_off_writes_and_asks_nothing():
    """A box that has not been reset may be running a script, in which it takes nothing but its end."""
    off = ("smub.source.output = 0", None)
    with smu(Keithley2600BChannelB, ("abort", None), off, off) as instrument:
        instrument.off()
        instrument.started = False  # as `prepare` leaves it
        instrument.off()


# -- Keysight B2902B ---------------------------------------------------------------------------------------------------


def test_b2902b_never_lets_a_measurement_switch_the_output_on():
    settings = (
        ":OUTP1 OFF;:OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;"
        ':SENS1:FUNC "VOLT","CURR";:SENS1:REM OFF;:FORM:ELEM:SENS VOLT,CURR,STAT;:TRIG1:SOUR AINT;:TRIG1:COUN 1;'
        ":SYST:ERR?"
    )
    with smu(KeysightB2902B, ("*RST;*CLS", None), (settings, NONE)) as instrument:
        instrument.prepare()


def test_b2902b_sets_compliance_and_ranges_before_the_level():
    settings = (
        ":SENS1:CURR:PROT 1.000000e-05;:SENS1:CURR:RANG:AUTO OFF;:SENS1:CURR:RANG 1.000000e-05;"
        ":SOUR1:VOLT:RANG:AUTO OFF;:SOUR1:VOLT:RANG 2.000000e-01;:SOUR1:VOLT 1.000000e-01;"
        ":SENS1:CURR:NPLC 1.000000e-01;:SYST:ERR?"
    )
    with smu(KeysightB2902B, (settings, NONE), (":SENS1:CURR:PROT?", "1.00000E-05")) as instrument:
        instrument.configure(0.1, 1e-5, 0.1)


@pytest.mark.parametrize(
    ("word", "status"),
    [(0, Status.OK), (2, Status.COMPLIANCE), (4, Status.COMPLIANCE), (8192, Status.OVERRANGE)],
)
def test_b2902b_status_data_come_with_the_reading(word, status):
    with smu(KeysightB2902B, (":READ? (@1)", f"+1.0E-01,+3.0E-06,{word}")) as instrument:
        (one,) = instrument.measure()
    assert (one.voltage, one.current, one.status) == (0.1, 3e-6, status)


def test_b2902b_many_readings_by_the_trigger_count_and_off():
    pairs = (
        (":TRIG1:COUN 2", None),
        (":READ:ARR? (@1)", "+1E-1,+1E-6,0,+1E-1,+2E-6,0"),
        (":TRIG1:COUN 1", None),
        (":OUTP1 OFF;:ABOR (@1)", None),  # nobody has reset it: a list of another program may be running
    )
    with smu(KeysightB2902B, *pairs) as instrument:
        assert [one.current for one in instrument.measure(2)] == [1e-6, 2e-6]
        instrument.off()
