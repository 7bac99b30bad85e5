"""ΔG±(G): the mean step against conductance with standard errors, free of the bias of read noise.

With a reading y = g + e (variance σ_r²), a change y' − y contains −e, and so does its abscissa y: sorting or regressing
changes by y tilts the slope to (b V − σ_r²)/(V + σ_r²), V the variance of g, which makes every device look more
saturating than it is. Here the abscissa of a change is a local parabola through readings before and after it, the two
readings of the change left out: its error is independent of the error of the change, and small. How far the parabola
reaches is chosen by cross-validation, so that fast devices are not smeared and slow ones are averaged; where even the
nearest neighbours tell less of a state than its own reading does (large steps, little read noise), that reading is
taken: the bias σ_r²/V is then negligible.

Within one bin and one ramp the changes telescope, Σ(y' − y) = y_last − y_first, so that read noise enters once for
each end and not once a pulse::

    var(mean of n changes in r uninterrupted stretches) = (n σ_w² + 2 r σ_r²)/n²

with the two noises told apart by the likelihood of the whole series (`sim_device.fit`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.analysis.common.changes import Changes, States, changes_of, states_of
from protocols.analysis.common.fitted_series import fit_series
from protocols.analysis.common.json_numbers import plain
from protocols.common.protocol import Series

if TYPE_CHECKING:
    from sim_device.fit.result import Fit
    from sim_device.models.fitted import Noise as FittedNoise

_FEWEST = 20  # changes that an estimate of the noises needs, half of them in either direction


@dataclass(frozen=True)
class Noise:
    """Read noise σ_r of one reading and cycle-to-cycle noise σ_w of one pulse, [unit], each with its standard error.

    `relative`, `relative_std`: σ_w over the mean step, dimensionless; `write` is that times the root mean square step.
    An error is NaN where the noise is below what the readings resolve.
    """

    read: float
    read_std: float
    write: float
    write_std: float
    relative: float
    relative_std: float


@dataclass(frozen=True)
class DeltaG:
    """ΔG±(G) in bins of equal width: arrays (bins,), NaN where a direction has fewer than 3 changes.

    `centre` [unit] mean abscissa of what fell into the bin; `edges` (bins + 1,); per pulse: `up`, `down` mean step
    (signed), `up_std`, `down_std` standard errors, `up_scatter`, `down_scatter` standard deviation of single changes,
    `up_count`, `down_count` changes. `fit`: the likelihood fit of the series, `noise` by it; None with too few changes.
    """

    edges: FloatArray
    centre: FloatArray
    up: FloatArray
    up_std: FloatArray
    up_scatter: FloatArray
    up_count: IntArray
    down: FloatArray
    down_std: FloatArray
    down_scatter: FloatArray
    down_count: IntArray
    fit: Fit | None
    noise: Noise | None

    def table(self, unit: str) -> dict[str, list[float | None]]:
        """Columns by name, unit in the name; None where nothing fell into a bin."""
        columns = {
            f"conductance_{unit}": self.centre,
            f"step_up_{unit}": self.up,
            f"step_up_std_{unit}": self.up_std,
            f"scatter_up_{unit}": self.up_scatter,
            "changes_up": self.up_count,
            f"step_down_{unit}": self.down,
            f"step_down_std_{unit}": self.down_std,
            f"scatter_down_{unit}": self.down_scatter,
            "changes_down": self.down_count,
        }
        return plain(columns)


def delta_g(series: Series, bins: int = 20) -> DeltaG | None:
    """ΔG±(G) of one crosspoint in `bins` bins over the range that ramps covered; None without a ramp of 4 pulses."""
    states = states_of(series)
    changes = changes_of(states)
    if not changes.change.size or np.ptp(changes.at) == 0:
        return None
    directions = [int(np.sum(np.sign(changes.counts) == d)) for d in (1, -1)]
    enough = sum(directions) >= _FEWEST and min(directions) >= _FEWEST // 2
    fit = fit_series(series)[0] if enough else None
    noise = None if fit is None else _noise(fit.noise, states, changes)
    edges: FloatArray = np.linspace(float(changes.at.min()), float(changes.at.max()), bins + 1)
    place = np.clip(np.digitize(changes.at, edges) - 1, 0, bins - 1)
    reads = float(np.mean(states.reads[states.reads > 0]))
    up = _binned(changes, place, bins, 1, noise, reads)
    down = _binned(changes, place, bins, -1, noise, reads)
    n = np.bincount(place, minlength=bins)
    middle = (edges[1:] + edges[:-1]) / 2
    total = np.bincount(place, weights=changes.at, minlength=bins)
    centre = np.where(n > 0, total / np.maximum(n, 1), middle)
    return DeltaG(edges, centre, *up, *down, fit, noise)


def _noise(found: FittedNoise, states: States, changes: Changes) -> Noise | None:
    """Noises of a fit; the read noise from repeated readings where most states have them."""
    if found.read is None or found.cycle_to_cycle is None:
        return None
    # Of the mean steps, by their spread over conductance: squares of single changes hold both noises.
    squares = float(np.mean(changes.change**2)) - 2 * found.read**2 / float(np.mean(states.reads[states.reads > 0]))
    step = math.sqrt(max(squares, 0.0) / (1 + found.cycle_to_cycle**2))
    read_std = math.nan if found.read_std is None else found.read_std
    relative_std = math.nan if found.cycle_to_cycle_std is None else found.cycle_to_cycle_std
    cycle = found.cycle_to_cycle
    noise = Noise(found.read, read_std, cycle * step, relative_std * step, cycle, relative_std)
    if math.isfinite(states.within) and np.mean(states.reads > 1) > 0.5:
        freedom = int(np.sum(np.maximum(states.reads - 1, 0)))
        noise = replace(noise, read=states.within, read_std=states.within / math.sqrt(2 * freedom))
    return noise


def _binned(
    changes: Changes, place: IntArray, bins: int, sign: int, noise: Noise | None, reads: float
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Mean step per pulse, its standard error, scatter of single changes and their number, in each bin."""
    mean, error, scatter = (np.full(bins, np.nan) for _ in range(3))
    count = np.zeros(bins, dtype=np.int64)
    for bin_ in range(bins):
        here = np.flatnonzero((place == bin_) & (np.sign(changes.counts) == sign))
        count[bin_] = here.size
        if here.size < 3:
            continue
        per_pulse = changes.change[here] / np.abs(changes.counts[here])
        mean[bin_], scatter[bin_] = per_pulse.mean(), per_pulse.std(ddof=1)
        stretches = 1 + int(np.sum((np.diff(here) > 1) | (np.diff(changes.stretch[here]) != 0)))
        error[bin_] = _error(here.size, stretches, float(mean[bin_]), float(scatter[bin_]), noise, reads)
    return mean, error, scatter, count


def _error(n: int, stretches: int, mean: float, scatter: float, noise: Noise | None, reads: float) -> float:
    """√(n σ_w² + 2 r σ_r²)/n with σ_w the larger of c|mean step| and what the scatter shows beyond read noise.

    Cycle-to-cycle noise commonly grows with the step (c = `Noise.relative`); where it does not, the scatter tells,
    less what chance may add to it for n changes.
    """
    if noise is None:
        return scatter / math.sqrt(n)
    read = noise.read**2 / reads
    write = max((noise.relative * mean) ** 2, scatter**2 * (1 - 2 * math.sqrt(2 / n)) - 2 * read)
    return math.sqrt(n * write + 2 * stretches * read) / n
