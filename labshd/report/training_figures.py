"""Figures of a training: loss and pulses beside the fitted device's, and each A against its C."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import FloatArray
from labshd.training.figures import smooth
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, SECOND, TRACE, UP, legend, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labshd.runs.run import Run

MOST = 16  # weights of one sheet
_COLUMNS = 4
History = Mapping[str, FloatArray]


def loss_figure(history: History, twin: History | None) -> Figure:
    """Running mean of the loss, of the training and of the same one on the fitted device."""
    figure, (ax,) = new_figure()
    for of, label, colour, line in ((twin, "the same, simulated on the fitted devices", ESTIMATE, "--"),
                                    (history, "recorded", TRACE, "-")):  # fmt: skip
        if of is None or not len(of.get("loss", ())):
            continue
        level = smooth(of["loss"], 50)
        ax.plot(of["step"][len(of["step"]) - len(level) :], level, line, color=colour, lw=1.1, label=label)
    if np.all(np.concatenate([np.asarray(line.get_ydata()) for line in ax.lines]) > 0):
        ax.set_yscale("log")
    ax.set_xlabel("step", fontsize=10)
    ax.set_ylabel("loss, mean of 50 steps", fontsize=10)
    legend(ax)
    figure.set_label("Loss against step, of the recorded training and of the same samples on the fitted devices.")
    return figure


def pulses_figure(history: History, twin: History | None) -> Figure:
    """Pulses spent on each array, and on the fitted devices."""
    figure, (ax,) = new_figure(height=2.8)
    arrays = [name.removesuffix("_pulses") for name in history if name.endswith("_pulses")]
    for number, array in enumerate(arrays):
        colour = (UP, DOWN, SECOND, ESTIMATE)[number % 4]
        ax.plot(history["step"], history[f"{array}_pulses"], color=colour, lw=1.2, label=array)
        if twin is not None and f"{array}_pulses" in twin:
            ax.plot(twin["step"], twin[f"{array}_pulses"], "--", color=colour, lw=0.9, label=f"{array}, fitted devices")
    ax.set_xlabel("step", fontsize=10)
    ax.set_ylabel("pulses so far", fontsize=10)
    legend(ax)
    figure.set_label("Pulses spent on each array; dashed, on the fitted devices.")
    return figure


def portraits_figure(run: Run) -> Figure | None:
    """Every auxiliary weight against its core weight; None of a training without A, or of a large or single one."""
    weights = weights_of(run)
    if weights is None:
        return None
    a, c, targets = weights
    number = min(MOST, a.shape[1])
    columns = min(_COLUMNS, number) if number != 4 else 2
    rows = math.ceil(number / columns)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * columns, 2.7 * rows), layout="constrained", dpi=130)
    for at in range(number):
        ax = figure.add_subplot(rows, columns, at + 1)
        x, y = smooth(c[:, at], 5), smooth(a[:, at], 5)
        ax.plot(x, y, color=FAINT, lw=0.6)
        ax.scatter(x, y, c=np.arange(len(x)), cmap="viridis", s=4)
        ax.axhline(0.0, color=TRACE, lw=0.6)
        if targets is not None:
            ax.plot(targets[at], 0.0, "x", color=UP, ms=8, mew=2)
        ax.set_title(_name(run, at), fontsize=9)
        ax.set_xlabel("core weight C", fontsize=9)
        ax.set_ylabel("auxiliary weight A", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.locator_params(axis="x", nbins=5)
    said = " Crosses: targets, with A at its symmetry point." if targets is not None else ""
    figure.set_label(f"A against C for every weight, early dark, late bright.{said}")
    return figure


def weights_of(run: Run) -> tuple[FloatArray, FloatArray, FloatArray | None] | None:
    """Weights (readings of A, number) of A and of C as last read, and targets where the task has some."""
    said: dict[str, Any] = run.info.get("settings", {})
    if {"auxiliary", "core"} - set(run.arrays) or "references" not in said:
        return None
    a, c = (_weights(run, array, said) for array in ("auxiliary", "core"))
    if a is None or c is None or a[1].shape[1] < 2 or not len(a[0]) or not len(c[0]):
        return None
    latest = np.searchsorted(c[0], a[0], side="right") - 1
    known = latest >= 0
    targets = said.get("task", {}).get("targets")
    return a[1][known], c[1][latest[known]], None if targets is None else np.array(targets, dtype=np.float64)


def _weights(run: Run, array: str, said: dict[str, Any]) -> tuple[FloatArray, FloatArray] | None:
    """Times (n,) and weights (n, number) of the readings of an array."""
    reference = said["references"].get(array)
    if reference is None or isinstance(reference, dict):
        return None
    series = run.series(array)
    read = np.all(np.isfinite(series.readings.conductance), axis=(1, 2))
    calibration = said["calibration"][array]
    scale = (calibration["high"] - calibration["low"]) / 2
    weights = (series.readings.conductance[read] - np.asarray(reference)) / scale
    return series.readings.time[read].min(axis=(1, 2)), weights.reshape(len(weights), -1)


def _name(run: Run, at: int) -> str:
    named: dict[str, Any] = run.info.get("settings", {}).get("crosspoints") or {}
    both = [np.array(named[array], dtype=np.str_) for array in ("auxiliary", "core") if named.get(array) is not None]
    return " and ".join(str(one.flat[at]) for one in both) or f"weight {at + 1}"
