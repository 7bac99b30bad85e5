"""Fit of soft bounds against the Cramér-Rao bound: RMSE, bias and interval coverage of every number.

    python benchmarks/fit_efficiency.py [traces]

2 x 500 pulses, one reading a pulse, read noise 1 % of the range, cycle-to-cycle noise 30 %. The bound is J I⁻¹ Jᵀ with
the expected information I at the true parameters, averaged over the traces, and J the derivatives of each number.
"""

from __future__ import annotations

import sys

import numpy as np
from fit_simulated import UP_AND_DOWN, Case, table

from sim_device.fit.array import _formulae
from sim_device.fit.estimate import STRAIGHT, likelihood
from sim_device.fit.fitting import fit_trace
from sim_device.fit.trace import trace_of

NAMES = ("g_min", "g_max", "s_up", "s_down", "read", "cycle_to_cycle", "symmetry_point", "step", "s_up + s_down")


def estimates(case: Case, traces: int) -> tuple[np.ndarray, np.ndarray]:
    """(traces, numbers) estimates and bounds of their variance."""
    found, bounds = [], []
    for seed in range(traces):
        g = case.trace(UP_AND_DOWN, seed)
        fit = fit_trace(UP_AND_DOWN, g, unit="normalised")
        p, point = fit.parameters, fit.symmetry_point
        found.append([
            p["g_min_normalised"], p["g_max_normalised"], p["s_up"], p["s_down"], fit.noise.read,
            fit.noise.cycle_to_cycle, point.conductance, point.step, p["s_up"] + p["s_down"],
        ])  # fmt: skip
        bounds.append(bound(case, g))
    return np.array(found, dtype=float), np.array(bounds)


def bound(case: Case, g: np.ndarray) -> np.ndarray:
    """(numbers, numbers): information of one trace at the truth, as a covariance of the numbers."""
    trace = trace_of(UP_AND_DOWN, g, unit="normalised")
    h, c, up, down = trace.scale, trace.centre, case.s_up, case.s_down
    theta = np.array([up * (1 - c) / h, -up, -down * c / h, -down, 2 * np.log(case.cycle), 2 * np.log(case.read / h)])
    information = likelihood(trace, STRAIGHT, np.append(theta, [-700.0, 0.0]))[2][:6, :6]
    moved = _formulae(theta + 1e-30j * np.eye(6), c, h).imag.T / 1e-30
    jacobian = np.vstack([moved, moved[2] + moved[3]])
    return jacobian @ np.linalg.inv(information) @ jacobian.T


def main() -> None:
    """Print a table for each number of states."""
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for states in (100.0, 200.0, 500.0):
        case = Case(states=states)
        found, bounds = estimates(case, traces)
        truth = np.array([case.truth()[name] for name in NAMES])
        limit = np.sqrt(np.mean(np.diagonal(bounds, axis1=1, axis2=2), axis=0))
        rmse, bias = np.sqrt(np.mean((found - truth) ** 2, axis=0)), np.mean(found, axis=0) - truth
        rows = [
            [name, f"{t:.4g}", f"{r:.3g}", f"{m:.3g}", f"{r / m:.2f}", f"{100 * b / r:+.0f} %"]
            for name, t, r, m, b in zip(NAMES, truth, rmse, limit, bias, strict=True)
        ]
        print(f"\n{states:.0f} states, {traces} traces of 2 x 500 pulses, read noise 1 %, cycle-to-cycle 30 %")
        print(table(["number", "truth", "RMSE", "bound", "RMSE/bound", "bias/RMSE"], rows))
    print(f"\nA ratio of {traces} traces has a standard error of {1 / np.sqrt(2 * traces):.2f}, a bias of ", end="")
    print(f"{100 / np.sqrt(traces):.0f} %.")


if __name__ == "__main__":
    main()
