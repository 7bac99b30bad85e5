"""Figure of endurance: both ends of the window, and its size, against cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.endurance.window import closed_at, reference, windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def figures(series: Series, share: float, confirm: int) -> list[Figure]:
    """One figure of two panels; none before a cycle was checked."""
    found = windows(series)
    if not found:
        return []
    figure, (ends, size) = new_figure(2, height=2.4)
    cycle = np.array([one.cycle for one in found])
    for name, colour, mark in (("high", UP, "^"), ("low", DOWN, "v")):
        value, std = (np.array([getattr(one, name + end) for one in found]) for end in ("", "_std"))
        ends.errorbar(cycle, value, std, fmt=f"{mark}-", color=colour, markersize=4, capsize=2, label=name)
    size.errorbar(
        cycle, [one.size for one in found], [one.std for one in found], fmt="o-", color=TRACE, markersize=4, capsize=2,
        label="window",
    )  # fmt: skip
    size.axhline(share * reference(found)[0], color=ESTIMATE, linestyle="--", label=f"{100 * share:.0f} % of the first")
    closure = closed_at(found, share, confirm)
    if closure is not None:
        size.axvline(closure.cycles, color=ESTIMATE, label=f"closed at {closure.cycles:.3g} cycles")
        band = closure.cycles * np.exp(np.array([-1.96, 1.96]) * closure.log_std)
        size.axvspan(float(band[0]), float(band[1]), color=ESTIMATE, alpha=0.15, linewidth=0)
    for ax in (ends, size):
        ax.set_xscale("log")
        ax.set_xlabel("cycles", fontsize=10)
    si_axis(ends.yaxis, "conductance", series.unit)
    si_axis(size.yaxis, "window", series.unit)
    legend(ends)
    legend(size)
    return [figure]
