"""Algorithms with a digital buffer between A and C: TTv2, chopped TTv2, and AGAD."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError
from labshd.training.algorithms import Transferring


@dataclass
class TTv2(Transferring):
    """``H ← H + η_C (A u) uᵀ/δ_C``; where |H| >= 1 one pulse of its sign goes to C, and ``H ← m H`` there.

    H is a digital matrix that counts in pulses of C: it averages many noisy readings of A before a pulse is spent.
    """

    name: ClassVar[str] = "ttv2"
    formula: ClassVar[str] = "A ← A − η_A d xᵀ; every τ: H ← H + η_C (A u) uᵀ/δ_C; |H| >= 1: one pulse to C, H ← m H"
    source: ClassVar[str] = "Gokmen, Front. Artif. Intell. 4, 699148 (2021), as in AIHWKit's TransferCompound"

    momentum: float = 0.1
    buffer: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Start with an empty buffer."""
        super().__post_init__()
        self.buffer = np.zeros(self.core_tile.shape)
        if not 0 <= self.momentum < 1:
            raise InputError(
                f"momentum = {self.momentum:g} is the part of the buffer that a pulse leaves: 0 to below 1"
            )

    def transfer(self, u: FloatArray) -> None:
        """Read A with u into the buffer; send what is full."""
        self.collect(self.auxiliary.forward(u), u)

    def collect(self, v: FloatArray, u: FloatArray) -> None:
        """Add ``v uᵀ`` to the buffer and pulse C once where a whole pulse has come together."""
        self.buffer += self.transfer_rate * self.factor / self.core_tile.step * np.outer(v, u)
        full: IntArray = np.sign(self.buffer).astype(np.int64) * (np.abs(self.buffer) >= 1)
        self.buffer[full != 0] *= self.momentum
        self.core_tile.pulse(full)

    def state(self) -> dict[str, Any]:
        """With the buffer."""
        return super().state() | {"buffer": self.buffer.copy()}


@dataclass
class ChoppedTTv2(TTv2):
    """TTv2 with a sign s_j for every input that is flipped at random: ``A ← A − η_A d (s∘x)ᵀ``, read as ``s_j A e_j``.

    What does not change sign with s, an error of the reference above all, averages out in the buffer.
    """

    name: ClassVar[str] = "c-ttv2"
    formula: ClassVar[str] = "TTv2 with A ← A − η_A d (s∘x)ᵀ, H ← H + η_C s_j (A e_j) e_jᵀ/δ_C; s_j flips with p"
    source: ClassVar[str] = "Rasch et al., Nat. Commun. 15, 7133 (2024)"

    flip_probability: float = 0.01
    seed: int = 0
    signs: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Start with all signs +; directions other than one-hot would mix inputs of different sign."""
        super().__post_init__()
        self.signs = np.ones(self.auxiliary.shape[1])
        if self.directions is not None:
            raise InputError(f"{self.name} reads one input at a time: directions cannot be chosen")

    def update(self, d: FloatArray, x: FloatArray) -> None:
        """``A ← A − η_A d (s∘x)ᵀ``, and every τ updates a transfer."""
        super().update(d, self.signs * x)

    def transfer(self, u: FloatArray) -> None:
        """Read one column, sign it back, and perhaps flip its sign for the time to come."""
        j = int(np.argmax(u))
        self.collect(self.signs[j] * self.auxiliary.forward(u), u)
        if self.flips(j):
            self.signs[j] *= -1

    def flips(self, column: int) -> bool:
        """Whether the sign of a column flips after this reading: with the given probability."""
        return bool(np.random.Generator(np.random.Philox([self.seed, self.transfers])).random() < self.flip_probability)

    def state(self) -> dict[str, Any]:
        """With the signs."""
        return super().state() | {"signs": self.signs.copy()}


@dataclass
class AGAD(ChoppedTTv2):
    """Chopped TTv2 that subtracts what A came from: ``H ← H + η_C s_j (A e_j − P_j) e_jᵀ/δ_C``.

    Signs flip after every `period` readings of a column. P_j is the running mean of the readings of the period before:
    a reference found on the way, so that none has to be programmed. Nothing is sent in the first period.
    """

    name: ClassVar[str] = "agad"
    formula: ClassVar[str] = (
        "c-TTv2 with H ← H + η_C s_j (A e_j − P_j) e_jᵀ/δ_C; s_j flips every period, P_j = mean before"
    )
    source: ClassVar[str] = "Rasch et al., Nat. Commun. 15, 7133 (2024)"

    period: int = 10
    tail: float = 5.0
    mean: FloatArray = field(init=False)
    past: FloatArray = field(init=False)
    reads: IntArray = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing read."""
        super().__post_init__()
        if self.period < 1 or self.tail <= 0:
            raise InputError(f"a period of {self.period} readings with a tail of {self.tail:g} is none")
        self.mean, self.past = np.zeros(self.auxiliary.shape), np.zeros(self.auxiliary.shape)
        self.reads = np.zeros(self.auxiliary.shape[1], dtype=np.int64)

    def transfer(self, u: FloatArray) -> None:
        """Read one column, take off the mean of its last period, sign it back."""
        j = int(np.argmax(u))
        a = self.auxiliary.forward(u)
        weight = min(self.tail / self.period, 1.0)
        self.mean[:, j] += weight * (a - self.mean[:, j])
        if self.reads[j] >= self.period:
            self.collect(self.signs[j] * (a - self.past[:, j]), u)
        self.reads[j] += 1
        if self.reads[j] % self.period == 0:
            self.past[:, j] = self.mean[:, j]
            self.signs[j] *= -1

    def state(self) -> dict[str, Any]:
        """With means and counts of readings."""
        arrays = {"mean": self.mean.copy(), "past": self.past.copy(), "reads": self.reads.copy()}
        return super().state() | arrays
