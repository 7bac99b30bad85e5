"""Figures of forming: current and conductance against voltage; forming voltages of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, SECOND, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.forming.outcome import Criterion, ramp_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from instruments.crosspoints import FloatArray
    from protocols.common.protocol import Series


def figures(series: Series, levels: FloatArray, reads: int, criterion: Criterion) -> list[Figure]:
    """One figure of two panels; none before a step was held."""
    ramp = ramp_of(series, levels, reads, criterion)
    if ramp is None or not len(ramp.volts):
        return []
    figure, (current, read) = new_figure(2, height=2.4)
    current.semilogy(ramp.volts, np.abs(ramp.current), "o-", color=UP, markersize=3, linewidth=0.8, label="while held")
    limited = ramp.limited > 0
    if np.any(limited):
        current.semilogy(
            ramp.volts[limited], np.abs(ramp.current[limited]), "o", mfc="none", color=SECOND, markersize=8,
            label="current limit reached",
        )  # fmt: skip
    read.errorbar(
        ramp.volts, np.maximum(ramp.after, 1e-12), ramp.after_std, fmt="s-", color=DOWN, markersize=3, linewidth=0.8,
        label="read after it",
    )  # fmt: skip
    read.set_yscale("log")
    read.axhline(ramp.threshold, color=TRACE, linestyle=":", label="formed from here on")
    at = ramp.formed_at
    if at:
        for ax in (current, read):
            ax.axvspan(float(ramp.volts[at - 1]), float(ramp.volts[at]), color=ESTIMATE, alpha=0.25, linewidth=0)
    for ax in (current, read):
        si_axis(ax.xaxis, "voltage held", "V")
        legend(ax)
    si_axis(current.yaxis, "current", "A")
    si_axis(read.yaxis, "conductance", "S")
    return [figure]


def block_figures(result: dict[str, Any]) -> list[Figure]:
    """How many of the crosspoints are formed at which voltage; none with fewer than three formed."""
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    volts = sorted(one["forming_voltage_V"] for one in each if one.get("forming_voltage_V") is not None)
    tried = sum(one.get("outcome") in ("formed", "not formed") for one in each)
    if len(volts) < 3:
        return []
    figure, (ax,) = new_figure(height=2.6)
    ax.step(volts, np.arange(1, len(volts) + 1) / tried, where="post", color=DOWN, label="formed")
    ax.set_ylim(0, 1)
    ax.set_ylabel("share of crosspoints", fontsize=10)
    si_axis(ax.xaxis, "forming voltage", "V")
    legend(ax)
    return [figure]
