"""The model to beat: measured changes, drawn again at the nearest conductances."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.trace import Trace

NEAREST = 150  # changes on each side of a conductance from which one is drawn
LEAST = 5  # where there are few: a twentieth of them, and no fewer


class Resampled:
    """Adds, at each pulse, one of the measured changes whose conductance before was nearest."""

    def __init__(self, trace: Trace) -> None:
        """Sort the changes of both directions by where they began; readings after one pulse count."""
        read = trace.count > 0
        good = read[1:] & read[:-1] & ~trace.starts[1:]
        g = trace.conductance
        self.tables: dict[int, tuple[FloatArray, FloatArray]] = {}
        for sign in (+1, -1):
            of = np.flatnonzero(good & (np.sign(trace.pulses[1:]) == sign))
            # A reading after several pulses has that many changes in one: its share of each.
            change = (g[of + 1] - g[of]) / np.abs(trace.pulses[of + 1])
            order = np.argsort(g[of], kind="stable")
            self.tables[sign] = g[of][order], change[order]

    def ahead(self, start: float, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] from `start` on."""
        random, now = np.random.default_rng(seed), np.full(members, start)
        out = np.empty((len(pulses), members))
        for i, count in enumerate(pulses.tolist()):
            before, change = self.tables[1 if count > 0 else -1]
            if len(before):
                near = min(NEAREST, max(LEAST, len(before) // 20))
                for _ in range(abs(count)):
                    at = np.searchsorted(before, now) + random.integers(-near, near, members)
                    now = now + change[np.clip(at, 0, len(before) - 1)]
            out[i] = now
        return out
