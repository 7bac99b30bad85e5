"""Figures of the pulse window: steps against voltage, a line for each width, up and down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.units import text
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, SECOND, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.pulse_window.grid import Cell, Law, cells, law

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series

_COLOURS = (DOWN, UP, ESTIMATE, SECOND, TRACE)
_MARKS = "osD^v"


def figures(series: Series, largest: float) -> list[Figure]:
    """One figure of two panels, points and the law through them; none without steps. `largest` as for `law`."""
    found = cells(series)
    if not found:
        return []
    figure, (top, bottom) = new_figure(2, height=2.9)
    for ax, up in ((top, True), (bottom, False)):
        fitted = law(found, up=up, largest=largest)
        _panel(ax, [c for c in found if c.up == up], fitted, series.unit, "up" if up else "down")
    legend(top, loc="upper left", ncols=2)
    return [figure]


def _panel(ax: Axes, chosen: list[Cell], fitted: Law | None, unit: str, name: str) -> None:
    for index, width in enumerate(sorted({c.width for c in chosen})):
        of, colour, mark = [c for c in chosen if c.width == width], _COLOURS[index % 5], _MARKS[index % 5]
        for resolved in (True, False):
            part = [c for c in of if (abs(c.mean) > 2 * c.std) == resolved]
            ax.errorbar(
                [abs(c.voltage) for c in part], [abs(c.mean) for c in part], [c.std for c in part],
                fmt=mark, color=colour, mfc=colour if resolved else "white", markersize=4.5, capsize=2,
                linewidth=1 if resolved else 0.5, label=text(width, "s", 3) if resolved else None,
            )  # fmt: skip
        if fitted is not None and fitted.e_fold is not None:
            v = np.linspace(min(abs(c.voltage) for c in of), max(abs(c.voltage) for c in of), 50)
            power = (width / fitted.reference_width) ** (fitted.exponent or 0.0)
            ax.plot(v, fitted.amplitude * np.exp(v / fitted.e_fold) * power, color=colour, linewidth=1)
    if chosen:
        ax.set_yscale("log")
        ax.set_ylim(bottom=max(min(c.std for c in chosen) / 3, max(abs(c.mean) for c in chosen) / 1e4))
    si_axis(ax.xaxis, "pulse voltage, magnitude", "V")
    si_axis(ax.yaxis, f"mean step {name}, magnitude", unit)
