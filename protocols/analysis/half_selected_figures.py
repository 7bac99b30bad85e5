"""Figure of half-select disturb: change per pulse, half-selected and full, repeat by repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.disturb import mean_and_std
from protocols.analysis.half_selected import FULL, HALF, changes
from protocols.analysis.style import DOWN, UP, legend, new_figure, si_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.protocol import Series


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
