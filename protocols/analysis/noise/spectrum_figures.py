"""Figures of noise: the spectrum, and the two levels of telegraph noise where there are two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import value_text
from protocols.analysis.common.figure_style import DOWN, FAINT, TRACE, UP, legend, new_figure, si_axis
from protocols.analysis.noise.spectrum import spectrum
from protocols.analysis.noise.telegraph import Telegraph, telegraph_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from protocols.analysis.noise.spectrum import Spectrum
    from protocols.common.protocol import Series

_SHOWN = 1000  # readings of a telegraph that are drawn


def noise_figures(series: Series) -> list[Figure]:
    """The spectrum where there are readings enough; the telegraph where one is found."""
    figures: list[Figure] = []
    seen = spectrum(series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0])
    if seen is not None and np.all(seen.density > 0):
        figures.append(_spectrum(seen, series.unit))
    found = telegraph_of(series)
    if found is not None and found.found:
        figures.append(_telegraph(series, found))
    return figures


def _spectrum(seen: Spectrum, unit: str) -> Figure:
    figure, (ax,) = new_figure()
    ax.plot(seen.frequency, seen.density, color=DOWN, linewidth=1, label="power density")
    low, high = seen.density * np.exp(-1.96 * seen.relative_std), seen.density * np.exp(1.96 * seen.relative_std)
    ax.fill_between(seen.frequency, low, high, color=DOWN, alpha=0.15, linewidth=0)
    middle = np.sqrt(seen.frequency[0] * seen.frequency[-1])
    below = seen.frequency <= middle
    level = np.exp(np.mean(np.log(seen.density[below]) + seen.exponent * np.log(seen.frequency[below])))
    label = f"1/f^γ, γ = {value_text(seen.exponent, seen.exponent_std, '')}"
    ax.plot(
        seen.frequency[below], level * seen.frequency[below] ** -seen.exponent, color=UP, linewidth=1.4, label=label
    )
    ax.set_xscale("log")
    ax.set_yscale("log")
    si_axis(ax.xaxis, "frequency", "Hz")
    ax.set_ylabel(f"power density ({unit}²/Hz)", fontsize=10)
    legend(ax)
    return figure


def _telegraph(series: Series, found: Telegraph) -> Figure:
    figure, (ax,) = new_figure()
    g, t = series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0]
    good = np.isfinite(g)
    g, t = g[good][: found.high.size][:_SHOWN], t[good][: found.high.size][:_SHOWN]
    ax.plot(t, g, ".", markersize=2.5, color=FAINT, label="readings")
    state = found.low + found.separation * (found.high[: g.size] > 0.5)
    label = f"two levels, {value_text(found.separation, found.separation_std, series.unit)} apart"
    ax.step(t, state, where="mid", color=TRACE, linewidth=1, label=label)
    si_axis(ax.xaxis, "time", "s")
    si_axis(ax.yaxis, "conductance", series.unit)
    legend(ax, loc="upper right", ncols=2)
    return figure
