"""Figures of a replay on simulated devices: the readings, the median, and the 95 % band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from protocols.analysis.common.figure_style import ESTIMATE, SECOND, TRACE, si_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 16  # crosspoints of one sheet
_COLUMNS = 4


@dataclass(frozen=True)
class Course:
    """One crosspoint: title, pulses up to each reading (k,), recorded, median, low, high [unit] (k,), inside (k,)."""

    title: str
    pulses: FloatArray
    recorded: FloatArray
    median: FloatArray
    low: FloatArray
    high: FloatArray
    inside: NDArray[np.bool_]


def bands_figure(courses: list[Course], unit: str) -> Figure:
    """Up to 16 crosspoints side by side."""
    from matplotlib.figure import Figure

    shown = courses[:MOST]
    columns = min(_COLUMNS, len(shown)) if len(shown) != 4 else 2
    rows = math.ceil(len(shown) / columns)
    width = 6.4 if columns == 1 else 4.2 * columns
    figure = Figure(figsize=(width, (3.8 if rows == columns == 1 else 3.0) * rows + 0.3), layout="constrained", dpi=130)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(len(shown))]
    for one, ax in zip(shown, axes, strict=True):
        _course(ax, one, unit)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=2 if columns == 1 else 4, frameon=False, fontsize=9
    )
    if len(courses) > len(shown):
        figure.supxlabel(f"the first {len(shown)} of {len(courses)} crosspoints", fontsize=9)
    return figure


def _course(ax: Axes, one: Course, unit: str) -> None:
    pulsed = len(one.pulses) > 0 and one.pulses[-1] > one.pulses[0]
    x = one.pulses if pulsed else np.arange(len(one.recorded), dtype=np.float64)
    order = np.argsort(x, kind="stable")
    ax.fill_between(
        x[order], one.low[order], one.high[order], color=ESTIMATE, alpha=0.25, lw=0, label="95 % prediction band"
    )
    ax.plot(x[order], one.median[order], color=ESTIMATE, lw=1.2, label="median of the simulations")
    marks = 2.2 if len(x) < 600 else 1.2
    ax.plot(x[one.inside], one.recorded[one.inside], ".", color=TRACE, ms=marks, label="recorded, inside")
    outside = ~one.inside
    ax.plot(x[outside], one.recorded[outside], "x", color=SECOND, ms=2.4 * marks, mew=0.8, label="recorded, outside")
    ax.set_title(one.title, fontsize=9)
    ax.set_xlabel("pulses applied" if pulsed else "reading", fontsize=9)
    ax.tick_params(labelsize=8)
    si_axis(ax.yaxis, "conductance", unit)
