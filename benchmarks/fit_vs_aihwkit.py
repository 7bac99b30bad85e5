"""The fit beside AIHWKit's `fit_measurements` on the same traces: error of every number, and time.

    python benchmarks/fit_vs_aihwkit.py [traces] [traces for AIHWKit]

AIHWKit (pip install aihwkit lmfit) is not needed by labshd; where it is not installed its rows say so. It fits the
noise-free trajectory to the readings by least squares (Powell's method). The same principle, compiled and without
AIHWKit's simulator, is always run: "trajectory". 2 x 500 pulses, 200 states, read noise 1 % of the range. AIHWKit
takes seconds for a fit, so that it gets the first 100 of the 400 traces; "labshd, the same" is the error on just these,
and the last rows are the ratio of the two with its error by bootstrap over traces.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fit_simulated import UP_AND_DOWN, Case, soft_trace, table
from scipy.optimize import minimize

from instruments.crosspoints import FloatArray
from sim_device.fit.fitting import fit_trace

NAMES = ("g_min", "g_max", "s_up", "s_down", "symmetry_point")


def with_point(g_min: float, g_max: float, s_up: float, s_down: float) -> FloatArray:
    """The five numbers that are compared."""
    return np.array([g_min, g_max, s_up, s_down, (s_up * g_max + s_down * g_min) / (s_up + s_down)])


def by_likelihood(g: FloatArray) -> FloatArray:
    """The fit of labshd."""
    p = fit_trace(UP_AND_DOWN, g, unit="normalised").parameters
    return with_point(*(p[key] for key in ("g_min_normalised", "g_max_normalised", "s_up", "s_down")))


def by_trajectory(g: FloatArray) -> FloatArray:
    """Least squares of the noise-free trajectory by Powell's method, from the start that AIHWKit's example has."""
    nothing = np.zeros(len(UP_AND_DOWN))

    def loss(p: FloatArray) -> float:
        low, high, up, down, start = p
        width = max(high - low, 1e-6)
        path = low + width * soft_trace(UP_AND_DOWN, up, down, 0.0, (start - low) / width, nothing, nothing)
        return float(np.sum((path - g) ** 2))

    bounds = [(-0.5, 0.4), (0.6, 1.5), (1e-4, 0.2), (1e-4, 0.2), (-0.5, 1.5)]
    found = minimize(loss, [g.min(), g.max(), 0.01, 0.01, g[0]], method="Powell", bounds=bounds).x
    return with_point(*found[:4])


def by_aihwkit(g: FloatArray) -> FloatArray:
    """`aihwkit.utils.fitting.fit_measurements` with SoftBoundsDevice; weight w = 2 G − 1."""
    from aihwkit.simulator.configs import SoftBoundsDevice
    from aihwkit.utils.fitting import fit_measurements

    steps = {"dw_min": (0.02, 1e-4, 0.2), "up_down": (0.0, -0.99, 0.99)}
    parameters = steps | {"w_max": (1.0, 0.3, 2.0), "w_min": (-1.0, -2.0, -0.3)}
    result, _, _ = fit_measurements(parameters, UP_AND_DOWN.astype(float), 2 * g - 1, SoftBoundsDevice())
    found = result.params.valuesdict()
    up = found["dw_min"] * (1 + min(found["up_down"], 0))
    down = found["dw_min"] * (1 - max(found["up_down"], 0))
    low, high = found["w_min"], found["w_max"]
    return with_point((low + 1) / 2, (high + 1) / 2, up / high, -down / low)


def installed() -> bool:
    """Whether AIHWKit and lmfit can be imported."""
    try:
        import aihwkit.utils.fitting  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Fitted:
    """Errors (traces, numbers) of a method and the seconds that each fit took."""

    errors: FloatArray
    seconds: FloatArray

    def row(self, label: str, name: str) -> list[str]:
        """RMSE of every number and the median time of one fit."""
        rmse = np.sqrt(np.mean(self.errors**2, axis=0))
        return [label, name, *(f"{value:.2g}" for value in rmse), f"{1e3 * np.median(self.seconds):.1f} ms"]

    def first(self, traces: int) -> Fitted:
        """Of the first traces alone."""
        return Fitted(self.errors[:traces], self.seconds[:traces])


def fitted(method: Callable[[FloatArray], FloatArray], case: Case, traces: int) -> Fitted:
    """All traces of a case by one method."""
    errors, times = [], []
    truth = np.array([case.truth()[key] for key in NAMES])
    for seed in range(traces):
        g = case.trace(UP_AND_DOWN, seed)
        begin = time.perf_counter()
        found = method(g)
        times.append(time.perf_counter() - begin)
        errors.append(found - truth)
    return Fitted(np.array(errors), np.array(times))


def ratios(ours: Fitted, theirs: Fitted, label: str) -> list[str]:
    """RMSE of the other by ours on the same traces, with the standard error over resampled traces; and of the times."""
    generator = np.random.default_rng(0)
    count = len(ours.errors)
    chosen = generator.integers(0, count, (2000, count))
    squares = [np.mean(one.errors[chosen] ** 2, axis=1) for one in (theirs, ours)]
    drawn = np.sqrt(squares[0] / squares[1])
    best = np.sqrt(np.mean(theirs.errors**2, axis=0) / np.mean(ours.errors**2, axis=0))
    cells = [f"{value:.2f} ± {std:.2f}" for value, std in zip(best, drawn.std(axis=0), strict=True)]
    return [label, "AIHWKit / labshd", *cells, f"{np.median(theirs.seconds) / np.median(ours.seconds):.0f} x"]


def main() -> None:
    """Print one block for each cycle-to-cycle noise."""
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    few = int(sys.argv[2]) if len(sys.argv) > 2 else max(traces // 4, 5)
    by_likelihood(Case().trace(UP_AND_DOWN, 0))  # compiles
    header = ["c2c", "method", *(f"RMSE {name}" for name in NAMES), "time"]
    for cycle in (0.05, 0.3, 1.0):
        case, label = Case(cycle=cycle), f"{100 * cycle:g} %"
        ours = fitted(by_likelihood, case, traces)
        rows = [ours.row(label, "labshd")]
        rows.append(fitted(by_trajectory, case, max(traces // 4, 10)).row(label, "trajectory"))
        if installed():
            theirs = fitted(by_aihwkit, case, few)
            rows += [theirs.row(label, "AIHWKit"), ours.first(few).row(label, "labshd, the same")]
            rows.append(ratios(ours.first(few), theirs, label))
        print(table(header, rows), flush=True)
    if not installed():
        print("\nAIHWKit is not installed here: its rows are left out (pip install aihwkit lmfit).")
    print("Neither of the others states an uncertainty that allows for cycle-to-cycle noise.")


if __name__ == "__main__":
    main()
