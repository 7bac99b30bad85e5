"""Figures that every run has: the trace, the histogram of readings, a map of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, Status
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, SECOND, TRACE, UP, legend, new_figure, si_axis
from protocols.common.protocol import Series, known_counts, segments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = (("up", UP, "^"), ("down", DOWN, "v"), ("read", TRACE, "o"))
_MOST_MARKS = 400  # readings up to which each is a mark; more are a line


def direction(series: Series) -> NDArray[np.str_]:
    """(n,) "up", "down" or "read" for each reading of one crosspoint: the sign of the pulses before it.

    Where the count is not known, the direction is that of the reading after it.
    """
    sign = np.sign(known_counts(series.counts).ravel())
    starts = np.array([part.start for part in segments(series) if part.stop - part.start > 1], dtype=np.intp)
    sign[starts] = np.where(sign[starts] == 0, sign[np.minimum(starts + 1, len(sign) - 1)], sign[starts])
    return np.array(["down", "read", "up"])[sign.astype(np.intp) + 1]


def pulse_number(series: Series) -> FloatArray:
    """(n,) pulses of known count, either sign, that one crosspoint has seen up to each reading."""
    return np.cumsum(np.abs(known_counts(series.counts).ravel())).astype(np.float64)


def trace_figure(series: Series) -> Figure:
    """Conductance of one crosspoint against the number of pulses; marks tell up, down and reads without a pulse."""
    figure, (ax,) = new_figure()
    g = series.readings.conductance.ravel()
    pulses = pulse_number(series)
    x, label = (pulses, "pulses applied") if pulses[-1] > 0 else (np.arange(len(g), dtype=np.float64), "reading")
    kinds = direction(series)
    few = len(g) <= _MOST_MARKS
    read = np.isfinite(g)  # rows that only count pulses must not break the line
    for part in segments(series):
        ax.plot(x[part][read[part]], g[part][read[part]], color=FAINT, linewidth=0.8, zorder=1)
    for kind, colour, mark in _KINDS:
        of = kinds == kind
        if np.any(of):
            ax.plot(x[of], g[of], mark, color=colour, markersize=3.2 if few else 1.6, label=_named(kind), zorder=2)
    _mark_doubtful(ax, x, g, series.readings.status.ravel())
    ax.set_xlabel(label, fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    _legend_above(ax, markerscale=1.5 if few else 3)
    return figure


def _legend_above(ax: Axes, **options: object) -> None:
    """Beside each other above the axes, where they hide no reading."""
    columns = max(1, len(ax.get_legend_handles_labels()[1]))
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2, **options)


def pieces_figure(series: Series) -> Figure:
    """Every piece of a series of one crosspoint from its own beginning, such as ramps: early pale, late dark."""
    figure, (ax,) = new_figure()
    g, kinds, pieces = series.readings.conductance.ravel(), direction(series), segments(series)
    colours = {kind: colour for kind, colour, _ in _KINDS}
    last = {str(kinds[part.stop - 1]): number for number, part in enumerate(pieces)}
    for number, part in enumerate(pieces):
        kind = str(kinds[part.stop - 1])
        ax.plot(
            np.arange(part.stop - part.start, dtype=np.float64), g[part],
            color=colours[kind], alpha=0.25 + 0.75 * number / max(1, len(pieces) - 1), linewidth=0.9,
            linestyle="--" if kind == "down" else "-", label=_named(kind) if last[kind] == number else None,
        )  # fmt: skip
    ax.set_xlabel("reading of the piece", fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    _legend_above(ax)
    return figure


def _named(kind: str) -> str:
    return "read again, no pulse" if kind == "read" else f"after pulses {kind}"


def _mark_doubtful(ax: Axes, x: FloatArray, g: FloatArray, status: NDArray[np.uint8]) -> None:
    """Circle readings that are not what they seem: compliance, over-range, pulses of unknown delivery."""
    flags = Status.COMPLIANCE | Status.OVERRANGE | Status.UNCERTAIN | Status.NO_CURRENT
    doubtful = (status & flags) != 0
    if np.any(doubtful):
        ax.plot(
            x[doubtful], g[doubtful], "o", mfc="none", color=SECOND, markersize=7,
            label="compliance, over-range, no current or uncertain", zorder=3,
        )  # fmt: skip


def time_figure(series: Series) -> Figure | None:
    """Conductance against time; None where no time was kept."""
    time, g = series.readings.time.ravel(), series.readings.conductance.ravel()
    known = np.isfinite(time)
    if np.count_nonzero(known) < 2 or np.ptp(time[known]) == 0:
        return None
    figure, (ax,) = new_figure()
    ax.plot(time[known], g[known], ".", color=TRACE, markersize=2)
    si_axis(ax.xaxis, "time", "s")
    si_axis(ax.yaxis, "conductance", series.unit)
    return figure


def histogram_figure(series: Series) -> Figure | None:
    """How often each conductance was read, by direction; None for fewer than 20 readings."""
    g = series.readings.conductance.ravel()
    good = np.isfinite(g)
    if np.count_nonzero(good) < 20 or np.ptp(g[good]) == 0:
        return None
    figure, (ax,) = new_figure(height=2.6)
    edges = np.histogram_bin_edges(g[good], bins=min(60, max(10, int(np.sqrt(np.count_nonzero(good))))))
    kinds = direction(series)
    styles = {"up": (UP, "-"), "down": (DOWN, "--"), "read": (TRACE, ":")}
    for kind, (colour, line) in styles.items():
        of = good & (kinds == kind)
        if np.any(of):
            ax.hist(g[of], bins=edges.tolist(), histtype="step", color=colour, linestyle=line, label=_named(kind))
    si_axis(ax.xaxis, "conductance", series.unit)
    ax.set_ylabel("readings", fontsize=10)
    _legend_above(ax)
    return figure


def map_figure(series: Series) -> Figure:
    """The last reading of every crosspoint of a block, as a map."""
    figure, (ax,) = new_figure()
    every = series.readings.conductance
    read = np.flatnonzero(np.any(np.isfinite(every), axis=(1, 2)))  # the other rows only count pulses
    last = every[read[-1] if len(read) else -1]
    image = ax.imshow(last, cmap="cividis", aspect="equal", interpolation="nearest")
    ax.set_xlabel("column", fontsize=10)
    ax.set_ylabel("row", fontsize=10)
    ax.grid(visible=False)
    ax.set_xticks(range(last.shape[1]) if last.shape[1] <= 16 else range(0, last.shape[1], 8))
    ax.set_yticks(range(last.shape[0]) if last.shape[0] <= 16 else range(0, last.shape[0], 8))
    si_axis(figure.colorbar(image, ax=ax).ax.yaxis, "conductance", series.unit)
    return figure


def block_figure(series: Series) -> Figure:
    """Conductance of every crosspoint of a block against the reading: single lines, and median and quartiles."""
    figure, (ax,) = new_figure()
    flat = series.readings.conductance.reshape(len(series), -1)
    reading = np.flatnonzero(np.any(np.isfinite(flat), axis=1))  # rows that only count pulses have no reading
    flat = flat[reading]
    ax.plot(reading, flat[:, :200], color=FAINT, linewidth=0.6)
    if len(flat):
        low, middle, high = np.nanpercentile(flat, [25, 50, 75], axis=1)
        label = "middle half of the crosspoints"
        ax.fill_between(reading, low, high, color=ESTIMATE, alpha=0.25, linewidth=0, label=label)
        ax.plot(reading, middle, color=ESTIMATE, linewidth=1.5, label="median")
    ax.set_xlabel("reading", fontsize=10)
    si_axis(ax.yaxis, "conductance", series.unit)
    _legend_above(ax)
    return figure
