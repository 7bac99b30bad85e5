"""Before the first step: programs core crosspoints to weights of zero, where simulations begin too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labshd.training.tile import Tile
from labshd.training.zero_shift import WriteVerify, program
from protocols.common.protocol import Points

PHASE = "write-verify"


@dataclass(frozen=True)
class Start:
    """How core weights are brought to zero: within `tolerance` steps of a pulse, in `budget` pulses at most each."""

    tolerance: float = 3.0
    reads: int = 4
    budget: int = 2000


def to_zero(tile: Tile, start: Start) -> Iterator[Points]:
    """Program every crosspoint of a tile to its reference by write-verify; yields the points as they are taken.

    Crosspoints that do not get there are left where they are: the training takes them from there, in more steps.
    """
    step = tile.step * tile.scale
    steps = program(tile.main, tile.zero(), WriteVerify(start.tolerance * step, step, start.reads, start.budget))
    for points in steps:
        pulsed = np.abs(points.counts).sum(axis=0)
        tile.pulses += int(pulsed.sum())
        tile.counted += pulsed
        yield points
