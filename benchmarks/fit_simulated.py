"""Simulated traces for the benchmarks of fits: soft-bounds and other devices, every draw from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from instruments.crosspoints import FloatArray, IntArray


@dataclass(frozen=True)
class Case:
    """A soft-bounds device of range 0 to 1 and what is done to it; G* off the middle by the ratio of s+ to s−."""

    states: float = 200.0  # range / step at the symmetry point
    read: float = 0.01  # of the range
    cycle: float = 0.3  # of a step
    ratio: float = 1.3  # s+ / s−
    start: float = 0.0

    @property
    def s_down(self) -> float:
        """δ* = s+ s−/(s+ + s−) of a range of 1, so ``s− = (1 + 1/ratio)/states``."""
        return (1.0 + 1.0 / self.ratio) / self.states

    @property
    def s_up(self) -> float:
        """Ratio times s−."""
        return self.ratio * self.s_down

    def truth(self) -> dict[str, float]:
        """The numbers that are estimated."""
        total = self.s_up + self.s_down
        return {
            "g_min": 0.0, "g_max": 1.0, "s_up": self.s_up, "s_down": self.s_down, "read": self.read,
            "cycle_to_cycle": self.cycle, "symmetry_point": self.s_up / total, "step": 1.0 / self.states,
            "s_up + s_down": total,
        }  # fmt: skip

    def trace(self, counts: IntArray, seed: int) -> FloatArray:
        """Readings after each entry of `counts`."""
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal(int(np.sum(np.abs(counts))))
        return soft_trace(
            counts, self.s_up, self.s_down, self.cycle, self.start, steps, self.read * rng.standard_normal(len(counts))
        )


UP_AND_DOWN = np.repeat([1, -1], 500)  # 2 x 500 pulses


@njit(cache=True)
def soft_trace(counts, s_up, s_down, cycle, start, steps, errors):  # type: ignore[no-untyped-def]
    """States of a soft-bounds device of range 0 to 1 after each entry of `counts`, plus `errors`."""
    g, at = start, 0
    readings = np.empty(len(counts))
    for k in range(len(counts)):
        for _ in range(abs(counts[k])):
            step = s_up * (1.0 - g) if counts[k] > 0 else -s_down * g
            g += step * (1.0 + cycle * steps[at])
            at += 1
        readings[k] = g + errors[k]
    return readings


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Text in aligned columns."""
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in [heading, *rows]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
