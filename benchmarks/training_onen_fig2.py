"""Onen et al. 2022, Fig. 2 E, F: SHD on symmetric devices goes round an ellipse, on asymmetric ones along a spiral.

Printed: the period against 2π √(τ/(η_A η_C k)), and how much of the amplitude is left, turn by turn.
Damping needs gradient noise S > 0: near the optimum it is ``η_A κ S`` a step for A, half of that for the envelope.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from training_common import ASYMMETRIC, BLACK, SYMMETRIC, figure, save, table, trained

from labshd.training import OneParameter, result
from labshd.training.figures import smooth

TASK = OneParameter(target=0.3, noise=0.15)


def turns(about: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which the smoothed weight passes the optimum upward, and its extreme in each turn."""
    even = np.convolve(about, np.full(25, 0.04), mode="valid")
    up = np.flatnonzero((even[:-1] < 0) & (even[1:] >= 0))
    up = up[np.insert(np.diff(up) > 200, 0, True)] if len(up) else up
    return up, np.array([even[a:b].max() for a, b in pairwise(up)])


def main() -> None:
    """A against C for both, and the numbers of the orbits."""
    sheet, axes = figure(2)
    rows: list[list[float | str]] = []
    for k, (name, model, letter) in enumerate((("symmetric", SYMMETRIC, "E"), ("asymmetric", ASYMMETRIC, "F"))):
        training = trained("shd", TASK, model, steps=6000, seed=1)
        history, predicted = training.history, result(training)["prediction"]
        known = np.isfinite(history["auxiliary_weight"])
        c, a = smooth(history["core_weight"][known]), smooth(history["auxiliary_weight"][known])
        points = axes[k].scatter(c, a, c=np.arange(len(c)), s=1.5, cmap="viridis")
        axes[k].plot(TASK.target, 0, "x", color=BLACK, ms=9, mew=2)
        axes[k].set(xlabel="core weight C", ylabel="auxiliary weight A", title=f"{name} ({letter})")
        sheet.colorbar(points, ax=axes[k], label="step")
        up, extremes = turns(history["core_weight"] - TASK.target)
        rows += [
            [name, float(turn), float(length), predicted["period"], float(extreme), predicted["damping"] / 2]
            for turn, (length, extreme) in enumerate(zip(np.diff(up), extremes, strict=True), start=1)
        ]
    table(["device", "turn", "period", "predicted", "amplitude", "decay a step"], rows)
    save(sheet, "onen_fig2")


if __name__ == "__main__":
    main()
