"""The symmetry point of one crosspoint from a random-pulsing run: estimate, agreement of the approaches, verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from protocols.analysis.local_linear import LocalFit, fit_local
from protocols.analysis.phases import stretches
from protocols.analysis.plain import plain
from protocols.analysis.style import value_text
from protocols.protocol import Series

BoolArray: TypeAlias = NDArray[np.bool_]

REST, BELOW, ABOVE = "rest", "random, from below", "random, from above"
DRIVE_DOWN, DRIVE_UP = "drive down", "drive up"
_START = 5  # readings averaged where an approach begins


@dataclass(frozen=True)
class Estimate:
    """What the readings say of the symmetry point; conductances in the unit of the series.

    Attributes
    ----------
    value, std
        G* and its standard error; None where none is identified, `reason` then says why.
    stable
        True or False where the contraction per up/down pair is negative or positive by 3 standard errors, else None.
    fit, sided
        The local model with one symmetry point, and with one for each approach.
    below, above
        Whether an approach really began below, above the estimate.
    span
        Conductance span seen: extremes of the mean of 5 readings.
    """

    value: float | None
    std: float | None
    stable: bool | None
    reason: str
    span: float
    fit: LocalFit | None = None
    sided: LocalFit | None = None
    below: bool = False
    above: bool = False
    hopeless: bool = False  # more pulses will not help: stuck or abrupt
    noise: float = field(default=math.nan)

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval, 1.96 standard errors."""
        return math.inf if self.std is None else 1.96 * self.std

    @property
    def distance(self) -> float:
        """Difference of the approaches in standard errors; inf without both."""
        if self.sided is None or not self.sided.side_difference_std > 0 or not (self.below and self.above):
            return math.inf
        return abs(self.sided.side_difference) / self.sided.side_difference_std


def estimate(series: Series) -> Estimate:
    """Symmetry point of one crosspoint from a series of the protocol symmetry-point, an interrupted one, too."""
    y, counts, phases = series.readings.conductance[:, 0, 0], series.counts[:, 0, 0], series.phases
    noise, span = _noise(y, phases), _span(y)
    trouble = _abrupt(y, counts, noise) or _stuck(y, counts, phases, noise)
    if trouble:
        return Estimate(None, None, None, trouble, span, hopeless=True, noise=noise)
    used, start = random_part(phases)
    fit = fit_local(y[used], counts[used], start[used])
    if fit is None:
        why = "too few readings under random pulsing: at least 20 pulses in either direction are needed"
        return Estimate(None, None, None, why, span, noise=noise)
    if not fit.resolved:
        return Estimate(None, None, None, _unresolved(fit), span, fit, noise=noise)
    side = np.where(np.char.endswith(phases, "below"), -0.5, 0.5)
    side[start] = np.roll(side, -1)[start]  # the reading before a random part belongs to it
    sided = fit_local(y[used], counts[used], start[used], side[used])
    sided = sided if sided is not None and math.isfinite(sided.side_difference) else None
    below, above = _began(y, start, fit)
    return Estimate(
        fit.symmetry_point, _scaled(fit, sided), fit.contraction < 0, "", span, fit, sided, below, above, noise=noise
    )


def random_part(phases: NDArray[np.str_]) -> tuple[BoolArray, BoolArray]:
    """Which readings are of random pulsing, with the one before each part; and where those parts start."""
    random = np.char.startswith(phases, "random")
    changed = np.ones(len(phases), dtype=bool)
    changed[1:] = phases[1:] != phases[:-1]
    first = random & changed
    start = np.zeros(len(phases), dtype=bool)
    start[np.flatnonzero(first) - 1] = True
    if len(first) and first[0]:
        start[-1], start[0] = False, True
    return random | start, start


def _scaled(fit: LocalFit, sided: LocalFit | None) -> float:
    """Standard error, widened by the scale factor √χ² where the two approaches differ by more than theirs allow."""
    if sided is None or not sided.side_difference_std > 0:
        return fit.std
    return fit.std * max(1.0, abs(sided.side_difference) / sided.side_difference_std)


def _began(y: FloatArray, start: BoolArray, fit: LocalFit) -> tuple[bool, bool]:
    """Whether any random part began below, and any above the symmetry point, by two standard errors."""
    margin = 2 * math.hypot(fit.std, fit.read / math.sqrt(_START))
    begins = [float(np.nanmean(y[k : k + _START])) for k in np.flatnonzero(start) if np.any(np.isfinite(y[k : k + 5]))]
    return any(g < fit.symmetry_point - margin for g in begins), any(g > fit.symmetry_point + margin for g in begins)


def _noise(y: FloatArray, phases: NDArray[np.str_]) -> float:
    """Standard deviation of one reading: from the readings at rest, or NaN without."""
    rest = y[(phases == REST) & np.isfinite(y)]
    return float(np.std(rest, ddof=1)) if rest.size >= 5 else math.nan


def _span(y: FloatArray) -> float:
    finite = y[np.isfinite(y)]
    if finite.size < _START:
        return 0.0
    return float(np.ptp(np.convolve(finite, np.full(_START, 1 / _START), mode="valid")))


