"""How often the fit rejects soft bounds: true ones, and devices with exponential or growing steps.

    python benchmarks/fit_rejection.py [traces]

2 x 500 pulses, one reading a pulse, read noise 1 % of the range.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from fit_simulated import UP_AND_DOWN, Case, table

from instruments.crosspoints import FloatArray
from sim_device.fit.fitting import fit_trace

Step = Callable[[float], float]


def trace_of_steps(up: Step, down: Step, cycle: float, read: float, seed: int) -> FloatArray:
    """Readings of a device between hard bounds 0 and 1."""
    rng = np.random.default_rng(seed)
    g, readings = 0.0, np.empty(len(UP_AND_DOWN))
    for k, count in enumerate(UP_AND_DOWN):
        g += (up(g) if count > 0 else down(g)) * (1 + cycle * rng.standard_normal())
        g = min(1.0, max(0.0, g))
        readings[k] = g + read * rng.standard_normal()
    return readings


def exponential(states: float) -> tuple[Step, Step]:
    """Steps fall by e^3 = 20 from the bound where they start to the other."""
    size = 2.0 / states
    return lambda g: size * float(np.exp(-3 * g)), lambda g: -size * float(np.exp(-3 * (1 - g)))


def growing(states: float) -> tuple[Step, Step]:
    """Up steps grow with G, by five times from one bound to the other; down steps grow in size with G."""
    size = 1.0 / states
    return lambda g: size * (0.5 + 2 * g), lambda g: -size * (0.5 + 2 * g)


def rejected(trace: Callable[[int], FloatArray], traces: int) -> str:
    """Per cent rejected."""
    count = sum(not fit_trace(UP_AND_DOWN, trace(seed), unit="normalised").accepted for seed in range(traces))
    return f"{100 * count / traces:.1f} %"


def main() -> None:
    """Print one table of true soft bounds and one of others."""
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rows = []
    for states in (20, 200, 1000):
        for cycle in (0.05, 0.3, 1.0):
            case = Case(states=states, cycle=cycle)
            share = rejected(partial(case.trace, UP_AND_DOWN), traces)
            rows.append([f"soft bounds, {states}", f"{100 * cycle:g} %", share])
    for name, kind in (("exponential", exponential), ("growing", growing)):
        for states in (100, 200, 500):
            up, down = kind(states)
            for cycle in (0.05, 0.3):
                share = rejected(partial(trace_of_steps, up, down, cycle, 0.01), max(traces // 4, 20))
                rows.append([f"{name}, {states}", f"{100 * cycle:g} %", share])
    print(table(["device, states", "c2c", "rejected"], rows))
    print(f"\n{traces} traces of true soft bounds, {max(traces // 4, 20)} of the others.")


if __name__ == "__main__":
    main()
