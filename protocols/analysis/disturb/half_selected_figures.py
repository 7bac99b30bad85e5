"""Figures of half-select disturb: change per pulse when emulated; traces of neighbours in an array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.disturb.half_selected import FULL, HALF, changes
from protocols.analysis.disturb.half_selected_array import COLUMN, DIRECTIONS, ROW, UNSELECTED, Pass, passes, relation
from protocols.analysis.disturb.pairs import mean_and_std

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from instruments.crosspoints import FloatArray
    from protocols.common.protocol import Series


def figures(series: Series) -> list[Figure]:
    """One figure of two panels, full pulses above; none with too few repeats."""
    found = changes(series)
    if any(found.get((phase, sign), np.empty(0)).size < 2 for phase in (HALF, FULL) for sign in (1, -1)):
        return []
    figure, panels = new_figure(2, height=2.4)
    for ax, phase, title in zip(panels, (FULL, HALF), ("full", "half-selected"), strict=True):
        for sign, colour, mark, label in ((1, UP, "^", "up"), (-1, DOWN, "v", "down")):
            values = found[phase, sign]
            mean, std = mean_and_std(values)
            ax.plot(np.arange(1, values.size + 1), values, mark, color=colour, markersize=4.5, label=label)
            ax.axhline(mean, color=colour, linewidth=1)
            ax.axhspan(mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.set_xlabel("repeat", fontsize=10)
        si_axis(ax.yaxis, f"change per {title} pulse", series.unit)
        legend(ax)
    return [figure]


_SHOWN = ((ROW, "^", UP, -1), (COLUMN, "v", DOWN, 0), (UNSELECTED, "o", TRACE, 1))


def block_figures(series: Series) -> list[Figure]:
    """One figure of two panels, up above: change of the others against pulses on the selected crosspoint."""
    made = passes(series)
    both = [[one for one in made if one.direction == sign] for _, sign in DIRECTIONS]
    if not all(both):
        return []
    figure, panels = new_figure(2, height=2.7)
    for ax, of_way, (way, _) in zip(panels, both, DIRECTIONS, strict=True):
        for name, mark, colour, shift in _SHOWN:
            _courses(ax, of_way, name, (mark, colour, shift))
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.set_xscale("log")
        ax.set_xlabel(f"pulses {way} on the selected crosspoint", fontsize=10)
        si_axis(ax.yaxis, "change", series.unit)
        legend(ax)
    return [figure]


def _courses(ax: Axes, made: list[Pass], name: str, look: tuple[str, str, int]) -> None:
    """Each crosspoint's mean over its passes as a line, and the mean over crosspoints with its standard error."""
    counts = max((one.counts for one in made), key=len)
    whole = [one for one in made if np.array_equal(one.counts, counts)]
    mark, colour, shift = look
    means: list[FloatArray] = []
    for cell in np.ndindex(*whole[0].change.shape[1:]):
        mine = np.array([one.change[(slice(None), *cell)] for one in whole if relation(cell, one.cell) == name])
        mine = mine[np.isfinite(mine).all(axis=1)] if mine.size else mine
        if len(mine):
            means.append(mine.mean(axis=0))
            ax.plot(counts, means[-1], color=colour, alpha=0.25, linewidth=0.8)
    if not means:
        return
    mean = np.mean(means, axis=0)
    std = np.std(means, axis=0, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.zeros(len(counts))
    label = f"{name.replace('_', ' ')}s ({len(means)})" if name != UNSELECTED else f"unselected ({len(means)})"
    ax.errorbar(
        counts * 1.04**shift, mean, std, fmt=mark, color=colour, markersize=4.5, linewidth=1.2, capsize=2, label=label
    )
