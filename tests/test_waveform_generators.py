"""The bytes that the drivers of Keysight 33500B / 33600A and Tektronix AFG31000 send."""

import pytest
from pymeasure.test import expected_protocol

from instruments.crosspoints import Pulse
from instruments.drivers.keysight_33500b import Keysight33500B, Keysight33600A
from instruments.drivers.tektronix_afg31000 import TektronixAFG31000
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-2, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
NONE = '+0,"No error"'


def test_33500b_prepares_bus_triggered_bursts_into_high_impedance_within_the_limits():
    settings = (
        ":OUTP1 OFF;:TRIG1:SOUR BUS;:OUTP1:LOAD INF;:SOUR1:FUNC PULS;:SOUR1:FUNC:PULS:HOLD WIDT;:SOUR1:BURS:MODE TRIG;"
        ":SOUR1:BURS:NCYC 1;:SOUR1:BURS:STAT ON;:SOUR1:VOLT:HIGH 2.000000e-03;:SOUR1:VOLT:LOW 0;"
        ":SOUR1:VOLT:LIM:HIGH 5.000000e+00;:SOUR1:VOLT:LIM:LOW -5.000000e+00;:SOUR1:VOLT:LIM:STAT ON;:OUTP1:POL NORM;"
        ":SOUR1:FUNC:PULS:WIDT 1.000000e-07;:SOUR1:FUNC:PULS:PER 2.084000e-06;:SOUR1:FUNC:PULS:WIDT 1.000000e-06;"
        ":SOUR1:FUNC:PULS:TRAN:LEAD 5.000000e-08;:SOUR1:FUNC:PULS:TRAN:TRA 5.000000e-08;:SYST:ERR?"
    )
    with expected_protocol(Keysight33500B, [("*RST;*CLS", None), (settings, NONE)], limits=LIMITS) as generator:
        generator.prepare()


def test_33500b_negative_pulse_in_a_burst_of_three():
    down = (
        ":OUTP1 OFF;:OUTP1:POL INV;:SOUR1:VOLT:LOW -2.000000e+00;:SOUR1:VOLT:HIGH 0;"
        ":SOUR1:FUNC:PULS:TRAN:LEAD 1.000000e-08;:SOUR1:FUNC:PULS:TRAN:TRA 1.000000e-08;"
        ":SOUR1:FUNC:PULS:WIDT 2.000000e-07;:SOUR1:FUNC:PULS:PER 4.840000e-07;:SYST:ERR?"
    )
    pairs = [(down, NONE), (":OUTP1 ON", None), (":SOUR1:BURS:NCYC 3", None), ("*TRG;*OPC?", "1"), (":OUTP1 OFF", None)]
    with expected_protocol(Keysight33500B, pairs, limits=LIMITS) as generator:
        generator.configure(Pulse(-2.0, 200e-9))
        generator.output_on()
        generator.fire(3)
        generator.off()


def test_33600a_gives_shorter_pulses():
    short = (
        ":SOUR1:VOLT:HIGH 1.000000e+00;:SOUR1:VOLT:LOW 0;:SOUR1:FUNC:PULS:TRAN:LEAD 2.900000e-09;"
        ":SOUR1:FUNC:PULS:TRAN:TRA 2.900000e-09;:SOUR1:FUNC:PULS:WIDT 5.000000e-09;"
        ":SOUR1:FUNC:PULS:PER 3.900000e-08;:SYST:ERR?"
    )
    with expected_protocol(Keysight33600A, [(short, NONE)], limits=LIMITS) as generator:
        generator.configure(Pulse(1.0, 5e-9))


def test_afg31000_prepares_triggered_bursts_into_high_impedance_within_the_limits():
    settings = (
        ":OUTP1:STAT OFF;:TRIG:SOUR EXT;:OUTP1:IMP INF;:SOUR1:FUNC PULS;:SOUR1:PULS:HOLD WIDT;:SOUR1:BURS:MODE TRIG;"
        ":SOUR1:BURS:NCYC 1;:SOUR1:BURS:STAT ON;:SOUR1:VOLT:HIGH 2.000000e-02;:SOUR1:VOLT:LOW 0;"
        ":SOUR1:VOLT:LIM:HIGH 5.000000e+00;:SOUR1:VOLT:LIM:LOW -5.000000e+00;:OUTP1:POL NORM;"
        ":SOUR1:PULS:WIDT 1.000000e-07;:SOUR1:PULS:PER 2.180000e-06;:SOUR1:PULS:WIDT 1.000000e-06;"
        ":SOUR1:PULS:TRAN:LEAD 5.000000e-08;:SOUR1:PULS:TRAN:TRA 5.000000e-08;:SYST:ERR?"
    )
    with expected_protocol(TektronixAFG31000, [("*RST;*CLS", None), (settings, NONE)], limits=LIMITS) as generator:
        generator.prepare()


def test_afg31000_pulse_and_off():
    up = (
        ":SOUR1:VOLT:HIGH 3.000000e+00;:SOUR1:VOLT:LOW 0;:SOUR1:PULS:PER 4.180000e-06;:SOUR1:PULS:WIDT 2.000000e-06;"
        ":SOUR1:PULS:TRAN:LEAD 1.000000e-07;:SOUR1:PULS:TRAN:TRA 1.000000e-07;:SYST:ERR?"
    )
    pairs = [(up, NONE), (":OUTP1:STAT ON", None), ("*TRG;*OPC?", "1"), (":OUTP1:STAT OFF", None)]
    with expected_protocol(TektronixAFG31000, pairs, limits=LIMITS) as generator:
        generator.configure(Pulse(3.0, 2e-6))
        generator.output_on()
        generator.fire(1)
        generator.off()


@pytest.mark.parametrize(("driver", "query"), [(Keysight33500B, ":OUTP1?"), (TektronixAFG31000, ":OUTP1:STAT?")])
def test_is_off_is_what_the_instrument_says(driver, query):
    with expected_protocol(driver, [(query, "0"), (query, "1")], limits=LIMITS) as generator:
        assert generator.is_off()
        assert not generator.is_off()
