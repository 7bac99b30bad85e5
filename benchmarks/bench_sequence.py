"""A trace as a hardware-timed sequence, in process: steps per second of computing time, beside the same step by step.

    python benchmarks/bench_sequence.py [--steps N] [--rounds N]

A source-measure unit alone on a two-terminal device, or both channels of one on gate and channel: list down, readings
back, parsed, on the clock of the bench; with limits, driver, wire record, VISA and twin. Prints medians of rounds that
alternate, and their ratio within this run.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Crosspoints, Origin, Pulse, PulsePair
from instruments.drivers import load
from instruments.limits import Limits
from instruments.wire import Wire
from instruments.wire_log import Message
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled

LIMITS = Limits(pulse_voltage=2.0, pulse_width=1e-2, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10**9)
PULSES = PulsePair(Pulse(0.9, 1e-3), Pulse(-0.9, 1e-3))
SLOW = PulsePair(Pulse(0.8, 1e-2), Pulse(-0.8, 1e-2))
RESOURCE = "TCPIP0::192.168.0.12::inst0::INSTR"
BOXES = {
    "keysight-b2902b": ("keysight-b2902b-pulses", "keysight-b2902b"),
    "keithley-2450": ("keithley-2450-pulses", "keithley-2450"),
    "keithley-2600b": ("keithley-2600b-channel-b-pulses", "keithley-2600b"),
}
GATED = "keithley-2600b"  # channel B on the gate of a three-terminal device


def opened(box: str) -> BenchCrosspoints:
    """One device on one box that pulses and reads; every message is kept."""
    gated = box == GATED
    wiring = Wiring(Kind.THREE_TERMINAL if gated else Kind.TWO_TERMINAL, None, one_output=not gated)
    plugged = [Cabled(BOXES[box][0], role="generator"), Cabled(BOXES[box][1], role="smu")] if gated else box
    virtual = VirtualBench(wiring, make_devices(["a"], "ecram" if gated else "rram", seed=1), {RESOURCE: plugged})
    record: list[Message] = []
    wire = Wire(RESOURCE, virtual.library(), instrument="smu", clock=virtual.clock, sink=record.append)
    generator, smu = (load(name)(wire, LIMITS) for name in BOXES[box])
    for instrument in (generator, smu):
        instrument.prepare()
    bench = Bench(
        generator,
        smu,
        None,
        wiring=wiring,
        limits=LIMITS,
        pulses=PULSES,
        reading=ReadSetting(0.1, 1e-3, 0.01),
        settle=1e-3,
        clock=virtual.clock,
        origin=Origin("rehearsal"),
    )
    return BenchCrosspoints(bench, np.array([["a"]]))


def compare(box: str, counts: np.ndarray, rounds: int) -> None:
    """Print medians of alternating rounds."""
    block = opened(box)
    pulses = PULSES if box == "keysight-b2902b" else SLOW
    few = counts[: max(10, len(counts) // 20)]
    quick: list[float] = []
    slow: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        block.trace(counts, pulses)
        quick.append((time.process_time() - start) / len(counts))
        start = time.process_time()
        for _ in Crosspoints.stream(block, few, SLOW):
            continue
        slow.append((time.process_time() - start) / len(few))
    sequence, steps = 1 / statistics.median(quick), 1 / statistics.median(slow)
    how = "loop in" if box == GATED else "list sweep of"
    print(f"{box}: {how} the source-measure unit, pulses of {pulses.up.width * 1e3:g} ms")
    print(f"  one sequence  {sequence:9.0f} steps/s   {sequence / steps:.0f} times as fast")
    print(f"  step by step  {steps:9.0f} steps/s")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    counts = np.where(np.arange(options.steps) // 50 % 2, -1, 1)
    for box in BOXES:
        compare(box, counts, options.rounds)


if __name__ == "__main__":
    main()
