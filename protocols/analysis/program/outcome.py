"""The result of programming: for each target whether it was reached, with how many pulses, how exactly."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.units import quantity, text
from instruments.value_text import plain_text, value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series, known_counts

STALLED = 40  # pulses one way without progress after which a crosspoint is given up

_TO = re.compile(r"to (.+) \+- (.+)")
REST, VERIFY = "rest", "verify"


def phase_of(target: float, tolerance: float, unit: str) -> str:
    """The phase of a way to a target, which the analysis reads again: "to 25 uS +- 400 nS"."""
    shown = [text(v, unit, 12) if unit == "S" else repr(v) for v in (target, tolerance)]
    return f"to {shown[0]} +- {shown[1]}"


def target_of(phase: str, unit: str) -> tuple[float, float] | None:
    """(target, tolerance) of such a phase; None of any other."""
    found = _TO.fullmatch(phase)
    if found is None:
        return None
    target, tolerance = (quantity(part, "S") if unit == "S" else float(part) for part in found.groups())
    return target, tolerance


def stalled(g: FloatArray, counts: IntArray, noise: float, tolerance: float) -> bool:
    """Whether the last `STALLED` pulses, all one way, moved it by no more than noise or a tenth of the tolerance.

    Noise is 3 standard deviations of the difference of two readings.
    """
    spent = np.cumsum(np.abs(counts)[::-1])
    back = int(np.searchsorted(spent, STALLED)) + 1
    if back >= len(g) or (spent.size and spent[-1] < STALLED):
        return False
    part = counts[len(counts) - back :]
    direction = np.sign(part[part != 0])
    if direction.size == 0 or np.any(direction != direction[0]):
        return False
    progress = float(direction[0]) * (g[-1] - g[len(g) - back - 1])
    return bool(progress < max(3 * math.sqrt(2) * noise, 0.1 * tolerance))


@dataclass(frozen=True)
class Outcome:
    """One way to a target; [unit]. `left` is the mean of the verifying readings less the target, with its error."""

    target: float
    tolerance: float
    reached: bool
    pulses: int
    left: float
    left_std: float
    stalled: bool


def outcomes(series: Series) -> list[Outcome]:
    """In the order they were tried."""
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    runs = stretches(series.phases)
    noise = _noise(series)
    found: list[Outcome] = []
    for index, (phase, first, last) in enumerate(runs):
        asked = target_of(phase, series.unit)
        if asked is None:
            continue
        # The last pulse, else the first reading: it may be read again, and in a block others are still on their way.
        moved = first + int(np.flatnonzero(counts[first:last])[-1]) if np.any(counts[first:last]) else first
        reached = bool(np.any(np.abs(g[moved:last] - asked[0]) <= asked[1]))
        verify = g[runs[index + 1][1] : runs[index + 1][2]] if _verified(runs, index) else g[last - 1 : last]
        verify = verify[np.isfinite(verify)]
        left = float(verify.mean()) - asked[0] if verify.size else math.nan
        scatter = float(verify.std(ddof=1)) if verify.size > 1 else noise
        found.append(
            Outcome(
                *asked, reached, int(np.sum(np.abs(counts[first:last]))),
                left, scatter / math.sqrt(max(verify.size, 1)),
                stalled(g[first : moved + 1], counts[first : moved + 1], noise, asked[1]),
            )
        )  # fmt: skip
    return found


def _verified(runs: list[tuple[str, int, int]], index: int) -> bool:
    return index + 1 < len(runs) and runs[index + 1][0] == VERIFY


def _noise(series: Series) -> float:
    g = series.readings.conductance[series.phases == REST, 0, 0]
    g = g[np.isfinite(g)]
    return float(g.std(ddof=1)) if g.size > 2 else 0.0


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a probability (Wilson 1927): ``(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)``."""
    z, p = 1.96, successes / trials
    centre, width = p + z * z / (2 * trials), z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2))
    return max(0.0, (centre - width) / (1 + z * z / trials)), min(1.0, (centre + width) / (1 + z * z / trials))


def result(series: Series) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    found, unit = outcomes(series), series.unit
    if not found:
        return {"verdict": "No target was tried yet."}
    pulses, reached = np.array([one.pulses for one in found]), [one for one in found if one.reached]
    low, high = wilson(len(reached), len(found))
    needed = np.array([one.pulses for one in reached])
    off = np.array([one.left for one in reached])
    numbers: dict[str, Any] = {
        "pulses": int(np.sum(np.abs(known_counts(series.counts)))),
        "targets": len(found),
        "reached": len(reached),
        "success": len(reached) / len(found),
        "success_low": low,
        "success_high": high,
        "pulses_needed_mean": float(needed.mean()) if needed.size else None,
        "pulses_needed_mean_std": float(needed.std(ddof=1) / math.sqrt(needed.size)) if needed.size > 1 else None,
        "pulses_needed_median": float(np.median(needed)) if needed.size else None,
        "pulses_needed_90_percent": float(np.quantile(needed, 0.9)) if needed.size else None,
        f"error_rms_{unit}": float(np.sqrt(np.mean(off**2))) if off.size else None,
        f"error_mean_{unit}": float(off.mean()) if off.size else None,
        f"error_mean_std_{unit}": float(off.std(ddof=1) / math.sqrt(off.size)) if off.size > 1 else None,
        f"tolerance_{unit}": found[0].tolerance,
        "each": {
            f"target_{unit}": [one.target for one in found],
            "reached": [one.reached for one in found],
            "pulses": pulses,
            f"error_{unit}": [one.left for one in found],
            f"error_std_{unit}": [one.left_std for one in found],
            "stalled": [one.stalled for one in found],
        },
    }
    return plain(numbers | {"verdict": _verdict(numbers, found, unit)})


def _verdict(numbers: dict[str, Any], found: list[Outcome], unit: str) -> str:
    tolerance = plain_text(found[0].tolerance, unit)
    if not numbers["reached"]:
        why = "pulses no longer moved it" if any(one.stalled for one in found) else "the pulses allowed did not suffice"
        return f"No target of {len(found)} was reached within ± {tolerance}: {why}."
    mean = value_text(numbers["pulses_needed_mean"], numbers["pulses_needed_mean_std"], "")
    reached = f"{numbers['reached']} of {len(found)} targets"
    return f"{reached} were reached within ± {tolerance}, with {mean} pulses on average."
