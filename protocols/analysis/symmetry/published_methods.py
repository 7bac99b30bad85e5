"""The symmetry point by published procedures, each with its standard error, for comparison.

All of them take the readings of random or alternating pulsing alone and forget what each pulse was, which is why they
need many times the pulses of the likelihood of the whole trace (`protocols.analysis.symmetry.estimate`). With soft
bounds s± and c2c noise σ_c, random pulsing leads to G* with the time constant τ_p = 2/(s₊ + s₋) pulses and wanders
about it by

    σ² = δ*² (1 + σ_c²)/((s₊ + s₋) − ½(s₊² + s₋²)) ≈ (Gmax − Gmin)² (1 + σ_c²)/(4 N),    N = (Gmax − Gmin)/δ*
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.analysis.noise.rest import autocorrelation, correlation_time

_FEWEST = 20  # readings that a scatter needs


@dataclass(frozen=True)
class Published:
    """An estimate `value` ± `std` [unit of the readings]; `bias` is what is known to be left in it, 0 where nothing."""

    value: float
    std: float
    bias: float = 0.0


def end_reading(readings: FloatArray) -> Published | None:
    """Last of the `readings` (n,) under random pulsing: ``G* ≈ y_n``, std² = Var(y) = σ² + σ_r² over the second half.

    "The conductance value converges to the vicinity of the symmetry point" (Onen et al. 2022, arXiv 2201.13377). More
    pulses do not make it better. None with fewer than 40 readings.
    """
    y = readings[np.isfinite(readings)]
    if y.size < 2 * _FEWEST:
        return None
    return Published(float(y[-1]), float(np.std(y[y.size // 2 :], ddof=1)))


def tail_mean(readings: FloatArray, burn_in: int | None = None) -> Published | None:
    """Mean of the `readings` (n,) after `burn_in`: ``G* ≈ ⟨y⟩``, ``std² = Var(y) τ/(M − 2W)`` for M readings.

    τ = 1 + 2 Σ ρ_k is the integrated autocorrelation time, summed to W = 5τ (Sokal's window), about 2 τ_p under random
    pulsing. Every ρ_k is taken about the mean of the same readings and so lacks the variance of that mean: over 2W lags
    this is what M − 2W in place of M gives back (at most a factor of 4: with so few readings no more is known). Mean of
    the stationary state: Kim et al. 2019, arXiv 1907.10228 (zero-shifting), averaged as any correlated sample. What is
    left of the start is e^(−burn-in/τ_p) of its distance. Half of the readings are left out unless `burn_in` is given.
    None with fewer than 20 readings after it.
    """
    y = readings[np.isfinite(readings)]
    tail = y[y.size // 2 if burn_in is None else burn_in :]
    if tail.size < _FEWEST:
        return None
    apart = correlation_time(autocorrelation(tail - tail.mean(), tail.size // 2), tail.size)
    left = max(tail.size - 10 * apart, tail.size / 4)
    return Published(float(tail.mean()), float(np.std(tail, ddof=1)) * math.sqrt(apart / left))


def alternating_midpoint(
    readings: FloatArray, counts: IntArray, steps: tuple[float, float, float] | None = None
) -> Published | None:
    """Middle between the states after up and after down pulses, `counts` (n,) being ±1 in turn: ``(⟨y₊⟩ + ⟨y₋⟩)/2``.

    Alternating pulses lead to a limit cycle ``G* + δ* s₊/D`` after up, ``G* − δ* s₋/D`` after down pulses, with
    D = s₊ + s₋ − s₊ s₋, so that the middle is off by ``bias = δ* (s₊ − s₋)/(2 D)``, at most half a step. Given `steps`
    = (δ*, s₊, s₋), it is told, not taken off. std as for the tail mean, of the means of pairs; the second half of the
    readings counts. (Pairs of one up and one down pulse: Gong et al. IEDM 2022.) None with fewer than 20 pairs there.
    """
    pairs = np.flatnonzero((counts[:-1] == 1) & (counts[1:] == -1))
    middles: FloatArray = (readings[pairs] + readings[pairs + 1]) / 2
    found = tail_mean(middles)
    if found is None or steps is None:
        return found
    return Published(found.value, found.std, alternating_bias(*steps))


def alternating_bias(step: float, s_up: float, s_down: float) -> float:
    """``δ* (s₊ − s₋)/(2 (s₊ + s₋ − s₊ s₋))`` [unit of `step`]: middle of the alternating limit cycle minus G*."""
    return step * (s_up - s_down) / (2 * (s_up + s_down - s_up * s_down))


def random_wander(step: float, s_up: float, s_down: float, cycle_to_cycle: float) -> float:
    """``δ* √((1 + σ_c²)/((s₊ + s₋) − ½(s₊² + s₋²)))``: standard deviation of the state under random pulsing."""
    return step * math.sqrt((1 + cycle_to_cycle**2) / (s_up + s_down - 0.5 * (s_up**2 + s_down**2)))
