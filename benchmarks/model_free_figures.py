"""Figures that need no model, of simulated ramps of soft bounds: are they right, and are their errors?

    python benchmarks/model_free_figures.py [--traces 60]

One ramp of 500 pulses each way, s+ = 0.0115, s- = 0.0088, cycle-to-cycle noise 30 %, read noise 1 % of the window.
Prints the nonlinearity of the ramp up beside the true one, its scatter over the traces and the
error that each trace states.
"""

import argparse

import numpy as np

from protocols.analysis.update.figures_of_merit import neurosim_nonlinearity
from protocols.analysis.update.model_free import of_fit
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.fit.fitting import fit_trace
from sim_device.models.formulas import SoftBounds

MODEL = SoftBounds(1e-6, 11e-6, 0.0115, 0.0088)
PULSES = 500


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=60)
    counts = np.repeat([1, -1], PULSES)
    found: list[tuple[float, float]] = []
    for seed in range(parser.parse_args().traces):
        device = SimCrosspoints(MODEL, noise=SimNoise(0.3, 1e-7), seed=seed, initial=1e-6)
        g = device.trace(counts.reshape(-1, 1, 1)).conductance[:, 0, 0]
        merit = of_fit(fit_trace(counts, g))["neurosim_nonlinearity_up"]
        found.append((merit.value, merit.std))
    values, errors = np.array(found).T
    true = neurosim_nonlinearity(MODEL.s_up, 0.0, PULSES).value
    print(f"true {true:.3f}; mean {values.mean():.3f}, scatter {values.std():.3f}, stated error {errors.mean():.3f}")
    away = (values - true) / errors
    print(f"distance over its error: mean {away.mean():.2f}, standard deviation {away.std():.2f}")


if __name__ == "__main__":
    main()
