"""Onen et al. 2022, Fig. 1 C, D, F, G: SGD finds the optimum on a symmetric device and misses it on an asymmetric one.

Shape and prediction are compared, not numbers: the paper's parameters are not public, ours are in `training_common`.
Prediction for the asymmetric device: the weight settles where ``k (w − w0) + κ S(w) w = 0``.
"""

from __future__ import annotations

import numpy as np
from training_common import ASYMMETRIC, BLACK, BLUE, ORANGE, SYMMETRIC, figure, save, table, trained

from labshd.training import OneParameter, result

TARGETS = np.linspace(-0.8, 0.8, 9)
STEPS = 20_000


def main() -> None:
    """Time courses for one optimum, residuals for many."""
    courses, axes = figure(2)
    residuals, below = figure(2)
    rows: list[list[float | str]] = []
    for name, model, letters, colour, k in (
        ("symmetric", SYMMETRIC, "C, D", BLUE, 0),
        ("asymmetric", ASYMMETRIC, "F, G", ORANGE, 1),
    ):
        training = trained("sgd", OneParameter(target=0.6), model, steps=4000)
        axes[k].plot(training.history["step"], training.history["core_weight"], color=colour, lw=0.7)
        axes[k].axhline(0.6, color=BLACK, ls="--", lw=1, label="optimum $w_0$")
        axes[k].axhline(0.0, color=BLACK, ls=":", lw=1, label="symmetry point")
        axes[k].set(xlabel="step", ylabel="weight (1 = half the range)", ylim=(-0.2, 0.9), title=f"{name} ({letters})")
        axes[k].legend(fontsize="small")
        found = [result(trained("sgd", OneParameter(target=float(t)), model, steps=STEPS, seed=n))
                 for n, t in enumerate(TARGETS)]  # fmt: skip
        off = np.array([abs(r["error"]) for r in found])
        predicted = np.array([abs(r["prediction"]["final"] - r["target"]) for r in found])
        below[k].semilogy(TARGETS, off, "o", color=colour, label="simulated")
        if k:
            below[k].semilogy(TARGETS, np.maximum(predicted, 1e-4), color=BLACK, lw=1, label="predicted")
        below[k].set(xlabel="optimum $w_0$", ylabel="|final − $w_0$|", ylim=(1e-4, 1), title=f"{name} ({letters})")
        below[k].legend(fontsize="small")
        rows += [[name, r["target"], r["final"], r["final_std"], r["prediction"]["final"]] for r in found]
    table(["device", "optimum", "final", "std", "predicted"], rows)
    save(courses, "onen_fig1_courses")
    save(residuals, "onen_fig1_residuals")


if __name__ == "__main__":
    main()
