"""The result of forming: the forming voltage with its error, and what the device reads since."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray, Status
from instruments.value_text import plain_text, value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.program.outcome import wilson
from protocols.common.protocol import Series
from protocols.common.turns import taken

BEFORE, FORM, READ = "before", "form", "read"


@dataclass(frozen=True)
class Criterion:
    """Formed is what reads at least `formed` [S], or `jump` times what it read at first and five of its errors more."""

    formed: float
    jump: float

    def of(self, before: FloatArray) -> float:
        """The conductance [S] from which on a crosspoint that read `before` [S] is formed."""
        level, noise = float(np.mean(before)), float(np.std(before, ddof=1))
        return min(self.formed, max(self.jump * max(level, 0.0), level + 5 * noise, 1e-12))


@dataclass(frozen=True)
class Ramp:
    """Steps of one crosspoint up to its end, arrays of one length: `volts` [V], `current` [A], `time` [s] when held.

    `after` [S] is the mean of the readings after a step, `before` [S] that of those before the first; `limited` is 1
    where the current limit was reached; from `threshold` [S] on it is formed.
    """

    volts: FloatArray
    current: FloatArray
    after: FloatArray
    after_std: FloatArray
    time: FloatArray
    limited: FloatArray
    before: float
    before_std: float
    threshold: float

    @property
    def formed_at(self) -> int | None:
        """Number of the step that formed it."""
        passed = np.flatnonzero(self.after >= self.threshold)
        return int(passed[0]) if passed.size else None


def ramp_of(series: Series, levels: FloatArray, reads: int, criterion: Criterion) -> Ramp | None:
    """The ramp of one crosspoint; None where not even its first readings are there."""
    own = taken(series)
    g = own.readings.conductance[:, 0, 0]
    first = g[own.phases == BEFORE]
    first = first[np.isfinite(first)]
    if first.size < 2:
        return None
    at = np.flatnonzero(own.phases == FORM)[: len(levels)]
    means = [g[i + 1 : i + 1 + reads] for i in at.tolist()]
    whole = [part for part in means if part.size == reads and np.all(np.isfinite(part))]
    count = len(whole)
    after = np.array([part.mean() for part in whole])
    after_std = np.array([part.std(ddof=1) / math.sqrt(reads) for part in whole])
    at = at[:count]
    r = own.readings
    limited = (r.status[at, 0, 0] & int(Status.COMPLIANCE)) != 0
    return Ramp(
        levels[:count], r.current[at, 0, 0], after, after_std, r.time[at, 0, 0], limited.astype(np.float64),
        float(first.mean()), float(first.std(ddof=1) / math.sqrt(first.size)), criterion.of(first),
    )  # fmt: skip


def result(series: Series, levels: FloatArray, reads: int, criterion: Criterion) -> dict[str, Any]:
    """Numbers of one crosspoint."""
    ramp = ramp_of(series, levels, reads, criterion)
    if ramp is None:
        return {"outcome": "nothing read", "verdict": "Nothing was read."}
    numbers: dict[str, Any] = {
        "outcome": _outcome(ramp, criterion),
        "forming_voltage_V": None,
        "forming_voltage_std_V": None,
        "steps": len(ramp.volts),
        "highest_voltage_V": float(ramp.volts[-1]) if len(ramp.volts) else None,
        "ramp_rate_V_per_s": _rate(ramp),
        "conductance_before_S": ramp.before,
        "conductance_before_std_S": ramp.before_std,
    }
    at = ramp.formed_at
    if at is not None and numbers["outcome"] == "formed":
        numbers |= _formed(ramp, at)
    return plain(numbers | {"verdict": _verdict(numbers, ramp)})


def _outcome(ramp: Ramp, criterion: Criterion) -> str:
    if ramp.before >= criterion.formed:
        return "formed before"
    if not len(ramp.volts):
        return "not tried"
    return "not formed" if ramp.formed_at is None else "formed"


def _formed(ramp: Ramp, at: int) -> dict[str, Any]:
    """It came between the step before, which did nothing, and this one: uniform between them, ``std = step/sqrt(12)``.

    At the first step nothing is known from below, and there is no forming voltage.
    """
    below = float(ramp.volts[at - 1]) if at else None
    here, error = float(ramp.volts[at]), math.hypot(ramp.before_std, float(ramp.after_std[at]))
    rise = float(ramp.after[at]) - ramp.before
    return {
        "forming_voltage_V": None if below is None else (here + below) / 2,
        "forming_voltage_std_V": None if below is None else abs(here - below) / math.sqrt(12),
        "formed_at_V": here,
        "held_without_forming_V": below,
        "rise_over_its_error": rise / error if error > 0 else None,
        "conductance_after_S": float(ramp.after[at]),
        "conductance_after_std_S": float(ramp.after_std[at]),
        "ratio": rise / ramp.before + 1 if ramp.before > 2 * ramp.before_std else None,
        "current_at_forming_A": float(ramp.current[at]),
        "current_limit_reached": bool(ramp.limited[at]),
    }


def _rate(ramp: Ramp) -> float | None:
    """Mean rate of the ramp [V/s], readings in between counted as time: the rate that forming voltages go by."""
    if len(ramp.volts) < 2:
        return None
    return float(abs(ramp.volts[-1] - ramp.volts[0]) / (ramp.time[-1] - ramp.time[0]))


def _verdict(numbers: dict[str, Any], ramp: Ramp) -> str:
    if numbers["outcome"] == "formed before":
        before = value_text(ramp.before, ramp.before_std, "S")
        return f"It read {before} before: it is formed already, and was left alone."
    if numbers["outcome"] == "not tried":
        return "No voltage was applied yet."
    highest = plain_text(numbers["highest_voltage_V"], "V")
    if numbers["outcome"] == "not formed":
        return f"It did not form up to {highest}."
    after = value_text(numbers["conductance_after_S"], numbers["conductance_after_std_S"], "S")
    if numbers["forming_voltage_V"] is None:
        return f"It formed at the first step, {highest}, to {after}: begin lower to know the voltage."
    voltage = value_text(numbers["forming_voltage_V"], numbers["forming_voltage_std_V"], "V")
    return f"It formed at {voltage}, to {after}."


def with_block(found: dict[str, Any]) -> dict[str, Any]:
    """The results of a block with yield, mean forming voltage and its device-to-device spread.

    ``spread^2 = variance - mean squared error``, not below 0.
    """
    each: list[dict[str, Any]] = found["crosspoints"]
    tried = [one for one in each if one["outcome"] in ("formed", "not formed")]
    if not tried:
        return found
    formed = sum(one["outcome"] == "formed" for one in tried)
    low, high = wilson(formed, len(tried))
    block: dict[str, Any] = {"tried": len(tried), "yield": formed / len(tried), "yield_low": low, "yield_high": high}
    volts = np.array([one["forming_voltage_V"] for one in tried if one["forming_voltage_V"] is not None])
    errors = np.array([one["forming_voltage_std_V"] for one in tried if one["forming_voltage_V"] is not None])
    if volts.size > 1:
        variance = float(volts.var(ddof=1))
        block |= {
            "forming_voltage_mean_V": float(volts.mean()),
            "forming_voltage_mean_std_V": math.sqrt(variance / volts.size),
            "forming_voltage_spread_V": math.sqrt(max(variance - float(np.mean(errors**2)), 0.0)),
        }
    return {**found, "block": plain(block)}
