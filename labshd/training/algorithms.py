"""Training algorithms on tiles: plain SGD and Stochastic Hamiltonian Descent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.training.tile import Tile


class Algorithm(ABC):
    """One layer of analog weights: forward and backward passes, and what an update does to its tiles."""

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]

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


@dataclass
class SGD(Algorithm):
    """``W ← W − η d xᵀ``, on the devices themselves.

    On an asymmetric device this minimises a wrong energy: one weight settles at w0/(1 + κS/k).
    """

    name: ClassVar[str] = "sgd"
    formula: ClassVar[str] = "W ← W − η d xᵀ"
    source: ClassVar[str] = "Gokmen & Vlasov, Front. Neurosci. 10, 333 (2016)"

    weight: Tile
    rate: float = 0.01

    def __post_init__(self) -> None:
        """Refuse rates that are none."""
        _positive(rate=self.rate)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The one tile."""
        return (self.weight,)

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """``W ← W − η d xᵀ``."""
        self.weight.update(-d, x, self.rate)


@dataclass
class SHD(Algorithm):
    """``A ← A − η_A d xᵀ``; every τ updates ``v = A u``, ``C ← C + η_C v uᵀ``; u = e_0, e_1, ... cyclic.

    I, II: forward and backward on C. III: the update goes to A. IV: A is read with u. V: C is updated with what was
    read. A is never reset: it is pulled to its symmetry point, its zero, by its own asymmetry.

    A is the velocity and C the position of an oscillator of frequency ``√(η_A η_C k/τ)`` a step, which the asymmetry
    of A damps at the rate ``η_A κ_A S`` (S the mean size of a gradient sample). A symmetric A oscillates undamped.
    """

    name: ClassVar[str] = "shd"
    formula: ClassVar[str] = "A ← A − η_A d xᵀ; every τ: C ← C + η_C (A u) uᵀ"
    source: ClassVar[str] = "Onen et al., Front. Neurosci. 16, 891624 (2022); Gokmen & Haensch, ibid. 14, 103 (2020)"

    auxiliary: Tile
    core_tile: Tile
    rate: float = 0.01
    transfer_rate: float = 0.01
    every: int = 5
    updates: int = 0
    transfers: int = 0

    def __post_init__(self) -> None:
        """Refuse rates that are none and arrays that do not fit."""
        _positive(rate=self.rate, transfer_rate=self.transfer_rate, every=self.every)
        if self.auxiliary.shape != self.core_tile.shape:
            raise InputError(
                f"auxiliary crosspoints {self.auxiliary.shape} and core crosspoints {self.core_tile.shape} must be of "
                "one shape"
            )

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Auxiliary A, core C."""
        return (self.auxiliary, self.core_tile)

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """Step III, and every τ updates IV and V."""
        self.auxiliary.update(-d, x, self.rate)
        self.updates += 1
        if self.updates % self.every == 0:
            self._transfer()

    def _transfer(self) -> None:
        u = np.zeros(self.auxiliary.shape[1])
        u[self.transfers % len(u)] = 1.0
        self.transfers += 1
        self.core_tile.update(self.auxiliary.forward(u), u, self.transfer_rate)


def _positive(**given: float) -> None:
    wrong = [f"{key} = {value:g}" for key, value in given.items() if not (np.isfinite(value) and value > 0)]
    if wrong:
        raise InputError(f"learning rates and intervals must be finite and above 0: {', '.join(wrong)}")
