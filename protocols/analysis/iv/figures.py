"""Figures of I-V loops: all cycles in one plot, and what changes from cycle to cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, SECOND, UP, legend, new_figure, si_axis
from protocols.analysis.iv.loops import Loops

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figures(loops: Loops, result: dict[str, Any]) -> list[Figure]:
    """The loops; and set and reset voltage, on and off against the cycle where more than one was made."""
    if not loops.loops:
        return []
    figure, (ax,) = new_figure()
    _loops(ax, loops)
    for name, colour in (("set", UP), ("reset", DOWN)):
        volts, std = result.get(f"{name}_voltage_V"), result.get(f"{name}_voltage_std_V")
        if volts is not None and std is not None:
            ax.axvline(volts, color=colour, linestyle="--", linewidth=0.9, label=f"{name} voltage")
            ax.axvspan(volts - 1.96 * std, volts + 1.96 * std, color=colour, alpha=0.15, linewidth=0)
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
    made = [figure]
    if sum(one is not None for one in loops.switches) > 1 and max(loop.cycle for loop in loops.loops) > 0:
        made.append(_cycles(loops))
    return made


def _loops(ax: Axes, loops: Loops) -> None:
    last = max(loop.cycle for loop in loops.loops)
    limited_at: list[tuple[float, float]] = []
    for loop in loops.loops:
        shade = 0.3 + 0.7 * loop.cycle / max(last, 1)
        size = np.maximum(np.abs(loop.current), 1e-12)
        for way, line in ((slice(0, loop.out), "-"), (slice(loop.out - 1, None), ":")):
            label = None
            if loop is loops.loops[-1]:
                label = "out, last cycle" if line == "-" else "back, last cycle"
            ax.semilogy(loop.volts[way], size[way], line, color=ESTIMATE, alpha=shade, linewidth=1.0, label=label)
        limited_at += zip(loop.volts[loop.limited].tolist(), size[loop.limited].tolist(), strict=True)
    if limited_at:
        x, y = zip(*limited_at, strict=True)
        ax.semilogy(x, y, "o", mfc="none", color=SECOND, markersize=5, label="current limit reached")
    si_axis(ax.xaxis, "voltage", "V")
    si_axis(ax.yaxis, "magnitude of the current", "A")


def _cycles(loops: Loops) -> Figure:
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (volts, levels) = new_figure(2, height=2.4)
    for up, name, after, colour, mark in ((True, "set", "on", UP, "^"), (False, "reset", "off", DOWN, "v")):
        found = [
            (loop.cycle + 1, one.voltage, one.after)
            for loop, one in zip(loops.loops, loops.switches, strict=True)
            if one is not None and one.up == up
        ]
        if found:
            cycle, at, g = zip(*found, strict=True)
            volts.plot(cycle, np.abs(at), f"{mark}-", color=colour, markersize=4, label=f"{name} voltage, magnitude")
            levels.semilogy(cycle, g, f"{mark}-", color=colour, markersize=4, label=after)
    for ax in (volts, levels):
        ax.set_xlabel("cycle", fontsize=10)
        legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    si_axis(volts.yaxis, "voltage", "V")
    si_axis(levels.yaxis, "conductance", "S")
    levels.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    levels.yaxis.set_minor_formatter(NullFormatter())
    return figure


def block_figures(result: dict[str, Any]) -> list[Figure]:
    """Set and reset voltages of a block as cumulative distributions; none with fewer than three that switch."""
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    figure, (ax,) = new_figure(height=2.6)
    for name, colour, line in (("set", UP, "-"), ("reset", DOWN, "--")):
        volts = sorted(abs(one[f"{name}_voltage_V"]) for one in each if one.get(f"{name}_voltage_V") is not None)
        if len(volts) >= 3:
            share = np.arange(1, len(volts) + 1) / len(each)
            ax.step(volts, share, line, where="post", color=colour, label=f"{name}, magnitude")
    if not ax.lines:
        return []
    ax.set_ylim(0, 1)
    ax.set_ylabel("share of crosspoints", fontsize=10)
    si_axis(ax.xaxis, "voltage", "V")
    legend(ax)
    return [figure]
