"""The same training on simulated twins of calibrated crosspoints: what to expect of the bench, and its cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from instruments.bench.assembled import Assembled
from instruments.crosspoints import Crosspoints
from labshd.station_training.blocks import Grid
from labshd.station_training.calibrate import Calibrated
from labshd.station_training.record import started
from labshd.training import Settings, Task, Training, result
from labshd.training.assembly import Arrays, layer_of
from labshd.training.start import Start
from sim_device.arrays.crosspoints import SimCrosspoints

TOLD = (
    "final", "final_std", "error", "accuracy", "accuracy_std", "rms_error", "largest_error", "loss", "loss_std",
    "pulses", "most_pulses_of_a_crosspoint", "why_stopped",
)  # fmt: skip
"""Numbers of a twin that are put beside those of the bench."""


def twin_block(calibrated: Calibrated, seed: int, *, at_reference: bool) -> Crosspoints:
    """Simulated crosspoints of the fitted device of each; at their zeros, or where the measurement left them."""

    def twin(number: int) -> SimCrosspoints:
        more: dict[str, Any] = {"seed": 1000 * seed + number, "name": f"twin of {calibrated.names.flat[number]}"}
        if at_reference:
            more["initial"] = calibrated.each[number].reference
        return SimCrosspoints.from_fitted(calibrated.devices[number], **more)

    if calibrated.names.size == 1:
        return twin(0)
    rows, columns = calibrated.shape
    return Assembled([[twin(row * columns + column) for column in range(columns)] for row in range(rows)])


def assembled_training(
    task: Task,
    algorithm: str,
    blocks: tuple[Crosspoints, Crosspoints],
    calibrated: tuple[Calibrated, Calibrated],
    settings: Settings,
) -> Training:
    """A training of one layer on calibrated blocks of A and C, each crosspoint with its own zero."""
    (auxiliary, core), (a, c) = blocks, calibrated
    arrays = Arrays(core, None if algorithm == "sgd" else auxiliary, c.reference, a.reference)
    return Training(task, [layer_of(algorithm, arrays, a.common, c.common, settings)], settings, c.common)


def trained_twin(
    task: Task, algorithm: str, calibrated: tuple[Calibrated, Calibrated], settings: Settings, start: Start | None
) -> Training:
    """The training done on twins: the same samples in the same order, devices as they were fitted."""
    a, c = calibrated
    blocks = (twin_block(a, 2 * settings.seed + 1, at_reference=True),
              twin_block(c, 2 * settings.seed + 2, at_reference=algorithm == "sgd"))  # fmt: skip
    training = assembled_training(task, algorithm, blocks, calibrated, settings)
    for _ in started(training, start):
        pass
    return training.finish()


def expectation(twin: Training, calibrated: tuple[Calibrated, Calibrated]) -> dict[str, Any]:
    """Numbers of a twin that the bench is held against."""
    numbers = result(twin, calibrated[0].common)
    return {key: numbers[key] for key in TOLD if key in numbers}


def pulses_expected(twin: Training, calibrated: tuple[Calibrated, Calibrated]) -> dict[str, int]:
    """Pulses that each crosspoint will see, as its twin did, by name."""
    names: dict[str, Grid] = {"auxiliary": calibrated[0].names, "core": calibrated[1].names}
    return {
        str(name): int(count)
        for tile in twin.tiles
        for name, count in zip(np.ravel(names[tile.name]), np.ravel(tile.counted), strict=True)
    }
