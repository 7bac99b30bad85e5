"""The symmetry point of one crosspoint: the estimate, whether its parts agree, or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray
from instruments.value_text import percent_text, value_text
from protocols.analysis.common.fitted_series import fit_series
from protocols.analysis.common.stretches import stretches
from protocols.analysis.symmetry.straight_steps import Crossing, StraightSteps
from protocols.common.protocol import Series

if TYPE_CHECKING:
    from sim_device.fit.result import Fit

BoolArray: TypeAlias = NDArray[np.bool_]
Known: TypeAlias = tuple[FloatArray, FloatArray]  # mean and covariance of absolute straight steps

REST, PARK, PARKED = "rest", "park", "parked"
RANDOM, ALTERNATING, STEERED = "random", "alternating", "steered"
FROM_BELOW, FROM_ABOVE = ", from below", ", from above"
DRIVE_DOWN, DRIVE_UP = "drive down", "drive up"
_START = 5  # readings averaged where an approach begins
_TELLING = 100  # pulses from which on a crosspoint that has not moved is stuck


@dataclass(frozen=True)
class Estimate:
    """What the readings say of the symmetry point; conductances in the unit of the series.

    Attributes
    ----------
    value, std
        G* and its standard error; None where none is identified, `reason` then says why.
    stable
        True or False where the contraction per up/down pair is negative or positive by 3 standard errors, else None.
    crossing, fit, steps
        Behind it: where the steps cancel, the fit, its straight steps (joined with what was known before).
    parts
        Estimates of the two parts that are to agree, each (value, std): from below and from above, or ramps and
        steered blocks; None where a part does not tell.
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
    crossing: Crossing | None = None
    fit: Fit | None = None
    steps: StraightSteps | None = None
    parts: tuple[tuple[float, float] | None, tuple[float, float] | None] = (None, None)
    below: bool = False
    above: bool = False
    hopeless: bool = False  # more pulses will not help: stuck or abrupt

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval, 1.96 standard errors."""
        return math.inf if self.std is None else 1.96 * self.std

    @property
    def distance(self) -> float:
        """Difference of the two parts in standard errors; inf without both."""
        first, second = self.parts
        if first is None or second is None:
            return math.inf
        return abs(first[0] - second[0]) / max(math.hypot(first[1], second[1]), 1e-300)


def estimate(series: Series, known: Known | None = None, *, parts: bool = True) -> Estimate:
    """Symmetry point of one crosspoint from a series of the protocol symmetry-point, an interrupted one, too.

    `known`: mean (4,) and covariance (4, 4) of ``StraightSteps.absolute`` before this run. Without `parts` their
    agreement is not looked at.
    """
    pulsed = series.where(~np.char.startswith(series.phases, PARK))  # parking tests the estimate, it is no part of it
    y, counts, phases = pulsed.readings.conductance[:, 0, 0], pulsed.counts[:, 0, 0], pulsed.phases
    noise, span = _noise(y, phases), _span(y)
    trouble = _abrupt(y, counts, noise) or _stuck(y, counts, phases, noise)
    if trouble:
        return Estimate(None, None, None, trouble, span, hopeless=True)
    found = _of_fit(pulsed, span, known)
    if found.value is None:
        return found
    below, above = _began(y, phases, found)
    found = replace(found, below=below, above=above)
    if not parts:
        return found
    found = replace(found, parts=_parts(pulsed))
    return replace(found, std=_widened(found))


def _of_fit(series: Series, span: float, known: Known | None) -> Estimate:
    fit, why = fit_series(series)
    steps = None if fit is None else StraightSteps.of(fit)
    if fit is None or steps is None:
        why = why or "pulses of both directions are needed"
        return Estimate(None, None, None, f"too little to go by: {why}", span, fit=fit)
    steps = steps.joined(known) if known is not None else steps
    crossing = _crossing(fit, steps, joined=known is not None)
    if not crossing.clear or not math.isfinite(crossing.value + crossing.std):
        return Estimate(None, None, None, _unresolved(crossing, series.unit), span, crossing, fit, steps)
    if why := _implausible(crossing, fit, series.unit):
        return Estimate(None, None, None, f"not resolved: {why}", span, crossing, fit, steps)
    std = crossing.std * _caution(fit)
    return Estimate(crossing.value, std, crossing.slope < 0, "", span, crossing, fit, steps)


def _implausible(crossing: Crossing, fit: Fit, unit: str) -> str:
    """Why a crossing cannot be an estimate; the check that every fit passes (`sim_device.fit.plausible`)."""
    from sim_device.fit.plausible import trouble

    trace = fit.estimate.trace
    return trouble(crossing.value, crossing.std, None, (trace.centre - trace.scale, trace.centre + trace.scale), unit)


def _caution(fit: Fit) -> float:
    """``1 + std(σ_c)/σ_c``, at most 1.5: takes the cycle-to-cycle noise one standard error above its estimate.

    A search that stops when the error is small would else stop on runs that happen to look quiet: with 1000 states,
    30 % noise and a target of 2 % of the span, z had a root mean square of 1.4 without this factor.
    """
    cycle, std = fit.noise.cycle_to_cycle, fit.noise.cycle_to_cycle_std
    return min(1 + std / cycle, 1.5) if cycle and std else 1.0


def _crossing(fit: Fit, steps: StraightSteps, *, joined: bool) -> Crossing:
    """Of straight steps where these hold for the readings; else of curved ones, the stable one first."""
    if fit.accepted or joined:
        return steps.crossing()
    curved = [point for point in fit.other_symmetry_points if point.clear]
    if not curved:
        return steps.crossing()
    point = next((point for point in curved if point.stable), curved[0])
    sign = -1.0 if point.stable else 1.0
    slope = sign * abs(point.contraction)
    return Crossing(point.conductance, point.std, slope, point.contraction_std, point.step, point.step_std)


def _parts(series: Series) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Estimates from either part by itself: they share no change of conductance, so that their errors are independent.

    What was known before the run would make them agree; it is left out.
    """
    phases = series.phases
    if np.any(phases == STEERED):
        later = phases == STEERED
        return _part(series, ~later), _part(series, later)
    below = (phases == DRIVE_DOWN) | np.char.endswith(phases, FROM_BELOW)
    above = (phases == DRIVE_UP) | np.char.endswith(phases, FROM_ABOVE)
    return _part(series, below), _part(series, above)


