"""Coverage of 95 % intervals of the fit of soft bounds, over read noise, cycle-to-cycle noise and number of states.

    python benchmarks/fit_coverage.py [traces]

2 x 500 pulses, one reading a pulse. An interval is value ± 1.96 std (of the symmetry point, the interval that the fit
states). A number is identified where its median std is below a third of its true value (bounds and the symmetry point:
of the range), so that it is three standard errors from 0; "-" where it is not. A line is identified where all its
numbers are; others are printed, and do not count.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
from fit_simulated import UP_AND_DOWN, Case, table

from sim_device.fit.array import _numbers
from sim_device.fit.average import averaged
from sim_device.fit.estimate import linear
from sim_device.fit.trace import trace_of

NAMES = ("g_min", "g_max", "s_up", "s_down", "read", "cycle_to_cycle", "symmetry_point", "step")


def coverage(case: Case, traces: int) -> list[str]:
    """Per cent of intervals that hold, for each number."""
    values, errors = [], []
    for seed in range(traces):
        trace = trace_of(UP_AND_DOWN, case.trace(UP_AND_DOWN, seed), unit="normalised")
        value, error = _numbers(averaged(linear(trace)))
        values.append(value)
        errors.append(error)
    found, std = np.array(values), np.array(errors)
    truth = np.array([case.truth()[name] for name in NAMES])
    size = np.array(
        [1.0 if name in ("g_min", "g_max", "symmetry_point") else abs(case.truth()[name]) for name in NAMES]
    )
    cells = []
    for i in range(len(NAMES)):
        told = np.isfinite(std[:, i])
        if np.mean(told) < 0.9 or np.nanmedian(std[:, i]) > size[i] / 3:
            cells.append("-")
            continue
        inside = np.abs(found[told, i] - truth[i]) < 1.96 * std[told, i]
        cells.append(f"{100 * np.mean(inside):.1f}")
    return cells


def main() -> None:
    """Print one line for each cell."""
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rows = []
    for states, read, cycle in product((20.0, 200.0, 1000.0), (0.002, 0.01, 0.03), (0.05, 0.3, 1.0)):
        cells = coverage(Case(states=states, read=read, cycle=cycle), traces)
        rows.append([f"{states:.0f}", f"{100 * read:g} %", f"{100 * cycle:g} %", *cells])
    print(table(["states", "read", "c2c", *NAMES], rows))
    numbers = np.array([float(cell) for row in rows if "-" not in row for cell in row[3:]])
    outside = int(np.sum((numbers < 92) | (numbers > 98)))
    print(f"\n{len(numbers)} cells of identified lines, {traces} traces each: mean {np.mean(numbers):.1f} %, ", end="")
    print(f"{outside} outside of 92 to 98 %; the standard error of one cell is {100 * np.sqrt(0.0475 / traces):.1f} %.")


if __name__ == "__main__":
    main()
