"""SHD beside SGD on every task, at equal device and equal number of samples.

Devices: 300 states, steps that fall to zero towards the bounds, 30 % cycle-to-cycle noise, spread of 5 to 10 %. SGD is
given the best of four learning rates, SHD one pair of rates a task. Printed for each task and
algorithm, over the seeds: loss (mean of the last tenth of the steps, what either minimises) with its standard error,
accuracy on test images or rms error of the weights, and pulses. `--quick` takes one seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from training_common import table

from labshd.training import (
    Calibration,
    LinearRegression,
    OneParameter,
    Settings,
    Task,
    network,
    result,
    simulated_arrays,
)
from labshd.training.floating import floating_point
from labshd.training.registry import TASKS
from sim_device.arrays.crosspoints import SimNoise, Spread
from sim_device.models.formulas import SoftBounds

STATES = 300
MODEL = SoftBounds(1e-6, 9e-6, 2 / STATES, 2 / STATES)
NOISE, SPREAD = SimNoise(0.3, 4e-9), Spread(step=0.1, up_down=0.05, low=0.05, high=0.05)
SGD_RATES = (0.005, 0.01, 0.02, 0.05)


@dataclass(frozen=True)
class Case:
    """A task with its number of samples, the rates of SHD, and which number of the result tells how good it is."""

    name: str
    task: Task
    steps: int
    rate: float
    transfer_rate: float
    tells: str


CASES = (
    Case("one-parameter", OneParameter(0.5, noise=1.0), 8000, 0.01, 0.02, "final"),
    Case("linear-regression", LinearRegression((0.6, -0.5, 0.4, -0.3), noise=1.0), 8000, 0.01, 0.02, "rms_error"),
    Case("digits-0-1", TASKS["digits-0-1"](), 1500, 0.05, 0.1, "accuracy"),
    Case("digits", TASKS["digits"](), 4000, 0.05, 0.05, "accuracy"),
    Case("digits-network", TASKS["digits-network"](), 8000, 0.02, 0.01, "accuracy"),
)


def trained(case: Case, algorithm: str, seed: int, rate: float) -> dict[str, Any]:
    """Numbers of one training."""
    calibration = Calibration.from_model(MODEL)
    arrays = simulated_arrays(MODEL, calibration, noise=NOISE, spread=SPREAD, seed=seed)
    settings = Settings(steps=case.steps, rate=rate, transfer_rate=case.transfer_rate, every=1, seed=seed)
    found = result(network(case.task, algorithm, arrays, calibration, settings=settings).finish())
    return {key: found.get(key) for key in ("loss", "pulses", case.tells)} | {"rate": rate}


def mean(rows: list[dict[str, Any]], key: str) -> tuple[float, float]:
    """Mean and standard error over the seeds; no error of one."""
    values = np.array([row[key] for row in rows], dtype=np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def best_of_sgd(case: Case, seeds: range) -> list[dict[str, Any]]:
    """Trainings at the rate whose mean loss is lowest."""
    tried = [[trained(case, "sgd", seed, rate) for seed in seeds] for rate in SGD_RATES]
    return min(tried, key=lambda rows: mean(rows, "loss")[0])


def main() -> None:
    """All tasks, three rows each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed instead of three")
    seeds = range(1, 2 if parser.parse_args().quick else 4)
    rows: list[list[Any]] = []
    for case in CASES:
        sgd = best_of_sgd(case, seeds)
        shd = [trained(case, "shd", seed, case.rate) for seed in seeds]
        for name, found in (("sgd", sgd), ("shd", shd)):
            loss, told = mean(found, "loss"), mean(found, case.tells)
            rows.append([case.name, name, found[0]["rate"], *loss, case.tells, *told, mean(found, "pulses")[0]])
        if case.tells != "final":
            digital = floating_point(case.task, Settings(steps=case.steps, rate=0.02, seed=1))
            row = [case.name, "floating", 0.02, digital["loss"], float("nan"), case.tells, digital[case.tells]]
            rows.append([*row, float("nan"), float("nan")])
        print(f"{case.name}: loss of SHD / SGD = {mean(shd, 'loss')[0] / mean(sgd, 'loss')[0]:.2f}", flush=True)
    table(["task", "algorithm", "rate", "loss", "std", "", "value", "std", "pulses"], rows)


if __name__ == "__main__":
    main()
