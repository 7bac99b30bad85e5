"""Figure of a symmetry-point run: the readings by kind of pulsing, and how the estimate narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import value_text
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, SECOND, UP, legend, new_figure, si_axis
from protocols.analysis.symmetry.estimate import FROM_ABOVE, FROM_BELOW, PARK, STEERED, Known, estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series

_LOOKS = 12  # estimates drawn along the run


def course(series: Series, known: Known | None = None) -> Figure:
    """Conductance against pulses applied; the symmetry point and its 95 % interval; how the estimate narrowed."""
    figure, (top, bottom) = new_figure(2, height=2.7)
    y, phases = series.readings.conductance[:, 0, 0], series.phases
    x = np.cumsum(np.abs(series.counts[:, 0, 0]))
    below, above = np.char.endswith(phases, FROM_BELOW), np.char.endswith(phases, FROM_ABOVE)
    steered, parked = phases == STEERED, np.char.startswith(phases, PARK)
    parts = (
        (~(below | above | steered | parked), FAINT, "drive, rest"),
        (below, UP, "from below"),
        (above, DOWN, "from above"),
        (steered, UP, "steered"),
        (parked, SECOND, "parked"),
    )
    for chosen, colour, label in parts:
        if np.any(chosen):
            top.plot(x[chosen], y[chosen], ".", markersize=2.5, color=colour, label=label, rasterized=True)
    found = estimate(series, known)
    if found.value is not None and found.std is not None:
        named = f"symmetry point {value_text(found.value, found.std, series.unit)}"
        for ax in (top, bottom):
            ax.axhline(found.value, color=ESTIMATE, label=named if ax is top else None)
            ax.axhspan(
                found.value - 1.96 * found.std, found.value + 1.96 * found.std, color=ESTIMATE, alpha=0.2, linewidth=0
            )
    si_axis(top.yaxis, "conductance", series.unit)
    legend(top, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, markerscale=4)
    pulses, values, errors = _growth(series, known)
    bottom.errorbar(pulses, values, 1.96 * errors, fmt="o", markersize=4, capsize=2, color=ESTIMATE)
    si_axis(bottom.yaxis, "estimate so far, 95 %", series.unit)
    bottom.set_xlabel("pulses applied", fontsize=10)
    bottom.set_xlim(top.get_xlim())
    return figure


def _growth(series: Series, known: Known | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # pyright: ignore[reportMissingTypeArgument]
    """Estimates from the first parts of the run: pulses applied, value, standard error."""
    applied = np.cumsum(np.abs(series.counts[:, 0, 0]))
    rows: list[tuple[float, float, float]] = []
    for n in np.linspace(0, len(series), _LOOKS + 1)[1:].astype(int):
        found = estimate(series.where(np.arange(len(series)) < n), known, parts=False)
        if found.value is not None and found.std is not None:
            rows.append((float(applied[n - 1]), found.value, found.std))
    columns = np.array(rows).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]
