"""Every fault at every instrument, during every protocol: outputs end off, no wrong value is good, nothing hangs."""

import math

import numpy as np
import pytest

from instruments.bench import Bench, BenchCrosspoints, ReadSetting
from instruments.crosspoints import Origin, Status
from instruments.drivers import load
from instruments.errors import CommandRefused, InstrumentError, NotAnswering, WrongInstrument
from instruments.limits import Limits
from instruments.wire import Wire
from instruments.wiring import Kind, MatrixCabling, Terminal, Wiring
from protocols.read_noise import ReadNoise
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.device import ECRAM
from sim_device.virtual_bench.faults import Fault, FaultyPort, Injection

LIMITS = Limits(pulse_voltage=4.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10_000)
MATRIX = MatrixCabling(1, "A", "B", "C", {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2})
PROTOCOLS = {
    "read-noise": ReadNoise(),
    "update-response": UpdateResponse(pulses=6, cycles=1, rest=2),
    "symmetry-point": SymmetryPoint(),
}
BENCHES = {
    "first": ("keysight-81160a", "keithley-2450", "keithley-707b"),
    "second": ("keysight-33500b", "keithley-2600b", "keithley-7001"),
    "third": ("tektronix-afg31000", "keithley-2400", "keithley-707b"),
    "fourth": ("keysight-33600a", "keysight-b2902b", "keithley-7001"),
}
ROLES = ("generator", "smu", "matrix")
TIMEOUT = 2.0


def opened(drivers, faulty=None, injection=None):
    """A block on a virtual bench, where one instrument is faulty; and the bench."""
    names = {role: f"TCPIP0::{role}::inst0::INSTR" for role in ROLES}
    virtual = VirtualBench(
        Wiring(Kind.THREE_TERMINAL, MATRIX),
        make_devices(["a"], "ecram", seed=1),
        {names[role]: driver for role, driver in zip(ROLES, drivers, strict=True)},
    )
    if faulty is not None:
        name = names[faulty]
        virtual.ports()[name] = FaultyPort(virtual.twins[name], virtual.clock, injection)
    instruments = {}
    for role, driver in zip(ROLES, drivers, strict=True):
        wire = Wire(names[role], virtual.library(), instrument=role, timeout=TIMEOUT, clock=virtual.clock)
        instruments[role] = load(driver)(wire, LIMITS, name=role)
        instruments[role].identity()
        instruments[role].prepare()
    bench = Bench(
        **instruments,
        wiring=virtual.wiring,
        limits=LIMITS,
        pulses=ECRAM.reference,
        reading=ReadSetting(0.1, 1e-5, 0.1),
        settle=20e-3,
        clock=virtual.clock,
        origin=Origin("rehearsal"),
    )
    return BenchCrosspoints(bench, np.array([["a"]])), virtual


def run_until_it_ends(block, virtual, protocol, steps):
    """Take up to `steps` points; each with what the device really is. Ends safe, as the recorder does."""
    kept, error = [], None
    running = protocol.run(block)
    try:
        for _, points in zip(range(steps), running, strict=False):
            truth = virtual.devices["a"].conductance(virtual.clock.now())
            kept.append((points, truth))
    except InstrumentError as raised:
        error = raised
    finally:
        running.close()
        block.safe()
    return kept, error


def wrong_but_good(kept):
    """Readings stored as good that are not what the device was: beyond 6 sigma of noise."""
    sigma = math.hypot(ECRAM.white_noise, ECRAM.slow_noise)
    wrong = []
    for points, truth in kept:
        good = points.readings.status == Status.OK
        # The last reading of a step was taken at the time of the truth.
        value = points.readings.conductance[-1, 0, 0]
        if good[-1, 0, 0] and not abs(value - truth) < 6 * sigma + 0.002 * truth:
            wrong.append((value, truth))
    return wrong


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("fault", Fault)
def test_whatever_happens_outputs_end_off_and_no_wrong_value_is_good(fault, role, protocol):
    for drivers in BENCHES.values():
        _, quiet = opened(drivers, role, Injection(fault, 10**9))
        first = quiet.ports()[f"TCPIP0::{role}::inst0::INSTR"].messages  # sent while opening
        for at in (first, first + 2, first + 9):
            injection = Injection(fault, at)
            block, virtual = opened(drivers, role, injection)
            start = virtual.clock.now()
            kept, error = run_until_it_ends(block, virtual, PROTOCOLS[protocol], steps=8)
            assert virtual.is_safe(), (drivers, at, error)
            assert wrong_but_good(kept) == [], (drivers, at)
            assert virtual.faults == [], (drivers, at)
            assert virtual.clock.now() - start < 60 + 5 * TIMEOUT  # virtual seconds: nothing waited on and on
            assert error is not None or kept


