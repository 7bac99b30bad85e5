"""Figure of retention: conductance against the logarithm of time, with the fitted line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import value_text
from protocols.analysis.common.figure_style import DOWN, FAINT, TRACE, legend, new_figure, si_axis
from protocols.analysis.retention.straight_line import KEPT, START, kept, line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def figures(series: Series) -> list[Figure]:
    """One figure; none with too few times."""
    t, g = kept(series)
    fitted = line(np.log(t), g, t) if t.size else None
    if fitted is None:
        return []
    figure, (ax,) = new_figure()
    of = np.char.startswith(series.phases, KEPT)
    zero = float(series.readings.time[series.phases == START, 0, 0][-1])
    single = series.readings.time[of, 0, 0] - zero
    ax.plot(single, series.readings.conductance[of, 0, 0], ".", color=FAINT, markersize=3, label="readings")
    ax.plot(t, g, "o", color=DOWN, markersize=4.5, label="means")
    grid = np.geomspace(float(t[0]), float(t[-1]), 100)
    value = np.array([fitted.at(math.log(x)) for x in grid])
    label = f"{value_text(fitted.slope, fitted.slope_std, series.unit)} per factor e"
    ax.plot(grid, value[:, 0], color=TRACE, linewidth=1.2, label=label)
    band = 1.96 * value[:, 1]
    ax.fill_between(grid, value[:, 0] - band, value[:, 0] + band, color=TRACE, alpha=0.15, linewidth=0)
    ax.set_xscale("log")
    si_axis(ax.xaxis, "time after the start", "s")
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax)
    return [figure]
