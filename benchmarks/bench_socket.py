"""Pulse and read over TCP sockets on loopback: cycles per second against the virtual bench in another process.

    python benchmarks/bench_socket.py [--cycles N] [--rounds N]

Beside it the same with the socket as pyvisa-py opens it (no TCP_NODELAY): a set followed by a read waits for a delayed
acknowledgement. Prints medians of rounds that alternate between the two, and their ratio within this run.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from instruments.crosspoints import Pulse
from instruments.drivers import load
from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.drivers.keysight_81160a import Keysight81160A
from instruments.limits import Limits
from instruments.wire import Wire

STATION = Path(__file__).parents[1] / "data/stations/ecram.toml"
LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10**9)
SERVE = "import sys; from labshd.cli.command_line import main; sys.exit(main(sys.argv[1:]))"


def cycles_per_second(generator: Keysight81160A, smu: Keithley2450, cycles: int) -> float:
    """One pulse and one reading a cycle, set and query in messages of their own."""
    start = time.perf_counter()
    for _ in range(cycles):
        generator.fire(1)
        smu.output_on()
        smu.measure()
    return cycles / (time.perf_counter() - start)


def set_no_delay(wire: Wire, on: bool) -> None:
    """TCP_NODELAY on or off."""
    link = wire.connection.visalib.sessions[wire.connection.session].interface
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(on))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    command = [sys.executable, "-c", SERVE, "virtual-bench", str(STATION), "--first-port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        resources = json.loads(server.stdout.readline())["resources"]
        wires = [Wire(resources[role], "@py", instrument=role) for role in ("generator", "smu")]
        generator, smu = load("keysight-81160a")(wires[0], LIMITS), load("keithley-2450")(wires[1], LIMITS)
        assert isinstance(generator, Keysight81160A)
        assert isinstance(smu, Keithley2450)
        generator.prepare()
        smu.prepare()
        generator.configure(Pulse(2.0, 5e-7))
        smu.configure(0.1, 1e-5, 0.01)
        quick: list[float] = []
        stalled: list[float] = []
        for _ in range(options.rounds):
            set_no_delay(wires[1], True)
            quick.append(cycles_per_second(generator, smu, options.cycles))
            set_no_delay(wires[1], False)
            stalled.append(cycles_per_second(generator, smu, max(10, options.cycles // 50)))
        for wire in wires:
            wire.close()
        server.terminate()
    fast, slow = statistics.median(quick), statistics.median(stalled)
    print(f"over TCP sockets       {fast:8.0f} cycles/s")
    print(f"without TCP_NODELAY    {slow:8.0f} cycles/s   {fast / slow:.0f} times slower")


if __name__ == "__main__":
    main()
