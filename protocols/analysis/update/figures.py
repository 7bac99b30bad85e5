"""Figures of the update response: conductance against pulses, and ΔG±(G) with its crossing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import value_text
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, UP, legend, new_figure, si_axis
from protocols.analysis.common.fitted_series import crossings
from protocols.analysis.update.delta_g import DeltaG
from protocols.analysis.update.ramp_shape import ramps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def trace_figure(series: Series) -> Figure:
    """Conductance after every pulse, coloured by direction."""
    figure, (ax,) = new_figure()
    y, counts = series.readings.conductance[:, 0, 0], series.counts[:, 0, 0]
    x = np.cumsum(np.abs(counts))
    for chosen, colour, label in ((counts > 0, UP, "up"), (counts < 0, DOWN, "down"), (counts == 0, FAINT, "at rest")):
        if np.any(chosen):
            ax.plot(x[chosen], y[chosen], ".", markersize=2.5, color=colour, label=label, rasterized=True)
    ax.set_xlabel("pulses applied", fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax, loc="upper left", bbox_to_anchor=(0, 1.14), ncols=3, markerscale=4)
    return figure


def shape_figure(series: Series) -> list[Figure]:
    """Ramps over each other from 0 to 1, beside the straight line; none before a ramp is whole."""
    found = {phase: ramps(series, phase) for phase in ("up", "down")}
    if not any(found.values()):
        return []
    figure, (ax,) = new_figure()
    for phase, colour in (("up", UP), ("down", DOWN)):
        for number, states in enumerate(found[phase]):
            y = (states - states[0]) / (states[-1] - states[0])
            x = np.linspace(0, 1, states.size)
            ax.plot(x, y, color=colour, linewidth=0.9, alpha=0.7, label=phase if not number else None)
    ax.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="straight")
    ax.set_xlabel("share of the pulses of the ramp", fontsize=10)
    ax.set_ylabel("share of the way", fontsize=10)
    legend(ax)
    return [figure]


def step_figure(table: DeltaG | None, unit: str) -> list[Figure]:
    """Mean step up and magnitude of the mean step down against conductance; none without a table."""
    if table is None:
        return []
    figure, (ax,) = new_figure()
    for mean, std, colour, label in (
        (table.up, table.up_std, UP, "ΔG₊, up"),
        (-table.down, table.down_std, DOWN, "−ΔG₋, down"),
    ):
        there = np.isfinite(std)
        ax.errorbar(
            table.centre[there], mean[there], std[there], fmt="o", markersize=4, capsize=2, color=colour, label=label
        )
    ax.axhline(0, color="#888888", linewidth=0.8)
    _mark(ax, table, unit)
    si_axis(ax.xaxis, "conductance", unit)
    si_axis(ax.yaxis, "mean step per pulse", unit)
    legend(ax, loc="best")
    return [figure]


def _mark(ax: Axes, table: DeltaG, unit: str) -> None:
    """Vertical bands where the steps cancel."""
    for crossing in crossings(table.fit):
        kind = "stable" if crossing.stable else "unstable"
        label = f"{kind} symmetry point {value_text(crossing.conductance, crossing.std, unit)}"
        ax.axvline(crossing.conductance, color=ESTIMATE, linestyle="-" if crossing.stable else "--", label=label)
        left, right = crossing.conductance - 1.96 * crossing.std, crossing.conductance + 1.96 * crossing.std
        ax.axvspan(left, right, color=ESTIMATE, alpha=0.15, linewidth=0)
