"""Simulated arrays against AIHWKit, side by side in one run: updates, traces, products, memory.

    python benchmarks/kernels_update.py            # all cores
    taskset -c 0 python benchmarks/kernels_update.py   # one core

AIHWKit 1.2 is timed beside labshd where it is installed (it is no dependency); its column stays empty where it is not.
Every time is the median of repetitions in this run. Beside it stand nanoseconds a crosspoint and, for updates, the
bytes that a crosspoint must move (20 read, 8 written) over the copy bandwidth of this machine: the limit of memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labshd.training import Calibration, OneParameter, Settings, one_weight
from labshd.training.pulse_train import Pulsing, update_pulses
from labshd.training.read_path import ReadPath
from sim_device.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.device_array import threads_available
from sim_device.models import ExponentialStep, SoftBounds
from sim_device.population import Floats

SOFT = SoftBounds(-1.0, 1.0, 0.002, 0.002)
EXPONENTIAL = ExponentialStep(-1.0, 1.0, 0.002, 0.002, up_extra=0.002, down_extra=0.002, gamma_up=2.0, gamma_down=2.0)
SPREAD = Spread(step=0.3, up_down=0.01, low=0.3, high=0.3)
BYTES = 28  # g, Gmin, Gmax, s+, s−, count of pulses: read; g and count written


@dataclass
class Row:
    """One line of the table: seconds of labshd, of AIHWKit where it was timed, crosspoints touched."""

    work: str
    ours: float
    theirs: float | None
    crosspoints: int
    bytes_each: int = 0


def median(call: Callable[[], object], seconds: float = 1.5) -> float:
    """Median time [s] of repetitions that together take about `seconds`; the first call, which compiles, is not one."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def copy_bandwidth() -> float:
    """Bytes per second that a large copy reads and writes on one core."""
    source = np.ones(1 << 24)
    target = np.empty_like(source)
    return 2 * source.nbytes / median(lambda: np.copyto(target, source))


def update(model: SoftBounds | ExponentialStep, shape: tuple[int, int], length: int) -> float:
    """One dense update, from the vectors to the pulsed devices: trains drawn, coincidences counted, pulses applied."""
    block = SimCrosspoints(model, shape, noise=SimNoise(0.3), spread=SPREAD, unit="normalised", seed=1)
    rng = np.random.default_rng(0)
    d, x = (rng.uniform(-1, 1, n) for n in shape)
    rate, pulsing, keys = 0.002 * length, Pulsing(longest=length, fit_length=False), (np.uint32(1), np.uint32(2))
    number = iter(range(10**9))

    def once() -> None:
        trains = update_pulses(d, x, rate, 0.002, pulsing, keys, next(number)).trains
        assert trains is not None
        block.coincide(*trains)

    return median(once)


def traced() -> float:
    """2,000 pulses on each of 10,000 devices, every state kept (float32, as AIHWKit does)."""
    block = SimCrosspoints(SOFT, (100, 100), noise=SimNoise(0.3), spread=SPREAD, unit="normalised", seed=1)
    counts = np.repeat(np.resize(np.array([1, -1], dtype=np.int32), 2000), 10_000).reshape(2000, 100, 100)
    array = block._array  # the interface gives float64 readings with times and currents: see below
    return median(lambda: array.trace((0, 0, 100), counts, np.float32), 3.0)


def traced_readings() -> float:
    """The same as readings: conductance, current, time and status of each, as a protocol gets them."""
    block = SimCrosspoints(SOFT, (100, 100), noise=SimNoise(0.3), spread=SPREAD, seed=1)
    counts = np.resize([1, -1], 2000)
    return median(lambda: block.trace(counts), 3.0)


def forward(batch: int) -> float:
    """``y = W x`` with converters, noise and managements."""
    block = SimCrosspoints(SOFT, (512, 512), spread=SPREAD, unit="normalised", seed=1)
    path, rng = ReadPath(), np.random.Generator(np.random.SFC64(1))
    x = np.random.default_rng(0).uniform(-1, 1, (512, batch) if batch > 1 else 512)
    return median(lambda: path.through(block.forward, x, rng, bounded=True))


def one_parameter_step() -> float:
    """One step of SHD on one weight, of 100,000, through the public interface: readings and pulses handed out."""
    model = SoftBounds(1e-6, 9e-6, 0.002, 0.002)
    calibration = Calibration.from_model(model)

    def train(steps: int) -> float:
        a, c = (SimCrosspoints(model, noise=SimNoise(0.3, 1e-8), seed=seed) for seed in (1, 2))
        training = one_weight(OneParameter(), "shd", c, calibration, auxiliary=a, settings=Settings(steps=steps))
        start = time.perf_counter()
        training.finish()
        return time.perf_counter() - start

    train(1000)
    return float(np.median([train(100_000) for _ in range(5)])) / 100_000


