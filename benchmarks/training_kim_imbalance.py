"""Kim et al. (zero-shifting, arXiv 1907.10228): accuracy against the imbalance of up and down steps, shifted or not.

A network of 64-16-10 on scikit-learn's ten digits, trained by SGD on soft-bounds devices; the paper trains a larger one
on MNIST, so that shape is compared and not numbers. Imbalance is s+/s−. Unshifted, zero weight is the middle
of the conductance range; shifted, it is the symmetry point of every device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from training_common import BLUE, ORANGE, figure, save, table

from labshd.training import Calibration, Settings, Training, result
from labshd.training.assembly import Arrays, Place, layer_of, start_at_random
from labshd.training.digits import ClassifyDigits
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.formulas import SoftBounds

TASK = ClassifyDigits(tuple(range(10)), hidden=(16,), gain=4.0)
IMBALANCES = (1.0, 1.25, 1.5, 2.0, 3.0)
STEPS = 8000


def trained(imbalance: float, *, shifted: bool) -> dict[str, Any]:
    """Accuracy after training on devices with steps s± = 0.004 √(imbalance)^±1."""
    root = np.sqrt(imbalance)
    model = SoftBounds(1e-6, 9e-6, 0.004 * root, 0.004 / root)
    exact = Calibration.from_model(model)
    calibration = exact if shifted else Calibration(5e-6, exact.step, 1e-6, 9e-6)
    settings, layers = Settings(steps=STEPS, rate=0.01), []
    for index, shape in enumerate(TASK.shapes):
        block = SimCrosspoints(model, shape, noise=SimNoise(0.3, 4e-9), spread=Spread(0.1, 0.02),
                               initial=calibration.reference, seed=index)  # fmt: skip
        devices = [[block.device(row, column) for column in range(shape[1])] for row in range(shape[0])]
        points = np.array([[_symmetry_point(one) for one in row] for row in devices])
        arrays = Arrays(block, core_reference=points if shifted else None)
        place = Place(index, f" {index + 1}")
        layers.append(layer_of("sgd", arrays, calibration, calibration, settings, place))
        start_at_random(layers[-1].core, index)
    return result(Training(TASK, layers, settings, calibration).finish())


def _symmetry_point(device: dict[str, float]) -> float:
    up, down = device["s_up"], device["s_down"]
    return (up * device["g_max"] + down * device["g_min"]) / (up + down)


def main() -> None:
    """Accuracy of both against the imbalance."""
    plain, shifted = ([trained(i, shifted=how) for i in IMBALANCES] for how in (False, True))
    sheet, (axes,) = figure(1, 6.4)
    for found, colour, label in ((plain, ORANGE, "zero in the middle"), (shifted, BLUE, "zero-shifted")):
        accuracy, std = (100 * np.array([f[key] for f in found]) for key in ("accuracy", "accuracy_std"))
        axes.errorbar(IMBALANCES, accuracy, std, fmt="o-", color=colour, capsize=3, label=label)
    axes.set(xlabel="imbalance of steps, s+/s−", ylabel="test accuracy (%)", title="ten digits, SGD on 1184 devices")
    axes.legend(fontsize="small")
    table(["imbalance", "middle", "std", "zero-shifted", "std"],
          [[i, p["accuracy"], p["accuracy_std"], s["accuracy"], s["accuracy_std"]]
           for i, p, s in zip(IMBALANCES, plain, shifted, strict=True)])  # fmt: skip
    save(sheet, "kim_imbalance")


if __name__ == "__main__":
    main()
