"""Pulse and read, step by step, in process: cycles per second through crosspoints, limits, drivers, wire and VISA,
beside a bare PyVISA loop that sends the same bytes to the same twins.

    python benchmarks/bench_cycle.py [--cycles N] [--rounds N]

Prints medians of rounds that alternate between the two, and their ratio within this run.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import pyvisa

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, MatrixCabling, Terminal, Wiring
from instruments.crosspoints import Origin
from instruments.drivers import load
from instruments.limits import Limits
from instruments.wire import Wire
from instruments.wire_log import Message
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.devices.device import ECRAM

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10**9)
RESOURCES = {
    "keysight-81160a": "TCPIP0::192.168.0.11::inst0::INSTR",
    "keithley-2450": "TCPIP0::192.168.0.12::inst0::INSTR",
    "keithley-707b": "TCPIP0::192.168.0.13::inst0::INSTR",
}
MATRIX = MatrixCabling(1, "A", "B", "C", {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2})


def opened(wiring: Wiring, record: list[Message] | None) -> tuple[BenchCrosspoints, VirtualBench]:
    """One crosspoint on a virtual bench; messages go to `record`."""
    virtual = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {r: d for d, r in RESOURCES.items()})
    sink = None if record is None else record.append
    each = [
        load(name)(Wire(resource, virtual.library(), instrument=name, clock=virtual.clock, sink=sink), LIMITS)
        for name, resource in RESOURCES.items()
    ]
    for instrument in each:
        instrument.prepare()
    bench = Bench(
        *each[:2],
        each[2] if wiring.matrix else None,
        wiring=wiring,
        limits=LIMITS,
        pulses=ECRAM.reference,
        reading=ReadSetting(0.1, 1e-5, 0.1),
        settle=5e-3,
        clock=virtual.clock,
        origin=Origin("rehearsal"),
    )
    return BenchCrosspoints(bench, np.array([["a"]])), virtual


def bare(virtual: VirtualBench, messages: list[Message]) -> float:
    """Seconds that a hand-written loop needs for the same messages."""
    manager = pyvisa.ResourceManager(virtual.library())
    sessions = {
        name: manager.open_resource(resource, read_termination="\n", write_termination="\n")
        for name, resource in RESOURCES.items()
    }
    start = time.perf_counter()
    for message in messages:
        session = sessions[message.instrument]
        if message.direction == "write":
            session.write(message.text)
        else:
            session.read()
    taken = time.perf_counter() - start
    for session in sessions.values():
        session.close()
    return taken


def compare(title: str, wiring: Wiring, counts: np.ndarray, rounds: int) -> None:
    """Print medians of alternating rounds."""
    record: list[Message] = []
    block, virtual = opened(wiring, record)
    block.trace(counts[:2])
    record.clear()
    block.trace(counts)
    messages = list(record)
    silent, _ = opened(wiring, None)
    recorded, _ = opened(wiring, [])
    ours: list[float] = []
    kept: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        for blocks, times in ((silent, ours), (recorded, kept)):
            start = time.perf_counter()
            blocks.trace(counts)
            times.append(time.perf_counter() - start)
        theirs.append(bare(virtual, messages))
    cycles = len(counts)
    rate, with_record, by_hand = (cycles / statistics.median(times) for times in (ours, kept, theirs))
    print(f"{title}: {len(messages) / cycles:.1f} messages a cycle")
    print(f"  crosspoints      {rate:8.0f} cycles/s   {rate / by_hand:.2f} of bare PyVISA")
    print(f"  with wire record {with_record:8.0f} cycles/s   {with_record / by_hand:.2f} of bare PyVISA")
    print(f"  bare PyVISA      {by_hand:8.0f} cycles/s")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    up = np.ones(options.cycles, dtype=np.int64)
    alternating = np.where(np.arange(options.cycles) % 2, -1, 1)
    switched, fixed = Wiring(Kind.THREE_TERMINAL, MATRIX), Wiring(Kind.THREE_TERMINAL, None)
    compare("fixed wiring, up pulses", fixed, up, options.rounds)
    compare("switch matrix, up pulses", switched, up, options.rounds)
    compare("switch matrix, up and down", switched, alternating, options.rounds)


if __name__ == "__main__":
    main()
