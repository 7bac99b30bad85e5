"""Random numbers one at a time, fast: blocks of normals drawn ahead, and slow noise as a sum of relaxations."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

_BLOCK = 4096


class Normals:
    """Standard normals, one a call; the sequence depends on the seed alone."""

    def __init__(self, seed: int | np.random.SeedSequence) -> None:
        self._next = self._draw(np.random.default_rng(seed)).__next__

    @staticmethod
    def _draw(rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield from rng.standard_normal(_BLOCK).tolist()

    def __call__(self) -> float:
        """The next one."""
        return self._next()


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
