"""Figures of an array: maps of level and swing with faulty crosspoints marked, distributions, traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.common.figure_style import DOWN, FAINT, TRACE, UP, legend, new_figure, si_axis
from protocols.common.protocol import known_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def course(series: Series) -> list[Figure]:
    """Conductance against pulses of one crosspoint; none before anything was read."""
    if not len(series):
        return []
    figure, (ax,) = new_figure(height=2.4)
    g, counts = series.readings.conductance[:, 0, 0], known_counts(series.counts[:, 0, 0])
    x = np.cumsum(np.abs(counts))
    for of, colour, label in ((counts > 0, UP, "up"), (counts < 0, DOWN, "down"), (counts == 0, FAINT, "at rest")):
        if np.any(of):
            ax.plot(x[of], g[of], ".", color=colour, markersize=5, label=label)
    ax.set_xlabel("pulses applied", fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax)
    return [figure]


def maps(series: Series, result: dict[str, Any]) -> list[Figure]:
    """Maps of level and swing, and their distributions; a cross marks what does not work."""
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    if not each:
        return []
    figure, axes = new_figure(2, height=3.0)
    shape, unit = series.shape, series.unit
    wrong = np.array([(one["row"], one["column"]) for one in each if not one["works"]]).reshape(-1, 2)
    for ax, name in zip(axes, ("conductance", "swing"), strict=True):
        values: FloatArray = np.full(shape, np.nan)
        for one in each:
            value = one.get(f"{name}_{unit}")
            values[one["row"], one["column"]] = np.nan if value is None else value
        _map(figure, ax, values, name, unit)
        ax.plot(wrong[:, 1], wrong[:, 0], "x", color=UP, markersize=8, markeredgewidth=2)
    return [figure, _distributions(each, unit)]


def _map(figure: Figure, ax: Axes, values: FloatArray, name: str, unit: str) -> None:
    image = ax.imshow(values, cmap="cividis", aspect="equal", interpolation="nearest")
    ax.grid(visible=False)
    ax.set_xlabel("column (crosses do not work)", fontsize=10)
    ax.set_ylabel("row", fontsize=10)
    for axis, size in ((ax.xaxis, values.shape[1]), (ax.yaxis, values.shape[0])):
        axis.set_ticks(list(range(0, size, max(1, size // 8))))
    si_axis(figure.colorbar(image, ax=ax).ax.yaxis, name, unit)


def _distributions(each: list[dict[str, Any]], unit: str) -> Figure:
    """Cumulative shares: every crosspoint is a step, nothing is binned."""
    figure, axes = new_figure(2, height=2.2)
    for ax, names in zip(axes, (("conductance", "swing"), ("step_up", "step_down")), strict=True):
        for name, colour, line in zip(names, (TRACE, UP), ("-", "--"), strict=True):
            given = [one.get(f"{name}_{unit}") for one in each if one["works"]]
            values = np.sort(np.abs(np.array([v for v in given if v is not None], dtype=np.float64)))
            if values.size:
                share = np.arange(1, values.size + 1) / values.size
                ax.step(values, share, line, where="post", color=colour, label=name.replace("_", " "))
        ax.set_ylabel("share of working", fontsize=10)
        si_axis(ax.xaxis, "magnitude", unit)
        legend(ax)
    return figure
