"""Figure of relaxation: what is left of each step against time, with the fitted exponential."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import value_text
from protocols.analysis.common.figure_style import DOWN, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.relaxation.exponential import fit, relaxations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def figures(series: Series) -> list[Figure]:
    """One figure; none with too few relaxations."""
    found = relaxations(series)
    fitted = fit(found)
    if fitted is None:
        return []
    figure, (ax,) = new_figure()
    labelled: set[bool] = set()
    for one, level in zip(found, fitted.level, strict=True):
        label = None if one.up in labelled else ("after pulses up" if one.up else "after pulses down")
        labelled.add(one.up)
        colour, mark = (UP, "^") if one.up else (DOWN, "v")
        ax.plot(one.time[1:], one.g[1:] - level, mark, markersize=3, color=colour, alpha=0.6, label=label)
    t = np.geomspace(max(min(float(one.time[1]) for one in found), 1e-12), max(float(o.time[-1]) for o in found), 200)
    for up in labelled:
        size = float(np.mean([s for s, one in zip(fitted.size, found, strict=True) if one.up == up]))
        label = f"exponential, τ = {value_text(fitted.tau, fitted.tau_std, 's')}" if up == min(labelled) else None
        ax.plot(t, size * np.exp(-t / fitted.tau), color=TRACE, linewidth=1.2, label=label if fitted.resolved else None)
    ax.set_xscale("log")
    si_axis(ax.xaxis, "time after the first reading", "s")
    si_axis(ax.yaxis, "still to relax", series.unit)
    legend(ax, loc="best")
    return [figure]
