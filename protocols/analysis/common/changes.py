"""Changes of conductance along ramps, each with its starting state, free of the bias of read noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.common.protocol import Series, unknown_before

_REACHES = (2, 3, 5, 8, 12, 20)  # readings on either side that a local parabola may go through


@dataclass(frozen=True)
class States:
    """One crosspoint's states, repeated readings of a state averaged.

    `conductance` (n,) mean reading; `counts` (n,) pulses before it, 0 where nobody knows how many, so that no ramp goes
    on there; `reads` (n,) readings in the mean; `within` their pooled standard deviation, NaN where every state was
    read once.
    """

    conductance: FloatArray
    counts: IntArray
    reads: IntArray
    within: float


def states_of(series: Series) -> States:
    """The states of one crosspoint: readings without a pulse between them belong to one state; NaN are left out."""
    y, unknown = series.readings.conductance[:, 0, 0], unknown_before(series)[:, 0, 0]
    counts = np.where(unknown, 0, series.counts[:, 0, 0])
    label = np.cumsum((counts != 0) | unknown)
    keep = np.isfinite(y)
    values, where = np.unique(label, return_inverse=True)
    n = np.bincount(where[keep], minlength=values.size)
    total = np.bincount(where[keep], weights=y[keep], minlength=values.size)
    mean = np.divide(total, n, out=np.full(values.size, np.nan), where=n > 0)
    applied = np.bincount(where, weights=counts, minlength=values.size).astype(np.int64)
    freedom = int(np.sum(np.maximum(n - 1, 0)))
    scatter = float(np.sum((y[keep] - mean[where[keep]]) ** 2))
    return States(mean, applied, n.astype(np.int64), math.sqrt(scatter / freedom) if freedom >= 5 else math.nan)


@dataclass(frozen=True)
class Changes:
    """Changes of conductance by single steps of a ramp: `change` (m,), at `at` (m,), by `counts` (m,) pulses.

    `stretch` (m,) numbers uninterrupted stretches of one direction.
    """

    change: FloatArray
    at: FloatArray
    counts: IntArray
    stretch: IntArray


def changes_of(states: States) -> Changes:
    """Change by change, with an abscissa whose error is independent of the change's."""
    g, counts = states.conductance, states.counts
    direction = np.sign(counts)
    number = np.zeros(g.size, dtype=np.int64)
    number[1:] = np.cumsum(direction[1:] != direction[:-1])
    ramps: list[tuple[FloatArray, IntArray, int]] = []
    for stretch in range(1, int(number.max(initial=0)) + 1):
        index = np.flatnonzero(number == stretch)
        if direction[index[0]] == 0 or index.size < 4:
            continue
        index = np.r_[index[0] - 1, index]  # the state that the ramp starts from
        kept = np.isfinite(g[index])
        if np.sum(kept) >= 5:
            # A missing reading leaves one change by the pulses on both sides of it.
            applied = np.cumsum(np.r_[0, counts[index[1:]]])[kept]
            ramps.append((g[index[kept]], np.diff(applied), stretch))
    if not ramps:
        nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
        return Changes(nothing, nothing, none, none)
    smooth = _smoothest(ramps)
    change = np.concatenate([np.diff(ramp) for ramp, _, _ in ramps])
    at = np.concatenate(smooth)
    n = np.concatenate([counts for _, counts, _ in ramps])
    stretches = np.concatenate([np.full(counts.size, stretch) for _, counts, stretch in ramps])
    return Changes(change, at, n, stretches)


def _smoothest(ramps: list[tuple[FloatArray, IntArray, int]]) -> list[FloatArray]:
    """States before the changes by the reach that predicts left-out readings best, or the readings themselves."""
    choices = [[_smooth(ramp, reach) for ramp, _, _ in ramps] for reach in _REACHES]
    misses = [_miss(choice, ramps) for choice in choices]
    # Second differences two apart share one reading and no step: their covariance is σ_r².
    seconds = [np.diff(ramp, 2) for ramp, _, _ in ramps]
    read = float(np.mean(np.concatenate([d[2:] * d[:-2] for d in seconds]))) if seconds else 0.0
    best = int(np.argmin(misses))
    return [ramp[:-1] for ramp, _, _ in ramps] if misses[best] > 3 * max(read, 0.0) else choices[best]


def _smooth(ramp: FloatArray, reach: int) -> FloatArray:
    """State before each change of a ramp, from the readings around it without the two of the change."""
    at = np.empty(ramp.size - 1)
    for k in range(ramp.size - 1):
        near = (*range(max(0, k - reach), k), *range(k + 2, min(ramp.size, k + 2 + reach)))
        at[k] = _weights(tuple(i - k for i in near)) @ ramp[list(near)]
    return at


@lru_cache(maxsize=1024)
def _weights(offsets: tuple[int, ...]) -> FloatArray:
    """Weights of readings at `offsets` that give a parabola's value at 0 (a straight line's through 3 or fewer)."""
    order = 2 if len(offsets) > 3 else 1
    return np.linalg.pinv(np.vander(np.array(offsets, dtype=np.float64), order + 1, increasing=True))[0]


def _miss(smooth: list[FloatArray], ramps: list[tuple[FloatArray, IntArray, int]]) -> float:
    """Mean square by which the smoothed states miss the readings that were left out."""
    return float(
        np.mean(np.concatenate([(at - ramp[:-1]) ** 2 for at, (ramp, _, _) in zip(smooth, ramps, strict=True)]))
    )
