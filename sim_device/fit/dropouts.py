"""Dropouts among readings: single ones far from those before and after, which agree with each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray

FAR = 10.0  # robust standard deviations of a reading about its neighbours
APART = 4.0  # times the spread of its neighbours
MOST = 0.05  # of the readings: what is more frequent is no dropout but what the device does
ROUNDS = 3  # a dropout beside another is seen once that is gone


def dropouts(g: FloatArray, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(n,) which readings [unit] of pieces `labels` are dropouts; missing ones (NaN) are none.

    A reading is compared with the two before and the two after it in its piece: it must lie `FAR` off their median,
    and `APART` times as far as three of them lie from each other. So a step of the device is none: what follows it
    stays with it.
    """
    found = np.zeros(len(g), dtype=np.bool_)
    for _ in range(ROUNDS):
        rows = np.flatnonzero(np.isfinite(g) & ~found)
        new = rows[_isolated(g[rows], labels[rows])]
        if not len(new):
            break
        found[new] = True
    return found if np.sum(found) <= MOST * max(int(np.sum(np.isfinite(g))), 1) else np.zeros_like(found)


def _isolated(g: FloatArray, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    found = np.zeros(len(g), dtype=np.bool_)
    if len(g) < 20:
        return found
    around = np.sort(np.stack([g[:-4], g[1:-3], g[3:-1], g[4:]]), axis=0)
    off = g[2:-2] - 0.5 * (around[1] + around[2])
    spread = np.minimum(around[2] - around[0], around[3] - around[1])
    typical = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    joined = labels[:-4] == labels[4:]
    found[2:-2] = joined & (np.abs(off) > FAR * typical) & (np.abs(off) > APART * spread) & (typical > 0)
    return found
