"""The result of a training: loss and errors; for one weight where it settled, beside what theory predicts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labshd.training.algorithms import SGD, SHD, Transferring
from labshd.training.calibration import Calibration
from labshd.training.loop import Training
from labshd.training.statistics import mean_of_series
from labshd.training.tasks import OneParameter
from labshd.training.tile import Tile

NEARLY_SYMMETRIC = 0.01  # κ in weights: damping then takes more than 100 times the pulses that cross the range
PULSES_THAT_MOVE = 100  # random pulses wander by some 10 steps in as many


def result(training: Training, auxiliary: Calibration | None = None) -> dict[str, Any]:
    """Numbers of a training, whole or interrupted; JSON-able, None where there is no number.

    Of any task: "loss", the mean over the last tenth of the steps, and what the task says of the weights by fresh
    readings. Of one weight: "final" is the mean of the core weight over the last half of the steps with its standard
    error "final_std", "error" = final − target, in weights; "error_relative_to_range" is that over the range of the
    device (2 in weights). "prediction" is where the algorithm should settle: w0/(1 + κS/k) for SGD, w0 for the others.
    """
    task = training.task
    kappa = (auxiliary or training.calibration).weight_kappa
    found = _common(training) | {"warnings": warnings(training, kappa)}
    return found | (_of_one_weight(training, task, auxiliary) if isinstance(task, OneParameter) else {})


def warnings(training: Training, kappa: float | None) -> list[str]:
    """What is not as it should be: crosspoints that do not move, a symmetric A, updates cut short; each with a remedy.

    κ in weights, of the auxiliary crosspoints; None where it is not known.
    """
    said = [note for tile in training.tiles for note in _of_tile(tile)]
    if isinstance(training.layers[0], Transferring) and kappa is not None and kappa < NEARLY_SYMMETRIC:
        said.append(
            f"the auxiliary device is nearly symmetric (κ = {kappa:.3g} in weights): nothing damps the oscillation of "
            "SHD; use a more asymmetric device for A, or sgd"
        )
    return said


def _of_tile(tile: Tile) -> list[str]:
    said: list[str] = []
    if tile.clipped > 0.01 * max(1, tile.updates):
        said.append(
            f"{tile.clipped} of {tile.updates} updates of the {tile.name} array wanted more pulses than the bit length "
            f"of {tile.pulsing.longest}: lower the learning rate, or lengthen the trains"
        )
    moved = tile.highest - tile.lowest
    still = np.argwhere((tile.counted > PULSES_THAT_MOVE) & (moved < 2 * tile.step))
    for row, column in still.tolist():
        said.append(
            f"the {tile.name} crosspoint [{row}, {column}] of {tile.main.name} has not moved by two steps in "
            f"{tile.counted[row, column]} pulses: stuck, or not connected?"
        )
    return said


def _common(training: Training) -> dict[str, Any]:
    history = training.history
    steps = len(history.get("step", ()))
    tail = mean_of_series(history["loss"][-max(1, steps // 10) :]) if steps else None
    measured = training.task.evaluate(training.layers) if steps and not training.interrupted else {}
    return {
        "task": training.task.name,
        "algorithm": training.layers[0].name,
        "steps": steps,
        "loss": _number(tail.mean if tail else math.nan),
        "loss_std": _number(tail.std if tail else math.nan),
        **measured,
        "pulses": training.pulses,
        "pulses_by_array": {tile.name: tile.pulses for tile in training.tiles},
        "most_pulses_of_a_crosspoint": {tile.name: _most_pulses(tile) for tile in training.tiles},
        "updates_cut_by_bit_length": sum(tile.clipped for tile in training.tiles),
        "diverged": training.diverged,
        "why_stopped": training.why_stopped,
    }


def _most_pulses(tile: Tile) -> int:
    """Pulses of the crosspoint that has had most in this training: what to hold against its endurance."""
    counted = tile.counted if tile.keeps else getattr(tile.main, "pulses_applied", tile.counted)
    return int(np.max(counted))


def _of_one_weight(training: Training, task: OneParameter, auxiliary: Calibration | None) -> dict[str, Any]:
    history, layer = training.history, training.layers[0]
    steps = len(history.get("step", ()))
    name = f"{layer.core.name}_weight"
    tail = mean_of_series(history[name][-max(1, steps // 2) :]) if steps else None
    final, std = (tail.mean, tail.std) if tail else (math.nan, math.nan)
    kappa = (auxiliary or training.calibration).weight_kappa
    predicted = prediction(training, kappa)
    error = final - task.target
    return {
        "target": task.target,
        "final": _number(final),
        "final_std": _number(std),
        "effective_samples": _number(tail.effective_samples if tail else 0.0),
        "error": _number(error),
        "error_relative_to_range": _number(error / 2),
        "prediction": predicted,
        "deviation_from_prediction": _number(final - predicted["final"]) if "final" in predicted else None,
        "final_conductance": _conductance(training, final),
    }


def prediction(training: Training, kappa: float | None) -> dict[str, float]:
    """What theory says of this training; κ in weights, as `Calibration.weight_kappa`. Empty where κ is not known.

    SGD: "final" = w0/(1 + κS/k); all others: "final" = w0. SHD: "period" = 2π √(τ/(η_A η_C k)) [steps]; "damping" =
    η_A κ S [per step] of A, S = σ √(2/π) at the target; "bias_per_reference_error" = −κ S/k: what a reference that is
    off by r adds to C, to first order in r.
    """
    task, layer = training.task, training.layers[0]
    if kappa is None or not isinstance(task, OneParameter):
        return {}
    at_target = task.mean_gradient(task.target)
    if isinstance(layer, SGD):
        return {"final": task.sgd_settles_at(kappa)}
    if not isinstance(layer, SHD):
        return {"final": task.target}
    frequency = math.sqrt(layer.rate * layer.transfer_rate * task.stiffness / layer.every)
    return {
        "final": task.target,
        "period": 2 * math.pi / frequency,
        "damping": layer.rate * kappa * at_target,
        "bias_per_reference_error": -kappa * at_target / task.stiffness,
    }


def _conductance(training: Training, weight: float) -> dict[str, float | None]:
    unit = training.layers[0].core.main.unit
    calibration = training.calibration
    return {f"conductance_{unit}": _number(calibration.reference + weight * calibration.scale)}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
