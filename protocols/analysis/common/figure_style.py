"""The style of figures: sizes, colours that colour-blind readers tell apart, axes in SI units.

Figures are `matplotlib.figure.Figure` objects made without pyplot: nothing is global, nothing needs a display, and a
figure may be reused in a paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.value_text import PREFIXED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe & Ito's palette (jfly.uni-koeln.de/color): told apart with any common colour vision.
UP = "#D55E00"
DOWN = "#0072B2"
TRACE = "#333333"
ESTIMATE = "#009E73"
SECOND = "#CC79A7"
FAINT = "#BBBBBB"

WIDTH = 6.4  # [inch] one figure fills the text width of a page
HEIGHT = 3.4  # [inch] of one panel


def new_figure(panels: int = 1, *, width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """An empty figure of `panels` panels below each other, styled; sizes of one panel [inch]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height * panels), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(panels, 1, panel + 1) for panel in range(panels)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(visible=True, color="#E6E6E6", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=9)
    return figure, axes


def si_axis(axis: Axis, quantity: str, unit: str) -> None:
    """Label `axis` "quantity (unit)" with ticks in SI prefixes; units without prefixes, such as "normalised", plain."""
    if unit in PREFIXED:
        from matplotlib.ticker import EngFormatter

        axis.set_major_formatter(EngFormatter(unit=unit, sep=" "))
        axis.set_label_text(quantity, fontsize=10)
    else:
        axis.set_label_text(f"{quantity} ({unit})" if unit else quantity, fontsize=10)


def legend(ax: Axes, **options: object) -> None:
    """A small legend without a frame, where anything is labelled."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9, **options)  # type: ignore[arg-type]
