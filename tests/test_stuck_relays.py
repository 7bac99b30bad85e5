"""Every relay of every wiring stuck open or closed, at several moments, in three protocols: no wrong value is good."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_phases import crossbar, three

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.phases import Phase, setup
from instruments.bench.relay_check import RelayCheck
from instruments.bench.wiring import BiasLevels, Kind, MatrixCabling, ReadGate, Relay, Source, Terminal, Wiring
from instruments.crosspoints import Origin, Status
from instruments.drivers import load
from instruments.errors import InstrumentError
from instruments.limits import Limits
from instruments.roles import Measurement
from instruments.wire import Wire
from protocols.read_noise import ReadNoise
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled
from sim_device.virtual_bench.circuit.transistor import Transistor
from sim_device.virtual_bench.devices.device import ECRAM, RRAM
from sim_device.virtual_bench.faults.stuck_relays import Sticking, StickingPort

LIMITS = Limits(
    pulse_voltage=4.0, pulse_width=1e-3, read_voltage=0.5, gate_voltage=3.0, current=1e-3, pulses_per_crosspoint=10_000
)
GATE_AT_READ = 2.0
CELLS = {(name, terminal): 3 * row + at
         for row, name in enumerate(("A1", "A2"))
         for at, terminal in ((1, Terminal.TOP), (2, Terminal.GATE), (3, Terminal.SOURCE))}  # fmt: skip
TOPS = {("A1", Terminal.TOP): 1, ("A2", Terminal.TOP): 2}
WIRINGS = {
    "three-terminal": three(),
    "three-terminal, gate grounded": three(ReadGate.GROUNDED),
    "two-terminal": Wiring(Kind.TWO_TERMINAL, MatrixCabling(1, "A", "B", None, dict(TOPS))),
    "1t1r": Wiring(
        Kind.ONE_TRANSISTOR,
        MatrixCabling(1, "A", "B", "C", dict(CELLS), bias="D"),
        bias=BiasLevels(1.4, 2.8, GATE_AT_READ, 1e-6),
    ),
    "crossbar": crossbar(),
}
PROTOCOLS = {
    "read-noise": ReadNoise(),
    "update-response": UpdateResponse(pulses=6, cycles=1, rest=2),
    "symmetry-point": SymmetryPoint(),
}
ROLES = {"generator": "keysight-81160a", "smu": "keithley-2450", "bias": "keithley-2400", "matrix": "keithley-707b"}


def opened(wiring, sticking=None):
    """All crosspoints of a wiring on a virtual bench, one of whose relays sticks; and the bench."""
    drivers = dict(ROLES)
    if wiring.kind is Kind.CROSSBAR:
        drivers["generator"] += "-halves"
    if wiring.bias is None:
        del drivers["bias"]
    names = {role: f"TCPIP0::{role}::inst0::INSTR" for role in drivers}
    crosspoints = list(dict.fromkeys(name for name, _ in wiring.matrix.columns))
    kind = ECRAM if wiring.kind is Kind.THREE_TERMINAL else RRAM
    virtual = VirtualBench(
        wiring,
        make_devices(crosspoints, kind, seed=1),
        {names[role]: [Cabled(driver, role=role)] for role, driver in drivers.items()},
    )
    if sticking is not None:
        virtual.ports()[names["matrix"]] = StickingPort(virtual, names["matrix"], sticking)
    instruments = {}
    for role, driver in drivers.items():
        gate = role == "bias" and wiring.kind is not Kind.CROSSBAR
        wire = Wire(names[role], virtual.library(), instrument=role, clock=virtual.clock)
        instruments[role] = load(driver)(wire, LIMITS.at_gate() if gate else LIMITS)
        instruments[role].prepare()
    bench = Bench(
        **instruments, wiring=wiring, limits=LIMITS, pulses=kind.reference, reading=ReadSetting(0.1, 1e-4, 1.0),
        settle=20e-3, clock=virtual.clock, origin=Origin("rehearsal"),
    )  # fmt: skip
    return BenchCrosspoints(bench, np.array([crosspoints])), virtual


def truth(virtual, name):
    """What a reading of a crosspoint should find now [S]; of a cell, device and transistor in series."""
    conductance = virtual.devices[name].conductance(virtual.clock.now())
    if virtual.wiring.kind is Kind.ONE_TRANSISTOR:
        conductance *= Transistor().across(0.1, 0.0, GATE_AT_READ, conductance) / 0.1
    return conductance


def run(block, virtual, protocol, steps=6):
    """Up to `steps` points, each with the truth at its end; what was raised."""
    kept, error = [], None
    running = protocol.run(block)
    try:
        for _, points in zip(range(steps), running, strict=False):
            kept.append((points.readings, [truth(virtual, str(name)) for name in block.names.flat]))
    except InstrumentError as raised:
        error = raised
    finally:
        running.close()
        block.safe()
    return kept, error


def wrong_but_good(kept, virtual):
    """Readings stored as good that are not what the device was: beyond 6 sigma of its noise and 0.5 %."""
    sigma = {name: math.hypot(d.parameters.white_noise, d.parameters.slow_noise) for name, d in virtual.devices.items()}
    wrong = []
    for readings, expected in kept:
        for number, (name, should) in enumerate(zip(sigma, expected, strict=True)):
            value, status = readings.conductance[-1, 0, number], readings.status[-1, 0, number]
            if status == Status.OK and not abs(value - should) < 6 * sigma[name] + 0.005 * should:
                wrong.append((name, float(value), should))
    return wrong


def relays_of(wiring):
    """Every relay that any phase of any crosspoint closes, and whether reading needs it."""
    names = dict.fromkeys(name for name, _ in wiring.matrix.columns)
    each = [(phase, relay) for name in names for phase in Phase for relay in setup(wiring, name, phase).relays]
    return {relay: any(r == relay and phase is Phase.READ for phase, r in each) for _, relay in each}


@pytest.mark.parametrize("wiring", WIRINGS)
def test_with_every_relay_in_order_every_value_is_good(wiring):
    for protocol in PROTOCOLS.values():
        block, virtual = opened(WIRINGS[wiring])
        kept, error = run(block, virtual, protocol)
        assert error is None
        assert wrong_but_good(kept, virtual) == []
        assert all(np.all(readings.status == Status.OK) for readings, _ in kept)
        assert virtual.faults == []
        assert virtual.is_safe()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_whichever_relay_sticks_no_wrong_value_is_good_and_outputs_end_off(wiring, protocol):
    quiet, bench = opened(WIRINGS[wiring], Sticking(Relay(1, "H", 12), closed=False, at=10**9))
    first = bench.ports()["TCPIP0::matrix::inst0::INSTR"].messages  # sent while opening
    quiet.safe()
    for relay in relays_of(WIRINGS[wiring]):
        for closed, at_once, after in ((False, False, 0), (False, False, 5), (True, False, 3), (True, True, 0)):
            block, virtual = opened(WIRINGS[wiring], Sticking(relay, closed, first + after, at_once))
            kept, error = run(block, virtual, PROTOCOLS[protocol])
            case = (relay, closed, at_once, after, error)
            assert wrong_but_good(kept, virtual) == [], case
            assert virtual.is_safe(), case
            assert error is not None or kept, case


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_relay_on_the_way_of_the_reading_is_noticed(wiring):
    matrix = WIRINGS[wiring].matrix
    for relay in (relay for relay in relays_of(WIRINGS[wiring]) if relay.row == matrix.smu):
        block, virtual = opened(WIRINGS[wiring])
        virtual.stick(relay, closed=False)
        readings = block.read()
        assert np.count_nonzero(readings.status & Status.NO_CURRENT) >= 1, relay
        block, virtual = opened(WIRINGS[wiring])
        virtual.stick(relay, closed=True)
        with pytest.raises(InstrumentError, match=r"relay .*is stuck closed|leaks or is shorted"):
            block.read()
        block.safe()
        assert virtual.is_safe()


def test_a_current_that_is_lost_is_no_number_and_one_that_never_came_is_marked():
    block, virtual = opened(WIRINGS["two-terminal"])
    before = block.read()
    virtual.stick(Relay(1, "B", 1), closed=False)
    after = block.read()
    assert np.all(before.status == Status.OK)
    assert after.status.tolist() == [[[Status.NO_CURRENT | Status.INVALID, Status.OK]]]
    assert np.isnan(after.conductance[0, 0, 0])
    fresh, virtual = opened(WIRINGS["two-terminal"])
    virtual.stick(Relay(1, "B", 1), closed=False)
    marked = fresh.read()
    assert marked.status.tolist() == [[[Status.NO_CURRENT, Status.OK]]]
    assert abs(marked.conductance[0, 0, 0]) < 0.05e-6  # 5e-5 of 100 uA at 100 mV: a pristine device may be like this


def test_relays_are_verified_at_the_first_reading_and_when_another_crosspoint_was_read():
    check = RelayCheck(1e-4)
    good, nothing = [Measurement(0.1, 5e-6)], Measurement(0.1, 1e-10)
    check.seen("a", good)
    assert check.due() == ("a",)  # the first of a session
    check.found(nothing)
    check.passed()
    check.seen("a", good)
    assert check.due() == ()  # the same again
    check.seen("b", good)
    assert set(check.due()) == {"a", "b"}
    check.found(nothing)
    check.passed()
    check.seen("b", good)
    assert check.due() == ()
    check.forget()
    check.seen("b", good)
    assert check.due() == ("b",)
    with pytest.raises(InstrumentError, match=r"4 uA flow .* 50 nA at most were expected: a relay is stuck closed"):
        check.found(Measurement(0.1, 4e-6))  # 1 % of 5 uA


def test_a_relay_that_pulses_need_shows_as_a_crosspoint_that_does_not_move():
    block, virtual = opened(WIRINGS["two-terminal"])
    virtual.stick(Relay(1, "A", 1), closed=False)
    before = block.read(4).conductance.mean(axis=0)
    block.pulse(20)
    moved = block.read(4).conductance.mean(axis=0) - before
    assert abs(moved[0, 0]) < 1e-6 < 10e-6 < moved[0, 1]
    assert virtual.faults == []


def test_the_observer_says_when_a_stuck_relay_brings_two_sources_together():
    virtual = VirtualBench(
        WIRINGS["two-terminal"], make_devices(["A1", "A2"], "rram", seed=1),
        {"generator": ROLES["generator"], "smu": ROLES["smu"], "matrix": ROLES["matrix"]},
    )  # fmt: skip
    virtual.matrix_closes(frozenset({Relay(1, "B", 1)}))
    virtual.stick(Relay(1, "B", 1), closed=True)
    virtual.matrix_closes(frozenset({Relay(1, "A", 1)}))
    assert virtual.closed_relays() == {Relay(1, "A", 1), Relay(1, "B", 1)}
    virtual.generator_rests(0.0)
    virtual.twins["smu"].receive(":OUTP ON")
    assert virtual.faults[-1].endswith("generator and source-measure unit drive one electrode")
    assert Source.SMU in WIRINGS["two-terminal"].matrix.rows()