@pytest.mark.parametrize("fault", [Fault.NO_REPLY, Fault.LATE_REPLY, Fault.CLOSED, Fault.POWER_CYCLE])
def test_a_reading_that_did_not_come_ends_the_run_and_says_who_was_asked_what(fault):
    block, virtual = opened(BENCHES["first"], "smu", Injection(fault, 4, of=":READ?"))
    kept, error = run_until_it_ends(block, virtual, PROTOCOLS["update-response"], steps=20)
    assert isinstance(error, NotAnswering)
    assert "smu at TCPIP0::smu::inst0::INSTR" in str(error)
    assert ":READ?" in str(error)
    assert sum(len(points.readings) for points, _ in kept) >= 2  # those before are kept
    assert virtual.is_safe()


@pytest.mark.parametrize("of", ["*TRG", ":VOLT1:HIGH", ":OUTP1 ON", ":TRIG1:COUN 3"])
@pytest.mark.parametrize("fault", Fault)
def test_a_pulse_whose_end_is_unknown_is_never_fired_again(fault, of):
    block, virtual = opened(BENCHES["first"], "generator", Injection(fault, 0 if of != ":VOLT1:HIGH" else 1, of=of))
    try:
        block.pulse(3)
    except InstrumentError:
        block.safe()
    fired = sum(one.pulses for one in virtual.applied)
    assert fired in (0, 3)
    assert block.bench.pulses_applied.get("a", 0) >= fired  # what may have been delivered is counted as spent


def test_a_slow_reply_is_only_slow():
    block, virtual = opened(BENCHES["first"], "smu", Injection(Fault.SLOW_REPLY, 2, of=":READ?"))
    kept, error = run_until_it_ends(block, virtual, PROTOCOLS["update-response"], steps=5)
    assert error is None
    assert len(kept) == 5


def test_an_error_in_the_queue_is_raised_with_its_text():
    _, quiet = opened(BENCHES["first"], "smu", Injection(Fault.INSTRUMENT_ERROR, 10**9))
    first = quiet.ports()["TCPIP0::smu::inst0::INSTR"].messages
    block, _ = opened(BENCHES["first"], "smu", Injection(Fault.INSTRUMENT_ERROR, first))
    block.safe()
    with pytest.raises(CommandRefused, match="Hardware error"):
        block.bench.smu.check_errors()


def test_another_instrument_at_the_same_address_is_not_driven():
    names = {"a": "keithley-2450", "b": "keithley-2400"}
    virtual = VirtualBench(
        Wiring(Kind.THREE_TERMINAL, None),
        make_devices(["a"], "ecram", seed=1),
        {f"TCPIP0::{name}::inst0::INSTR": driver for name, driver in names.items()},
    )
    first, other = virtual.twins.values()
    name = next(iter(virtual.twins))
    port = FaultyPort(first, virtual.clock, Injection(Fault.CLOSED, 0, of=":OUTP ON"))
    virtual.ports()[name] = port
    smu = load("keithley-2450")(Wire(name, virtual.library(), instrument="smu", clock=virtual.clock), LIMITS)
    smu.identity()
    smu.prepare()
    smu.configure(0.1, 1e-5, 1.0)
    received = []
    port.twin = other
    other_receive = other.receive
    other.receive = lambda message: (received.append(message), other_receive(message))
    with pytest.raises(WrongInstrument, match=r"who answers there now is .*MODEL 2400.* not .*MODEL 2450"):
        smu.output_on()
    with pytest.raises(InstrumentError):
        smu.off()
    assert set(received) == {"*IDN?"}
