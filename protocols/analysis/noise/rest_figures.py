"""Figures of read noise: readings against time and their distribution, autocorrelation, Allan deviation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.noise.rest import RestNoise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.common.protocol import Series


def rest_figures(series: Series, noise: RestNoise) -> list[Figure]:
    """Two figures: the readings; correlation and Allan deviation."""
    return [_readings(series, noise), _memory(noise, series.unit)]


def _readings(series: Series, noise: RestNoise) -> Figure:
    figure, (ax,) = new_figure()
    time, y = series.readings.time[:, 0, 0], series.readings.conductance[:, 0, 0]
    ax.plot(time, y, ".", markersize=2.5, color=TRACE, rasterized=True)
    line = noise.mean + noise.slope * (time - time.mean())
    ax.plot(time, line, color=UP, label="drift, straight line")
    ax.fill_between(time, line - noise.std, line + noise.std, color=ESTIMATE, alpha=0.2, linewidth=0, label="± 1 std")
    si_axis(ax.xaxis, "time", "s")
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax, loc="upper right", ncols=2)
    return figure


def _memory(noise: RestNoise, unit: str) -> Figure:
    figure, (top, bottom) = new_figure(2, height=2.7)
    lags = np.arange(1, noise.correlation.size)
    top.vlines(lags, 0, noise.correlation[1:], color=DOWN, linewidth=1.2)
    bound = 1.96 / math.sqrt(noise.count)
    top.axhspan(-bound, bound, color=FAINT, alpha=0.5, linewidth=0, label="95 % of white noise")
    top.set_xlabel("lag (readings)", fontsize=10)
    top.set_ylabel("autocorrelation", fontsize=10)
    legend(top, loc="upper right")
    bottom.errorbar(
        noise.allan_time, noise.allan, noise.allan_std, fmt="o-", markersize=4, capsize=2, color=DOWN, label="readings"
    )
    white = noise.allan[0] * np.sqrt(noise.allan_time[0] / noise.allan_time)
    bottom.plot(noise.allan_time, white, "--", color=TRACE, linewidth=1, label="white noise, τ^(−1/2)")
    bottom.set_xscale("log")
    if np.all(noise.allan > 0):
        bottom.set_yscale("log")
    si_axis(bottom.xaxis, "averaging time", "s")
    si_axis(bottom.yaxis, "Allan deviation", unit)
    legend(bottom)
    return figure
