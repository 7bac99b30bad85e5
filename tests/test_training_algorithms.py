"""Each algorithm against a few lines of its formula, on devices without noise or asymmetry: they agree to a pulse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from instruments.errors import InputError
from labshd.training import (
    Calibration,
    LinearRegression,
    Pulsing,
    Settings,
    network,
    result,
    simulated_arrays,
)  # fmt: skip
from labshd.training.algorithms import SHD
from labshd.training.buffered import AGAD, ChoppedTTv2, TTv2
from labshd.training.tile import Tile
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.formulas import ConstantStep, SoftBounds

FINE = ConstantStep(-1.0, 1.0, 1e-4, 1e-4)  # in weights: a pulse is 1e-4
CALIBRATION = Calibration.from_model(FINE, unit="normalised")
SHAPE = (2, 3)
EXACT = Pulsing(10_000, kind="deterministic", fit_length=False)
RATES: dict[str, Any] = {"rate": 0.05, "transfer_rate": 0.2, "every": 2}


def tiles(*, chopped: bool = False) -> tuple[Tile, Tile]:
    a, c = (SimCrosspoints(FINE, SHAPE, initial=0.0, unit="normalised", seed=s) for s in (1, 2))
    return Tile.of("auxiliary", a, CALIBRATION, 1, EXACT), Tile.of("core", c, CALIBRATION, 2, EXACT)


def samples(number: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    rng = np.random.default_rng(5)
    return [(rng.uniform(-0.2, 0.2, SHAPE[0]), rng.uniform(-1, 1, SHAPE[1])) for _ in range(number)]


def one_hot(k: int) -> np.ndarray[Any, Any]:
    return np.eye(SHAPE[1])[k % SHAPE[1]]


@pytest.mark.parametrize("orthogonal", [False, True])
def test_shd_is_its_formula(orthogonal: bool) -> None:
    u = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0] if orthogonal else np.eye(3)
    a_tile, c_tile = tiles()
    layer = SHD(a_tile, c_tile, **RATES, directions=u if orthogonal else None)
    a, c = np.zeros(SHAPE), np.zeros(SHAPE)
    for n, (d, x) in enumerate(samples(60), start=1):
        layer.update(d, x)
        a -= 0.05 * np.outer(d, x)
        if n % 2 == 0:
            v = u[(n // 2 - 1) % 3]
            c += 0.2 * np.outer(a @ v, v)
    # rounding to pulses of 1e-4: half a pulse an update, as a random walk over 60 (A) and what A was off by (C)
    assert a_tile.weights() == pytest.approx(a, abs=4 * 0.5e-4 * np.sqrt(60))
    assert c_tile.weights() == pytest.approx(c, abs=8 * 0.5e-4 * np.sqrt(60))
    assert (layer.updates, layer.transfers) == (60, 30)


def test_ttv2_is_its_formula() -> None:
    a_tile, c_tile = tiles()
    layer = TTv2(a_tile, c_tile, rate=0.05, transfer_rate=2e-3, every=1, momentum=0.1)
    c, h = np.zeros(SHAPE), np.zeros(SHAPE)
    for n, (d, x) in enumerate(samples(200)):
        layer.update(d, x)
        h += 2e-3 / 1e-4 * np.outer(a_tile.weights() @ one_hot(n), one_hot(n))
        full = np.abs(h) >= 1
        c[full] += 1e-4 * np.sign(h[full])
        h[full] *= 0.1
    assert layer.buffer == pytest.approx(h, abs=1e-9)
    assert c_tile.weights() == pytest.approx(c, abs=1e-6)
    assert c_tile.pulses > 20


@pytest.mark.parametrize("kind", [ChoppedTTv2, AGAD])
def test_choppers_take_off_what_does_not_change_sign(kind: Any) -> None:
    """A is read with a constant offset: without choppers C drifts by it, with them only the gradient counts."""

    def drift(made: type[TTv2], **more: Any) -> np.ndarray[Any, Any]:
        a_tile, c_tile = tiles()
        a_tile.reference = np.asarray(-0.02)  # every weight of A reads 0.02 too high, and no gradient comes
        layer = made(a_tile, c_tile, rate=0.05, transfer_rate=2e-3, every=1, **more)
        for _ in range(3000):
            layer.update(np.zeros(SHAPE[0]), np.zeros(SHAPE[1]))
        return c_tile.weights()

    plain = drift(TTv2)
    assert np.all(plain > 0.01)
    chopped = drift(kind, flip_probability=0.5) if kind is ChoppedTTv2 else drift(kind)
    assert np.abs(chopped).max() < 0.2 * plain.min()


def test_chopped_gradients_arrive_with_their_own_sign() -> None:
    a_tile, c_tile = tiles()
    layer = ChoppedTTv2(a_tile, c_tile, rate=0.01, transfer_rate=1e-2, every=1, flip_probability=0.3, seed=3)
    d, x = np.array([-1.0, 0.5]), np.array([1.0, 0.4, -0.6])
    for _ in range(300):
        layer.update(d * 0.1, x)
    assert np.array_equal(np.sign(c_tile.weights()), -np.sign(np.outer(d, x)))


def test_agad_sends_nothing_before_it_knows_a_past() -> None:
    a_tile, c_tile = tiles()
    layer = AGAD(a_tile, c_tile, rate=0.05, transfer_rate=1.0, every=1, period=10)
    for d, x in samples(3 * 10):
        layer.update(d, x)
    assert c_tile.pulses == 0
    for d, x in samples(30):
        layer.update(d, x)
    assert c_tile.pulses > 0


TASK = LinearRegression(targets=(0.5, -0.3, 0.2, -0.1), noise=0.3)
SOFT = SoftBounds(1e-6, 9e-6, 0.002, 0.002)


def regression(algorithm: str, steps: int = 6000, transfer_rate: float = 0.02, **options: Any) -> dict[str, Any]:
    calibration = Calibration.from_model(SOFT)
    make = simulated_arrays(SOFT, calibration, noise=SimNoise(0.3, 4e-9), spread=Spread(step=0.1), seed=1)
    settings = Settings(steps=steps, rate=0.01, transfer_rate=transfer_rate)
    return result(network(TASK, algorithm, make, calibration, settings=settings, options=options).finish())


@pytest.mark.parametrize(
    ("algorithm", "steps", "transfer_rate"), [("shd", 4000, 0.02), ("residual", 2000, 0.02), ("ttv2", 4000, 0.2)]
)
def test_two_arrays_find_what_sgd_misses_on_asymmetric_devices(
    algorithm: str, steps: int, transfer_rate: float
) -> None:
    # gradient noise |x| (σ ξ + ...) holds SGD at W0/(1 + κS), S about .25: 20 % off, rms .06; the others are off by
    # their noise: σ sqrt(rate/τ ...) of about .01
    assert regression("sgd", steps=4000)["rms_error"] > 0.045
    assert regression(algorithm, steps, transfer_rate)["rms_error"] < 0.035


@pytest.mark.parametrize("algorithm", ["c-ttv2", "agad"])
def test_chopped_algorithms_learn_as_well_if_later(algorithm: str) -> None:
    # without learning the rms error is that of the targets, .31
    assert regression(algorithm, 2500, transfer_rate=0.1)["rms_error"] < 0.15


def test_a_small_array_is_trained_by_the_compiled_loop_to_the_same_bits() -> None:
    def weights(*, fast: bool) -> Any:
        calibration = Calibration.from_model(SOFT)
        make = simulated_arrays(SOFT, calibration, noise=SimNoise(0.3, 4e-9, 8e-9), spread=Spread(step=0.1), seed=1)
        training = network(TASK, "shd", make, calibration, settings=Settings(steps=600, seed=2))
        training.fast = fast
        training.finish()
        return training.history["loss"], [tile.main.read().conductance for tile in training.tiles]

    (loss, read), (expected_loss, expected_read) = weights(fast=True), weights(fast=False)
    assert np.array_equal(loss, expected_loss)
    assert all(np.array_equal(*pair) for pair in zip(read, expected_read, strict=True))


def test_rates_fall_as_the_schedule_says() -> None:
    calibration = Calibration.from_model(FINE, unit="normalised")
    for fast in (True, False):
        make = simulated_arrays(FINE, calibration)
        settings = Settings(steps=1000, rate=0.1, decay=100, pulsing=Pulsing(10_000))
        training = network(LinearRegression((0.5,), noise=1.0), "sgd", make, calibration, settings=settings)
        training.fast = fast
        training.finish()
        spent = np.diff(training.history["core_pulses"], prepend=0)
        # pulses follow the rate: mean of 1/(1 + t/100) over the last half against the first tenth
        t = np.arange(1000)
        expected = np.mean(1 / (1 + t[500:] / 100)) / np.mean(1 / (1 + t[:100] / 100))
        assert spent[500:].mean() / spent[:100].mean() == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        ("adam", {}, "sgd, shd, residual, ttv2, c-ttv2, agad"),
        ("shd", {"gamma": 1.0}, "options gamma"),
        ("ttv2", {"momentum": 1.0}, "momentum = 1"),
        ("shd", {"directions": np.ones((4, 4))}, "orthogonal"),
        ("agad", {"period": 0}, "period"),
    ],
)
def test_wrong_algorithms_and_options_are_refused(algorithm: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        regression(algorithm, **options)


def test_arrays_of_two_shapes_are_refused() -> None:
    a, c = (SimCrosspoints(FINE, shape, unit="normalised") for shape in ((2, 2), (2, 3)))
    with pytest.raises(InputError, match="one shape"):
        SHD(Tile.of("a", a, CALIBRATION), Tile.of("c", c, CALIBRATION))
