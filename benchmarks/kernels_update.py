"""Simulated arrays against AIHWKit, side by side in one run: updates, traces, products, steps of training, memory.

    python benchmarks/kernels_update.py [--cores 1 2] [--seconds 2]

AIHWKit 1.2 is timed beside labshd where it is installed (it is no dependency, and uses one core whatever it is given);
its columns stay empty where it is not. There is one table for each number of cores. Calls of both take turns; times are
medians, and the ratio of medians stands beside that of the shortest times, which other programs on the machine disturb
least. Nanoseconds are those of a crosspoint at the shortest time. The last column is the share of it that the bytes of
a crosspoint (20 read, 8 written by an update; 4 written by a trace, and fetched before) would need at the copy
bandwidth of one core: 1 is the limit of memory, more than 1 comes out of the cache. Below it stand what such a pass
through memory and what a normal deviate take.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from kernels_aihwkit import NODES, AIHWKit, Call, vector

SHAPES = {"512 x 512": (512, 512), "256 x 152": (256, 152)}
UPDATES = (  # devices, shape, slots, the least magnitude in the vectors: 0.5 is dense, a pulse in 9 of 16 slots
    ("soft bounds", "512 x 512", 31, 0.5),
    ("soft bounds", "512 x 512", 31, 0.0),
    ("soft bounds", "512 x 512", 10, 0.5),
    ("soft bounds", "256 x 152", 10, 0.5),
    ("exponential step", "512 x 512", 31, 0.5),
    ("table", "512 x 512", 31, 0.5),
)
UPDATE_BYTES = 28  # g, Gmin, Gmax, s+, s−, count of pulses: read; g and count written
TRACE_BYTES = 8  # float32 written, and the line of the cache fetched before
READ_BYTES = 4
STEP = 0.002  # of the devices
# Memory stays with the process (of the GNU library), so that a call is not timed for the pages of its results.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 40), "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}


@dataclass
class Row:
    """One line of the table: a call of labshd and what AIHWKit does instead, crosspoints touched, bytes of each."""

    work: str
    ours: Call
    theirs: Call | None
    crosspoints: int
    bytes_each: int = 0


def take_turns(calls: list[Call], seconds: float) -> list[list[float]]:
    """Times [s] of calls that take turns, each for a tenth of a second: both meet the same disturbances, and each finds
    its own data in the cache. First calls, which compile, are not counted.
    """
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end or len(times[0]) < 3:
        for taken, call in zip(times, calls, strict=True):
            turn = time.perf_counter() + 0.1
            while True:
                start = time.perf_counter()
                call()
                now = time.perf_counter()
                taken.append(now - start)
                if now > turn:
                    break
    return times


def median(call: Call, seconds: float = 1.0) -> float:
    """Median time [s] of a call."""
    import numpy as np

    return float(np.median(take_turns([call], seconds)[0]))


def copy_bandwidth() -> float:
    """Bytes per second that a large copy reads and writes on one core."""
    import numpy as np

    source = np.ones(1 << 24)
    target = np.empty_like(source)
    return 2 * source.nbytes / median(lambda: np.copyto(target, source))


def block_of(kind: str, shape: tuple[int, int], initial: Any = None) -> Any:
    """Devices with noise and device-to-device spread as AIHWKit's defaults have them."""
    import numpy as np

    from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
    from sim_device.models.formulas import ExponentialStep, SoftBounds
    from sim_device.models.table import TableStep

    nodes = np.linspace(-1.0, 1.0, NODES)
    up, down, scatter = STEP * (1 - nodes), -STEP * (1 + nodes), np.full(NODES, 0.3 * STEP)
    table = TableStep(-1.0, 1.0, *(tuple(map(float, column)) for column in (nodes, up, down, scatter, scatter)))
    extra = {"up_extra": STEP, "down_extra": STEP, "gamma_up": 2.0, "gamma_down": 2.0}
    model = {
        "soft bounds": SoftBounds(-1.0, 1.0, STEP, STEP),
        "exponential step": ExponentialStep(-1.0, 1.0, STEP, STEP, **extra),
        "table": table,
    }[kind]
    spread = Spread(step=0.3, up_down=0.01, low=0.3, high=0.3)
    return SimCrosspoints(
        model, shape, noise=SimNoise(0.3), spread=spread, unit="normalised", seed=1, initial=initial
    )  # fmt: skip


