"""Fast random numbers one at a time: normals drawn in blocks, and slow noise as a sum of relaxations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096


class Normals:
    """Standard normals, one a call; the sequence depends on the seed alone."""

    def __init__(self, seed: int | np.random.SeedSequence) -> None:
        self._rng = np.random.default_rng(seed)
        self._next = self._draw(self._rng).__next__

    @staticmethod
    def _draw(rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield from rng.standard_normal(_BLOCK).tolist()

    def __call__(self) -> float:
        """The next one."""
        return self._next()

    def take(self, count: int) -> NDArray[np.float64]:
        """`count` of them at once; not those that so many calls would give."""
        return self._rng.standard_normal(count)


class SlowNoise:
    """Noise that remembers: equal shares of Ornstein-Uhlenbeck processes, a decade of correlation time apart.

    Their sum has a spectrum close to 1/f between the slowest and the fastest (Dutta and Horn, Rev. Mod. Phys. 53, 497
    (1981): a flat distribution of log relaxation times gives 1/f). Exact for any spacing of readings:
    ``x(t + dt) = a x(t) + sqrt(1 - a^2) sigma xi``, ``a = exp(-dt / tau)``.
    """

    def __init__(self, sigma: float, times: tuple[float, ...], normals: Normals) -> None:
        share = sigma / math.sqrt(len(times)) if times else 0.0
        self._normals = normals
        self._share = share
        self._states = [(tau, share * normals()) for tau in times]

    def after(self, elapsed: float) -> float:
        """Value of the noise `elapsed` [s] after it was last asked."""
        if not self._share:
            return 0.0
        states: list[tuple[float, float]] = []
        total = 0.0
        for tau, x in self._states:
            a = math.exp(-elapsed / tau)
            x = a * x + math.sqrt(1.0 - a * a) * self._share * self._normals()
            states.append((tau, x))
            total += x
        self._states = states
        return total

    def series(self, elapsed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values one after the other, each `elapsed` [s] after the one before: shape as `elapsed`."""
        total = np.zeros(len(elapsed))
        if not self._share:
            return total
        states: list[tuple[float, float]] = []
        for tau, x in self._states:
            a = np.exp(-elapsed / tau)
            kicks = np.sqrt(1.0 - a * a) * self._share * self._normals.take(len(elapsed))
            values = accumulate(zip(a.tolist(), kicks.tolist(), strict=True), _relaxed, initial=x)
            path = np.fromiter(values, dtype=np.float64, count=len(elapsed) + 1)
            states.append((tau, float(path[-1])))
            total += path[1:]
        self._states = states
        return total


def _relaxed(x: Any, step: Any) -> float:
    return step[0] * x + step[1]
