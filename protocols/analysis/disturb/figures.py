"""Figures of disturb: the change with stress and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, FAINT, UP, legend, new_figure, si_axis
from protocols.analysis.disturb.pairs import mean_and_std, read_changes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def read_figures(series: Series) -> list[Figure]:
    """One figure of two panels: readings against time; changes pair by pair with their means."""
    found = read_changes(series)
    if found.stress.size < 2:
        return []
    figure, (course, changes) = new_figure(2, height=2.4)
    t, g = series.readings.time[:, 0, 0], series.readings.conductance[:, 0, 0]
    under = series.phases == "stress"
    course.plot(t[under], g[under], ".", markersize=1.5, color=FAINT, label="under stress", rasterized=True)
    course.plot(t[~under], g[~under], ".", markersize=2.5, color=DOWN, label="levels")
    si_axis(course.xaxis, "time", "s")
    si_axis(course.yaxis, "conductance", series.unit)
    legend(course, markerscale=4)
    pair = np.arange(1, found.stress.size + 1)
    for values, colour, mark, label in (
        (found.stress, UP, "o", "under readings"),
        (found.control, DOWN, "s", "waiting as long"),
    ):
        mean, std = mean_and_std(values)
        changes.plot(pair, values, mark, color=colour, markersize=4.5, label=label)
        changes.axhline(mean, color=colour, linewidth=1)
        changes.axhspan(mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    changes.set_xlabel("repeat", fontsize=10)
    si_axis(changes.yaxis, "change", series.unit)
    legend(changes)
    return [figure]
