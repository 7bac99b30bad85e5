"""Sequences: what a trace timed by the instruments is, byte by byte, and what becomes of one that is interrupted."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymeasure.test import expected_protocol

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Crosspoints, Origin, Pulse, PulsePair, Readings, Status
from instruments.drivers import load
from instruments.drivers.keysight_b2902b.list_sweep import ListSweep
from instruments.drivers.keysight_b2902b.smu import KeysightB2902B
from instruments.errors import InstrumentError, LimitError, NotAnswering
from instruments.limits import Limits
from instruments.sequences import Plan, Slots
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.devices.device import RRAM, VirtualDevice
from sim_device.virtual_bench.faults.faults import Fault, FaultyPort, Injection

LIMITS = Limits(pulse_voltage=1.0, pulse_width=1e-2, read_voltage=0.2, current=1e-3, pulses_per_crosspoint=5000)
PAIR = PulsePair(Pulse(0.9, 1e-3), Pulse(-0.9, 1e-3))
NAME = "TCPIP0::it::inst0::INSTR"
NONE = '+0,"No error"'


def plan_of(counts, pulses=PAIR, settle=1e-3, limit=1e-3):
    counts = np.asarray(counts, dtype=np.int64)
    burst = int(np.abs(counts).max(initial=0))
    return Plan(counts, pulses, settle, voltage=0.1, compliance=1e-3, integration=0.01, limit=limit, burst=burst)


def bench_of(device="rram", limits=LIMITS, pulses=PAIR, compliance=1e-3, settle=1e-3, faulty=None):
    """One two-terminal device on one B2902B that pulses and reads; every message it is sent."""
    wiring = Wiring(Kind.TWO_TERMINAL, None, one_output=True)
    devices = make_devices(["a"], device, seed=1)
    virtual = VirtualBench(wiring, devices, {NAME: "keysight-b2902b"})
    if faulty is not None:
        virtual.ports()[NAME] = FaultyPort(virtual.twins[NAME], virtual.clock, faulty)
    sent = []
    wire = Wire(NAME, virtual.library(), instrument="smu", clock=virtual.clock, sink=sent.append)
    generator, smu = (load(name)(wire, limits) for name in ("keysight-b2902b-pulses", "keysight-b2902b"))
    for instrument in (generator, smu):
        instrument.identity()
        instrument.prepare()
    bench = Bench(
        generator,
        smu,
        None,
        wiring=wiring,
        limits=limits,
        pulses=pulses,
        reading=ReadSetting(0.1, compliance, 0.01),
        settle=settle,
        clock=virtual.clock,
        origin=Origin("rehearsal", {"station": "x"}),
    )
    sent.clear()
    return BenchCrosspoints(bench, np.array([["a"]])), virtual, sent


# -- timing --------------------------------------------------------------------------------------------------------


def test_one_pulse_a_step_has_a_slot_to_itself():
    slots = Slots.of(plan_of([1, 0, -1]), width=1e-3, reading=4e-4)
    assert (slots.points, slots.period, slots.delay) == (1, pytest.approx(2.4e-3), pytest.approx(2e-3))
    assert slots.levels(plan_of([1, 0, -1])).tolist() == [0.9, 0.1, -0.9]


def test_a_burst_is_as_far_apart_as_its_pulses_are_wide_and_settles_as_long_whatever_its_number():
    plan = plan_of([3, -1])
    slots = Slots.of(plan, width=1e-3, reading=4e-4)
    # 3 slots of 2 ms end 1 ms after the last pulse; settling (1 ms) and reading (0.4 ms) need 0.4 ms more: a 4th slot
    assert (slots.points, slots.period) == (4, 2e-3)
    assert slots.delay == pytest.approx(2 * 2e-3 + 1e-3 + 1e-3)
    assert slots.levels(plan).tolist() == [0.9, 0.9, 0.9, 0.1, 0.1, 0.1, -0.9, 0.1]


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=6),
    st.floats(1e-4, 1.0),
    st.floats(0.0, 1.0),
    st.floats(1e-4, 1.0),
)
def test_every_plan_has_its_pulses_and_time_to_settle_and_to_read(counts, width, settle, reading):
    plan = replace(plan_of(counts), settle=settle)
    slots = Slots.of(plan, width, reading)
    levels = slots.levels(plan).reshape(len(counts), slots.points)
    assert np.sign(np.where(levels == 0.1, 0.0, levels)).sum(axis=1).tolist() == counts
    last = np.array([np.flatnonzero(row != 0.1)[-1] for row in levels if np.any(row != 0.1)], dtype=float)
    # from the end of the last pulse to the reading: the settling time, exactly; and the reading fits
    assert np.allclose(slots.delay - (last * slots.period + width), settle, atol=1e-9)
    assert slots.delay + reading <= slots.step * (1 + 1e-9) + 1e-9


# -- bytes ---------------------------------------------------------------------------------------------------------

BEGIN = [
    ("*RST;*CLS", None),
    (
        ":OUTP1 OFF;:OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;"
        ':SENS1:FUNC "VOLT","CURR";:SENS1:REM OFF;:FORM:ELEM:SENS VOLT,CURR,STAT;:TRIG1:SOUR AINT;:TRIG1:COUN 1'
        ";:SYST:ERR?",
        NONE,
    ),
    (
        ":SENS1:CURR:PROT 1.000000e-03;:SENS1:CURR:RANG:AUTO OFF;:SENS1:CURR:RANG 1.000000e-03;"
        ":SOUR1:VOLT:RANG:AUTO OFF;:SOUR1:VOLT:RANG 2.000000e+00;:SOUR1:VOLT 1.000000e-01;"
        ":SENS1:CURR:NPLC 1.000000e-02;:SYST:ERR?",
        NONE,
    ),
    (":SENS1:CURR:PROT?", "+1.000000E-03"),
    (":SYST:LFR?", "50"),
    (
        ":SOUR1:FUNC:SHAP PULS;:SOUR1:VOLT:MODE LIST;:SOUR1:PULS:DEL 0;:SOUR1:PULS:WIDT 1.000000e-03;"
        # a step is 1 ms of pulse, 1 ms of settling, 0.2 ms of integration and 0.2 ms of room
        ":TRIG1:TRAN:SOUR TIM;:TRIG1:TRAN:TIM 2.400000e-03;:TRIG1:TRAN:DEL 0;"
        ":TRIG1:ACQ:SOUR TIM;:TRIG1:ACQ:TIM 2.400000e-03;:TRIG1:ACQ:DEL 2.000000e-03;"
        ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT;:SYST:TIME:TIM:COUN:RES:AUTO ON;:SYST:ERR?",
        NONE,
    ),
]
LOAD = (
    ":TRAC1:FEED:CONT NEV;:TRAC1:CLE;:TRAC1:POIN 3;:TRAC1:FEED SENS;:TRAC1:FEED:CONT NEXT;"
    ":TRIG1:TRAN:COUN 3;:TRIG1:ACQ:COUN 3;:SOUR1:LIST:VOLT 9.000000e-01,1.000000e-01,-9.000000e-01;:SYST:ERR?"
)


def sweep(*pairs):
    return expected_protocol(KeysightB2902B, list(pairs), limits=LIMITS)


def test_a_list_sweep_is_down_in_one_message_and_back_in_one():
    pairs = [
        *BEGIN,
        (LOAD, NONE),
        (":OUTP1 ON;:INIT (@1)", None),
        ("*OPC?", "1"),
        (":STAT:QUES?;:TRAC1:POIN:ACT?", "0;3"),
        (
            ":TRAC1:DATA?",
            "+1E-01,+1.0E-05,+2.0E-03,+0,+9.91E+37,+9.91E+37,+4.4E-03,+0,+5E-02,+1.0E-03,+6.8E-03,+2",
        ),
        (":OUTP1 OFF;:ABOR (@1)", None),
    ]
    with sweep(*pairs) as unit:
        sequence = ListSweep(unit)
        plan = plan_of([1, 0, -1])
        sequence.begin(plan)
        assert sequence.load(plan) == pytest.approx(3 * 2.4e-3)
        sequence.start()
        taken = sequence.collect()
        unit.off()
    assert taken.current == pytest.approx([1e-5, np.nan, 1e-3], nan_ok=True)
    assert taken.time.tolist() == [2.0e-3, 4.4e-3, 6.8e-3]
    assert taken.status.tolist() == [0, Status.INVALID, Status.COMPLIANCE]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([("*OPC?", "1"), (":STAT:QUES?;:TRAC1:POIN:ACT?", "4096;3")], "lost triggers"),
        ([("*OPC?", "1"), (":STAT:QUES?;:TRAC1:POIN:ACT?", "what")], "where a? ?status and a? ?count"),
        ([("*OPC?", "0")], "whether it is done is unknown"),
        (
            [("*OPC?", "1"), (":STAT:QUES?;:TRAC1:POIN:ACT?", "0;3"), (":TRAC1:DATA?", "1,2,3")],
            "3 times 4 numbers were expected",
        ),
    ],
)
def test_what_is_no_sequence_is_no_value(answers, said):
    with sweep(*BEGIN, (LOAD, NONE), *answers) as unit:
        sequence = ListSweep(unit)
        sequence.begin(plan_of([1, 0, -1]))
        sequence.load(plan_of([1, 0, -1]))
        with pytest.raises(InstrumentError, match=said):
            sequence.collect()


def test_a_list_sweep_says_what_it_cannot():
    sequence = bench_of()[0].bench.smu.sequencer(bench_of()[0].bench.generator, trigger=False)
    assert sequence.refusal(plan_of([1, -1])) is None
    assert "one width" in sequence.refusal(plan_of([1, -1], PulsePair(PAIR.up, Pulse(-0.9, 2e-3))))
    assert "shortest" in sequence.refusal(plan_of([1], PulsePair(Pulse(0.9, 1e-6), PAIR.down)))
    assert "read.compliance" in sequence.refusal(plan_of([1], limit=2e-3))
    assert "2500 points" in sequence.refusal(plan_of([3000]))
    assert sequence.holds(plan_of(np.ones(5000))) == int(5.0 / 2.4e-3)
    assert sequence.holds(plan_of(np.ones(5000), settle=10.0)) == 1


# -- traces --------------------------------------------------------------------------------------------------------


def test_a_trace_is_a_sequence_that_says_so_with_the_instruments_own_times():
    block, virtual, sent = bench_of()
    counts = np.where(np.arange(3000) % 40 < 20, 1, -1)
    parts = list(block.stream(counts))
    readings = Readings.join(parts)
    assert block.origin.details == {"station": "x", "traces": "sequences: list sweep of the source-measure unit"}
    assert [len(part) for part in parts] == [2083, 917]  # of 5 s, so that rows are on disk every few seconds
    assert np.diff(parts[0].time.ravel()) == pytest.approx(2.4e-3, abs=1e-6)  # 7 digits of 5 s
    assert np.all(np.diff(readings.time.ravel()) > 0)
    assert np.all(readings.status == 0)
    assert len(virtual.applied) == 3000
    assert [one.voltage for one in virtual.applied[18:22]] == [0.9, 0.9, -0.9, -0.9]
    assert block.bench.pulses_applied == {"a": 3000}
    assert block.bench.count.doubtful == {}
    assert virtual.is_safe()
    assert virtual.faults == []
    assert len(sent) < 60  # messages, both directions, for 3000 steps
    g = readings.conductance.ravel()
    assert np.corrcoef(g, np.abs(np.arange(3000) % 40 - 20))[0, 1] < -0.5  # up 20, down 20


def test_after_a_trace_a_bench_reads_and_goes_step_by_step_as_before():
    block, virtual, _ = bench_of()
    slow = PulsePair(Pulse(0.8, 1e-2), Pulse(-0.8, 1e-2))
    before = block.trace(np.zeros(200, dtype=int)).conductance.mean()
    assert block.read(20).conductance.mean() == pytest.approx(before, abs=2e-6)  # 6 sd of slow noise
    assert len(list(Crosspoints.stream(block, [0, 0, 0], slow))) == 3
    assert block.trace(np.zeros(200, dtype=int)).conductance.mean() == pytest.approx(before, abs=2e-6)
    assert virtual.faults == []


def test_the_budget_of_all_steps_and_every_pulse_is_checked_before_the_first_byte():
    block, virtual, sent = bench_of()
    with pytest.raises(LimitError, match="5001 more pulses"):
        next(block.stream(np.ones(5001, dtype=int)))
    with pytest.raises(LimitError, match=r"1\.1 V"):
        next(block.stream(np.ones(3, dtype=int), PulsePair(Pulse(1.1, 1e-3), PAIR.down)))
    assert sent == []
    assert virtual.applied == []


def test_what_no_list_can_do_goes_step_by_step_and_is_announced_once(caplog):
    pulses = PulsePair(Pulse(0.8, 1e-2), Pulse(-0.8, 2e-2))
    limits = LIMITS.model_copy(update={"pulse_width": 0.1})
    block, _, _ = bench_of(limits=limits, pulses=pulses)
    assert "step by step: a list sweep has pulses of one width" in block.origin.details["traces"]
    with caplog.at_level(logging.WARNING, "instruments.bench.sequencing"):
        assert len(list(block.stream([1, -1]))) == 2
        assert len(list(block.stream([1, -1]))) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "traces go step by step: a list sweep has pulses of one width, these have two"
    ]


def quiet(device):
    """Nothing but steps: the same device without noise, relaxation or drift."""
    return replace(RRAM, cycle_to_cycle=0.0, white_noise=0.0, slow_noise=0.0, volatile=0.0, rest_time=1e30, **device)


def test_steps_of_a_sequence_are_those_of_the_device():
    parameters = quiet({})
    block, virtual, _ = bench_of()
    virtual.devices["a"] = VirtualDevice(parameters, 1, 60e-6)
    counts = np.array([1, 1, 0, -1, 2, -3, 0, 1])
    found = block.trace(counts).conductance.ravel()
    core, g, expected = parameters.core_under(PAIR), 60e-6, []
    for count in counts:
        for _ in range(abs(count)):  # soft bounds, one pulse after the other
            g += core.s_up * (core.g_max - g) if count > 0 else core.s_down * (core.g_min - g)
        expected.append(g)
    # the noise of the instrument: 5e-7 of 1 mA, at 0.01 power line cycles 10 times that, over 0.1 V: 50 nS
    assert found == pytest.approx(expected, abs=6 * 50e-9)


def test_a_train_and_the_same_steps_one_by_one_agree_in_distribution():
    """Means of final states and of scatter over 60 devices each: within 5 standard errors."""

    def ends(one_by_one):
        means, scatters = [], []
        for seed in range(60):
            device = VirtualDevice(RRAM, seed, 60e-6)
            at = 2.4e-3 * np.arange(40)
            if one_by_one:
                g = []
                for k in at:
                    device.pulse(k + 1e-3, (0.9, 1e-3), 1)
                    g.append(device.read(k + 2.2e-3))
            else:
                from sim_device.virtual_bench.devices.trains import Train

                g = device.train(Train(at, np.full(40, 0.9), 1e-3, at + 2.2e-3, 1e-2))
            means.append(np.mean(g[20:]))
            scatters.append(np.std(np.diff(g[20:])))
        return np.array(means), np.array(scatters)

    for one, other in zip(ends(True), ends(False), strict=True):
        error = np.hypot(one.std(), other.std()) / np.sqrt(60)
        assert abs(one.mean() - other.mean()) < 5 * error
        assert other.std() == pytest.approx(one.std(), rel=0.6)  # 5 sd: 1/sqrt(2*60) each, of the ratio of two


def test_a_pulse_is_held_back_by_the_limit():
    block, virtual, _ = bench_of(limits=LIMITS.model_copy(update={"current": 2e-5}), compliance=2e-5)
    free, held = 60e-6, quiet({})
    virtual.devices["a"] = VirtualDevice(held, 1, free)
    # 0.9 V would drive 54 uA through 60 uS; at 20 uA there are 0.33 V, which move nothing
    found = block.trace(np.ones(20, dtype=int)).conductance.ravel()
    assert found == pytest.approx(free, rel=2e-3)


# -- interruptions -------------------------------------------------------------------------------------------------


def test_an_interrupted_sequence_keeps_what_was_read_and_marks_the_rest():
    block, virtual, _ = bench_of()
    clock = virtual.clock
    wait = clock.wait

    def interrupted(seconds):
        if seconds > 1:
            wait(seconds / 2)
            assert virtual.outputs_on()
            raise KeyboardInterrupt
        wait(seconds)

    clock.wait = interrupted
    stream = block.stream(np.ones(1000, dtype=int))
    readings = next(stream)
    assert virtual.is_safe()  # before anything is read back
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    read = np.isfinite(readings.conductance.ravel())
    assert len(readings) == 1000
    assert 495 <= read.sum() <= 500  # half of 2.4 s
    assert np.all(read[: read.sum()])
    assert np.all(readings.status[~read] == Status.INVALID | Status.UNCERTAIN)
    assert np.all(readings.status[read] == 0)
    assert block.bench.pulses_applied == {"a": 1000}  # all of them count as spent
    assert len(virtual.applied) <= read.sum() + 1  # what was not reached does not come
    clock.wait = wait
    assert block.read().status[0, 0, 0] & Status.UNCERTAIN  # pulses in doubt lie before it
    assert not block.read().status[0, 0, 0] & Status.UNCERTAIN


def test_a_sequence_that_is_left_early_ends_with_outputs_off_and_the_bench_still_reads():
    block, virtual, _ = bench_of()
    stream = block.stream(np.ones(3000, dtype=int))
    next(stream)
    stream.close()
    assert virtual.outputs_on() == []
    assert np.all(block.read(3).status == 0)
    assert virtual.faults == []


@pytest.mark.parametrize("fault", [one for one in Fault if one not in (Fault.SLOW_REPLY,)])
@pytest.mark.parametrize("message", [":TRAC1:FEED:CONT NEV", ":INIT", "*OPC?", ":STAT:QUES?", ":TRAC1:DATA?"])
def test_no_fault_leaves_an_output_on_or_stores_a_wrong_value_as_good(fault, message):
    block, virtual, _ = bench_of(faulty=Injection(fault, 0, of=message))
    virtual.devices["a"] = VirtualDevice(quiet({}), 1, 60e-6)
    taken = []
    try:
        taken.extend(block.stream(np.zeros(50, dtype=int)))
    except InstrumentError:
        pass
    finally:
        block.safe()
    assert virtual.is_safe()
    if taken:
        readings = Readings.join(taken)
        good = readings.status == 0
        assert readings.conductance[good] == pytest.approx(60e-6, rel=1e-2)


def test_a_lost_connection_is_raised_and_what_was_fired_is_spent():
    block, virtual, _ = bench_of(faulty=Injection(Fault.POWER_CYCLE, 0, of=":TRAC1:DATA?"))
    stream = block.stream(np.ones(50, dtype=int))
    readings = next(stream)
    assert np.all(readings.status == Status.INVALID | Status.UNCERTAIN)
    with pytest.raises(NotAnswering):
        next(stream)
    assert block.bench.pulses_applied == {"a": 50}
    assert virtual.is_safe()
