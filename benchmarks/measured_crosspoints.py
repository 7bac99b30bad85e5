"""What a pulse costs on crosspoints that move as a measured step, beside those of a table: ratio, side by side.

    python benchmarks/measured_crosspoints.py [seconds]

512 x 512 devices, a pulse each, up and down in turns and in ramps of 20; with each part alone and with all. Times of
one run only: other work on the machine is in both.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from kernels_update import Call, take_turns

from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.measured import MeasuredStep
from sim_device.models.table import TableStep

SHAPE, NODES = (512, 512), 41


def block(model: TableStep, ramp: int) -> Call:
    """One pulse on each crosspoint, `ramp` up and as many down."""
    crosspoints = SimCrosspoints(model, SHAPE, unit="normalised", seed=1)
    counts = [np.full(SHAPE, sign) for sign in (1, -1)]
    turn = iter(range(10**9))
    return lambda: crosspoints.pulse(counts[next(turn) // ramp % 2])


def main(seconds: float) -> None:
    """Print the ratios."""
    nodes = np.linspace(-1.0, 1.0, NODES)
    x, up, down = (tuple(map(float, column)) for column in (nodes, 0.01 * (1 - nodes), -0.01 * (1 + nodes)))
    scatter = (0.003,) * NODES
    plain = MeasuredStep(-1.0, 1.0, x, up, down, scatter, scatter)
    parts: dict[str, dict[str, Any]] = {
        "history": {"history": (0.5, 5.0, 0.2, 0.5, 5.0, 0.2)},
        "ramp factors": {"ramps": (0.1, 0.1)},
        "tails": {"tails": 0.2},
        "relaxation": {"relaxing": (0.3, 2.0)},
        "wear": {"wear": (0.5, 1e4)},
    }
    everything = {key: value for part in parts.values() for key, value in part.items()}
    models = {"table": TableStep(-1.0, 1.0, x, up, down, scatter, scatter), "measured, no more than a table": plain}
    models |= {f"with {name}": replace(plain, **part) for name, part in parts.items()}
    models["with all"] = replace(plain, **everything)
    for ramp in (1, 20):
        print(f"{ramp} up, {ramp} down")
        times = take_turns([block(model, ramp) for model in models.values()], seconds)
        reference = float(np.median(times[0]))
        for name, taken in zip(models, times, strict=True):
            each = float(np.median(taken))
            print(f"  {name:34s}{1e9 * each / np.prod(SHAPE):8.2f} ns a pulse{each / reference:8.2f} times the table")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
