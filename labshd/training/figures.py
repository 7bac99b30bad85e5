"""Figures of a one-weight training: the weight with target and prediction, and A against C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from instruments.crosspoints import FloatArray

# Okabe & Ito's colours, told apart with any colour vision; line styles differ as well.
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000"


def figures(history: Mapping[str, FloatArray], result: Mapping[str, Any]) -> list[Figure]:
    """All figures of a training of one weight; none before its first step.

    `history` has the columns of `Training.history` (or of a run's steps.csv), `result` is that of `outcome.result`.
    """
    if "core_weight" not in history or not len(history["step"]):
        return []
    drawn = [time_course(history, result)]
    if "auxiliary_weight" in history:
        drawn.append(phase_portrait(history, result))
    return drawn


def time_course(history: Mapping[str, FloatArray], result: Mapping[str, Any]) -> Figure:
    """Core weight against step, with the target, the predicted level and the band of the final value."""
    figure, axes = _sheet()
    steps, target = history["step"], result["target"]
    axes.plot(steps, history["core_weight"], color=BLUE, lw=0.8, label="core weight, as read")
    axes.axhline(target, color=BLACK, lw=1.2, ls="--", label=f"target {target:.3f}")
    predicted = result["prediction"].get("final")
    if predicted is not None and predicted != target:
        axes.axhline(predicted, color=ORANGE, lw=1.2, ls="-.", label=f"predicted {predicted:.3f}")
    if result["final"] is not None and result["final_std"] is not None:
        final, std = result["final"], result["final_std"]
        half = [steps[-1] / 2, steps[-1]]
        axes.fill_between(half, final - std, final + std, color=GREEN, alpha=0.5, lw=0,
                          label=f"mean of the last half {final:.3f} ± {std:.3f}")  # fmt: skip
    axes.set(xlabel="step", ylabel="weight (1 = half the range)", title=f"{result['algorithm'].upper()} on one weight")
    axes.legend(loc="best", fontsize="small")
    return figure


def phase_portrait(history: Mapping[str, FloatArray], result: Mapping[str, Any]) -> Figure:
    """Auxiliary against core weight: a spiral into (C0, 0) where A is asymmetric, an ellipse where it is not."""
    figure, axes = _sheet()
    a, c, steps = (np.asarray(history[key]) for key in ("auxiliary_weight", "core_weight", "step"))
    known = np.isfinite(a)
    _coloured_path(figure, axes, smooth(c[known]), smooth(a[known]), steps[known])
    axes.axhline(0.0, color=BLACK, lw=0.6)
    axes.plot(result["target"], 0.0, marker="x", ms=9, mew=2, color=ORANGE, ls="", label="target, A = 0")
    axes.legend(loc="best", fontsize="small")
    axes.set(xlabel="core weight C (1 = half the range)", ylabel="auxiliary weight A (1 = half the range)",
             title="A against C")  # fmt: skip
    return figure


def smooth(series: FloatArray, window: int = 25) -> FloatArray:
    """Running mean over at most `window` steps: single steps of A are gradient noise, and hide the orbit."""
    window = max(1, min(window, len(series) // 20))
    return np.convolve(series, np.full(window, 1 / window), mode="valid") if len(series) else series


def _coloured_path(figure: Figure, axes: Axes, x: FloatArray, y: FloatArray, steps: FloatArray) -> None:
    from matplotlib.collections import LineCollection

    points = np.stack([x, y], axis=1)
    segments = np.stack([points[:-1], points[1:]], axis=1)
    path = LineCollection(list(segments), cmap="viridis", lw=0.9)
    path.set_array(steps[: len(segments)])
    axes.add_collection(path)
    axes.autoscale_view()
    figure.colorbar(path, ax=axes, label="step")


def _sheet() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained", dpi=150)
    return figure, figure.add_subplot()
