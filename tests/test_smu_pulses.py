"""The bytes of a source-measure unit as a slow pulse source, and what happens when a pulse is interrupted."""

import pytest
from pymeasure.test import expected_protocol

from instruments.crosspoints import Pulse
from instruments.drivers.keithley_2400 import Keithley2400Pulses
from instruments.drivers.keithley_2450.pulses import Keithley2450Pulses
from instruments.drivers.keysight_b2902b.pulses import KeysightB2902BPulses
from instruments.errors import InstrumentError, LimitError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=3.0, pulse_width=2.0, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
NONE = '0,"No error"'


class Clock:
    def __init__(self, interrupt_at=None):
        self.waited = []
        self.interrupt_at = interrupt_at

    def wait(self, seconds):
        self.waited.append(seconds)
        if len(self.waited) == self.interrupt_at:
            raise KeyboardInterrupt


def source(driver, *pairs):
    return expected_protocol(driver, list(pairs), limits=LIMITS)


@pytest.mark.parametrize(
    ("driver", "settings", "limit"),
    [
        (
            Keithley2450Pulses,
            ':OUTP OFF;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:DEL 0;:SENS:CURR:RSEN OFF;'
            ":SOUR:VOLT:ILIM 1.000000e-03;:SOUR:VOLT:RANG 2.000000e+01;:SOUR:VOLT 0;:SYST:ERR?",
            ":SOUR:VOLT:ILIM?",
        ),
        (
            Keithley2400Pulses,
            ":OUTP OFF;:SOUR:CLE:AUTO OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;:SOUR:DEL 0;:SYST:RSEN OFF;"
            ":SENS:CURR:PROT 1.000000e-03;:SOUR:VOLT:RANG 2.000000e+01;:SOUR:VOLT 0;:SYST:ERR?",
            ":SENS:CURR:PROT?",
        ),
        (
            KeysightB2902BPulses,
            ":OUTP1 OFF;:OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;"
            ":SENS1:REM OFF;:SENS1:CURR:PROT 1.000000e-03;:SOUR1:VOLT:RANG 2.000000e+01;:SOUR1:VOLT 0;:SYST:ERR?",
            ":SENS1:CURR:PROT?",
        ),
    ],
)
def test_prepare_sets_the_current_limit_of_the_station_and_one_range_for_all_pulses(driver, settings, limit):
    with source(driver, ("*RST;*CLS", None), (settings, NONE), (limit, "1.0E-03")) as instrument:
        instrument.prepare()
    with (
        source(driver, ("*RST;*CLS", None), (settings, NONE), (limit, "1.0E-01")) as instrument,
        pytest.raises(InstrumentError, match="limits at 100 mA"),
    ):
        instrument.prepare()


def test_a_pulse_is_a_level_for_its_width_and_back_to_zero():
    up, down = (":SOUR:VOLT 2.000000e+00", None), (":SOUR:VOLT 0", None)
    with source(Keithley2450Pulses, (":SOUR:VOLT 0;:OUTP ON", None), up, down, up, down, ("*OPC?", "1")) as instrument:
        instrument.clock = Clock()
        instrument.configure(Pulse(2.0, 20e-3))
        instrument.output_on()
        assert instrument.fire(2) == pytest.approx(80e-3)
        assert instrument.clock.waited == [20e-3] * 4


def test_an_interrupted_pulse_goes_back_to_zero_first():
    pairs = ((":SOUR:VOLT -1.000000e+00", None), (":SOUR:VOLT 0", None), (":OUTP OFF", None))
    with source(Keithley2450Pulses, *pairs) as instrument:
        instrument.clock = Clock(interrupt_at=1)
        instrument.configure(Pulse(-1.0, 0.5))
        with pytest.raises(KeyboardInterrupt):
            instrument.fire(3)
        instrument.off()


@pytest.mark.parametrize("pulse", [Pulse(3.1, 0.1), Pulse(1.0, 1e-3), Pulse(1.0, 1.5), Pulse(1e-4, 0.1)])
def test_a_pulse_that_may_or_can_not_be_sends_not_a_byte(pulse):
    with source(Keithley2450Pulses) as instrument, pytest.raises(LimitError):
        instrument.configure(pulse)
