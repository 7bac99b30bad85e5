"""One box in two roles: one connection, one reset, one identity; whichever role switches off leaves nothing on."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich_device import recorded

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Origin, Pulse, PulsePair, Status
from instruments.drivers import load
from instruments.errors import InputError, InstrumentError, NotAnswering
from instruments.limits import Limits
from instruments.wire import Wire
from labshd.cli.command_line import main
from labshd.recording.recorder import record
from labshd.replay.byte_by_byte import replay
from labshd.runs.run import open_run
from labshd.station import opening
from labshd.station.boxes import boxes, named_roles
from labshd.station.opening import Link, open_each
from labshd.station.rehearsal import virtual_bench
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file
from protocols.read_noise import ReadNoise
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled, make_twin
from sim_device.virtual_bench.devices.device import ECRAM
from sim_device.virtual_bench.faults.faults import Fault, FaultyPort, Injection

STATIONS = Path(__file__).parents[1] / "data" / "stations"
B1500A = STATIONS / "b1500a.toml"
RESOURCE = "GPIB0::17::INSTR"
TSP = {
    'driver = "keysight-b1500a-spgu"': 'driver = "keithley-2600b-channel-b-pulses"',
    'driver = "keysight-b1500a-smu"': 'driver = "keithley-2600b"',
    "channel = 101": "",
    "channel = 2 ": "",
    'pulse_width = "1 ms"': 'pulse_width = "20 ms"',
    '"2 V", width = "500 ns"': '"0.3 V", width = "20 ms"',
    '"-2 V", width = "500 ns"': '"-0.3 V", width = "20 ms"',
}


def station_file(folder, edit=None):
    text = B1500A.read_text(encoding="utf-8")
    for old, new in (edit or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(params=["b1500a", "2600b"])
def path(request, tmp_path):
    """A station file for each kind of box in two roles."""
    return station_file(tmp_path, TSP if request.param == "2600b" else None)


def opened(path, library=None):
    """Both roles of a rehearsed station; what was sent; the bench."""
    file, toml = read_station_file(path)
    bench = virtual_bench(file, toml.path.parent)
    sent = []
    found, failed = open_each(file, Link(library or bench.library(), bench.clock), sent.append)
    return found, failed, sent, bench


# -- station files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"channel = 2 ": "channel = 1 "}, ["channel 1 of this box", "generator and smu"]),
        ({"channel = 101": "channel = 103"}, ["instruments.generator.channel = 103", "known are 101, 102, 201"]),
        ({"channel = 2 ": "channel = 11 "}, ["instruments.smu.channel = 11", "1, 2, 3"]),
        ({'driver = "keysight-b1500a-smu"': 'driver = "keithley-2450"', "channel = 2 ": ""}, ["two instruments share"]),
        (
            {'driver = "keysight-b1500a-smu"': 'driver = "keithley-2450"', "GPIB0::17": "GPIB0::18"},
            ["has no channels to choose from"],
        ),
        ({**TSP, 'driver = "keysight-b1500a-smu"': 'driver = "keithley-2600b-channel-b"'}, ["one output of one box"]),
    ],
)
def test_a_part_of_a_box_has_one_role_and_a_resource_one_box(tmp_path, edit, says):
    with pytest.raises(InputError) as refused:
        read_station_file(station_file(tmp_path, edit))
    for part in says:
        assert part in str(refused.value)


def test_two_spellings_of_a_resource_are_one_box(tmp_path):
    text = B1500A.read_text(encoding="utf-8")
    other = 'resource = "GPIB::17::INSTR" # the same'
    path = tmp_path / "bench.toml"
    path.write_text(text.replace(f'resource = "{RESOURCE}" # the same', other), encoding="utf-8")
    file, _ = read_station_file(path)
    (box,) = boxes(named_roles(file.instruments))
    assert (box.name, box.resource) == ("generator+smu", RESOURCE)
    with open_station(path, rehearse=True) as station:
        assert station.first.read().status[0, 0, 0] == Status.OK


def test_roles_of_different_boxes_have_no_twin_together():
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {})
    with pytest.raises(InputError, match="are not one box"):
        make_twin([Cabled("keysight-b1500a-spgu"), Cabled("keithley-2450")], bench)


# -- opening -----------------------------------------------------------------------------------------------------------


def test_both_roles_share_one_connection_that_asks_once_who_is_there(path):
    found, failed, sent, bench = opened(path)
    assert failed == []
    assert [message.text for message in sent if message.direction == "write"] == ["*IDN?"]
    assert {message.instrument for message in sent} == {"generator+smu"}
    assert found["generator"].report.identity == found["smu"].report.identity
    assert found["generator"].instrument.adapter is found["smu"].instrument.adapter
    for one in found.values():
        one.instrument.prepare()
    asked = Counter(message.text for message in sent if message.direction == "write")
    assert asked["*RST"] == asked["UNT?"] == (1 if "B1500A" in found["smu"].report.identity else 0)
    opening.ask_states(found)
    assert [one.report.state for one in found.values()] == ["outputs off"] * 2
    opening.close_all(found)
    assert bench.is_safe()


def test_an_identity_that_is_wrong_is_a_problem_of_both_roles(tmp_path):
    serial = 'resource = "GPIB0::17::INSTR" # the same box\nserial = "MY00000000"'
    path = station_file(tmp_path, {'resource = "GPIB0::17::INSTR" # the same box': serial})
    found, failed, _, _ = opened(path)
    assert found == {}
    assert [report.role for report in failed] == ["generator", "smu"]
    assert all("MY00000000" in report.problem for report in failed)


def test_a_box_that_cannot_be_opened_is_told_for_both_roles(path):
    nothing = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {})
    found, failed, _, _ = opened(path, nothing.library())
    assert found == {}
    assert [report.role for report in failed] == ["generator", "smu"]


def test_check_and_safe_speak_of_both_roles(path, capsys):
    assert main(["check", str(path), "--rehearse", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["role"] for one in told["instruments"]] == ["generator", "smu"]
    assert main(["safe", str(path), "--rehearse"]) == 0
    assert capsys.readouterr().out.count("outputs off") == 2


def test_off_in_one_role_leaves_the_other_at_work_and_the_last_one_leaves_nothing_on():
    found, _, _, bench = opened(B1500A)
    generator, smu = (found[role].instrument for role in ("generator", "smu"))
    for role in (generator, smu):
        role.prepare()
    generator.output_on()
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    bench.twins[RESOURCE].receive("CN 4")  # somebody else's
    generator.off()
    assert bench.twins[RESOURCE].closed() == [2, 4]
    assert smu.measure()[0].status == Status.OK
    smu.off()
    assert bench.is_safe()
    generator.output_on()
    generator.off()
    assert bench.is_safe()
    assert bench.largest_current_limit == pytest.approx(1e-5)


# -- protocols ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_symmetry_point_is_found_with_one_box(seed):
    """Within 4 of its own standard errors, which a right error passes with probability 6e-5."""
    protocol = SymmetryPoint(seed=seed, target=0.03)
    with open_station(B1500A, rehearse=True, seed=seed) as station:
        series, _ = recorded(protocol, station.first)
        truth = station.virtual.devices["A1"].truth(station.first.pulses).symmetry_point_S
        assert station.virtual.faults == []
    result = protocol.results(series)
    assert result["stable"] is True
    assert abs(result["symmetry_point_S"] - truth) < 4 * result["std_S"]


def test_a_run_is_repeated_to_the_last_bit(path, tmp_path):
    with open_station(path, rehearse=True) as station:
        run = record(UpdateResponse(pulses=8, cycles=1, rest=3), station.first, runs=tmp_path / "runs", station=station)
        assert station.virtual.is_safe()
        assert station.virtual.faults == []
    found = replay(open_run(run.folder))
    assert found.identical, found.difference
    assert found.messages == found.messages_recorded > 20


@pytest.mark.parametrize("gate", ["floating", "grounded"])
def test_a_gate_that_floats_or_is_grounded_while_the_channel_is_read(tmp_path, gate):
    path = station_file(tmp_path, {'kind = "three-terminal"': f'kind = "three-terminal"\nread_gate = "{gate}"'})
    with open_station(path, rehearse=True) as station:
        block, box = station.first, station.virtual.twins[RESOURCE]
        for _ in range(2):
            block.pulse(3)
            assert block.read().status[0, 0, 0] == Status.OK
            assert box.closed() == ([2] if gate == "floating" else [2, 101])
        assert station.virtual.faults == []
    assert sum(one.pulses for one in station.virtual.applied) == 6
    assert station.virtual.is_safe()


def test_three_roles_of_one_box_set_and_reset_a_1t1r_cell(tmp_path):
    text = (STATIONS / "1t1r.toml").read_text(encoding="utf-8")
    for role, (driver, resource, instead) in {
        "generator": ("keysight-81160a", "TCPIP0::192.168.0.11::inst0::INSTR", ("keysight-b1500a-spgu", 401)),
        "smu": ("keithley-2450", "TCPIP0::192.168.0.12::inst0::INSTR", ("keysight-b1500a-smu", 1)),
        "bias": ("keithley-2400", "GPIB0::24::INSTR", ("keysight-b1500a-smu", 3)),
    }.items():
        old = f'[instruments.{role}]\ndriver = "{driver}"\nresource = "{resource}"'
        assert old in text
        new = f'[instruments.{role}]\ndriver = "{instead[0]}"\nresource = "{RESOURCE}"\nchannel = {instead[1]}'
        text = text.replace(old, new)
    path = tmp_path / "bench.toml"
    path.write_text(text, encoding="utf-8")
    with open_station(path, rehearse=True) as station:
        run = record(UpdateResponse(pulses=5, cycles=1, rest=2), station["A1"], runs=tmp_path / "runs", station=station)
        assert run.status == "finished"
        assert station.virtual.faults == []
        assert sum(one.pulses for one in station.virtual.applied) == 10
        assert station.virtual.is_safe()
    found = replay(open_run(run.folder))
    assert found.identical, found.difference


# -- faults ------------------------------------------------------------------------------------------------------------

LIMITS = Limits(pulse_voltage=4.0, pulse_width=20e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10_000)
TIMEOUT = 2.0
PROTOCOLS = {
    "read-noise": ReadNoise(),
    "update-response": UpdateResponse(pulses=6, cycles=1, rest=2),
    "symmetry-point": SymmetryPoint(),
}
PAIRS = {
    "b1500a": (("keysight-b1500a-spgu", "keysight-b1500a-smu"), ECRAM.reference),
    "2600b": (("keithley-2600b-channel-b-pulses", "keithley-2600b"), PulsePair(Pulse(0.1, 20e-3), Pulse(-0.1, 20e-3))),
}


def block_of(pair, injection):
    """One crosspoint, pulsed and read by one box at whose connection something goes wrong."""
    (generator, smu), pulses = PAIRS[pair]
    plugged = {RESOURCE: [Cabled(generator, role="generator"), Cabled(smu, role="smu")]}
    virtual = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), plugged)
    port = FaultyPort(virtual.twins[RESOURCE], virtual.clock, injection, devices=virtual.devices)
    virtual.ports()[RESOURCE] = port
    wire = Wire(RESOURCE, virtual.library(), instrument="generator+smu", timeout=TIMEOUT, clock=virtual.clock)
    instruments = {role: load(name)(wire, LIMITS) for role, name in (("generator", generator), ("smu", smu))}
    instruments["generator"].identity()
    for one in instruments.values():
        one.prepare()
    bench = Bench(
        **instruments,
        matrix=None,
        wiring=virtual.wiring,
        limits=LIMITS,
        pulses=pulses,
        reading=ReadSetting(0.1, 1e-5, 0.1),
        settle=20e-3,
        clock=virtual.clock,
        origin=Origin("rehearsal"),
    )
    return BenchCrosspoints(bench, np.array([["a"]])), virtual, port.messages


def run_until_it_ends(block, virtual, protocol, steps):
    """Take up to `steps` points, each with what the device really is; ends safe, as the recorder does."""
    kept, error = [], None
    running = protocol.run(block)
    try:
        for _, points in zip(range(steps), running, strict=False):
            kept.append((points, virtual.devices["a"].conductance(virtual.clock.now())))
    except InstrumentError as raised:
        error = raised
    finally:
        running.close()
        block.safe()
    return kept, error


def wrong_but_good(kept):
    """Last readings of a step that are stored as good and are not what the device was, beyond 6 sigma of noise."""
    sigma = math.hypot(ECRAM.white_noise, ECRAM.slow_noise)
    last = [(points.readings.conductance[-1, 0, 0], points.readings.status[-1, 0, 0], truth) for points, truth in kept]
    return [one for one in last if one[1] == Status.OK and not abs(one[0] - one[2]) < 6 * sigma + 0.002 * one[2]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("fault", Fault)
def test_whatever_happens_to_the_one_connection_all_of_the_box_ends_off(fault, pair, protocol):
    _, _, first = block_of(pair, Injection(fault, 10**9))  # messages while opening
    for at in (first, first + 1, first + 2, first + 4, first + 9):
        block, virtual, _ = block_of(pair, Injection(fault, at))
        kept, error = run_until_it_ends(block, virtual, PROTOCOLS[protocol], steps=8)
        assert virtual.is_safe(), (at, error)
        assert wrong_but_good(kept) == [], at
        assert virtual.faults == [], at
        assert error is not None or kept


@pytest.mark.parametrize("of", ["SRP", "SPV", "CN 101", "SPST?"])
@pytest.mark.parametrize("fault", Fault)
def test_a_burst_of_unknown_delivery_is_never_started_again(fault, of):
    block, virtual, _ = block_of("b1500a", Injection(fault, int(of == "SPV"), of=of))  # the first SPV prepares
    try:
        block.pulse(3)
    except InstrumentError:
        block.safe()
    fired = sum(one.pulses for one in virtual.applied)
    assert fired in (0, 3)
    assert block.bench.pulses_applied.get("a", 0) >= fired  # what may have been delivered is counted as spent
    assert all(abs(one.voltage) == pytest.approx(2.0, rel=1e-3) for one in virtual.applied)


def test_after_a_lost_reply_the_box_is_reset_and_goes_on_with_its_own_compliance_and_pulse():
    """A device clear resets a B1500A: what the next use depends on is said again."""
    block, virtual, _ = block_of("b1500a", Injection(Fault.NO_REPLY, 1, of="TTIV"))
    block.read()
    with pytest.raises(NotAnswering):
        block.read()
    assert virtual.is_safe()  # the clear itself switched off
    block.safe()
    block.pulse(2)
    assert block.read().status[0, 0, 0] == Status.OK
    assert [one.pulses for one in virtual.applied] == [2]
    assert virtual.applied[0].voltage == pytest.approx(2.0, rel=1e-3)
    assert virtual.largest_current_limit == pytest.approx(1e-5)
    block.safe()
    assert virtual.is_safe()
