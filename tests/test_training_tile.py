"""Tiles and pulse trains: updates have the mean and the variance that theory says, and every pulse is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from instruments.errors import InputError
from labshd.training import Calibration, Pulsing
from labshd.training.pulse_train import update_pulses
from labshd.training.tile import Tile
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import ConstantStep, SoftBounds

SYMMETRIC = ConstantStep(1e-6, 9e-6, 8e-9, 8e-9)
CALIBRATION = Calibration.from_model(SYMMETRIC)
X, D = np.array([0.9, -0.5, 0.1, 0.0]), np.array([0.8, -0.3, 0.05])
RATE, STEP, UPDATES = 0.02, 0.002, 4000


def counted(pulsing: Pulsing, rate: float = RATE) -> np.ndarray[Any, Any]:
    keys = (np.uint32(11), np.uint32(12))
    zero = np.zeros((len(D), len(X)), dtype=np.int64)
    made = (update_pulses(D, X, rate, STEP, pulsing, keys, k).counts for k in range(UPDATES))
    return np.array([zero if counts is None else counts for counts in made])


@pytest.mark.parametrize("fit_length", [True, False])
@pytest.mark.parametrize("management", [True, False])
def test_stochastic_updates_have_the_mean_and_variance_of_coincidences(management: bool, fit_length: bool) -> None:
    # n ~ binomial(length, p_x p_d): mean η |x d|/δ = K |x d|/max, variance mean (1 − mean/length)
    counts = counted(Pulsing(31, update_management=management, fit_length=fit_length))
    mean = RATE * np.outer(D, X) / STEP
    length = math.ceil(RATE * 0.9 * 0.8 / STEP) if fit_length else 31
    variance = np.abs(mean) * (1 - np.abs(mean) / length)
    assert counts.mean(axis=0) == pytest.approx(mean, abs=5 * np.sqrt(variance.max() / UPDATES))
    # standard error of a variance of small counts: sqrt((m4 − σ⁴)/n) with m4 <= σ² (1 + 3 σ²)
    error = np.sqrt(variance * (1 + 2 * variance) / UPDATES)
    assert np.all(np.abs(counts.var(axis=0) - variance) <= 5 * error + 1e-12)


@pytest.mark.parametrize("kind", ["stochastic", "mean-count", "deterministic"])
def test_no_update_has_the_wrong_sign(kind: Any) -> None:
    counts = counted(Pulsing(31, kind=kind), rate=0.1)
    assert np.all(counts * np.outer(D, X) >= 0)
    assert np.all(counts[:, :, 3] == 0)


def test_mean_counts_are_binomial_and_deterministic_ones_are_the_mean() -> None:
    mean = RATE * np.outer(D, X) / STEP
    drawn = counted(Pulsing(31, kind="mean-count"))
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=5 * math.sqrt(7.2 / UPDATES))
    assert np.all(counted(Pulsing(31, kind="deterministic")) == np.rint(mean))


def test_crosspoints_of_a_row_share_its_train_and_those_of_another_do_not() -> None:
    x, d = np.ones(2), np.ones(2)
    keys = (np.uint32(1), np.uint32(2))
    pulsing = Pulsing(20, fit_length=False)
    counts = np.array([update_pulses(d, x, 0.02, STEP, pulsing, keys, k).counts for k in range(UPDATES)]).reshape(-1, 4)
    # p = sqrt(1/2) on each line; covariance of two counts that share a line: L p² (p − p²) = 20 · .5 · .207
    covariance = np.cov(counts.T)
    assert covariance[0, 1] == pytest.approx(20 * 0.5 * (math.sqrt(0.5) - 0.5), abs=0.5)
    assert covariance[0, 3] == pytest.approx(0, abs=0.5)


def test_an_update_beyond_the_bit_length_is_cut_and_says_by_how_much() -> None:
    keys = (np.uint32(1), np.uint32(2))
    update = update_pulses(np.ones(1), np.ones(1), 0.2, STEP, Pulsing(31), keys, 0)
    assert update.clipped == pytest.approx(31 / 100)
    assert update.counts is not None
    assert update.counts[0, 0] == 31


def test_long_trains_count_as_well() -> None:
    update = update_pulses(np.ones(2), np.ones(3), 0.2, STEP, Pulsing(1000), (np.uint32(1), np.uint32(2)), 0)
    assert update.clipped == 1
    assert np.all(update.counts == 100)
    assert update.total == 600


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="NaN"):
        update_pulses(np.array([bad]), np.ones(1), 0.1, STEP, Pulsing(), (np.uint32(1), np.uint32(2)), 0)


def tile(shape: tuple[int, int], **more: Any) -> tuple[Tile, SimCrosspoints]:
    block = SimCrosspoints(SYMMETRIC, shape, initial=more.pop("initial", CALIBRATION.reference), **more)
    return Tile.of("core", block, CALIBRATION, 3), block


def test_weights_are_main_minus_reference_over_scale() -> None:
    made, _ = tile((2, 3), initial=np.array([[5e-6, 7e-6, 9e-6], [3e-6, 1e-6, 5e-6]]))
    assert made.weights() == pytest.approx(np.array([[0, 0.5, 1], [-0.5, -1, 0]]), abs=1e-6)
    assert made.forward([1, 2, 3]) == pytest.approx([4, -2.5], abs=1e-5)
    assert made.backward([1, 2]) == pytest.approx([-1, -1.5, 1], abs=1e-5)


def test_reference_crosspoints_are_read_along_and_never_pulsed() -> None:
    main, reference = (SimCrosspoints(SYMMETRIC, (2, 3), initial=g, noise=SimNoise(read=1e-9), seed=int(g * 1e9))
                       for g in (7e-6, 5e-6))  # fmt: skip
    made = Tile("core", main, reference, CALIBRATION.scale, CALIBRATION.weight_step)
    assert made.weights() == pytest.approx(np.full((2, 3), 0.5), abs=2e-3)
    made.update(np.ones(2), np.ones(3), 0.05)
    assert reference.pulses_applied.sum() == 0
    assert main.pulses_applied.sum() == made.pulses > 0
    assert made.weights().mean() == pytest.approx(0.55, abs=0.01)


@pytest.mark.parametrize("shape", [(4, 5), (20, 30)])
def test_pulses_are_counted_exactly(shape: tuple[int, int]) -> None:
    # small arrays are accounted for by crosspoint, large ones by sums of their trains
    made, block = tile(shape)
    rng = np.random.default_rng(1)
    for _ in range(20):
        made.update(rng.standard_normal(shape[0]), rng.standard_normal(shape[1]), 0.02)
    assert made.pulses == block.pulses_applied.sum()
    assert made.updates == 20


def test_a_large_tile_multiplies_as_a_small_one() -> None:
    made, block = tile((20, 30), initial=np.random.default_rng(0).uniform(1e-6, 9e-6, (20, 30)))
    x, d = np.linspace(-1, 1, 30), np.linspace(0, 1, 20)
    w = (block.conductance - CALIBRATION.reference) / CALIBRATION.scale
    assert made.forward(x) == pytest.approx(w @ x, abs=1e-4)
    assert made.backward(d) == pytest.approx(w.T @ d, abs=1e-4)


def test_points_tell_every_pulse_and_reading_in_order() -> None:
    made, _ = tile((2, 2))
    made.weights()
    made.pulse(np.array([[3, 0], [-2, 0]]))
    made.pulse(np.array([[-3, 0], [0, 4]]))
    made.weights()
    first, unread, second = made.taken()
    assert np.all(first.counts == 0)
    assert np.array_equal(unread.counts[0], [[3, 0], [-2, 0]])  # with the next update it would cancel in part
    assert np.all(np.isnan(unread.readings.conductance))
    assert np.all(np.isnan(unread.readings.time))
    assert np.array_equal(second.counts[0], [[-3, 0], [0, 4]])
    assert np.all(np.isfinite(second.readings.conductance))
    assert made.taken() == []


@pytest.mark.parametrize(("call", "message"), [
    (lambda t: t.forward([1, 2]), "does not fit 3 columns"),
    (lambda t: t.backward([1]), "does not fit 2 rows"),
    (lambda t: t.update([1], [1, 2, 3], 0.1), "does not fit 2 rows"),
])  # fmt: skip
def test_vectors_that_do_not_fit_are_refused(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(tile((2, 3))[0])


def test_references_that_do_not_fit_are_refused() -> None:
    block = SimCrosspoints(SYMMETRIC, (2, 3))
    for reference in (np.ones((3, 2)), SimCrosspoints(SYMMETRIC, (3, 2))):
        with pytest.raises(InputError, match=r"do(es)? not fit"):
            Tile("core", block, reference, 4e-6, 0.002)


def test_a_calibration_tells_step_and_asymmetry_of_soft_bounds() -> None:
    # δ* = s+ s− R/(s+ + s−), κ = (s+ + s−)/(2 δ*), here in weights of half the range: κ = 1/(the distance to a bound)
    found = Calibration.from_model(SoftBounds(1e-6, 9e-6, 0.002, 0.002))
    assert found.weight_step == pytest.approx(0.002)
    assert found.weight_kappa == pytest.approx(1.0)
    assert found.reach == pytest.approx((-1, 1))
    skewed = Calibration.from_model(SoftBounds(1e-6, 9e-6, 0.002, 0.006))
    assert skewed.reach == pytest.approx((-0.5, 1.5))
    assert skewed.weight_kappa == pytest.approx(0.008 / (2 * 0.003))
