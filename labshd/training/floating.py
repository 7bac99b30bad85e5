"""The same task trained with floating-point weights, to compare devices with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.training.algorithms import Algorithm
from labshd.training.loop import Settings
from labshd.training.tasks import Task
from labshd.training.tile import Tile


@dataclass
class Floating(Algorithm):
    """``W ← W − η d xᵀ`` in double precision: no devices, no noise, no bounds."""

    name: ClassVar[str] = "floating-point"
    formula: ClassVar[str] = "W ← W − η d xᵀ, in numbers"
    source: ClassVar[str] = "stochastic gradient descent"

    weights: FloatArray
    rate: float

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """None."""
        return ()

    def forward(self, x: FloatArray) -> FloatArray:
        """``y = W x``."""
        return self.weights @ x

    def backward(self, d: FloatArray) -> FloatArray:
        """``z = Wᵀ d``."""
        return self.weights.T @ d

    def latest(self) -> FloatArray:
        """The weights."""
        return self.weights

    def read(self) -> FloatArray:
        """The weights."""
        return self.weights

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """``W ← W − η d xᵀ``."""
        self.weights = self.weights - self.rate * self.factor * np.outer(d, x)


def floating_point(task: Task, settings: Settings) -> dict[str, float]:
    """What floating-point weights come to on the same samples, in as many steps at the same rate.

    "loss", the mean over the last tenth of the steps, and what the task says of the weights.
    """
    layers = _layers(task, settings)
    rng = np.random.Generator(np.random.Philox([settings.seed, 1]))  # as `Training` draws its samples
    losses: list[float] = []
    for step in range(settings.steps):
        for layer in layers:
            layer.factor = 1.0 if settings.decay is None else 1.0 / (1.0 + step / settings.decay)
        losses.append(task.step(layers, rng))
    tail = losses[-max(1, len(losses) // 10) :]
    return {"loss": float(np.mean(tail)), **task.evaluate(layers)}


def _layers(task: Task, settings: Settings) -> Sequence[Floating]:
    """Weights of zero; of several layers random ones, as `start_at_random` draws them."""
    if not task.shapes:
        raise InputError(f"{task.name} has no weights")
    layers: list[Floating] = []
    for index, (rows, columns) in enumerate(task.shapes):
        weights = np.zeros((rows, columns))
        if len(task.shapes) > 1:
            rng = np.random.Generator(np.random.Philox([1000 * settings.seed + index, 3]))
            weights = rng.uniform(-1.0, 1.0, (rows, columns)) / np.sqrt(columns)
        layers.append(Floating(weights, settings.rate))
    return layers
