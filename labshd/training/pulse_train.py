"""Outer-product updates as pulses: stochastic coincidence trains and their counting variants.

``ΔW = η d xᵀ`` is applied by giving each column a train with pulse probability ``p(x) = min(1, A |x|)`` and each row
one with ``p(d) = min(1, B |d|)`` in `length` slots: a crosspoint sees a pulse where both fire, so that on average
``length · p(x) p(d) = η |x d|/δ`` pulses of δ (Gokmen & Vlasov, Front. Neurosci. 10, 333 (2016)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, PulseTrains
from instruments.errors import InputError

Kind: TypeAlias = Literal["stochastic", "mean-count", "deterministic"]
Keys: TypeAlias = tuple[np.uint32, np.uint32]


@dataclass(frozen=True)
class Pulsing:
    """How an update becomes pulses.

    Attributes
    ----------
    longest
        Slots of a train at most (bit length).
    kind
        "stochastic": trains on the lines, coincidences count. "mean-count": each crosspoint draws its own binomial
        count with the same mean. "deterministic": the mean count, rounded; updates below half a pulse are lost.
    update_management
        Balance the probabilities of rows and columns: ``A/B = √(max|d|/max|x|)``; else A = B.
    fit_length
        Shorten the train to ``⌈η max|x| max|d|/δ⌉`` slots where that suffices (update bit-length management).
    """

    longest: int = 31
    kind: Kind = "stochastic"
    update_management: bool = True
    fit_length: bool = True

    def __post_init__(self) -> None:
        """Refuse a train without slots."""
        if not 1 <= self.longest <= 10_000:
            raise InputError(f"a bit length of {self.longest} is none; give 1 to 10000 slots")


@dataclass(frozen=True)
class Update:
    """Pulses of one update: `trains` (of rows, of columns) where lines carry them, else signed `counts` as given.

    `clipped` is the factor (1 where nothing was) by which the largest element fell short of what was asked, because
    the bit length allows no more pulses.
    """

    given: IntArray | None
    trains: tuple[PulseTrains, PulseTrains] | None
    clipped: float

    @property
    def counts(self) -> IntArray | None:
        """Signed pulses of every crosspoint; None where none gets any."""
        if self.trains is None:
            return self.given
        rows, columns = (trains.slots.astype(np.float32) for trains in self.trains)
        # Products of -1, 0, 1 summed over at most 10^4 slots are exact in float32, where matrix products are fastest.
        # They cannot be invalid; some BLAS kernels set that flag by what lies behind a short row.
        with np.errstate(invalid="ignore"):
            return (rows @ columns.T).astype(np.int64)

    @property
    def total(self) -> int:
        """Pulses of either sign on all crosspoints together."""
        if self.trains is None:
            return 0 if self.given is None else int(np.abs(self.given).sum())
        rows, columns = (np.abs(trains.slots).sum(axis=0, dtype=np.int64) for trains in self.trains)
        return int(rows @ columns)


def update_pulses(
    d: FloatArray, x: FloatArray, rate: float, step: float, pulsing: Pulsing, keys: Keys, number: int
) -> Update:
    """Pulses for ``ΔW = rate · d xᵀ`` on devices of weight step δ = `step`; d of the rows, x of the columns.

    Everything random follows from `keys` and the `number` of the update: nothing is drawn from a common stream.
    """
    from labshd.training import compiled

    if not (math.isfinite(float(np.abs(d).sum())) and math.isfinite(float(np.abs(x).sum()))):
        raise InputError("an update with NaN or infinite numbers was asked for; check the data and the learning rate")
    p_rows, p_columns = np.empty(len(d)), np.empty(len(x))
    how = (pulsing.longest, pulsing.update_management, pulsing.fit_length)
    plan: Any = compiled.probabilities
    planned: Any = plan(d, x, rate, step, *how, p_rows, p_columns)
    length, clipped = int(planned[0]), float(planned[1])
    if length == 0:
        return Update(None, None, 1.0)
    if pulsing.kind == "stochastic":
        rows, columns = (np.empty((len(line), length), dtype=np.int8) for line in (d, x))
        compiled.fire(keys[0], p_rows, d, number * pulsing.longest, rows)
        compiled.fire(keys[1], p_columns, x, number * pulsing.longest, columns)
        return Update(None, (PulseTrains(rows), PulseTrains(columns)), clipped)
    mean, signs = np.outer(p_rows, p_columns), np.outer(np.sign(d), np.sign(x))
    counts = _binomial(length, mean, keys[0], number) if pulsing.kind == "mean-count" else np.rint(length * mean)
    return Update((signs * counts).astype(np.int64), None, clipped)


def _binomial(length: int, probability: FloatArray, key: np.uint32, number: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.Philox([int(key), number])).binomial(length, probability)
