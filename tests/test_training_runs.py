"""Trainings as runs: recorded, with a checkpoint in the folder, resumed to the same bits, whatever the task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from instruments.errors import InputError
from labshd.analysis.fit import fit_run
from labshd.runs.importing import import_files
from labshd.station_training.trainer import CHECKPOINT, Bench, train_on_device
from labshd.training import LinearRegression, OneParameter, Settings


def trained(runs: Path, steps: int = 400, algorithm: str = "shd", resume: Path | None = None, task=None):
    bench = Bench(runs=runs, resume=resume)
    return train_on_device("li-ecram", task or OneParameter(), algorithm, settings=Settings(steps=steps), bench=bench)


def test_a_training_keeps_steps_readings_and_a_checkpoint(tmp_path: Path) -> None:
    run = trained(tmp_path)
    steps = pd.read_csv(run.folder / "steps.csv")
    assert len(steps) == 400
    assert {"step", "loss", "core_weight", "core_conductance_S", "core_pulses"} <= set(steps.columns)
    assert steps["core_pulses"].iloc[-1] + steps["auxiliary_pulses"].iloc[-1] == run.result["pulses"]
    assert (run.folder / CHECKPOINT).is_file()
    assert run.result["warnings"] == []


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", steps=400)
    half = trained(tmp_path / "half", steps=200)
    rest = trained(tmp_path / "rest", steps=400, resume=half.folder)
    expected = pd.read_csv(whole.folder / "steps.csv")
    both = pd.concat([pd.read_csv(run.folder / "steps.csv") for run in (half, rest)], ignore_index=True)
    pd.testing.assert_frame_equal(both, expected, check_exact=True)
    assert rest.result["final"] == whole.result["final"]


def test_arrays_are_trained_and_recorded_as_well(tmp_path: Path) -> None:
    run = trained(tmp_path, steps=300, algorithm="ttv2", task=LinearRegression((0.4, -0.2)))
    assert run.result["steps"] == 300
    assert np.isfinite(run.result["rms_error"])
    assert "core_weight_rms" in pd.read_csv(run.folder / "steps.csv").columns


def test_a_run_that_is_no_training_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such checkpoint"):
        trained(tmp_path, resume=tmp_path)


@pytest.mark.parametrize("algorithm", ["shd", "ttv2"])
def test_an_abrupt_device_is_refused_for_the_auxiliary_array(tmp_path: Path, algorithm: str) -> None:
    rng, g = np.random.default_rng(0), 15e-6
    rows = ["pulses,conductance_S", f"0,{g}"]
    for sign in [1] * 100 + [-1] * 100:
        g += (0.01 * (60e-6 - g) if sign > 0 else -0.95 * (g - 10e-6)) * (1 + 0.2 * rng.standard_normal())
        rows.append(f"{sign},{g + 1e-7 * rng.standard_normal()!r}")
    (tmp_path / "abrupt.csv").write_text("\n".join(rows), encoding="utf-8")
    fitted = fit_run(import_files([tmp_path / "abrupt.csv"], runs=tmp_path / "runs"))
    assert "abrupt" in fitted.fit.abrupt
    device = fitted.save(tmp_path / "fitted.json")
    with pytest.raises(InputError, match=r"auxiliary array of .*abrupt"):
        train_on_device(str(device), OneParameter(), algorithm, bench=Bench(tmp_path / "runs"))
