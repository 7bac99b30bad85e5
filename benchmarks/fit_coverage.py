"""Coverage of 95 % intervals of the fit of soft bounds, over read noise, cycle-to-cycle noise and number of states.

    python benchmarks/fit_coverage.py [traces]

2 x 500 pulses, one reading a pulse. Intervals are those that the fit states (`Fit.interval95`, and those of the
symmetry point and of the step there), of all traces, rejected or not. A number is identified where its median std is
below a third of its true value (bounds and the symmetry point: of the range), so that it is three standard errors from
0, and has an interval in 90 % of the traces; "-" where it is not. A line is identified where all its numbers are;
others are printed, and do not count.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
from fit_simulated import UP_AND_DOWN, Case, table

from sim_device.fit.fitting import fit_trace
from sim_device.fit.result import Fit

NAMES = ("g_min", "g_max", "s_up", "s_down", "read", "cycle_to_cycle", "symmetry_point", "step")
KEYS = ("g_min_normalised", "g_max_normalised", "s_up", "s_down", "read_normalised", "cycle_to_cycle")
NONE = (np.nan, np.nan, np.nan)


def stated(fit: Fit) -> list[tuple[float, float, float]]:
    """(low, high, std) of each number; NaN where the fit states none."""
    noise = fit.noise
    deviations = {**fit.std, "read_normalised": noise.read_std, "cycle_to_cycle": noise.cycle_to_cycle_std}
    intervals = fit.interval95
    found = [(*intervals[key], deviations[key]) if key in intervals else NONE for key in KEYS]
    point = fit.symmetry_point
    if point is None or not point.clear:
        return [*found, NONE, NONE]
    return [*found, (*point.interval, point.std), (*point.step_interval, point.step_std)]


def coverage(case: Case, traces: int) -> list[str]:
    """Per cent of intervals that hold, for each number."""
    fits = [stated(fit_trace(UP_AND_DOWN, case.trace(UP_AND_DOWN, seed), unit="normalised")) for seed in range(traces)]
    low, high, std = np.moveaxis(np.array(fits, dtype=np.float64), 2, 0)
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
        inside = (low[told, i] <= truth[i]) & (truth[i] <= high[told, i])
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
