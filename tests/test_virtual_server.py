"""Twins over TCP: other programs reach them through a socket as they would the instruments."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Pulse
from instruments.drivers import load
from instruments.errors import NotAnswering
from instruments.limits import Limits
from instruments.wire import Wire
from labshd.cli.command_line import main
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
DRIVERS = {"generator": "keysight-81160a", "smu": "keithley-2450"}


@pytest.fixture
def server_of_two():
    resources = {driver: f"TCPIP0::{role}::inst0::INSTR" for role, driver in DRIVERS.items()}
    bench = VirtualBench(
        Wiring(Kind.THREE_TERMINAL, None),
        make_devices(["a"], "ecram", seed=1),
        {resource: driver for driver, resource in resources.items()},
        SkippingClock(),
    )
    ports = bench.ports()
    with BenchServer({role: ports[resources[driver]] for role, driver in DRIVERS.items()}) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield bench, server
        server.stop()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def served(server_of_two):
    bench, server = server_of_two
    return bench, server.resources()


@pytest.fixture
def hislip(server_of_two):
    bench, server = server_of_two
    return bench, server.hislip_resources()


def test_a_pulse_and_a_read_through_sockets(served):
    bench, resources = served
    wires = {role: Wire(resource, "@py", instrument=role) for role, resource in resources.items()}
    generator, smu = (load(DRIVERS[role])(wires[role], LIMITS) for role in DRIVERS)
    generator.prepare()
    smu.prepare()
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    (before,) = smu.measure()
    generator.configure(Pulse(2.0, 5e-7))
    generator.output_on()
    generator.fire(50)
    (after,) = smu.measure()
    assert after.current - before.current > 1e-7  # 50 steps of some 0.08 uS at 0.1 V
    assert len(bench.outputs_on()) == 2
    for wire, instrument in ((wires["generator"], generator), (wires["smu"], smu)):
        instrument.off()
        assert instrument.is_off()
        wire.close()
    assert bench.is_safe()


def test_a_query_without_an_answer_times_out_and_the_next_one_is_answered(served):
    _, resources = served
    wire = Wire(resources["smu"], "@py", instrument="smu", timeout=0.2)
    wire.write(":FOO?")
    with pytest.raises(NotAnswering, match="within 200 ms"):
        wire.read()
    wire.write(":SYST:ERR?")
    assert wire.read().startswith("-113")
    wire.close()


def test_messages_in_pieces_and_many_at_once(served):
    _, resources = served
    port = int(resources["smu"].split("::")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"*ID")
        link.sendall(b"N?\r\n:OUTP?\n:SOUR:VOLT?\n")
        with link.makefile("rb") as lines:
            assert b"MODEL 2450" in lines.readline()
            assert lines.readline() == b"0\n"
            assert lines.readline() == b"0.000000E+00\n"


def test_a_client_that_goes_takes_its_unread_replies_with_it(served):
    _, resources = served
    port = int(resources["smu"].split("::")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"*IDN?\n:SOUR:VOL")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b":OUTP?\n")
        with link.makefile("rb") as lines:
            assert lines.readline() == b"0\n"


def test_a_message_without_end_is_cut_off(served):
    _, resources = served
    port = int(resources["smu"].split("::")[2])

    def send_without_end(link):
        for _ in range(64):
            link.sendall(b"x" * (1 << 16))
        while link.recv(1):
            pass
        raise ConnectionResetError

    with socket.create_connection(("127.0.0.1", port), timeout=5) as link, pytest.raises(OSError):
        send_without_end(link)
    test_messages_in_pieces_and_many_at_once(served)


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bench = VirtualBench(
            Wiring(Kind.THREE_TERMINAL, None),
            make_devices(["a"], "ecram", seed=1),
            {"GPIB0::1::INSTR": "keithley-2450"},
        )
        with pytest.raises(OSError):
            BenchServer(bench.ports(), first_port=port)


def test_the_clock_of_a_server_runs_and_skips():
    clock = SkippingClock()
    start = clock.now()
    clock.wait(1000.0)
    assert clock.now() - start >= 1000.0
    assert clock.now() - start < 1001.0


STATION = Path(__file__).parents[1] / "data/stations/ecram.toml"


def test_the_command_serves_a_station_until_it_is_interrupted():
    code = "import sys; from labshd.cli.command_line import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "virtual-bench", str(STATION), "--first-port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        resources = json.loads(process.stdout.readline())["resources"]
        wire = Wire(resources["smu"], "@py", instrument="smu")
        wire.write("*IDN?")
        assert "2450" in wire.read()
        wire.close()
        process.terminate()
        process.wait(10)


def test_an_address_that_others_reach_needs_a_flag(capsys):
    assert main(["virtual-bench", str(STATION), "--host", "0.0.0.0"]) == 2
    assert "--allow-remote" in capsys.readouterr().err


def test_a_pulse_and_a_read_by_hislip(hislip):
    bench, resources = hislip
    wires = {role: Wire(resource, "@py", instrument=role) for role, resource in resources.items()}
    generator, smu = (load(DRIVERS[role])(wires[role], LIMITS) for role in DRIVERS)
    assert "81160A" in generator.identity()
    assert "2450" in smu.identity()
    generator.prepare()
    smu.prepare()
    generator.configure(Pulse(-2.0, 5e-7))
    generator.output_on()
    generator.fire(3)
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    assert len(smu.measure(2000)) == 2000  # a reply of more than one chunk
    assert [one.pulses for one in bench.applied] == [3]
    for instrument, wire in ((generator, wires["generator"]), (smu, wires["smu"])):
        instrument.off()
        assert instrument.is_off()
        wire.close()
    assert bench.is_safe()


def test_hislip_clears_a_device_and_tells_its_status_byte(hislip):
    _, resources = hislip
    wire = Wire(resources["smu"], "@py", instrument="smu", timeout=0.3)
    wire.write(":FOO?")
    # An error waits. Messages and status go by two connections, so that the first questions may overtake the message.
    assert any(wire.connection.read_stb() & 4 for _ in range(10_000))
    with pytest.raises(NotAnswering, match="within 300 ms"):
        wire.read()
    wire.write(":SYST:ERR?")
    assert wire.read().startswith("-113")
    wire.close()


def test_hislip_refuses_a_sub_address_that_is_not_there_and_what_is_no_hislip(hislip):
    _, resources = hislip
    port = int(resources["smu"].split(",")[1].split("::")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"HS" + bytes([0, 0]) + bytes(4) + len(b"hislip7").to_bytes(8, "big") + b"hislip7")
        assert link.recv(16)[2] == 2  # fatal error
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert link.recv(1) == b""  # the connection is closed
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.sendall(b"HS" + bytes([7, 0]) + bytes(12))  # data before a session was opened
        assert link.recv(16)[2] == 2  # fatal error
