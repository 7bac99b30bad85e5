"""The bytes that the Keithley 2450 driver sends, and what it makes of the answers."""

import math

import pytest
from pymeasure.test import expected_protocol

from instruments.crosspoints import Status
from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.errors import CommandRefused, InputError, InstrumentError, LimitError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=2e-3, pulses_per_crosspoint=1000)
CONFIGURED = (
    ":SENS:CURR:RANG 1.000000e-05;:SOUR:VOLT:RANG 2.000000e-01;:SOUR:VOLT:ILIM 1.000000e-05;"
    ":SOUR:VOLT -1.000000e-01;:SENS:CURR:NPLC 1.000000e+00;:SYST:ERR?"
)
NONE = '0,"No error;0;0 0"'
READ = ':READ? "defbuffer1",SOUR,READ,SOURSTAT'


def smu(*pairs):
    return expected_protocol(Keithley2450, list(pairs), limits=LIMITS)


def test_prepare_ends_with_output_off_fixed_functions_and_an_empty_error_queue():
    settings = (
        ':OUTP OFF;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:DEL 0;'
        ":SENS:CURR:RSEN OFF;:SENS:CURR:AZER ON;:SENS:COUN 1;:SYST:ERR?"
    )
    with smu(("*RST;*CLS", None), (settings, NONE)) as instrument:
        instrument.prepare()


def test_configure_sets_ranges_and_limit_before_the_level_and_reads_the_limit_back():
    with smu((CONFIGURED, NONE), (":SOUR:VOLT:ILIM?", "1.000000E-05")) as instrument:
        instrument.configure(-0.1, 1e-5, 1.0)


def test_a_limit_that_was_not_taken_raises():
    with (
        smu((CONFIGURED, NONE), (":SOUR:VOLT:ILIM?", "1.050000E-04")) as instrument,
        pytest.raises(InstrumentError, match="limits at 105 uA, where 10 uA was set"),
    ):
        instrument.configure(-0.1, 1e-5, 1.0)


def test_an_error_of_the_instrument_names_command_and_drains_the_queue():
    pairs = (
        (CONFIGURED, '-222,"Parameter data out of range"'),
        (":SYST:ERR?", '-113,"Undefined header"'),
        (":SYST:ERR?", NONE),
    )
    with smu(*pairs) as instrument, pytest.raises(CommandRefused, match=r"ILIM.*-222.*; -113"):
        instrument.configure(-0.1, 1e-5, 1.0)


@pytest.mark.parametrize(
    ("voltage", "compliance"), [(0.6, 1e-5), (-0.6, 1e-5), (0.1, 3e-3), (0.1, 0.0), (math.nan, 1e-5)]
)
def test_beyond_the_limits_not_a_byte_is_sent(voltage, compliance):
    with smu() as instrument, pytest.raises(LimitError):
        instrument.configure(voltage, compliance, 1.0)


@pytest.mark.parametrize("cycles", [0.001, 11.0, math.nan])
def test_an_integration_that_the_instrument_lacks_is_refused_before_a_byte_is_sent(cycles):
    with smu() as instrument, pytest.raises(InputError, match="power line cycles"):
        instrument.configure(0.1, 1e-5, cycles)


def test_small_numbers_stay_what_they_are():
    # '%f' would have written 0.000000 for the 5 nA.
    first = (
        ":SENS:CURR:RANG 1.000000e-08;:SOUR:VOLT:RANG 2.000000e-02;:SOUR:VOLT:ILIM 5.000000e-09;"
        ":SOUR:VOLT 1.000000e-03;:SENS:CURR:NPLC 1.000000e-02;:SYST:ERR?"
    )
    with smu((first, NONE), (":SOUR:VOLT:ILIM?", "5.000000E-09")) as instrument:
        instrument.configure(1e-3, 5e-9, 0.01)


def test_one_reading_is_one_query_with_its_source_status():
    with smu((READ, "1.000012E-01,3.000000E-06,136"), (READ, "4.0E-02,1.0E-05,168")) as instrument:
        (good,) = instrument.measure()
        (limited,) = instrument.measure()
    assert (good.voltage, good.current, good.status) == (0.1000012, 3e-6, Status.OK)
    assert limited.status == Status.COMPLIANCE  # bit 5 of 168 = 128 + 32 + 8


def test_many_readings_come_from_the_buffer_in_order():
    pairs = (
        (':TRAC:CLE "defbuffer1";:SENS:COUN 2;:TRAC:TRIG "defbuffer1"', None),
        (':TRAC:DATA? 1,2,"defbuffer1",SOUR,READ,SOURSTAT', "1E-1,1E-6,136,1E-1,2E-6,136"),
        (":SENS:COUN 1", None),
    )
    with smu(*pairs) as instrument:
        assert [one.current for one in instrument.measure(2)] == [1e-6, 2e-6]


@pytest.mark.parametrize(
    ("reply", "status"), [("9.9E37", Status.OVERRANGE | Status.INVALID), ("9.91E37", Status.INVALID)]
)
def test_an_overflowed_reading_is_no_number(reply, status):
    with smu((READ, f"1E-1,{reply},136")) as instrument:
        (one,) = instrument.measure()
    assert math.isnan(one.current)
    assert one.status == status


@pytest.mark.parametrize("reply", ["1E-1", "1E-1,abc,136", "", "1E-1,nan,136"])
def test_an_answer_that_is_not_three_numbers_is_never_a_value(reply):
    with smu((READ, reply)) as instrument, pytest.raises(InstrumentError, match="3 numbers were expected"):
        instrument.measure()


def test_off_writes_and_asks_nothing():
    with smu((":OUTP OFF;:ABOR", None)) as instrument:
        instrument.off()


@pytest.mark.parametrize(("reply", "off"), [("0", True), ("1", False)])
def test_is_off_is_what_the_instrument_says(reply, off):
    with smu((":OUTP?", reply)) as instrument:
        assert instrument.is_off() is off


def test_an_endless_error_queue_is_given_up():
    with smu(*[(":SYST:ERR?", '-350,"Queue overflow"')] * 32) as instrument, pytest.raises(CommandRefused):
        instrument.check_errors()
