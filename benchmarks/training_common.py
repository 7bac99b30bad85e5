"""What the scripts of training figures share: devices, one training of one weight, saving a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labshd.training import Calibration, OneParameter, Settings, Training, one_weight
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import ConstantStep, SoftBounds

FIGURES = Path(__file__).parents[1] / "docs" / "images" / "training"
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000"

# Ours: the paper's own parameters are in a supplement that is not public. 1000 states between 1 and 9 uS, steps that
# scatter by 30 %, read noise of 1e-3 of a weight.
SYMMETRIC = ConstantStep(1e-6, 9e-6, 8e-9, 8e-9)
ASYMMETRIC = SoftBounds(1e-6, 9e-6, 0.002, 0.002)
NOISE = SimNoise(cycle_to_cycle=0.3, read=4e-9)


def trained(
    algorithm: str,
    task: OneParameter,
    model: DeviceModel = ASYMMETRIC,
    *,
    core_model: DeviceModel | None = None,
    start: float = 0.0,
    reference_error: float = 0.0,
    **settings: Any,
) -> Training:
    """One weight, trained to the end; `start` of the core and `reference_error` in weights."""
    chosen = Settings(**settings)
    exact = Calibration.from_model(model)
    reference = exact.reference + reference_error * exact.scale
    calibration = Calibration(reference, exact.step, exact.low, exact.high, exact.kappa)

    def device(of: DeviceModel, at: float, number: int) -> SimCrosspoints:
        return SimCrosspoints(of, noise=NOISE, initial=reference + at * exact.scale, seed=10 * chosen.seed + number)

    core, auxiliary = device(core_model or model, start, 1), device(model, 0.0, 2)
    return one_weight(task, algorithm, core, calibration, auxiliary=auxiliary, settings=chosen).finish()


def figure(columns: int = 1, width: float = 4.6) -> tuple[Figure, list[Axes]]:
    """A sheet with axes side by side."""
    sheet = Figure(figsize=(width * columns, 3.6), layout="constrained", dpi=110)
    return sheet, [sheet.add_subplot(1, columns, k + 1) for k in range(columns)]


def save(sheet: Figure, name: str) -> None:
    """Write the figure as PNG and say where."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    path = FIGURES / f"{name}.png"
    sheet.savefig(path)
    print(f"figure: {path.relative_to(FIGURES.parents[2])}")


def table(heading: list[str], rows: list[list[Any]], form: Callable[[Any], str] = "{:.4g}".format) -> None:
    """Print rows under a heading."""
    print("".join(f"{name:>18}" for name in heading))
    for row in rows:
        print("".join(f"{value if isinstance(value, str) else form(value):>18}" for value in row))
