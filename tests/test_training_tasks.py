"""Networks on arrays: digits, large tiles with a read path, checkpoints, zero-shifted references."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instruments.errors import InputError, RunError
from labshd.training import (
    Calibration,
    LinearRegression,
    OneParameter,
    Settings,
    Training,
    network,
    result,
    simulated_arrays,
)  # fmt: skip
from labshd.training.assembly import Arrays, layer_of
from labshd.training.checkpoint import resume, save
from labshd.training.digits import ClassifyDigits
from labshd.training.read_path import ReadPath
from labshd.training.zero_shift import Reference, WriteVerify, program, symmetry_points
from protocols.symmetry_point import SymmetryPoint
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.formulas import ConstantStep, SoftBounds

SOFT = SoftBounds(1e-6, 9e-6, 0.002, 0.002)
CALIBRATION = Calibration.from_model(SOFT)
SPREAD = Spread(step=0.1, up_down=0.02, low=0.05, high=0.05)


def arrays(**more: Any) -> Any:
    return simulated_arrays(SOFT, CALIBRATION, **({"noise": SimNoise(0.3, 4e-9), "spread": SPREAD, "seed": 1} | more))


@pytest.mark.parametrize("algorithm", ["sgd", "shd"])
def test_zero_against_one_on_64_devices(algorithm: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn ships the digits")
    settings = Settings(steps=600, rate=0.02, transfer_rate=0.05, every=1)
    found = result(network(ClassifyDigits((0, 1)), algorithm, arrays(), CALIBRATION, settings=settings).finish())
    assert found["accuracy"] > 0.95
    assert found["test_images"] == 72


def test_a_small_network_learns_three_digits_through_converters() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn ships the digits")
    task = ClassifyDigits((0, 1, 2), hidden=(8,), gain=2.0)
    settings = Settings(steps=1200, rate=0.02, transfer_rate=0.05, every=1)
    training = network(task, "shd", arrays(), CALIBRATION, settings=settings, read_path=ReadPath())
    found = result(training.finish())
    assert found["accuracy"] > 0.8
    assert [tile.name for tile in training.tiles] == ["auxiliary 1", "core 1", "auxiliary 2", "core 2"]


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from labshd.training import digits

    digits.digits.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r"labshd\[tasks\]"):
        digits.digits((3, 4))


@pytest.mark.parametrize("chosen", [(1,), (1, 1), (1, 0), (0, 11)])
def test_digits_that_are_none_are_refused(chosen: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="two or more"):
        ClassifyDigits(chosen)


def regression(algorithm: str = "shd", steps: int = 300, **more: Any) -> Training:
    task = LinearRegression((0.4, -0.3), noise=0.2)
    make = arrays()
    return network(task, algorithm, make, CALIBRATION, settings=Settings(steps=steps, block=20, seed=3), **more)


@pytest.mark.parametrize("algorithm", ["sgd", "shd", "residual", "ttv2", "c-ttv2", "agad"])
@pytest.mark.parametrize("path", [None, ReadPath()])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    algorithm: str, path: ReadPath | None, tmp_path: Path
) -> None:
    whole = regression(algorithm, read_path=path)
    whole.finish()
    stopped = regression(algorithm, read_path=path)
    steps = stopped.run()
    for _ in range(7):
        next(steps)
    save(stopped, tmp_path / "training.npz")
    resumed = regression(algorithm, read_path=path)
    resume(resumed, tmp_path / "training.npz")
    resumed.finish()
    for name, column in whole.history.items():
        assert np.array_equal(column, resumed.history[name], equal_nan=True), name
    for mine, its in zip(whole.tiles, resumed.tiles, strict=True):
        assert np.array_equal(mine.main.read().conductance, its.main.read().conductance)
    assert result(whole) == result(resumed)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    save(regression("sgd", 5).finish(), tmp_path / "training.npz")
    with pytest.raises(InputError, match="not a checkpoint of this training"):
        resume(regression("shd"), tmp_path / "training.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"nothing of the kind"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "wrong.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a checkpoint"):
        resume(regression(), tmp_path / "wrong.npz")
    with pytest.raises(InputError, match="no such"):
        resume(regression(), tmp_path / "none.npz")


def finished(steps: Any) -> Reference:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


SKEWED = SoftBounds(1e-6, 9e-6, 0.01, 0.014)


def test_zero_shifting_finds_every_symmetry_point_and_its_error() -> None:
    block = SimCrosspoints(SKEWED, (2, 3), noise=SimNoise(0.3, 1e-8), spread=Spread(up_down=0.1), seed=4)
    found = finished(symmetry_points(block, SymmetryPoint(budget=1500)))
    for row in range(2):
        for column in range(3):
            d = block.device(row, column)
            true = (d["s_up"] * d["g_max"] + d["s_down"] * d["g_min"]) / (d["s_up"] + d["s_down"])
            # five standard errors: one chance in 10^6 for each of six
            assert abs(found.conductance[row, column] - true) < 5 * found.std[row, column]
    assert np.all(found.trusted)
    assert 0 < found.weight_error(4e-6) < 0.05


def test_symmetric_devices_cannot_be_zero_shifted_and_it_says_so() -> None:
    block = SimCrosspoints(ConstantStep(1e-6, 9e-6, 8e-8, 8e-8), noise=SimNoise(0.3, 1e-8), seed=4)
    with pytest.raises(RunError, match="no crosspoint of simulated has a stable symmetry point"):
        finished(symmetry_points(block, SymmetryPoint(budget=600)))


def test_references_are_programmed_to_their_own_targets_each() -> None:
    block = SimCrosspoints(SKEWED, (3, 4), noise=SimNoise(0.3, 1e-8), spread=Spread(0.2, 0.1), seed=2)
    targets = np.random.default_rng(0).uniform(3e-6, 6e-6, (3, 4))
    reached = finished(program(block, targets, WriteVerify(tolerance=5e-8, step=5e-8)))
    assert np.all(reached.trusted)
    # tolerance, and the read noise of its mean of 4 on top
    assert block.conductance == pytest.approx(targets, abs=5e-8 + 5 * 1e-8 / 2)


def test_a_stuck_reference_is_given_up_within_its_budget_and_named() -> None:
    block = SimCrosspoints(SKEWED, (8, 8), noise=SimNoise(0.3, 1e-8), spread=Spread(stuck=0.2), seed=2)
    reached = finished(program(block, np.full((8, 8), 5e-6), WriteVerify(tolerance=5e-8, step=5e-8, budget=300)))
    assert block.pulses_applied.max() <= 300
    assert np.all(reached.trusted[~block.stuck])
    far = block.stuck & (np.abs(block.conductance - 5e-6) > 1e-7)
    assert np.any(far)
    assert not np.any(reached.trusted[far])


def test_zero_shifted_references_save_sgd_on_skewed_devices() -> None:
    """Kim et al.: with the zero at the symmetry point, asymmetry pulls weights to zero and not to elsewhere."""
    task = OneParameter(target=0.0, noise=1.0)
    exact = Calibration.from_model(SKEWED)
    middle = Calibration(5e-6, exact.step, 1e-6, 9e-6)

    def settles(calibration: Calibration) -> float:
        block = SimCrosspoints(SKEWED, noise=SimNoise(0.3, 1e-8), initial=calibration.reference, seed=1)
        layer = layer_of("sgd", Arrays(block), calibration, calibration, Settings(rate=0.02))
        return float(result(Training(task, [layer], Settings(steps=30_000), calibration).finish())["final"])

    # the symmetry point lies at (s+ − s−)/(s+ + s−) = −1/6 of half the range; SGD settles κS/(1 + κS) of the way to it
    kappa_s = exact.kappa * exact.scale * math.sqrt(2 / math.pi)  # type: ignore[operator]
    assert settles(exact) == pytest.approx(0.0, abs=0.02)
    assert settles(middle) == pytest.approx(-kappa_s / (1 + kappa_s) / 6, abs=0.02)
