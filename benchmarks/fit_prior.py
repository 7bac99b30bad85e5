"""The population of an array as a prior of one device's fit: errors and coverage with it and without.

    python benchmarks/fit_prior.py [devices]

Devices of 200 states that differ as lithium ECRAM does (steps 10 %, up against down 1 %, bounds 5 % of half a range);
cycle-to-cycle noise 30 %, read noise 1 % of the range. The prior is of 16 others, each ramped up and down by 500
pulses and fitted. Each of `devices` (400) is ramped by n up and n down. Errors are of the symmetry point, of the range,
against the truth of each device; "z" is the root mean square of error over stated error, "inside" the share of 95 %
intervals that hold. The last block is of devices that are not of the array (steps twice as large): how often the prior
is left out.
"""

from __future__ import annotations

import sys

import numpy as np
from fit_simulated import table

from protocols.analysis.symmetry.prior import prior_of
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.fit.fitting import fit_trace
from sim_device.fit.known_steps import KnownSteps
from sim_device.models.formulas import SoftBounds

STATES = 200
MODEL = SoftBounds(0.0, 1.0, 2 / STATES, 2 / STATES)
SPREAD = Spread(step=0.1, up_down=0.01, low=0.05, high=0.05)
NOISE = SimNoise(cycle_to_cycle=0.3, read=0.01)


def population() -> KnownSteps:
    """What 16 devices of the array say of another one."""
    fits = [fit_trace(*ramp(devices(16, 3, MODEL), 500, k), unit="normalised") for k in range(16)]
    return KnownSteps(*prior_of([fit.device() for fit in fits if fit.accepted], "array").known())


def devices(count: int, seed: int, model: SoftBounds) -> SimCrosspoints:
    """Individuals of one kind."""
    return SimCrosspoints(model, (1, count), noise=NOISE, spread=SPREAD, seed=seed, initial=0.25, unit="normalised")


def ramp(block: SimCrosspoints, pulses: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts and readings of one device, ramped up and down."""
    counts = np.repeat([1, -1], pulses)
    return counts, block[0, column].trace(counts).conductance[:, 0, 0]


def errors(block: SimCrosspoints, pulses: int, known: KnownSteps | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Error and stated error of the symmetry point of every device, and how often the prior was left out."""
    found, left_out = [], 0
    for column in range(block.shape[1]):
        d = block.device(0, column)
        truth = (d["s_up"] * d["g_max"] + d["s_down"] * d["g_min"]) / (d["s_up"] + d["s_down"])
        fit = fit_trace(*ramp(block, pulses, column), unit="normalised", known=known)
        left_out += fit.before is not None and not fit.before.used
        point = fit.symmetry_point
        found.append((point.conductance - truth, point.std) if point else (0.5 - truth, np.inf))
    return *np.array(found).T, left_out


def main() -> None:
    """Print both blocks."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    known, rows = population(), []
    for pulses in (50, 100, 200, 500):
        for name, before in (("trace alone", None), ("with the array", known)):
            error, std, left_out = errors(devices(count, 100, MODEL), pulses, before)
            z = error / std
            rows.append([
                f"2 x {pulses}", name, f"{100 * np.sqrt(np.mean(error**2)):.2f} %", f"{100 * np.median(std):.2f} %",
                f"{np.sqrt(np.mean(z**2)):.2f}", f"{100 * np.mean(np.abs(z) < 1.96):.1f} %", f"{left_out}",
            ])  # fmt: skip
    print(table(["pulses", "fit", "RMSE of G*", "stated", "z", "inside", "left out"], rows))
    other = SoftBounds(0.0, 1.0, 4 / STATES, 4 / STATES)
    rows = []
    for pulses in (50, 100, 200, 500):
        _, _, left_out = errors(devices(count // 4, 200, other), pulses, known)
        rows.append([f"2 x {pulses}", f"{left_out} of {count // 4}"])
    print("\nDevices with steps twice as large:")
    print(table(["pulses", "prior left out"], rows))


if __name__ == "__main__":
    main()
