"""Training tasks: one parameter, linear regression; what the loss is and how good the weights are."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from instruments.errors import InputError, all_at_once
from labshd.training.algorithms import Algorithm


class Task(ABC):
    """Samples, gradients and the measure of success."""

    name: ClassVar[str]
    description: ClassVar[str]

    @property
    @abstractmethod
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(outputs, inputs) of each layer of weights."""

    @abstractmethod
    def step(self, layers: Sequence[Algorithm], rng: np.random.Generator) -> float:
        """Train on one sample: forward, backward, update of every layer; gives the loss before the update."""

    def evaluate(self, layers: Sequence[Algorithm]) -> dict[str, float]:
        """How good the weights are now, by fresh readings: numbers by name."""
        return {}

    @abstractmethod
    def hopeless_loss(self, reach: tuple[float, float]) -> float:
        """A mean loss that weights within `reach` cannot have: beyond it training has diverged."""

    def wanted(self) -> FloatArray | None:
        """Weights (outputs, inputs) that it is known to end at; None where only training tells."""
        return None

    def check_reach(self, reach: tuple[ArrayLike, ArrayLike], names: ArrayLike = "this device") -> None:
        """`InputError` unless weights within `reach` (of all, or of each crosspoint) can hold those that are wanted."""
        wanted = self.wanted()
        if wanted is None:
            return
        low, high, name = (np.broadcast_to(np.asarray(one), wanted.shape) for one in (*reach, names))
        problems = [
            f"a target of {wanted[at]:g} is beyond the weights that {name[at]} holds, {low[at]:.3g} to {high[at]:.3g}"
            for at in np.ndindex(wanted.shape)
            if not low[at] < wanted[at] < high[at]
        ]
        if problems:
            raise InputError(
                f"{all_at_once('out of reach', problems)} (1 is half of the range, 0 the reference); choose targets "
                "within, or another reference"
            )