def _part(series: Series, chosen: BoolArray) -> tuple[float, float] | None:
    if np.sum(np.abs(series.counts[chosen, 0, 0])) < 40:
        return None
    begins = np.concatenate([[True], chosen[1:] != chosen[:-1]])
    fit, _ = fit_series(series.where(chosen), np.cumsum(begins)[chosen])
    steps = None if fit is None else StraightSteps.of(fit)
    if fit is None or steps is None:
        return None
    found = _crossing(fit, steps, joined=False)
    return (found.value, found.std) if found.clear else None


def _widened(found: Estimate) -> float | None:
    """Standard error, widened by the scale factor √χ² where the parts differ by more than theirs allow.

    The scale factor of the Particle Data Group for two measurements, ``S = |difference|/σ`` where above 1.
    """
    if found.std is None or not math.isfinite(found.distance):
        return found.std
    return found.std * max(1.0, found.distance)


def _began(y: FloatArray, phases: NDArray[np.str_], found: Estimate) -> tuple[bool, bool]:
    """Whether any approach began below, and any above the symmetry point, by two standard errors."""
    read = found.steps.read if found.steps else 0.0
    margin = 2 * math.hypot(found.std or 0.0, read / math.sqrt(_START))
    value = found.value or 0.0
    begins: list[float] = []
    for phase, first, last in stretches(phases):
        start = y[max(first - 1, 0) : min(first - 1 + _START, last)]
        if phase.endswith((FROM_BELOW, FROM_ABOVE)) and np.any(np.isfinite(start)):
            begins.append(float(np.nanmean(start)))
    return any(g < value - margin for g in begins), any(g > value + margin for g in begins)


def _noise(y: FloatArray, phases: NDArray[np.str_]) -> float:
    """Standard deviation of one reading: from the readings at rest, or NaN without."""
    rest = y[(phases == REST) & np.isfinite(y)]
    return float(np.std(rest, ddof=1)) if rest.size >= _START else math.nan


def _span(y: FloatArray) -> float:
    finite = y[np.isfinite(y)]
    if finite.size < _START:
        return 0.0
    return float(np.ptp(np.convolve(finite, np.full(_START, 1 / _START), mode="valid")))


def _abrupt(y: FloatArray, counts: IntArray, noise: float) -> str:
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


def _stuck(y: FloatArray, counts: IntArray, phases: NDArray[np.str_], noise: float) -> str:
    """A crosspoint whose readings are white, or that drives in both directions did not move by 4 standard errors."""
    total = int(np.sum(np.abs(counts)))
    if total >= _TELLING and _is_white(y):
        return f"stuck: {total} pulses up and down moved the conductance by no more than its scatter"
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
    if best < 4 and min(pulsed.values()) >= _TELLING:
        total = sum(pulsed.values())
        return f"stuck: {total} pulses down and up moved the conductance by no more than its scatter"
    return ""


def _is_white(y: FloatArray) -> bool:
    """Whether readings scatter about one value: ``Σ(y − ȳ)²`` is half of ``Σ(Δy)²`` within 4 standard errors, 2/√n.

    (von Neumann's ratio, Ann. Math. Stat. 12, 367 (1941).) A device that pulses move walks, and the first is larger.
    """
    there = y[np.isfinite(y)]
    if there.size < _TELLING:
        return False
    walk, scatter = float(np.sum((there - there.mean()) ** 2)), float(np.sum(np.diff(there) ** 2)) / 2
    return walk <= scatter * (1 + 4 / math.sqrt(there.size))


def _unresolved(crossing: Crossing, unit: str) -> str:
    if abs(crossing.step) < 3 * crossing.step_std and abs(crossing.slope) < crossing.slope_std:
        return (
            f"not resolved: the step, {value_text(crossing.step, crossing.step_std, unit)}, does not differ from zero"
        )
    return (
        f"not resolved: the contraction per up/down pair, {percent_text(crossing.slope, crossing.slope_std)}, does not "
        "differ from zero by 3 standard errors; a device whose steps up and down are alike everywhere (a symmetric "
        "one) has no symmetry point, a slow one needs more pulses"
    )
