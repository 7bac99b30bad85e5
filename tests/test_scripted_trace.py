"""Loops in a Keithley 2600B: the bytes, steps of a gate that channel B pulses, interruptions, faults, the language."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymeasure.test import expected_protocol
from rehearsed import rehearsed

from instruments.clock import VirtualClock
from instruments.crosspoints import Pulse, PulsePair, Readings, Status
from instruments.drivers.keithley_2600b.pulses import Keithley2600BChannelBPulses
from instruments.drivers.keithley_2600b.smu import Keithley2600B, Keithley2600BChannelB
from instruments.drivers.keithley_2600b.trace import ScriptedTrace
from instruments.errors import CommandRefused, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.sequences import Plan
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.keithley_2600b.smu import Keithley2600BTwin
from sim_device.virtual_bench.devices.device import ECRAM, VirtualDevice
from sim_device.virtual_bench.faults.faults import Fault, FaultyPort, Injection

LIMITS = Limits(pulse_voltage=1.0, pulse_width=0.1, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=10**6)
PAIR = PulsePair(Pulse(0.3, 2e-2), Pulse(-0.3, 1e-2))
STATION = "b1500a.toml"
RESOURCE = "GPIB0::17::INSTR"
EDIT = {
    'driver = "keysight-b1500a-spgu"': 'driver = "keithley-2600b-channel-b-pulses"',
    'driver = "keysight-b1500a-smu"': 'driver = "keithley-2600b"',
    "channel = 101": "",
    "channel = 2 ": "",
    'pulse_width = "1 ms"': 'pulse_width = "20 ms"',
    '"2 V", width = "500 ns"': '"0.3 V", width = "20 ms"',
    '"-2 V", width = "500 ns"': '"-0.3 V", width = "20 ms"',
}
QUIET = replace(ECRAM, cycle_to_cycle=0.0, white_noise=0.0, slow_noise=0.0, volatile=0.0, rest_time=1e30)

COUNT = " waitcomplete() print(errorqueue.count)"
NONE = "0.000000000e+00"
BUFFERS = "smua.nvbuffer1, smua.nvbuffer2"
BEGIN = [
    ("abort", None),
    ("smub.reset() errorqueue.clear()", None),
    (
        "smub.source.output = smub.OUTPUT_OFF smub.source.func = smub.OUTPUT_DCVOLTS smub.sense = smub.SENSE_LOCAL "
        "smub.source.autorangev = smub.AUTORANGE_OFF smub.source.levelv = 0 smub.source.rangev = 2.000000e+00 "
        f"smub.source.limiti = 1.000000e-04 format.data = format.ASCII format.asciiprecision = 10{COUNT}",
        NONE,
    ),
    ("print(smub.source.limiti)", "1e-4"),
    ("abort", None),
    ("smua.reset() errorqueue.clear()", None),
    (
        "smua.source.output = smua.OUTPUT_OFF smua.source.func = smua.OUTPUT_DCVOLTS smua.sense = smua.SENSE_LOCAL "
        "smua.measure.autozero = smua.AUTOZERO_AUTO smua.source.autorangev = smua.AUTORANGE_OFF "
        "smua.measure.autorangei = smua.AUTORANGE_OFF smua.measure.count = 1 format.data = format.ASCII "
        f"format.asciiprecision = 10{COUNT}",
        NONE,
    ),
    *[
        (
            "smub.source.levelv = 0 smub.source.rangev = 2.000000e+00 smub.source.limiti = 1.000000e-04" + COUNT,
            NONE,
        )
    ]
    * 2,
    (
        "smua.source.rangev = 1.000000e-01 smua.source.limiti = 5.000000e-05 smua.measure.rangei = 5.000000e-05 "
        f"smua.source.levelv = 1.000000e-01 smua.measure.nplc = 1.000000e+00{COUNT}",
        NONE,
    ),
    ("print(smua.source.limiti)", "5e-5"),
    ("print(localnode.linefreq)", "5.000000000e+01"),
    (
        "smua.measure.autozero = smua.AUTOZERO_ONCE labshd_level = {3.000000e-01, -3.000000e-01} "
        f"labshd_width = {{2.000000e-02, 1.000000e-02}}{COUNT}",
        NONE,
    ),
]
LOAD = (
    "labshd_which = {1,2,1} labshd_count = {1,2,0} "
    "smua.nvbuffer1.clear() smua.nvbuffer1.appendmode = 1 smua.nvbuffer1.collecttimestamps = 1 "
    f"smua.nvbuffer2.clear() smua.nvbuffer2.appendmode = 1 smua.nvbuffer2.collecttimestamps = 1{COUNT}"
)
LOOP = (
    "smub.source.levelv = 0 smub.source.output = 1 smua.source.output = 1 "
    "for k = 1, 3 do for n = 1, labshd_count[k] do "
    "smub.source.levelv = labshd_level[labshd_which[k]] delay(labshd_width[labshd_which[k]]) "
    "smub.source.levelv = 0 delay(labshd_width[labshd_which[k]]) end "
    f"delay(1.000000e-03) smua.measure.iv({BUFFERS}) end "
    "smua.source.output = 0 smub.source.output = 0"
)
PRINT = f"{BUFFERS}, smua.nvbuffer1.statuses, smua.nvbuffer1.timestamps)"
ERRORS_NONE = ("print(errorqueue.next())", "0.000000000e+00\tQueue Is Empty\t0.0\t1.0")


def plan_of(counts, pulses=PAIR, settle=1e-3):
    counts = np.asarray(counts, dtype=np.int64)
    return Plan(counts, pulses, settle, 0.1, 5e-5, 1.0, 1e-4, int(np.abs(counts).max(initial=0)))


def box(*pairs):
    return expected_protocol(Keithley2600B, list(pairs), limits=LIMITS)


def begun(unit):
    gate = Keithley2600BChannelBPulses(unit.adapter, LIMITS)
    sequence = unit.sequencer(gate, trigger=False)
    assert isinstance(sequence, ScriptedTrace)
    return sequence, gate


def test_tables_go_down_the_loop_in_one_message_and_readings_come_back_in_one():
    """Steps last 2*20 + 1 + 20 ms, 2*2*10 + 1 + 20 ms, 1 + 20 ms: readings end at 61, 122 and 143 ms."""
    data = "1e-05, 0.1, 0, 0, 1.1e-05, 0.1, 0, 0.061, 5e-05, 0.04, 64, 0.082"
    pairs = [
        *BEGIN,
        (LOAD, NONE),
        (LOOP, None),
        ("*OPC?", "1"),
        ("print(smua.nvbuffer1.n)", "3.000000000e+00"),
        ERRORS_NONE,
        (f"printbuffer(1, 3, {PRINT}", data),
        ("abort", None),
        ("smub.source.output = 0", None),
        ("abort", None),
        ("smua.source.output = 0", None),
    ]
    with box(*pairs) as unit:
        sequence, gate = begun(unit)
        sequence.begin(plan_of([1, -2, 0]))
        assert sequence.load(plan_of([1, -2, 0])) == pytest.approx(0.143)
        sequence.start()
        taken = sequence.collect()
        gate.off()
        unit.off()
    assert taken.current.tolist() == [1e-5, 1.1e-5, 5e-5]
    assert taken.time == pytest.approx([0.061, 0.122, 0.143])
    assert taken.status.tolist() == [0, 0, Status.COMPLIANCE]


def test_errors_of_a_whole_loop_are_raised_and_a_part_of_one_is_kept():
    error = ("print(errorqueue.next())", "1102\tParameter too big\t20\t1")
    part = "1e-05, 0.1, 0, 0"
    pairs = [
        *BEGIN,
        (LOAD, NONE),
        *[("*OPC?", "1"), ("print(smua.nvbuffer1.n)", "3"), error, ERRORS_NONE],
        *[("*OPC?", "1"), ("print(smua.nvbuffer1.n)", "1"), error, ERRORS_NONE, (f"printbuffer(1, 1, {PRINT}", part)],
        *[("*OPC?", "1"), ("print(smua.nvbuffer1.n)", "4")],
    ]
    with box(*pairs) as unit:
        sequence, _ = begun(unit)
        sequence.begin(plan_of([1, -2, 0]))
        sequence.load(plan_of([1, -2, 0]))
        with pytest.raises(CommandRefused, match="1102 Parameter too big"):
            sequence.collect()
        assert len(sequence.collect()) == 1
        with pytest.raises(InstrumentError, match="at most 3 belong"):
            sequence.collect()


def test_limits_are_checked_before_the_first_byte():
    with box() as unit:
        sequence, _ = begun(unit)
        with pytest.raises(LimitError):
            sequence.begin(plan_of([1], PulsePair(Pulse(1.1, 2e-2), PAIR.down)))
        with pytest.raises(LimitError):
            sequence.begin(replace(plan_of([1]), voltage=0.3))
        assert "more than the 10000" in str(sequence.refusal(plan_of([10_001])))
        assert sequence.holds(plan_of([1] * 200)) == int(5.0 / 0.061)
        assert sequence.holds(plan_of([1000, 1])) == 1


def test_only_channel_a_with_channel_b_of_the_same_box_has_a_loop():
    with box() as unit, box() as other:
        assert unit.sequencer(Keithley2600BChannelBPulses(other.adapter, LIMITS), trigger=False) is None
        second = Keithley2600BChannelB(unit.adapter, LIMITS)
        assert second.sequencer(Keithley2600BChannelBPulses(unit.adapter, LIMITS), trigger=False) is None


# -- on a bench --------------------------------------------------------------------------------------------------------


def test_steps_are_those_of_the_device_and_pulses_of_a_burst_are_as_far_apart_as_they_are_wide():
    with rehearsed(STATION, edit=EDIT) as station:
        block, virtual = station.first, station.virtual
        assert block.origin.details["traces"] == "sequences: loop in the source-measure unit"
        start = 26e-6
        virtual.devices["A1"] = VirtualDevice(QUIET, 1, start)
        counts = [1, 0, 2, -1, 0, -3]
        found = block.trace(counts)
        core, g, expected = QUIET.core_under(block.pulses), start, []
        for count in counts:
            for _ in range(abs(count)):
                g += core.s_up * (core.g_max - g) if count > 0 else core.s_down * (core.g_min - g)
            expected.append(g)
        # noise of the instrument at 1 power line cycle: 5e-7 of 100 uA over 0.1 V, 0.5 nS; widths are exact
        assert found.conductance.ravel() == pytest.approx(expected, abs=5e-9)
        assert np.sign([one.voltage for one in virtual.applied]).tolist() == [1, 1, 1, -1, -1, -1, -1]
        assert [one.width for one in virtual.applied] == pytest.approx([2e-2] * 7)
        assert np.diff([one.time for one in virtual.applied[-3:]]) == pytest.approx(4e-2)
        # a step: 2 * 20 ms for each pulse, 10 ms to settle, 20 ms of integration
        steps = [0.03, 0.11, 0.07, 0.03, 0.15]
        assert np.diff(found.time.ravel()) == pytest.approx(steps, abs=1e-6)
        assert virtual.outputs_on() == []
        assert block.read(3).conductance.ravel() == pytest.approx(g, abs=5e-9)


def test_an_interrupted_loop_is_ended_first_keeps_its_readings_and_marks_the_rest():
    with rehearsed(STATION, edit=EDIT) as station:
        block, virtual = station.first, station.virtual
        wait = virtual.clock.wait

        def interrupted(seconds):
            if seconds > 1:
                wait(seconds / 2)
                raise KeyboardInterrupt
            wait(seconds)

        virtual.clock.wait = interrupted
        stream = block.stream(np.ones(60, dtype=np.int64))
        readings = next(stream)
        assert virtual.is_safe()
        fired = len(virtual.applied)
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        virtual.clock.wait = wait
        read = int(np.isfinite(readings.conductance).sum())
        assert 28 <= read <= 31
        assert np.all(readings.status[read:] == Status.INVALID | Status.UNCERTAIN)
        assert read <= fired <= read + 1
        virtual.clock.wait(10.0)
        assert len(virtual.applied) == fired  # nothing of the loop is left
        assert np.all(block.read(2).conductance > 0)


@pytest.mark.parametrize("fault", [one for one in Fault if one not in (Fault.SLOW_REPLY, Fault.COMPLIANCE)])
@pytest.mark.parametrize("message", ["labshd_level", "labshd_which", "for k", "*OPC?", "nvbuffer1.n)", "printbuffer"])
def test_no_fault_leaves_an_output_on_or_stores_a_wrong_value_as_good(fault, message):
    with rehearsed(STATION, edit=EDIT) as station:
        block, virtual = station.first, station.virtual
        start = 26e-6
        virtual.devices["A1"] = VirtualDevice(QUIET, 1, start)
        port = FaultyPort(virtual.twins[RESOURCE], virtual.clock, Injection(fault, 0, of=message))
        virtual.library().ports[RESOURCE] = port
        block.bench.smu.adapter._open_anew()  # type: ignore[attr-defined] - by way of the new port
        taken = []
        try:
            taken.extend(block.stream(np.zeros(20, dtype=np.int64)))
        except InstrumentError:
            pass
        finally:
            block.safe()
        assert port.injection.done
        assert virtual.is_safe()
        if taken:
            readings = Readings.join(taken)
            good = readings.status == 0
            assert readings.conductance[good] == pytest.approx(start, rel=1e-2)


# -- the language ------------------------------------------------------------------------------------------------------


@pytest.fixture
def twin():
    """A box that nobody has cabled."""
    from instruments.bench.wiring import Kind, Wiring

    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {}, VirtualClock())
    return Keithley2600BTwin(bench, {})


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("t = {3, 4 + 1} for k = 1, 2 do print(t[k]) end print(k)", ["3.00000e+00", "5.00000e+00", "nil"]),
        ("for k = 2, 1 do print(k) end print(7)", ["7.00000e+00"]),
        ("for k = 3, 1, -2 do print(k) end", ["3.00000e+00", "1.00000e+00"]),
        ("t = {} print(t[1])", ["nil"]),
        ("s = {2, 1} t = {5, 6,} print(t[s[1]])", ["6.00000e+00"]),
        ("for i = 1, 2 do for j = 1, i do print(10 * i + j) end end", ["1.10000e+01", "2.10000e+01", "2.20000e+01"]),
    ],
)
def test_loops_and_lists_are_those_of_lua(twin, code, printed):
    twin.receive(code)
    assert [twin.transmit() for _ in range(len(twin.replies))] == printed
    assert not twin.errors


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("for k = 1 do print(k) end", -285),
        ("for k = 1, 2 do print(k)", -285),
        ("for k in t do end", -285),
        ("while true do end", -285),
        ("t = {a = 1}", -285),
        ("print(1) end", -285),
        ("for k = 1, nil do end", -286),
        ("x = 1 print(x[1])", -286),
        ("delay(0)", 1102),
        ("smua.measure.i(smua.nvbuffer1) smua.nvbuffer1.appendmode = 1", -221),
        ("smua.nvbuffer1.appendmode = 2", 1100),
    ],
)
def test_what_else_there_is_in_lua_is_refused(twin, code, number):
    twin.receive(code)
    assert [code for code, _ in twin.errors] == [number]


def test_what_comes_while_a_loop_runs_waits_for_it_but_abort_ends_it(twin):
    clock = twin.circuit.clock
    twin.receive("n = 0 for k = 1, 10 do delay(0.1) n = n + 1 end")
    twin.receive("print(n)")
    assert (twin.transmit(), clock.now()) == ("1.00000e+01", pytest.approx(1.0))
    twin.receive("n = 0 for k = 1, 10 do delay(0.1) n = n + 1 end")
    clock.wait(0.35)
    twin.receive("abort")
    twin.receive("print(n)")
    assert (twin.transmit(), clock.now()) == ("3.00000e+00", pytest.approx(1.35))


def test_an_error_in_a_loop_ends_it_and_is_queued(twin):
    twin.receive("for k = 1, 3 do delay(0.1) smua.source.levelv = 100 * k * k end")
    twin.receive("print(smua.source.levelv)")
    assert twin.transmit() == "1.00000e+02"
    assert [code for code, _ in twin.errors] == [1102]
