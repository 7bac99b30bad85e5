"""Rasch et al. (arXiv 1906.02698): accuracy with and without noise management and bound management.

A network of 64-16-10 on scikit-learn's digits, symmetric devices so that the read path alone is at fault: 7-bit DAC,
9-bit ADC, output noise 0.2, outputs bounded at 1.5. Noise and bound are ours: a network this small hardly feels the
paper's 0.06 and 12.
"""

from __future__ import annotations

from typing import Any

from training_common import BLUE, figure, save, table

from labshd.training import Calibration, Settings, network, result, simulated_arrays
from labshd.training.digits import ClassifyDigits
from labshd.training.read_path import ReadPath
from sim_device.arrays.crosspoints import SimNoise, Spread
from sim_device.models.formulas import ConstantStep

TASK = ClassifyDigits(tuple(range(10)), hidden=(16,), gain=4.0)
MODEL = ConstantStep(1e-6, 9e-6, 4e-9, 4e-9)
STEPS = 6000
PATHS: dict[str, dict[str, Any] | None] = {
    "ideal": None,
    "none": {"noise_management": False, "bound_management": None},
    "bound": {"noise_management": False, "bound_management": "iterative"},
    "noise": {"noise_management": True, "bound_management": None},
    "both": {"noise_management": True, "bound_management": "iterative"},
    "both, worst case": {"noise_management": True, "bound_management": "worst-case"},
}


def trained(settings: dict[str, Any] | None) -> dict[str, Any]:
    """Accuracy after training through a read path; None for an ideal one."""
    calibration = Calibration.from_model(MODEL)
    make = simulated_arrays(MODEL, calibration, noise=SimNoise(0.3), spread=Spread(0.3, 0.0, 0.1, 0.1), seed=1)
    path = None if settings is None else ReadPath(output_bound=1.5, noise=0.2, **settings)
    training = network(TASK, "sgd", make, calibration, settings=Settings(steps=STEPS, rate=0.01), read_path=path)
    return result(training.finish())


def main() -> None:
    """Accuracy for each combination."""
    found = {name: trained(settings) for name, settings in PATHS.items()}
    sheet, (axes,) = figure(1, 6.4)
    names = list(found)
    axes.bar(names, [100 * f["accuracy"] for f in found.values()], color=BLUE,
             yerr=[100 * f["accuracy_std"] for f in found.values()], capsize=4)  # fmt: skip
    axes.set(ylabel="test accuracy (%)", title="management of noise and bounds", ylim=(0, 100))
    axes.tick_params(axis="x", labelsize="small")
    table(["management", "accuracy", "std", "loss"],
          [[name, f["accuracy"], f["accuracy_std"], f["loss"]] for name, f in found.items()])  # fmt: skip
    save(sheet, "rasch_managements")


if __name__ == "__main__":
    main()
