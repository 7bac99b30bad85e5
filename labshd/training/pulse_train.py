"""Outer-product updates as pulses: stochastic coincidence trains and their counting variants.

``ΔW = η d xᵀ`` is applied by giving each column a train with pulse probability ``p(x) = min(1, A |x|)`` and each row
one with ``p(d) = min(1, B |d|)`` in `length` slots: a crosspoint sees a pulse where both fire, so that on average
``length · p(x) p(d) = η |x d|/δ`` pulses of δ (Gokmen & Vlasov, Front. Neurosci. 10, 333 (2016)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, PulseTrains
from instruments.errors import InputError

Kind = Literal["stochastic", "mean-count", "deterministic"]


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
    """Pulses of one update: `counts` (rows, columns), signed; `trains` (rows, columns) where lines carry them.

    `clipped` is the factor (1 where nothing was) by which the largest element fell short of what was asked, because
    the bit length allows no more pulses.
    """

    counts: IntArray
    trains: tuple[PulseTrains, PulseTrains] | None
    clipped: float


def update_pulses(
    d: FloatArray, x: FloatArray, rate: float, step: float, pulsing: Pulsing, rng: np.random.Generator
) -> Update:
    """Pulses for ``ΔW = rate · d xᵀ`` on devices of weight step δ = `step`; d of the rows, x of the columns."""
    x_most, d_most = float(np.max(np.abs(x), initial=0.0)), float(np.max(np.abs(d), initial=0.0))
    if not (math.isfinite(x_most) and math.isfinite(d_most)):
        raise InputError("an update with NaN or infinite numbers was asked for; check the data and the learning rate")
    wanted = rate * x_most * d_most / step  # pulses of the largest element
    if wanted == 0:
        return Update(np.zeros((len(d), len(x)), dtype=np.int64), None, 1.0)
    length = min(math.ceil(wanted), pulsing.longest) if pulsing.fit_length else pulsing.longest
    clipped = min(1.0, length / wanted)
    both = math.sqrt(rate * clipped / (step * length))
    balance = math.sqrt(d_most / x_most) if pulsing.update_management else 1.0
    p_columns, p_rows = np.minimum(np.abs(x) * both * balance, 1.0), np.minimum(np.abs(d) * both / balance, 1.0)
    signs = np.sign(d)[:, np.newaxis] * np.sign(x)
    if pulsing.kind == "stochastic":
        return _stochastic(p_rows, p_columns, d, x, length, clipped, rng)
    mean = np.outer(p_rows, p_columns)
    counts = rng.binomial(length, mean) if pulsing.kind == "mean-count" else np.rint(length * mean)
    return Update((signs * counts).astype(np.int64), None, clipped)


def _stochastic(
    p_rows: FloatArray, p_columns: FloatArray, d: FloatArray, x: FloatArray, length: int, clipped: float,
    rng: np.random.Generator,
) -> Update:  # fmt: skip
    rows, columns = _slots(p_rows, d, length, rng), _slots(p_columns, x, length, rng)
    # Products of -1, 0, 1 summed over at most 10^4 slots are exact in float32, where matrix products are fastest.
    counts = (rows.astype(np.float32) @ columns.astype(np.float32).T).astype(np.int64)
    return Update(counts, (PulseTrains(rows), PulseTrains(columns)), clipped)


def _slots(probability: FloatArray, sign: FloatArray, length: int, rng: np.random.Generator) -> NDArray[np.int8]:
    fires = rng.random((len(probability), length), dtype=np.float32) < probability[:, np.newaxis].astype(np.float32)
    return (fires * np.sign(sign)[:, np.newaxis]).astype(np.int8)
