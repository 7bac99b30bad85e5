"""Time to fit 2,000 pulses, 1,000,000 pulses, and 1,000 devices x 500 pulses, on one core after compilation.

python benchmarks/fit_speed.py
"""

from __future__ import annotations

import time

import numpy as np
from fit_simulated import Case, table

from sim_device.fit.array import fit_array
from sim_device.fit.fitting import fit_trace


def seconds(work) -> float:  # type: ignore[no-untyped-def]
    """Processor time of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Print median (and worst of 20 traces) in seconds."""
    case, pulses = Case(states=1000.0, start=0.2), np.repeat([1, -1], 1000)
    fit_trace(pulses, case.trace(pulses, 99), unit="normalised")  # compiles
    begin = time.process_time()
    short = [seconds(lambda s=seed: fit_trace(pulses, case.trace(pulses, s), unit="normalised")) for seed in range(20)]
    many = np.tile(np.repeat([1, -1], 500), 1000)
    long = case.trace(many, 0)
    counts = np.repeat([1, -1], 250)
    devices = [Case(states=200.0 * np.exp(0.2 * z), start=0.1) for z in np.random.default_rng(0).standard_normal(1000)]
    array = np.array([device.trace(counts, seed) for seed, device in enumerate(devices)]).T.reshape(500, 25, 40)
    rows = [
        ["2,000 pulses", f"{1e3 * np.median(short):.0f} ms", f"worst {1e3 * max(short):.0f} ms"],
        ["1,000,000 pulses", f"{seconds(lambda: fit_trace(many, long, unit='normalised')):.1f} s", ""],
        ["1,000 devices x 500 pulses", f"{seconds(lambda: fit_array(counts, array, unit='normalised')):.1f} s", ""],
    ]
    print(table(["trace", "processor time", "of 20"], rows))
    print(f"\nall of it: {time.process_time() - begin:.0f} s of processor time, compilation not counted")


if __name__ == "__main__":
    main()
