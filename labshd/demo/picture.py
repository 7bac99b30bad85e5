"""The demo in one figure: update response, ΔG±(G), training on the bench, A against C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from labshd.demo.way import Way
from labshd.runs.run import Run
from labshd.training.figures import BLACK, BLUE, GREEN, ORANGE, smooth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MICRO = 1e6


def picture(way: Way) -> Figure:
    """Four panels that tell the story."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.2), layout="constrained", dpi=110)
    axes = figure.subplots(2, 2)
    _response(axes[0, 0], way)
    _steps(axes[0, 1], way)
    _courses(axes[1, 0], way)
    _orbits(axes[1, 1], way)
    return figure


def _response(ax: Axes, way: Way) -> None:
    fit = way.fitted.fit
    ax.plot(fit.conductance * MICRO, ".", ms=2, color=BLUE, label="readings")
    ax.plot(fit.smoothed * MICRO, color=ORANGE, lw=1.2, label="soft bounds, fitted")
    point = fit.symmetry_point
    if point is not None:
        ax.axhline(point.conductance * MICRO, color=GREEN, lw=1, ls="--", label="symmetry point")
    ax.set(xlabel="reading (a pulse before each)", ylabel="conductance (µS)", title="a   500 pulses up, 500 down")
    ax.legend(fontsize="small")


def _steps(ax: Axes, way: Way) -> None:
    model = way.fitted.fit.model
    result = way.symmetry.result or {}
    if model is not None:
        grid = np.linspace(model.g_min, model.g_max, 200)
        ax.plot(grid * MICRO, model.step_up(grid) * 1e9, color=BLUE, label="step up, $ΔG_+$")
        ax.plot(grid * MICRO, -model.step_down(grid) * 1e9, color=ORANGE, ls="--", label="step down, $|ΔG_-|$")
    at, std = result.get("symmetry_point_S"), result.get("std_S")
    if at is not None and std is not None:
        ax.axvspan((at - 2 * std) * MICRO, (at + 2 * std) * MICRO, color=GREEN, alpha=0.35, lw=0)
        label = f"symmetry point by random pulsing\n{value_text(at, std, 'S')}"
        ax.axvline(at * MICRO, color=GREEN, lw=1, label=label)
    ax.set(xlabel="conductance (µS)", ylabel="step by one pulse (nS)", title="b   where up and down cancel")
    ax.legend(fontsize="small")


def history(run: Run) -> dict[str, FloatArray]:
    """Columns of a training's steps."""
    table = run.steps()
    return {} if table is None else {str(name): table[name].to_numpy(dtype=np.float64) for name in table.columns}


def _courses(ax: Axes, way: Way) -> None:
    target = 0.0
    for algorithm, colour, style in (("shd", BLUE, "-"), ("sgd", ORANGE, "-")):
        run = way.bench[algorithm]
        columns, result = history(run), run.result or {}
        ax.plot(columns["step"], columns["core_weight"], color=colour, ls=style, lw=0.8, label=algorithm.upper())
        target = result["target"]
    predicted = prediction_of(way.bench["sgd"])
    if predicted is not None:
        ax.axhline(predicted, color=ORANGE, lw=1.2, ls="-.", label=f"SGD, predicted {predicted:.2f}")
    ax.axhline(target, color=BLACK, lw=1.2, ls="--", label=f"target {target:.2f}")
    ax.set(xlabel="step", ylabel="weight (1 = half the range)", title="c   one weight trained on the bench")
    ax.legend(fontsize="small", ncols=2)


def prediction_of(run: Run) -> float | None:
    """Where theory says that a training settles, in weights; None where it says nothing."""
    prediction: dict[str, Any] = (run.result or {}).get("prediction") or {}
    return prediction.get("final")


def _orbits(ax: Axes, way: Way) -> None:
    for run, colour, label in (
        (way.symmetric, ORANGE, "symmetric device: it oscillates"),
        (way.bench["shd"], BLUE, "the device on the bench: it settles"),
    ):
        columns = history(run)
        known = np.isfinite(columns["auxiliary_weight"])
        a, c = columns["auxiliary_weight"][known], columns["core_weight"][known]
        ax.plot(smooth(c, 50), smooth(a, 50), color=colour, lw=0.8, label=label)
    ax.plot((way.bench["shd"].result or {})["target"], 0, "x", color=BLACK, ms=9, mew=2, label="target, A = 0")
    ax.set(xlabel="core weight C", ylabel="auxiliary weight A", title="d   A against C under SHD")
    ax.legend(fontsize="small")