def _abrupt(y: FloatArray, counts: np.ndarray[Any, np.dtype[np.int64]], noise: float) -> str:
    """A device that one pulse moves through half of the span seen has no steps to balance."""
    if len(y) < 2 * _START or not np.any(counts):
        return ""
    change = np.abs(np.diff(y))[counts[1:] != 0]
    change = change[np.isfinite(change)]
    if not change.size:
        return ""
    jumps, full = np.sort(change), float(np.nanmax(y) - np.nanmin(y))
    largest, typical = float(jumps[-1]), float(np.median(jumps))
    quiet = noise if math.isfinite(noise) else typical
    if largest > 0.5 * full and largest > 10 * max(quiet, 1e-300) and largest > 10 * typical:
        return (
            f"abrupt: a single pulse moved the conductance by {largest / full:.0%} of the whole span seen, "
            f"{largest / max(quiet, typical):.0f} times the scatter; there are no small steps to balance"
        )
    return ""


def _stuck(y: FloatArray, counts: np.ndarray[Any, np.dtype[np.int64]], phases: NDArray[np.str_], noise: float) -> str:
    """A crosspoint that drives in both directions did not move by 4 standard errors of the ends' means."""
    best, pulsed = 0.0, {DRIVE_DOWN: 0, DRIVE_UP: 0}
    for phase, first, last in stretches(phases):
        part = y[first:last]
        if phase not in pulsed or part.size < 4 * _START:
            continue
        pulsed[phase] += int(np.sum(np.abs(counts[first:last])))
        quarter = part.size // 4
        ends = part[:quarter], part[-quarter:]
        scatter = max(math.hypot(*(float(np.nanstd(end)) for end in ends)), noise if math.isfinite(noise) else 0.0)
        move = abs(float(np.nanmean(ends[1]) - np.nanmean(ends[0])))
        best = max(best, move / scatter * math.sqrt(quarter) if scatter > 0 else math.inf if move > 0 else 0.0)
    if best < 4 and min(pulsed.values()) >= 100:
        total = sum(pulsed.values())
        return f"stuck: {total} pulses down and up moved the conductance by no more than its scatter"
    return ""


def _unresolved(fit: LocalFit) -> str:
    if not fit.converged:
        return "not resolved: the local model does not settle on these readings"
    if abs(fit.step) < 3 * fit.step_std:
        return f"not resolved: the step, {fit.step:.2g} ± {fit.step_std:.2g}, does not differ from zero"
    return (
        f"not resolved: the contraction per up/down pair, {fit.contraction:.2g} ± {fit.contraction_std:.2g}, does not "
        "differ from zero by 3 standard errors; a device whose steps up and down are alike everywhere (a symmetric "
        "one) has no symmetry point, a slow one needs more pulses"
    )


def result(series: Series, agreement: float) -> dict[str, Any]:
    """The numbers of a run, JSON-able; `agreement`: standard errors by which the approaches may differ."""
    found, unit = estimate(series), series.unit
    pulses = int(np.sum(np.abs(series.counts)))
    numbers: dict[str, Any] = {
        f"symmetry_point_{unit}": found.value,
        f"std_{unit}": found.std,
        "stable": found.stable,
        "pulses": pulses,
        "readings": len(series),
        "verdict": verdict(found, unit, agreement),
        f"span_{unit}": found.span,
    }
    if found.fit is not None:
        numbers |= _details(found.fit, unit)
    if found.sided is not None:
        for name, (value, std) in (("from_below", found.sided.from_below), ("from_above", found.sided.from_above)):
            numbers[name] = {f"conductance_{unit}": value, f"std_{unit}": std}
        numbers["difference_in_standard_errors"] = found.distance if math.isfinite(found.distance) else None
        numbers["agree"] = found.distance <= agreement
    return plain(numbers)


def _details(fit: LocalFit, unit: str) -> dict[str, Any]:
    stable = math.isfinite(fit.time_constant)
    return {
        f"step_{unit}": fit.step,
        f"step_std_{unit}": fit.step_std,
        "contraction_per_pair": fit.contraction,
        "contraction_per_pair_std": fit.contraction_std,
        "time_constant_pulses": fit.time_constant if stable else None,
        "noise": {
            f"read_{unit}": fit.read,
            f"read_std_{unit}": fit.read_std,
            "cycle_to_cycle": fit.cycle_to_cycle,
            "cycle_to_cycle_std": fit.cycle_to_cycle_std,
        },
    }


def verdict(found: Estimate, unit: str, agreement: float) -> str:
    """One sentence for a person."""
    if found.value is None or found.fit is None:
        return f"No symmetry point: {found.reason}."
    kind = "Stable" if found.stable else "Unstable"
    text = f"{kind} symmetry point at {value_text(found.value, found.std, unit)}"
    pair = f"{abs(found.fit.contraction):.2g} ± {found.fit.contraction_std:.1g} per up/down pair"
    text += f"; the distance to it {'shrinks' if found.stable else 'grows'} by {pair}"
    if not (found.below and found.above):
        missing = "above" if found.below else "below" if found.above else "either side"
        return f"{text}; it was not approached from {missing}, so the estimate rests on one side."
    agree = "agree" if found.distance <= agreement else "do not agree"
    return f"{text}; the approaches from below and above {agree} ({found.distance:.1f} standard errors apart)."