def memory() -> None:
    """Bytes and time of a large array with device-to-device variation, beside one of a quarter of its size."""
    for side in (2048, 4096):
        start = time.perf_counter()
        block = SimCrosspoints(SOFT, (side, side), noise=SimNoise(0.3), spread=SPREAD, unit="normalised", seed=1)
        made = time.perf_counter() - start
        p, a = block._array.population, block._array
        arrays: list[Floats] = [p.low, p.high, p.s_up, p.s_down, a.conductance, a.applied]  # type: ignore[list-item]
        trains = update_pulses(
            np.ones(side),
            np.ones(side),
            0.002 * 10,
            0.002,
            Pulsing(10, fit_length=False),
            (np.uint32(1), np.uint32(2)),
            0,
        ).trains
        assert trains is not None
        pulsed = median(lambda b=block, t=trains: b.coincide(*t))
        size = sum(array.nbytes for array in arrays) / 1e6
        print(f"{side} x {side}: {size:.0f} MB, made in {made:.2f} s, "
              f"updated in {pulsed * 1e3:.1f} ms ({pulsed / side**2 * 1e9:.2f} ns a crosspoint)")  # fmt: skip


def theirs() -> dict[str, float]:
    """The same work by AIHWKit, by the name of the row; empty where it is not installed."""
    try:
        import torch
        from aihwkit.simulator.configs import SingleRPUConfig
        from aihwkit.simulator.configs.devices import ExpStepDevice, SoftBoundsDevice
        from aihwkit.simulator.tiles import AnalogTile
    except ImportError:
        return {}
    found: dict[str, float] = {}
    for name, device, shape, length in (
        ("soft bounds, 512 x 512, 31 slots", SoftBoundsDevice(), (512, 512), 31),
        ("soft bounds, 512 x 512, 10 slots", SoftBoundsDevice(), (512, 512), 10),
        ("soft bounds, 256 x 152, 10 slots", SoftBoundsDevice(), (256, 152), 10),
        ("exponential step, 512 x 512, 31 slots", ExpStepDevice(), (512, 512), 31),
    ):
        config = SingleRPUConfig(device=device)
        config.update.desired_bl = length
        config.update.update_bl_management = False
        config.update.update_management = False
        tile = AnalogTile(*shape, config)
        tile.set_learning_rate(0.002 * length)
        x, d = torch.rand(1, shape[1]) * 2 - 1, torch.rand(1, shape[0]) * 2 - 1
        found[name] = median(lambda t=tile, a=x, b=d: t.update(a, b))
    tile = AnalogTile(512, 512, SingleRPUConfig(device=SoftBoundsDevice()))
    for batch in (1, 128):
        x = torch.rand(batch, 512) * 2 - 1
        found[f"forward, 512 x 512, read path, batch {batch}"] = median(lambda t=tile, a=x: t.forward(a))
    return found


def main() -> None:
    """Print the table."""
    bandwidth = copy_bandwidth()
    print(f"{threads_available()} core(s); copy bandwidth of one {bandwidth / 1e9:.1f} GB/s")
    other = theirs()
    if not other:
        print("AIHWKit is not installed: its column is empty")
    rows = [
        Row("soft bounds, 512 x 512, 31 slots", update(SOFT, (512, 512), 31), None, 512 * 512, BYTES),
        Row("soft bounds, 512 x 512, 10 slots", update(SOFT, (512, 512), 10), None, 512 * 512, BYTES),
        Row("soft bounds, 256 x 152, 10 slots", update(SOFT, (256, 152), 10), None, 256 * 152, BYTES),
        Row("exponential step, 512 x 512, 31 slots", update(EXPONENTIAL, (512, 512), 31), None, 512 * 512, BYTES),
        Row("2000 pulses x 10000 devices, states", traced(), None, 20_000_000),
        Row("2000 pulses x 10000 devices, readings", traced_readings(), None, 20_000_000),
        Row("forward, 512 x 512, read path, batch 1", forward(1), None, 512 * 512, 4),
        Row("forward, 512 x 512, read path, batch 128", forward(128), None, 512 * 512),
        Row("one-parameter SHD, a step", one_parameter_step(), None, 2),
    ]
    print(f"{'work':<44}{'labshd':>12}{'AIHWKit':>12}{'ratio':>8}{'ns each':>9}{'of memory limit':>17}")
    for row in rows:
        theirs_ = other.get(row.work)
        ratio = f"{theirs_ / row.ours:.1f}" if theirs_ else ""
        limit = f"{row.bytes_each * row.crosspoints / bandwidth / row.ours:.2f}" if row.bytes_each else ""
        print(f"{row.work:<44}{row.ours * 1e3:>9.4f} ms{f'{theirs_ * 1e3:.3f} ms' if theirs_ else '':>12}{ratio:>8}"
              f"{row.ours / row.crosspoints * 1e9:>9.2f}{limit:>17}")  # fmt: skip
    memory()


if __name__ == "__main__":
    main()
