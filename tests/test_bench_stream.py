"""A stream on a bench: what step by step gives, checked as a whole before the first byte."""

import numpy as np
import pytest

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, MatrixCabling, Terminal, Wiring
from instruments.crosspoints import Crosspoints, Origin, Pulse, PulsePair
from instruments.drivers import load
from instruments.errors import LimitError
from instruments.limits import Limits
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.devices.device import ECRAM

LIMITS = Limits(pulse_voltage=4.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=20)
DRIVERS = {"generator": "keysight-81160a", "smu": "keithley-2450", "matrix": "keithley-707b"}
COLUMNS = {(name, terminal): 2 * row + column for row, name in enumerate("ab")
           for column, terminal in ((1, Terminal.GATE), (2, Terminal.CHANNEL))}  # fmt: skip


def block_of_two():
    names = {role: f"TCPIP0::{role}::inst0::INSTR" for role in DRIVERS}
    wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", "C", COLUMNS))
    instruments = {names[role]: driver for role, driver in DRIVERS.items()}
    virtual = VirtualBench(wiring, make_devices(["a", "b"], "ecram", seed=1), instruments)
    sent = []
    opened = {}
    for role, driver in DRIVERS.items():
        wire = Wire(names[role], virtual.library(), instrument=role, clock=virtual.clock, sink=sent.append)
        opened[role] = load(driver)(wire, LIMITS)
        opened[role].prepare()
    sent.clear()
    reading = ReadSetting(0.1, 1e-5, 0.1)
    bench = Bench(
        **opened, wiring=wiring, limits=LIMITS, pulses=ECRAM.reference, reading=reading, settle=5e-3,
        clock=virtual.clock, origin=Origin("rehearsal"),
    )  # fmt: skip
    return BenchCrosspoints(bench, np.array([["a", "b"]])), virtual, sent


COUNTS = np.array([[[1, 0]], [[2, -1]], [[0, 0]], [[-3, 1]]])


def test_a_stream_is_step_by_step_in_one_go():
    quick, quick_bench, quick_sent = block_of_two()
    slow, slow_bench, slow_sent = block_of_two()
    readings = list(quick.stream(COUNTS))
    expected = list(Crosspoints.stream(slow, COUNTS))
    assert len(readings) == 4
    for one, other in zip(readings, expected, strict=True):
        assert np.array_equal(one.conductance, other.conductance)
        assert np.array_equal(one.time, other.time)
        assert np.array_equal(one.status, other.status)
    *steps, _, _, _, _, _, _ = quick_sent  # at the end each instrument is asked what it did not take
    assert steps == slow_sent
    assert [message.text for message in quick_sent[len(steps) :: 2]] == [
        "*ESR?;:SYST:ERR?",
        "*ESR?;:SYST:ERR?",
        "print(errorqueue.next())",
    ]
    assert quick_bench.applied == slow_bench.applied
    assert quick.bench.pulses_applied == slow.bench.pulses_applied == {"a": 6, "b": 2}


def test_the_pulse_budget_of_the_whole_stream_is_checked_before_the_first_byte():
    block, virtual, sent = block_of_two()
    with pytest.raises(LimitError, match="21 more pulses on a"):
        next(block.stream(np.tile([[[3, 0]], [[-4, 0]]], (3, 1, 1))))  # 3 (3 + 4) pulses
    assert sent == []
    assert virtual.applied == []


@pytest.mark.parametrize(
    "pair",
    [PulsePair(Pulse(2.0, 5e-7), Pulse(-4.5, 5e-7)), PulsePair(Pulse(4.5, 5e-7), Pulse(-2.0, 5e-7))],
)
def test_a_pulse_beyond_the_limits_anywhere_in_a_stream_sends_not_a_byte(pair):
    block, _, sent = block_of_two()
    with pytest.raises(LimitError, match=r"4\.5 V"):
        next(block.stream(COUNTS, pair))
    assert sent == []


def test_a_stream_without_pulses_reads():
    block, virtual, _ = block_of_two()
    readings = list(block.stream(np.zeros((3, 1, 2), dtype=int)))
    assert [one.conductance.shape for one in readings] == [(1, 1, 2)] * 3
    assert virtual.applied == []
