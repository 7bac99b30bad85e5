"""Figures of programming: the trace with its targets, and pulses needed against target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.common.stretches import stretches
from protocols.analysis.program.outcome import outcomes, target_of
from protocols.common.protocol import known_counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def figures(series: Series) -> list[Figure]:
    """Two figures; none before a target was tried."""
    found = outcomes(series)
    if not found:
        return []
    return [_course(series), _needed(series)]


def _course(series: Series) -> Figure:
    figure, (ax,) = new_figure()
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    x = np.cumsum(np.abs(counts))
    for chosen, colour, label in (
        (counts > 0, UP, "up"),
        (counts < 0, DOWN, "down"),
        (counts == 0, FAINT, "read only"),
    ):
        if np.any(chosen):
            ax.plot(x[chosen], g[chosen], ".", markersize=3, color=colour, label=label)
    first_of_all = True
    for phase, first, last in stretches(series.phases):
        asked = target_of(phase, series.unit)
        if asked is not None:
            ends = [x[first], x[last - 1]]
            label = "target ± tolerance" if first_of_all else None
            ax.plot(ends, [asked[0]] * 2, color=ESTIMATE, linewidth=1.2, label=label)
            ax.fill_between(ends, asked[0] - asked[1], asked[0] + asked[1], color=ESTIMATE, alpha=0.25, linewidth=0)
            first_of_all = False
    ax.set_xlabel("pulses applied", fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, markerscale=3)
    return figure


def _needed(series: Series) -> Figure:
    figure, (top, bottom) = new_figure(2, height=2.2)
    found = outcomes(series)
    for reached, colour, mark, label in ((True, ESTIMATE, "o", "reached"), (False, UP, "x", "not reached")):
        of = [one for one in found if one.reached == reached]
        if of:
            top.plot([o.target for o in of], [o.pulses for o in of], mark, color=colour, label=label)
            bottom.errorbar(
                [o.target for o in of], [o.left for o in of], [o.left_std for o in of],
                fmt=mark, color=colour, capsize=2, markersize=4,
            )  # fmt: skip
    bottom.axhspan(-found[0].tolerance, found[0].tolerance, color=ESTIMATE, alpha=0.15, linewidth=0, label="tolerance")
    bottom.axhline(0, color=TRACE, linewidth=0.8)
    top.set_ylabel("pulses", fontsize=10)
    top.set_ylim(bottom=0)
    si_axis(bottom.xaxis, "target", series.unit)
    si_axis(top.xaxis, "", series.unit)
    si_axis(bottom.yaxis, "left, less target", series.unit)
    legend(top)
    legend(bottom)
    return figure