def update(kind: str, shape: tuple[int, int], length: int, least: float) -> Call:
    """One update, from the vectors to the pulsed devices: trains drawn, coincidences counted, pulses applied."""
    import numpy as np

    from labshd.training.pulse_train import Pulsing, update_pulses

    block, d, x = block_of(kind, shape), vector(shape[0], least, 0), vector(shape[1], least, 1)
    pulsing, keys = Pulsing(longest=length, fit_length=False), (np.uint32(1), np.uint32(2))
    number = iter(range(10**9))

    def once() -> None:
        trains = update_pulses(d, x, STEP * length, STEP, pulsing, keys, next(number)).trains
        assert trains is not None
        block.coincide(*trains)

    return once


def traced() -> Call:
    """2,000 pulses on each of 10,000 devices, every state kept (float32, as AIHWKit does)."""
    import numpy as np

    array = block_of("soft bounds", (100, 100))._array  # readings are float64, with times and currents: see below
    counts = np.resize(np.array([1, -1], dtype=np.int32), 2000)[:, np.newaxis, np.newaxis]
    counts = np.broadcast_to(counts, (2000, 100, 100))
    return lambda: array.trace((0, 0, 100), counts, np.float32)


def traced_readings() -> Call:
    """The same as readings: conductance, current, time and status of each, as a protocol gets them."""
    import numpy as np

    block, counts = block_of("soft bounds", (100, 100)), np.resize([1, -1], 2000)
    return lambda: block.trace(counts)


def forward(batch: int) -> Call:
    """``y = W x`` with converters, noise and managements."""
    import numpy as np

    from labshd.training.read_path import Draws, ReadPath

    rng = np.random.default_rng(0)
    block = block_of("soft bounds", (512, 512), rng.uniform(-0.3, 0.3, (512, 512)))
    path, numbers = ReadPath(), iter(range(10**9))
    x = rng.uniform(-1, 1, (512, batch) if batch > 1 else 512)
    return lambda: path.through(block.forward, x, Draws(np.uint32(1), next(numbers)), bounded=True)


def one_parameter(steps: int) -> Call:
    """Steps of SHD on one weight, through the public interface: readings and pulses handed out."""
    from labshd.training import Calibration, OneParameter, Settings, one_weight
    from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
    from sim_device.models.formulas import SoftBounds

    model = SoftBounds(1e-6, 9e-6, STEP, STEP)
    calibration = Calibration.from_model(model)

    def train() -> None:
        a, c = (SimCrosspoints(model, noise=SimNoise(0.3, 1e-8), seed=seed) for seed in (1, 2))
        one_weight(
            OneParameter(), "shd", c, calibration, auxiliary=a, settings=Settings(steps=steps)
        ).finish()  # fmt: skip

    return train


def rows() -> list[Row]:
    """All the work that is timed."""
    try:
        other: Any = AIHWKit()
    except ImportError:
        other = None
        print("AIHWKit is not installed: its columns are empty")
    found: list[Row] = []
    for kind, size, length, least in UPDATES:
        shape = SHAPES[size]
        theirs = other and other.update(kind, shape, length, least)
        number = shape[0] * shape[1]
        work = f"{kind}, {size}, {length} slots{', dense' if least else ''}"
        found.append(Row(work, update(kind, shape, length, least), theirs, number, UPDATE_BYTES))
    steps = 2000 * 10_000
    found.append(Row("2000 pulses x 10000 devices, states", traced(), other and other.trace(), steps, TRACE_BYTES))
    found.append(Row("2000 pulses x 10000 devices, readings", traced_readings(), None, steps))
    for batch, bytes_each in ((1, READ_BYTES), (128, 0)):
        theirs, number = other and other.forward(batch), 512 * 512 * batch
        found.append(Row(f"forward, 512 x 512, read path, batch {batch}", forward(batch), theirs, number, bytes_each))
    return [*found, Row("one-parameter SHD, 100000 steps", one_parameter(100_000), None, 100_000)]