class LinearTask(Task):
    """One layer without a nonlinearity: samples (x, t), gradient ``d xᵀ`` with ``d = stiffness (W x − t)``."""

    stiffness: float

    @abstractmethod
    def samples(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """Inputs (number, inputs) and targets (number, outputs); one by one or at once, they are the same."""

    @abstractmethod
    def losses(self, weights: FloatArray) -> FloatArray:
        """The loss of each of some weights (number, outputs, inputs)."""

    def step(self, layers: Sequence[Algorithm], rng: np.random.Generator) -> float:
        """Forward, ``d = stiffness (y − t)``, update."""
        x, target = (drawn[0] for drawn in self.samples(rng, 1))
        layer = layers[0]
        d = self.stiffness * (layer.forward(x) - target)
        weights = layer.latest()
        layer.update(d, x)
        return float(self.losses(weights[np.newaxis])[0])


@dataclass(frozen=True)
class OneParameter(LinearTask):
    """``E = ½ k (w − w0)²`` with gradient samples ``g = k (w − w0) + σ ξ``.

    `target` w0 in units of the weight (1 is half the range of the device), `stiffness` k, `noise` σ.
    """

    name: ClassVar[str] = "one-parameter"
    description: ClassVar[str] = "one weight, E = ½ k (w − w0)², noisy gradient: the smallest neural network"

    target: float = 0.5
    stiffness: float = 1.0
    noise: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no such task."""
        if not (math.isfinite(self.target) and self.stiffness > 0 and self.noise >= 0):
            raise InputError(f"a one-parameter task needs a finite target, stiffness > 0 and noise >= 0, not {self}")

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """One weight."""
        return ((1, 1),)

    def samples(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """``x = 1``, ``t = w0 − σ ξ/k``: so that d = k (w − w0) + σ ξ."""
        target = self.target - self.noise / self.stiffness * rng.standard_normal((number, 1))
        return np.ones((number, 1)), target

    def losses(self, weights: FloatArray) -> FloatArray:
        """``½ k (w − w0)²`` of each."""
        return 0.5 * self.stiffness * (weights[:, 0, 0] - self.target) ** 2

    def loss(self, weight: float) -> float:
        """``½ k (w − w0)²``."""
        return 0.5 * self.stiffness * (weight - self.target) ** 2

    def hopeless_loss(self, reach: tuple[float, float]) -> float:
        """Half as much again as the loss at the farther end of the range."""
        return 1.5 * max(self.loss(reach[0]), self.loss(reach[1]))

    def wanted(self) -> FloatArray:
        """The target."""
        return np.array([[self.target]])

    def mean_gradient(self, weight: float) -> float:
        """``S = E|g|`` at a weight: the mean of a folded normal distribution; σ √(2/π) at the target."""
        mean, sigma = self.stiffness * (weight - self.target), self.noise
        if sigma == 0:
            return abs(mean)
        folded = sigma * math.sqrt(2 / math.pi) * math.exp(-0.5 * (mean / sigma) ** 2)
        return folded + mean * math.erf(mean / (sigma * math.sqrt(2)))

    def sgd_settles_at(self, kappa: float) -> float:
        """``w0/(1 + κS/k)``, S at that weight: where SGD balances the gradient against the pull to the symmetry point.

        The balance ``k (w − w0) + κ S(w) w = 0`` (mean of Onen et al. 2022, eq. 2) is unique: its left side grows
        where w lies between 0 and w0.
        """
        low, high = sorted((0.0, self.target))
        for _ in range(80):
            middle = (low + high) / 2
            force = self.stiffness * (middle - self.target) + kappa * self.mean_gradient(middle) * middle
            low, high = (low, middle) if force > 0 else (middle, high)
        return (low + high) / 2


@dataclass(frozen=True)
class LinearRegression(LinearTask):
    """``y = W x + σ ξ`` with x of independent standard normal numbers: `parameters` weights, one output.

    `targets` are the true weights, as many as inputs; `noise` σ of the observed outputs.
    """

    name: ClassVar[str] = "linear-regression"
    description: ClassVar[str] = "a row of weights that shall tell a number from noisy samples of it"

    targets: tuple[float, ...] = (0.5, -0.3, 0.2, -0.1)
    noise: float = 0.3
    stiffness: ClassVar[float] = 1.0  # pyright: ignore[reportIncompatibleVariableOverride] - the same of all

    def __post_init__(self) -> None:
        """Refuse a task without weights."""
        if not self.targets or not np.all(np.isfinite(self.targets)) or not self.noise >= 0:
            raise InputError(f"a regression needs finite targets and noise >= 0, not {self}")

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """One output."""
        return ((1, len(self.targets)),)

    def samples(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """Inputs, and ``W0 x + σ ξ``."""
        drawn = rng.standard_normal((number, len(self.targets) + 1))
        x = np.ascontiguousarray(drawn[:, :-1])
        truth = np.sum(x * np.array(self.targets), axis=1, keepdims=True)
        return x, truth + self.noise * drawn[:, -1:]

    def losses(self, weights: FloatArray) -> FloatArray:
        """``½ |W − W0|²``: the mean loss above that of the true weights."""
        return 0.5 * ((weights[:, 0, :] - np.array(self.targets)) ** 2).sum(axis=1)

    def wanted(self) -> FloatArray:
        """The targets."""
        return np.array([self.targets])

    def evaluate(self, layers: Sequence[Algorithm]) -> dict[str, float]:
        """Root-mean-square and largest error of the weights, each the mean of 16 readings."""
        read = np.stack([layers[0].read()[0] for _ in range(16)])
        error: FloatArray = read.mean(axis=0) - np.array(self.targets)
        return {"rms_error": float(np.sqrt(np.mean(error**2))), "largest_error": float(np.abs(error).max())}

    def hopeless_loss(self, reach: tuple[float, float]) -> float:
        """Half as much again as with every weight at the farther end of the range."""
        return 0.75 * sum(max(abs(target - reach[0]), abs(target - reach[1])) ** 2 for target in self.targets)
