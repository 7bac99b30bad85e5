"""Ageing and noise of a virtual device: wear, read disturb, telegraph noise, logarithmic drift.

All of it is off unless asked for. The laws are the simplest that are measured: a window that closes with the pulses
seen, a fixed fraction of the way up per reading, a two-level Markov process, and a loss in proportion to ln t after
the last pulse (as reported for CMO/HfOx, Falcone 2025, arXiv 2502.04524).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_device.virtual_bench.devices.noise import Normals


@dataclass(frozen=True)
class Ageing:
    """Ageing of a kind of device; the defaults are none.

    Attributes
    ----------
    endurance, endurance_exponent
        Pulses n_half after which half of the window is left, and k: ``window(n) = window(0) / (1 + (n/n_half)^k)``,
        closing towards its middle.
    read_disturb
        Fraction [1] of the way to the upper bound that one reading goes.
    telegraph
        Distance [S] of the two levels of random telegraph noise; half of it above, half below.
    telegraph_low_time, telegraph_high_time
        Mean times [s] spent in the lower and in the upper level.
    log_drift, log_drift_start
        Loss nu [S] per factor e in time, and t0 [s]: ``G(t) = G(0) - nu ln(1 + t/t0)``, t from the last pulse.
    """

    endurance: float = math.inf
    endurance_exponent: float = 2.0
    read_disturb: float = 0.0
    telegraph: float = 0.0
    telegraph_low_time: float = 1.0
    telegraph_high_time: float = 1.0
    log_drift: float = 0.0
    log_drift_start: float = 1.0

    def window(self, low: float, high: float, pulses: int) -> tuple[float, float]:
        """The bounds [S] that are left of `low`, `high` after `pulses`."""
        if math.isinf(self.endurance):
            return low, high
        left = 1 / (1 + (pulses / self.endurance) ** self.endurance_exponent)
        middle = (low + high) / 2
        return middle - (middle - low) * left, middle + (high - middle) * left

    def drifted(self, elapsed: float) -> float:
        """Conductance lost [S] in `elapsed` [s] since the last pulse."""
        return self.log_drift * math.log1p(max(elapsed, 0.0) / self.log_drift_start) if self.log_drift else 0.0


NO_AGEING = Ageing()


class Telegraph:
    """Random telegraph noise: two levels, exact for any spacing of readings.

    With rates ``a = 1/low_time``, ``b = 1/high_time``: ``P(high, t) = p + (P(high, 0) - p) exp(-(a + b) t)``,
    ``p = a / (a + b)``.
    """

    def __init__(self, ageing: Ageing, normals: Normals) -> None:
        self._ageing, self._normals = ageing, normals
        up, down = 1 / ageing.telegraph_low_time, 1 / ageing.telegraph_high_time
        self._share, self._rate = up / (up + down), up + down
        self._high = ageing.telegraph > 0 and self._uniform() < self._share

    def after(self, elapsed: float) -> float:
        """Value [S] of the noise `elapsed` [s] after it was last asked."""
        half = self._ageing.telegraph / 2
        if not half:
            return 0.0
        chance = self._share + (self._high - self._share) * math.exp(-self._rate * elapsed)
        self._high = self._uniform() < chance
        return half if self._high else -half

    def _uniform(self) -> float:
        return 0.5 * math.erfc(-self._normals() / math.sqrt(2))
