"""Every fault at every instrument, during every protocol: outputs end off, no wrong value is good, nothing hangs."""

import math

import numpy as np
import pytest

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, MatrixCabling, Terminal, Wiring
from instruments.crosspoints import Origin, Pulse, PulsePair, Readings, Status
from instruments.drivers import known, load
from instruments.errors import CommandRefused, InstrumentError, NotAnswering, WrongInstrument
from instruments.limits import Limits
from instruments.wire import Wire
from labshd.analysis.fit import trace_of_series
from protocols.common.protocol import Series, segments
from protocols.read_noise import ReadNoise
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.fit.fitting import fit_trace
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.devices.device import ECRAM
from sim_device.virtual_bench.faults.faults import Fault, FaultyPort, Injection

LIMITS = Limits(pulse_voltage=4.0, pulse_width=20e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10_000)
MATRIX = MatrixCabling(1, "A", "B", "C", {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2})
SLOW = PulsePair(Pulse(0.1, 20e-3), Pulse(-0.1, 20e-3))  # of source-measure units in the generator's place
PROTOCOLS = {
    "read-noise": ReadNoise(),
    "update-response": UpdateResponse(pulses=6, cycles=1, rest=2),
    "symmetry-point": SymmetryPoint(),
}
ROLES = ("generator", "smu", "matrix")


def benches():
    """Every driver in its role on some bench; those of which there are fewer come again."""
    of_role = {role: [name for name, one in known().items() if one.role == role] for role in ROLES}
    most = max(map(len, of_role.values()))
    return [tuple(of_role[role][k % len(of_role[role])] for role in ROLES) for k in range(most)]


BENCHES = benches()
FIRST = ("keysight-81160a", "keithley-2450", "keithley-707b")
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
        port = FaultyPort(virtual.twins[name], virtual.clock, injection, devices=virtual.devices)
        virtual.ports()[name] = port
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
        pulses=SLOW if instruments["generator"].shortest_width > ECRAM.reference.up.width else ECRAM.reference,
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
        before = virtual.devices["a"]
        for _, points in zip(range(steps), running, strict=False):
            # A device that broke down in this step may have done so after it was read.
            truths = {device.conductance(virtual.clock.now()) for device in (before, virtual.devices["a"])}
            kept.append((points, truths))
            before = virtual.devices["a"]
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
    for points, truths in kept:
        good = points.readings.status == Status.OK
        # The last reading of a step was taken at the time of the truth.
        value = points.readings.conductance[-1, 0, 0]
        if good[-1, 0, 0] and not any(abs(value - truth) < 6 * sigma + 0.002 * truth for truth in truths):
            wrong.append((value, truths))
    return wrong


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("fault", Fault)
def test_whatever_happens_outputs_end_off_and_no_wrong_value_is_good(fault, role, protocol):
    for drivers in BENCHES:
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
    block, virtual = opened(FIRST, "smu", Injection(fault, 4, of=":READ?"))
    kept, error = run_until_it_ends(block, virtual, PROTOCOLS["update-response"], steps=20)
    assert isinstance(error, NotAnswering)
    assert "smu at TCPIP0::smu::inst0::INSTR" in str(error)
    assert ":READ?" in str(error)
    assert sum(len(points.readings) for points, _ in kept) >= 2  # those before are kept
    assert virtual.is_safe()


@pytest.mark.parametrize("of", ["*TRG", ":VOLT1:HIGH", ":OUTP1 ON", ":TRIG1:COUN 3"])
@pytest.mark.parametrize("fault", Fault)
def test_a_pulse_whose_end_is_unknown_is_never_fired_again(fault, of):
    block, virtual = opened(FIRST, "generator", Injection(fault, 0 if of != ":VOLT1:HIGH" else 1, of=of))
    try:
        block.pulse(3)
    except InstrumentError:
        block.safe()
    fired = sum(one.pulses for one in virtual.applied)
    assert fired in (0, 3)
    assert block.bench.pulses_applied.get("a", 0) >= fired  # what may have been delivered is counted as spent


@pytest.mark.parametrize("drivers", BENCHES, ids=lambda drivers: drivers[0])
def test_after_pulses_of_unknown_delivery_the_next_reading_says_so_and_the_one_after_does_not(drivers):
    _, quiet = opened(drivers, "generator", Injection(Fault.NO_REPLY, 10**9))
    first = quiet.ports()["TCPIP0::generator::inst0::INSTR"].messages
    seen = 0
    for at in range(first, first + 12):
        block, _ = opened(drivers, "generator", Injection(Fault.NO_REPLY, at))
        try:
            block.pulse(3)
        except InstrumentError:
            doubtful = dict(block.bench.count.doubtful)
            assert doubtful in ({}, {"a": 3})
            status = block.read(2).status.ravel() & int(Status.UNCERTAIN)
            assert status.tolist() == ([int(Status.UNCERTAIN), 0] if doubtful else [0, 0])
            assert block.bench.count.doubtful == {}
            seen += bool(doubtful)
    assert seen >= 1


