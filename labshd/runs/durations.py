"""How long a run took, always saying which clock is meant: that of the bench, or that of the computer.

A rehearsal waits on a virtual clock: hours on the bench pass in seconds on the computer. On a real bench both are one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from instruments.errors import InputError
from instruments.value_text import duration_text

if TYPE_CHECKING:
    from labshd.runs.run import Run

_VIRTUAL = {"rehearsal": "rehearsed", "replay": "replayed", "simulated": "simulated"}


def took(run: Run) -> str:
    """In words, such as "bench time 12.3 min (rehearsed in 199 ms)"; "" where it is not known.

    Bench time of a virtual bench is from its first reading to its last.
    """
    computer = _computer_time(run)
    kind = str(run.info.get("origin", {}).get("kind", ""))
    if computer is None or kind == "import":
        return ""
    if kind not in _VIRTUAL:
        return duration_text(computer)
    bench = bench_time(run)
    if bench is None:
        return f"computer time {duration_text(computer)} ({_VIRTUAL[kind]}; no bench time: nothing waits)"
    return f"bench time {duration_text(bench)} ({_VIRTUAL[kind]} in {duration_text(computer)})"


def bench_time(run: Run) -> float | None:
    """[s] from the first reading to the last by the clock of the bench; None where readings have no times."""
    ends: list[float] = []
    for array in run.arrays:
        try:
            times = run.series(array).readings.time
        except InputError:
            continue
        known = times[np.isfinite(times)]
        if known.size:
            ends += [float(known.min()), float(known.max())]
    length = max(ends) - min(ends) if ends else 0.0
    return length if length > 0 else None


def _computer_time(run: Run) -> float | None:
    try:
        begun, ended = (datetime.fromisoformat(str(run.info.get(key))) for key in ("started", "ended"))
    except ValueError:
        return None
    return (ended - begun).total_seconds()
