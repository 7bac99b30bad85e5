"""Staircase sweeps of the twin of a Keysight B1500A: what ``WV``, ``WI``, ``WT``, ``WM`` set and ``XE`` runs in mode 2.

Source: B1500A Programming Guide, chapter 2 (staircase sweep) and chapter 4. Step and trigger delays, power compliance
and synchronous sources are refused.
"""

from __future__ import annotations

import math
from typing import Final

from sim_device.virtual_bench.boxes.keysight_b1500a.smu import Forced, Smu
from sim_device.virtual_bench.languages.flex import VALUE, FlexError, bounded, whole

MOST_STEPS: Final = 10_001
LINEAR, LOGARITHMIC, THERE_AND_BACK, LOGARITHMIC_BACK = 1, 2, 3, 4
NEVER, ON_COMPLIANCE = 1, 2  # automatic abort
AT_START, AT_STOP = 1, 2  # output after the measurement


class Staircase:
    """The sweep source of a box, its levels, its times, and what ends it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """No source."""
        self.source: Smu | None = None
        self.mode = LINEAR
        self.ends = (0.0, 0.0)
        self.steps = 1
        self.forced = Forced()
        self.hold = self.delay = 0.0
        self.abort, self.after = NEVER, AT_START

    def put(self, smu: Smu, current: bool, mode: float, code: float, ends: tuple[float, float], *rest: float) -> None:
        """``WV``, ``WI chnum,mode,range,start,stop,step[,comp]``: refused where a level of it would be."""
        kind, steps = whole(mode, LINEAR, LOGARITHMIC_BACK), whole(rest[0], 1, MOST_STEPS)
        if kind in (LOGARITHMIC, LOGARITHMIC_BACK) and ends[0] * ends[1] <= 0:
            raise FlexError(VALUE)
        limit = rest[1] if len(rest) > 1 else None
        checked = [smu.checked(current, code, level, limit, 0, 0) for level in ends]
        self.source, self.mode, self.ends, self.steps, self.forced = smu, kind, ends, steps, checked[0]

    def time(self, hold: float, delay: float, *others: float) -> None:
        """``WT hold,delay``."""
        if any(others):
            raise FlexError(VALUE)
        self.hold, self.delay = bounded(hold, 0, 655.35), bounded(delay, 0, 65.535)

    def end(self, abort: float, after: float = AT_START) -> None:
        """``WM abort[,post]``."""
        self.abort, self.after = whole(abort, NEVER, ON_COMPLIANCE), whole(after, AT_START, AT_STOP)

    def levels(self) -> list[float]:
        """What the source goes through, in order."""
        first, last = self.ends
        share = [k / (self.steps - 1) for k in range(self.steps)] if self.steps > 1 else [0.0]
        if self.mode in (LOGARITHMIC, LOGARITHMIC_BACK):
            there = [math.copysign(abs(first) * abs(last / first) ** part, first) for part in share]
        else:
            there = [first + (last - first) * part for part in share]
        return [*there, *reversed(there)] if self.mode in (THERE_AND_BACK, LOGARITHMIC_BACK) else there

    def learnt(self) -> str:
        """As ``*LRN? 33`` tells it."""
        told = f"WM{self.abort},{self.after};WT{self.hold:.2f},{self.delay:.4f},0.0000,0.0000,0.0000"
        if self.source is None:
            return told
        head, (first, last) = "WI" if self.forced.current else "WV", self.ends
        return (
            f"{told};{head}{self.source.number},{self.mode},{self.forced.code},{first:+.4E},{last:+.4E},{self.steps},"
            f"{self.forced.limit:+.4E}"
        )
