"""Stretches of a series that belong to one phase without a break."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def stretches(phases: NDArray[np.str_]) -> list[tuple[str, int, int]]:
    """(phase, first, last + 1) of each stretch of equal `phases` (n,), in order."""
    if not len(phases):
        return []
    edges = np.flatnonzero(np.concatenate([[True], phases[1:] != phases[:-1], [True]]))
    return [(str(phases[first]), first, last) for first, last in pairwise(edges.tolist())]
