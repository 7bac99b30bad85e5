"""Figure of spike timing: change of conductance against delay, with the fitted exponentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.spike_timing.pairs import changes, curves, exponential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def figures(series: Series) -> list[Figure]:
    """One figure; none before a delay was measured three times."""
    found = curves(series)
    if not found:
        return []
    figure, (ax,) = new_figure()
    single = np.array([one for one in changes(series) if np.isfinite(one[0])])
    if single.size:
        ax.plot(single[:, 0], single[:, 1], ".", color=FAINT, markersize=3, label="single measurements")
    for sign, curve in found.items():
        colour, mark, name = (UP, "^", "pre before post") if sign > 0 else (DOWN, "v", "post before pre")
        of = np.isfinite(curve.delay)
        ax.errorbar(
            sign * curve.delay[of], curve.change[of], 1.96 * curve.std[of], fmt=mark, color=colour, markersize=5,
            capsize=2, label=f"{name}, mean and 95 %",
        )  # fmt: skip
        fitted = exponential(curve)
        if fitted is not None:
            grid = np.linspace(0, float(curve.delay[of].max()), 100)
            ax.plot(sign * grid, fitted.at(grid), color=ESTIMATE, linewidth=1.4)
            ax.axhline(float(fitted.mean[2]), color=colour, linestyle=":", linewidth=0.8)
    ax.axvline(0, color=TRACE, linewidth=0.6)
    si_axis(ax.xaxis, "delay, post less pre", "s")
    si_axis(ax.yaxis, "change of conductance", series.unit)
    legend(ax, loc="lower right")
    return [figure]