def print_rows(seconds: float, bandwidth: float) -> None:
    """The table."""
    import numpy as np

    header = f"{'work':<46}{'labshd':>13}{'AIHWKit':>13}{'ratio':>8}{'of shortest':>13}{'ns each':>9}{'of memory':>11}"
    print(header)
    for row in rows():
        times = take_turns([row.ours, row.theirs] if row.theirs else [row.ours], seconds)
        ours = float(np.median(times[0]))
        line = f"{row.work:<46}{ours * 1e3:>10.3f} ms"
        if row.theirs:
            theirs, shortest = float(np.median(times[1])), min(times[1]) / min(times[0])
            line += f"{theirs * 1e3:>10.3f} ms{theirs / ours:>8.1f}{shortest:>13.1f}"
        else:
            line += " " * 34
        line += f"{min(times[0]) / row.crosspoints * 1e9:>9.2f}"
        if row.bytes_each:
            line += f"{row.bytes_each * row.crosspoints / bandwidth / min(times[0]):>11.2f}"
        print(line, flush=True)


def print_floor() -> None:
    """What the same arrays take to pass through memory untouched by arithmetic, and a normal deviate from the cache."""
    import numba
    import numpy as np

    from sim_device.arrays.counter_random import normals

    @numba.njit(error_model="numpy", nogil=True)
    def passed(g: Any, low: Any, high: Any, up: Any, down: Any, applied: Any) -> None:
        for k in range(len(g)):
            g[k] += low[k] + high[k] + up[k] + down[k]
            applied[k] += np.uint32(1)

    size = 512 * 512
    arrays = [np.zeros(size, dtype=np.float32) for _ in range(5)]
    applied = np.zeros(size, dtype=np.uint32)
    through = min(take_turns([lambda: passed(*arrays, applied)], 0.5)[0]) / size
    number = 4096
    crosspoints, out = np.arange(number, dtype=np.uint32), np.empty(number, dtype=np.float32)
    counts = np.zeros(number, dtype=np.uint32)
    drawn = min(take_turns([lambda: normals(np.uint32(1), crosspoints, counts, out)], 0.5)[0]) / number
    print(f"one core at its fastest: a crosspoint of 512 x 512 through memory {through * 1e9:.2f} ns, "
          f"a normal deviate {drawn * 1e9:.2f} ns")  # fmt: skip


def print_memory() -> None:
    """Bytes and time of a large array with device-to-device variation, beside one of a quarter of its size."""
    import numpy as np

    from labshd.training.pulse_train import Pulsing, update_pulses

    for side in (2048, 4096):
        start = time.perf_counter()
        block = block_of("soft bounds", (side, side))
        made = time.perf_counter() - start
        p, a = block._array.population, block._array
        size = sum(x.nbytes for x in (p.low, p.high, p.s_up, p.s_down, a.conductance, a.applied)) / 1e6
        ones, keys = np.ones(side), (np.uint32(1), np.uint32(2))
        trains = update_pulses(ones, ones, STEP * 10, STEP, Pulsing(10, fit_length=False), keys, 0).trains
        assert trains is not None
        pulsed = median(lambda b=block, t=trains: b.coincide(*t))
        print(f"{side} x {side}: {size:.0f} MB, made in {made:.2f} s, "
              f"updated in {pulsed * 1e3:.1f} ms ({pulsed / side**2 * 1e9:.2f} ns a crosspoint)")  # fmt: skip


def here(seconds: float) -> None:
    """Time everything in this process."""
    from sim_device.arrays.device_array import threads_available

    bandwidth = copy_bandwidth()
    print(f"{threads_available()} core(s); copy bandwidth of one {bandwidth / 1e9:.1f} GB/s")
    print_rows(seconds, bandwidth)
    print_floor()
    print_memory()


def main() -> None:
    """Print a table for each number of cores, each in a process of its own that may use no more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, nargs="*", help="numbers of cores; 1 and all unless given")
    parser.add_argument("--seconds", type=float, default=2.0, help="of repetitions of each call")
    parser.add_argument("--here", action="store_true", help="one table, with what this process may use")
    arguments = parser.parse_args()
    if arguments.here or not hasattr(os, "sched_setaffinity"):
        here(arguments.seconds)
        return
    cores = sorted(os.sched_getaffinity(0))
    again = [sys.executable, __file__, "--here", "--seconds", str(arguments.seconds)]
    for number in arguments.cores or sorted({1, len(cores)}):
        os.sched_setaffinity(0, cores[-number:])  # taken over by the process, before its libraries count their threads
        subprocess.run(again, check=True, env={**os.environ, **KEEP_MEMORY})


if __name__ == "__main__":
    main()
