"""SHD needs asymmetry in A and hardly minds it in C: error of one weight against the asymmetry of either.

Asymmetry is that of a linear step between constant (0) and soft bounds (1): κ in weights. Without any in A nothing
damps the orbit, and its amplitude stays what it was at the start (Onen et al. 2022: perfectly symmetric devices fail).
"""

from __future__ import annotations

import numpy as np
from training_common import BLUE, ORANGE, figure, save, table, trained

from labshd.training import OneParameter
from sim_device.models.formulas import ConstantStep, LinearStep

KAPPAS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
TASK = OneParameter(target=0.4)
STEP = 8e-9


def device(kappa: float) -> LinearStep | ConstantStep:
    """1000 states between 1 and 9 uS, symmetry point in the middle, asymmetry κ in weights."""
    if kappa == 0:
        return ConstantStep(1e-6, 9e-6, STEP, STEP)
    return LinearStep(1e-6, 9e-6, STEP, -STEP, up_slope=-kappa * STEP / 4e-6, down_slope=-kappa * STEP / 4e-6)


def off(kappa_a: float, kappa_c: float) -> tuple[float, float]:
    """Root-mean-square error of C over the last 3000 of 12000 steps, and its mean error; four seeds."""
    ends = [
        trained("shd", TASK, device(kappa_a), core_model=device(kappa_c), steps=12_000, seed=seed).history[
            "core_weight"
        ]
        for seed in range(4)
    ]
    last = np.concatenate([weights[-3000:] for weights in ends]) - TASK.target
    return float(np.sqrt(np.mean(last**2))), float(last.mean())


def main() -> None:
    """One curve for A (with C as asymmetric as can be), one for C (with A so)."""
    of_a = np.array([off(kappa, 1.0) for kappa in KAPPAS])
    of_c = np.array([off(1.0, kappa) for kappa in KAPPAS])
    sheet, axes = figure(2)
    for k, (title, numbers) in enumerate((("root-mean-square error", 0), ("mean error", 1))):
        axes[k].plot(KAPPAS, of_a[:, numbers], "o-", color=ORANGE, label="asymmetry of A (C: 1)")
        axes[k].plot(KAPPAS, of_c[:, numbers], "s--", color=BLUE, label="asymmetry of C (A: 1)")
        axes[k].set(xlabel="asymmetry κ (1 = soft bounds)", ylabel="C − $w_0$", title=title)
        axes[k].legend(fontsize="small")
    table(["kappa", "A: rms", "A: mean", "C: rms", "C: mean"],
          [[k, *a, *c] for k, a, c in zip(KAPPAS, of_a, of_c, strict=True)])  # fmt: skip
    save(sheet, "asymmetry_of_A_and_C")


if __name__ == "__main__":
    main()