def test_a_step_in_doubt_is_left_out_of_the_fit():
    """Up and down about the symmetry point; once 40 pulses are spent that never came, and the reading says so."""
    rng = np.random.default_rng(5)
    counts = np.tile(np.r_[np.full(30, 2), np.full(30, -2)], 6)
    g, taken = 25e-6, []
    doubt = 137
    counts[doubt] = 40
    for k, n in enumerate(counts):
        for _ in range(0 if k == doubt else abs(n)):
            s = 0.01 * (50e-6 - g) if n > 0 else -0.01 * (g - 10e-6)
            g += s * (1 + 0.3 * rng.standard_normal())
        taken.append(g + 20e-9 * rng.standard_normal())
    reading = np.array(taken).reshape(-1, 1, 1)
    fits = []
    for status in (np.zeros(len(counts)), np.where(np.arange(len(counts)) == doubt, int(Status.UNCERTAIN), 0)):
        readings = Readings(reading, reading, reading, reading, status.astype(np.uint8).reshape(-1, 1, 1))
        series = Series(np.full(len(counts), "ramp"), counts.reshape(-1, 1, 1), readings)
        pulses, conductance, pieces = trace_of_series(series)
        fits.append(fit_trace(pulses, conductance, unit="S", model="soft-bounds", segments=pieces))
        assert len(segments(series)) == 1 + int(status.any())
    believed, left_out = fits
    assert not believed.accepted  # 40 pulses without an effect are no soft bounds
    assert left_out.accepted
    assert abs(left_out.parameters["g_max_S"] - 50e-6) < 4 * left_out.std["g_max_S"]


def wired(driver, injection):
    """One instrument, with its port and the port's twin."""
    name = "TCPIP0::it::inst0::INSTR"
    virtual = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {name: driver})
    port = FaultyPort(virtual.twins[name], virtual.clock, injection)
    virtual.ports()[name] = port
    wire = Wire(name, virtual.library(), instrument="it", timeout=TIMEOUT, clock=virtual.clock)
    return load(driver)(wire, LIMITS), port


@pytest.mark.parametrize("fault", [Fault.NO_REPLY, Fault.LATE_REPLY, Fault.HALF_REPLY, Fault.GARBAGE, Fault.CLOSED])
@pytest.mark.parametrize("driver", known())
def test_after_a_reply_that_was_lost_late_or_broken_the_next_question_gets_its_own_answer(driver, fault):
    injection = Injection(fault, 10**9)
    instrument, port = wired(driver, injection)
    who = instrument.identity()
    instrument.prepare()
    injection.at = port.messages
    with pytest.raises(InstrumentError):
        instrument.is_off()
    assert injection.done
    assert instrument.identity() == who
    assert instrument.is_off() is True
    instrument.check_errors()


@pytest.mark.parametrize("driver", known())
def test_who_answers_after_a_connection_was_lost_must_be_the_same(driver):
    injection = Injection(Fault.CLOSED, 10**9)
    instrument, port = wired(driver, injection)
    instrument.identity()
    instrument.prepare()
    _, elsewhere = wired("keithley-7001" if known()[driver].role != "matrix" else "keithley-2400", injection)
    received, receive = [], elsewhere.twin.receive

    def heard(message):
        received.append(message)
        receive(message)

    elsewhere.twin.receive = heard
    injection.at = port.messages
    port.twin = elsewhere.twin
    with pytest.raises(WrongInstrument, match="nothing was sent"):
        instrument.is_off()
    with pytest.raises(InstrumentError):  # nor is anything later: not even what switches off
        instrument.off()
    assert set(received) == {"*IDN?"}


def test_a_slow_reply_is_only_slow():
    block, virtual = opened(FIRST, "smu", Injection(Fault.SLOW_REPLY, 2, of=":READ?"))
    kept, error = run_until_it_ends(block, virtual, PROTOCOLS["update-response"], steps=5)
    assert error is None
    assert len(kept) == 5


def test_an_error_in_the_queue_is_raised_with_its_text():
    _, quiet = opened(FIRST, "smu", Injection(Fault.INSTRUMENT_ERROR, 10**9))
    first = quiet.ports()["TCPIP0::smu::inst0::INSTR"].messages
    block, _ = opened(FIRST, "smu", Injection(Fault.INSTRUMENT_ERROR, first))
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
