"""Training algorithms on tiles: what they share, plain SGD, and Stochastic Hamiltonian Descent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.training.tile import Tile


class Algorithm(ABC):
    """One layer of analog weights: forward and backward passes, and what an update does to its tiles."""

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    factor: float = 1.0  # of the learning rates, set by the schedule before every sample

    @property
    @abstractmethod
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles that this layer is made of; the last one holds the weights that inference uses."""

    @abstractmethod
    def update(self, d: FloatArray, x: FloatArray) -> None:
        """Take in the gradient ``∂E/∂W = d xᵀ`` of one sample; d of the outputs, x of the inputs."""

    @property
    def core(self) -> Tile:
        """The tile with the weights that the network computes with."""
        return self.tiles[-1]

    def forward(self, x: FloatArray) -> FloatArray:
        """``y = W x``."""
        return self.core.forward(x)

    def backward(self, d: FloatArray) -> FloatArray:
        """``z = Wᵀ d``."""
        return self.core.backward(d)

    def latest(self) -> FloatArray:
        """The core weights as last read; of a large array, whose readings are not kept, read again."""
        return self.core.last if self.core.keeps else self.core.weights()

    def read(self) -> FloatArray:
        """One reading of the core weights."""
        return self.core.weights()

    def state(self) -> dict[str, Any]:
        """What the algorithm itself remembers from sample to sample, beside the conductances: numbers and arrays."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        for name, value in state.items():
            setattr(self, name, value)


@dataclass
class SGD(Algorithm):
    """``W ← W − η d xᵀ``, on the devices themselves.

    On an asymmetric device this minimises a wrong energy: one weight settles at w0/(1 + κS/k), κ taken from its
    reference. Zero-shifted SGD is this algorithm with the symmetry point of every device as its reference
    (`labshd.training.zero_shift`).
    """

    name: ClassVar[str] = "sgd"
    formula: ClassVar[str] = "W ← W − η d xᵀ"
    source: ClassVar[str] = "Gokmen & Vlasov, Front. Neurosci. 10, 333 (2016)"

    weight: Tile
    rate: float = 0.01

    def __post_init__(self) -> None:
        """Refuse rates that are none."""
        positive(rate=self.rate)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The one tile."""
        return (self.weight,)

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """``W ← W − η d xᵀ``."""
        self.weight.update(-d, x, self.rate * self.factor)


@dataclass
class Transferring(Algorithm):
    """Two tiles: A takes in the gradient, and every `every` updates something of A is passed on to C.

    `directions` are the vectors u that A is read with, one after the other, as rows of an orthogonal matrix; one-hot
    unless given.
    """

    auxiliary: Tile
    core_tile: Tile
    rate: float = 0.01
    transfer_rate: float = 0.01
    every: int = 5
    directions: FloatArray | None = None
    updates: int = field(default=0, init=False)
    transfers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse rates that are none, arrays that do not fit, directions that leave something of A unread."""
        positive(rate=self.rate, transfer_rate=self.transfer_rate, every=self.every)
        if self.auxiliary.shape != self.core_tile.shape:
            raise InputError(
                f"auxiliary crosspoints {self.auxiliary.shape} and core crosspoints {self.core_tile.shape} must be of "
                "one shape"
            )
        inputs = self.auxiliary.shape[1]
        if self.directions is not None:
            given = np.asarray(self.directions, dtype=np.float64)
            if given.shape != (inputs, inputs) or not np.allclose(given @ given.T, np.eye(inputs), atol=1e-9):
                raise InputError(f"directions must be the rows of an orthogonal matrix of {inputs} x {inputs}")

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Auxiliary A, core C."""
        return (self.auxiliary, self.core_tile)

    @abstractmethod
    def transfer(self, u: FloatArray) -> None:
        """Pass on what A holds in the direction u."""

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """``A ← A − η_A d xᵀ``, and every τ updates a transfer."""
        self.auxiliary.update(-d, x, self.rate * self.factor)
        self.updates += 1
        if self.updates % self.every == 0:
            u = self.direction(self.transfers)
            self.transfers += 1
            self.transfer(u)

    def direction(self, number: int) -> FloatArray:
        """U of transfer `number`: the directions take turns."""
        inputs = self.auxiliary.shape[1]
        if self.directions is not None:
            return np.asarray(self.directions[number % inputs], dtype=np.float64)
        u = np.zeros(inputs)
        u[number % inputs] = 1.0
        return u

    def state(self) -> dict[str, Any]:
        """How many updates and transfers were made."""
        return {"updates": self.updates, "transfers": self.transfers}


@dataclass
class SHD(Transferring):
    """``A ← A − η_A d xᵀ``; every τ updates ``v = A u``, ``C ← C + η_C v uᵀ``; u = e_0, e_1, ... cyclic.

    I, II: forward and backward on C. III: the update goes to A. IV: A is read with u. V: C is updated with what was
    read. A is never reset: it is pulled to its symmetry point, its zero, by its own asymmetry.

    A is the velocity and C the position of an oscillator of frequency ``√(η_A η_C k/τ)`` a step, which the asymmetry
    of A damps at the rate ``η_A κ_A S`` (S the mean size of a gradient sample). A symmetric A oscillates undamped.
    """

    name: ClassVar[str] = "shd"
    formula: ClassVar[str] = "A ← A − η_A d xᵀ; every τ: C ← C + η_C (A u) uᵀ"
    source: ClassVar[str] = "Onen et al. (2022), arXiv 2201.13377; Gokmen & Haensch, Front. Neurosci. 14, 103 (2020)"

    def transfer(self, u: FloatArray) -> None:
        """Steps IV and V."""
        self.core_tile.update(self.auxiliary.forward(u), u, self.transfer_rate * self.factor)


@dataclass
class ResidualLearning(SHD):
    """SHD that computes with ``W = C + γ A``: what C still lacks is made up for by A while it is learnt.

    With γ = 0 this is SHD (Tiki-Taka).
    """

    name: ClassVar[str] = "residual"
    formula: ClassVar[str] = "W = C + γ A; A ← A − η_A d xᵀ; every τ: C ← C + η_C (A u) uᵀ"
    source: ClassVar[str] = "Wu et al. (2025), arXiv 2502.06309"

    gamma: float = 0.1

    def forward(self, x: FloatArray) -> FloatArray:
        """``y = (C + γ A) x``."""
        return self.core.forward(x) + self.gamma * self.auxiliary.forward(x)

    def backward(self, d: FloatArray) -> FloatArray:
        """``z = (C + γ A)ᵀ d``."""
        return self.core.backward(d) + self.gamma * self.auxiliary.backward(d)


def positive(**given: float) -> None:
    """`InputError` unless every learning rate or interval is finite and above 0."""
    wrong = [f"{key} = {value:g}" for key, value in given.items() if not (np.isfinite(value) and value > 0)]
    if wrong:
        raise InputError(f"learning rates and intervals must be finite and above 0: {', '.join(wrong)}")
