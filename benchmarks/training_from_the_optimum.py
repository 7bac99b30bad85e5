"""Training started at the optimum: SGD drifts away from it towards the symmetry point, SHD stays (Onen et al. 2022)."""

from __future__ import annotations

import numpy as np
from training_common import BLACK, BLUE, ORANGE, figure, save, table, trained

from labshd.training import OneParameter, result


def main() -> None:
    """Courses and final weights of both, eight seeds each."""
    sheet, (axes,) = figure(1, 6.4)
    rows: list[list[float | str]] = []
    task = OneParameter(target=0.5)
    for name, colour in (("sgd", BLUE), ("shd", ORANGE)):
        finals: list[float] = []
        for seed in range(8):
            training = trained(name, task, start=task.target, steps=6000, seed=seed)
            label = name.upper() if seed == 0 else None
            axes.plot(training.history["step"], training.history["core_weight"], color=colour, lw=0.5, label=label)
            finals.append(result(training)["final"])
        predicted = result(training)["prediction"]["final"]
        rows.append([name, task.target, float(np.mean(finals)), float(np.std(finals, ddof=1) / np.sqrt(8)), predicted])
    axes.axhline(task.target, color=BLACK, ls="--", lw=1, label="optimum")
    axes.set(xlabel="step", ylabel="core weight (1 = half the range)", title="started at the optimum")
    axes.legend(fontsize="small")
    table(["algorithm", "optimum", "final", "std", "predicted"], rows)
    save(sheet, "from_the_optimum")


if __name__ == "__main__":
    main()
