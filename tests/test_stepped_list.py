"""List sweeps of the Keithley 2450: the bytes, what is measured in a pulse, restarts and interruptions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymeasure.test import expected_protocol
from rehearsed import rehearsed

from instruments.crosspoints import Pulse, PulsePair, Readings, Status
from instruments.drivers.keithley_2450.list_sweep import SteppedList
from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.errors import InstrumentError
from instruments.limits import Limits
from instruments.sequences import Plan
from sim_device.virtual_bench.devices.device import RRAM, VirtualDevice
from sim_device.virtual_bench.faults.faults import Fault, FaultyPort, Injection

LIMITS = Limits(pulse_voltage=1.2, pulse_width=0.1, read_voltage=0.2, current=5e-4, pulses_per_crosspoint=10**6)
PAIR = PulsePair(Pulse(0.85, 2e-2), Pulse(-0.85, 2e-2))
NONE = '0,"No error"'
BOX = {"keysight-b2902b": "keithley-2450"}
RESOURCE = "TCPIP0::192.168.0.21::inst0::INSTR"
QUIET = replace(RRAM, cycle_to_cycle=0.0, white_noise=0.0, slow_noise=0.0, volatile=0.0, rest_time=1e30)

BEGIN = [
    ("*RST;*CLS", None),
    (
        ':OUTP OFF;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:DEL 0;'
        ":SENS:CURR:RSEN OFF;:SENS:CURR:AZER ON;:SENS:COUN 1;:SYST:ERR?",
        NONE,
    ),
    (
        ":SENS:CURR:RANG 1.000000e-03;:SOUR:VOLT:RANG 2.000000e+00;:SOUR:VOLT:ILIM 5.000000e-04;"
        ":SOUR:VOLT 1.000000e-01;:SENS:CURR:NPLC 1.000000e-01;:SYST:ERR?",
        NONE,
    ),
    (":SOUR:VOLT:ILIM?", "5E-4"),
    (":SYST:LFR?", "50"),
    (":SENS:CURR:AZER OFF;:SENS:AZER:ONCE;:SYST:ERR?", NONE),
]


def plan_of(counts, pulses=PAIR, settle=1e-3, limit=5e-4, integration=0.1):
    counts = np.asarray(counts, dtype=np.int64)
    return Plan(counts, pulses, settle, 0.1, 5e-4, integration, limit, int(np.abs(counts).max(initial=0)))


def unit(*pairs):
    return expected_protocol(Keithley2450, list(pairs), limits=LIMITS)


def test_a_list_goes_down_by_hundreds_and_readings_come_back_in_one():
    """A level lasts 20 ms: 18 ms of delay and 2 ms of integration at 50 Hz."""
    first = ",".join(["8.500000e-01,1.000000e-01"] * 50)
    readings = ",".join(f"0.85,2E-4,136,{0.04 * k + 0.02:.3f},0.1,1E-5,136,{0.04 * k + 0.04:.3f}" for k in range(51))
    pairs = [
        *BEGIN,
        (f":SOUR:LIST:VOLT {first}", None),
        (":SOUR:LIST:VOLT:APP 8.500000e-01,1.000000e-01", None),
        (':SOUR:SWE:VOLT:LIST 1,1.800000e-02,1,OFF;:TRAC:CLE "defbuffer1";:SYST:ERR?', NONE),
        (":INIT", None),
        ("*OPC?", "1"),
        (':TRAC:ACT? "defbuffer1"', "102"),
        (':TRAC:DATA? 1,102,"defbuffer1",SOUR,READ,SOURSTAT,REL', readings),
        (":OUTP OFF;:ABOR", None),
    ]
    with unit(*pairs) as instrument:
        sequence, plan = SteppedList(instrument), plan_of([1] * 51)
        sequence.begin(plan)
        assert sequence.load(plan) == pytest.approx(102 * 2e-2)
        sequence.start()
        taken = sequence.collect()
        instrument.off()
    assert taken.current.tolist() == [1e-5] * 51
    assert taken.time == pytest.approx(0.04 * np.arange(1, 52))  # the first reading ends one level after the start
    assert not taken.status.any()


def test_a_pulse_that_the_limit_held_back_marks_its_reading_and_half_a_step_is_no_reading():
    data = "0.85,2E-4,136,0.1,0.1,1E-5,136,0.12,0.6,5E-4,168,0.14,0.1,1E-5,136,0.16,0.85,2E-4,136,0.18"
    pairs = [
        *BEGIN,
        (":SOUR:LIST:VOLT 8.500000e-01,1.000000e-01,8.500000e-01,1.000000e-01,-8.500000e-01,1.000000e-01", None),
        (':SOUR:SWE:VOLT:LIST 1,1.800000e-02,1,OFF;:TRAC:CLE "defbuffer1";:SYST:ERR?', NONE),
        ("*OPC?", "1"),
        (':TRAC:ACT? "defbuffer1"', "5"),
        (':TRAC:DATA? 1,5,"defbuffer1",SOUR,READ,SOURSTAT,REL', data),
        ("*OPC?", "1"),
        (':TRAC:ACT? "defbuffer1"', "7"),
    ]
    with unit(*pairs) as instrument:
        sequence, plan = SteppedList(instrument), plan_of([1, 1, -1])
        sequence.begin(plan)
        sequence.load(plan)
        taken = sequence.collect()
        with pytest.raises(InstrumentError, match="at most 6 readings"):
            sequence.collect()
    assert taken.status.tolist() == [0, Status.COMPLIANCE]
    assert taken.time == pytest.approx([0.04, 0.08])


def test_what_such_a_list_cannot():
    sequence = SteppedList(Keithley2450)  # type: ignore[arg-type] - asks nothing
    assert sequence.refusal(plan_of([1, -2])) is None
    assert "one width" in str(sequence.refusal(plan_of([1, -1], PulsePair(PAIR.up, Pulse(-0.85, 3e-2)))))
    assert "below the shortest" in str(sequence.refusal(plan_of([1], PulsePair(Pulse(0.85, 5e-3), PAIR.down))))
    assert "20.05 ms" in str(sequence.refusal(plan_of([1], integration=1.0)))  # as long as a reading takes
    assert "read.compliance" in str(sequence.refusal(plan_of([1], limit=1e-3)))
    assert "2500 points" in str(sequence.refusal(plan_of([1300])))
    assert sequence.holds(plan_of(np.ones(500))) == int(5.0 / 0.04)


def test_steps_are_those_of_the_device_and_bursts_have_rests_between_their_pulses():
    with rehearsed("rram-one-box.toml", edit=BOX) as station:
        block, virtual = station.first, station.virtual
        virtual.devices["A1"] = VirtualDevice(QUIET, 1, 60e-6)
        counts = [1, 0, 2, -1, 0, -3]
        found = block.trace(counts).conductance.ravel()
        core, g, expected = QUIET.core_under(block.pulses), 60e-6, []
        for count in counts:
            for _ in range(abs(count)):
                g += core.s_up * (core.g_max - g) if count > 0 else core.s_down * (core.g_min - g)
            expected.append(g)
        # noise of the instrument: 5e-7 of 1 mA, at 0.1 power line cycles 3 times that, over 0.1 V: 16 nS; 6 digits
        assert found == pytest.approx(expected, abs=1.2e-7)
        assert np.sign([one.voltage for one in virtual.applied]).tolist() == [1, 1, 1, -1, -1, -1, -1]
        assert np.diff([one.time for one in virtual.applied[-3:]]) == pytest.approx(2e-2)
        assert virtual.outputs_on() == []


def test_an_interrupted_sweep_keeps_whole_steps_and_marks_the_rest():
    with rehearsed("rram-one-box.toml", edit=BOX) as station:
        block, virtual = station.first, station.virtual
        wait = virtual.clock.wait

        def interrupted(seconds):
            if seconds > 1:
                wait(seconds / 2)
                raise KeyboardInterrupt
            wait(seconds)

        virtual.clock.wait = interrupted
        stream = block.stream(np.ones(100, dtype=int))
        readings = next(stream)
        assert virtual.is_safe()
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        virtual.clock.wait = wait
        read = int(np.isfinite(readings.conductance).sum())
        assert 48 <= read <= 50
        assert np.all(readings.status[read:] == Status.INVALID | Status.UNCERTAIN)
        assert len(virtual.applied) <= read + 1
        assert np.all(block.read(2).conductance > 0)


@pytest.mark.parametrize("fault", [one for one in Fault if one not in (Fault.SLOW_REPLY, Fault.COMPLIANCE)])
@pytest.mark.parametrize("message", [":SOUR:LIST:VOLT", ":SOUR:SWE", ":INIT", "*OPC?", ":TRAC:ACT?", ":TRAC:DATA?"])
def test_no_fault_leaves_an_output_on_or_stores_a_wrong_value_as_good(fault, message):
    with rehearsed("rram-one-box.toml", edit=BOX) as station:
        block, virtual = station.first, station.virtual
        virtual.devices["A1"] = VirtualDevice(QUIET, 1, 60e-6)
        port = FaultyPort(virtual.twins[RESOURCE], virtual.clock, Injection(fault, 0, of=message))
        virtual.library().ports[RESOURCE] = port
        block.bench.smu.adapter._open_anew()  # type: ignore[attr-defined] - by way of the new port
        taken = []
        try:
            taken.extend(block.stream(np.zeros(20, dtype=int)))
        except InstrumentError:
            pass
        finally:
            block.safe()
        assert port.injection.done
        assert virtual.is_safe()
        if taken:
            readings = Readings.join(taken)
            good = readings.status == 0
            assert readings.conductance[good] == pytest.approx(60e-6, rel=1e-2)
