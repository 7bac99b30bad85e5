"""The figure of predictions: readings that were not fitted in their bands, and coverage and CRPS by horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, TRACE, UP, legend, new_figure, si_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim_device.fit.predictive import Prediction

CAPTION = (
    "Above: readings that were not fitted (dots), each stretch predicted from the reading before it (line). Middle: "
    "how far they are from the prediction, in the bands that should hold 50 and 95 % of them. Below: what the bands do "
    "hold, and the mean error of the predictions (CRPS) over that of resampling the measured changes; error bars are "
    "one standard error."
)
GAP = 15.0  # pulses between two stretches that are drawn side by side


def prediction_figure(prediction: Prediction) -> Figure:
    """Stretches of readings and their deviation in bands; coverage and relative CRPS against pulses."""
    figure, (above, middle, below) = new_figure(3, height=2.3)
    _stretches(above, middle, prediction)
    _horizons(below, prediction)
    return figure


def _stretches(above: Axes, middle: Axes, prediction: Prediction) -> None:
    begin = 0.0
    for number, one in enumerate(prediction.drawn):
        x = begin + one.pulses
        low, lower, centre, upper, high = one.quantiles
        first = number == 0
        above.plot(x, centre, color=ESTIMATE, linewidth=1.0, label="predicted" if first else None)
        above.plot(x, one.readings, ".", color=TRACE, markersize=2.0, label="readings, not fitted" if first else None)
        band, inner = ("95 % band", "50 % band") if first else (None, None)
        middle.fill_between(x, low - centre, high - centre, color=ESTIMATE, alpha=0.2, linewidth=0, label=band)
        middle.fill_between(x, lower - centre, upper - centre, color=ESTIMATE, alpha=0.4, linewidth=0, label=inner)
        middle.plot(x, one.readings - centre, ".", color=TRACE, markersize=2.0)
        begin = float(x[-1]) + GAP
    for ax, name in ((above, "conductance"), (middle, "reading − predicted")):
        ax.set_xlabel("pulses, stretch after stretch", fontsize=10)
        si_axis(ax.yaxis, name, prediction.unit)
        _legend_above(ax)


def _horizons(ax: Axes, prediction: Prediction) -> None:
    of = prediction.horizons
    x = np.arange(len(of), dtype=np.float64)
    for band, colour, mark, off in ((95, UP, "^", -0.1), (50, DOWN, "v", 0.1)):
        share, error = [h.inside[band] for h in of], [h.inside_std[band] for h in of]
        ax.axhline(band / 100, color=colour, linewidth=0.8, linestyle=":")
        ax.errorbar(x + off, share, error, fmt=mark, color=colour, capsize=2, label=f"share in the {band} % band")
    relative, error = [h.relative for h in of], [h.relative_std for h in of]
    ax.axhline(1.0, color=FAINT, linewidth=0.8)
    ax.errorbar(x, relative, error, fmt="o", color=TRACE, capsize=2, label="CRPS, of that of resampling")
    ax.set_xticks(x, [str(h.pulses) for h in of])
    ax.set_xlabel("pulses ahead", fontsize=10)
    ax.set_ylabel("share, or ratio", fontsize=10)
    ax.set_ylim(0.0, max(1.15, min(2.5, 1.1 * max((r + e for r, e in zip(relative, error, strict=True)), default=1.0))))
    _legend_above(ax)


def _legend_above(ax: Axes) -> None:
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
