"""What a physicist reads of a training: each number with its error or the reason why it has none, and which time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labshd.common.numbers import rows
from labshd.common.provenance import What, Where
from labshd.runs.durations import bench_time, took
from labshd.runs.run import Run, open_run
from labshd.runs.writer import RunWriter
from labshd.station_training.trainer import TASKS, Bench, train_on_device
from labshd.training import Settings

TRAININGS = [("one-parameter", "shd"), ("one-parameter", "sgd"), ("linear-regression", "sgd")]


def trained(task: str, algorithm: str, folder: Path) -> Run:
    return train_on_device("li-ecram", TASKS[task](), algorithm, settings=Settings(steps=300), bench=Bench(folder))


@pytest.mark.parametrize(("task", "algorithm"), TRAININGS)
def test_every_number_has_an_error_or_its_reason(task: str, algorithm: str, tmp_path: Path) -> None:
    run = trained(task, algorithm, tmp_path)
    shown = list(rows(run.result or {}))
    assert len(shown) > 6
    for label, said in shown:
        assert "_" not in label, label
        assert "no error given" not in said, f"{label} {said}"
        assert not re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", said), f"{label} {said} has no error and no reason"


def test_a_simulated_training_says_that_its_time_is_the_computers(tmp_path: Path) -> None:
    run = trained("one-parameter", "sgd", tmp_path)
    said = took(run)
    assert said.startswith("computer time" if bench_time(run) is None else "bench time")
    assert "(simulated" in said


def test_on_a_real_bench_there_is_one_time(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, What("protocol", "read-noise"), Where("A1", origin={"kind": "bench"}))
    writer.close("finished", "done", result={})
    run = open_run(writer.folder)
    assert bench_time(run) is None
    assert re.fullmatch(r"[\d.]+ (ms|µs|s)", took(run))
