"""The read path: levels of converters, bounds, noise, and what the managements do about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.errors import InputError
from labshd.training.read_path import Draws, ReadPath

RNG = np.random.default_rng(0)
W = np.random.default_rng(1).uniform(-1, 1, (5, 8))
QUIET: dict[str, Any] = {"dac_bits": None, "adc_bits": None, "noise": 0.0, "output_bound": None}


def product(x: Any) -> Any:
    return W @ x


def through(x: Any, *, bounded: bool = True, **settings: Any) -> Any:
    return ReadPath(**settings).through(product, np.asarray(x, dtype=float), Draws(np.uint32(2), 1), bounded=bounded)


@settings(deadline=None)  # the first call compiles
@given(st.floats(-10, 10), st.integers(2, 16), st.floats(0.1, 10))
def test_rounding_is_to_the_nearest_of_the_levels_within_the_bound(value: float, bits: int, bound: float) -> None:
    step, x = 2 * bound / (2**bits - 2), np.array([value, 0.0])
    dac: dict[str, Any] = QUIET | {"dac_bits": bits, "input_bound": bound, "noise_management": False}
    adc: dict[str, Any] = QUIET | {
        "adc_bits": bits,
        "output_bound": bound,
        "noise_management": False,
        "input_bound": 20.0,
    }
    for given_path in (dac, adc):
        level, zero = ReadPath(**given_path).through(np.copy, x, Draws(np.uint32(2), 1), bounded=False)
        assert abs(level - np.clip(value, -bound, bound)) <= step / 2 * (1 + 1e-9)
        assert level / step == pytest.approx(round(level / step), abs=1e-6)
        assert zero == 0


def test_no_number_stays_none() -> None:
    x = np.array([np.nan, *np.ones(7)])
    for management in (True, False):
        assert np.all(np.isnan(through(x, noise_management=management, bounded=False)))


def test_noise_follows_from_key_and_number_and_differs_between_products() -> None:
    def noise(key: int, number: int) -> Any:
        path = ReadPath(**QUIET | {"noise": 1.0, "noise_management": False})
        return path.through(np.zeros_like, np.ones(10_000), Draws(np.uint32(key), number), bounded=True)

    first = noise(1, 1)
    assert np.array_equal(first, noise(1, 1))
    for other in (noise(1, 2), noise(2, 1)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(first.size)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6))
def test_a_path_with_everything_off_is_the_product(size: float) -> None:
    x = size * np.linspace(-1, 1, 8)
    path = {**QUIET, "input_bound": 2e6, "noise_management": False}
    assert through(x, **path) == pytest.approx(W @ x, rel=1e-12)


def test_noise_management_keeps_small_signals_above_noise_and_levels() -> None:
    x = 1e-3 * np.linspace(-1, 1, 8)
    settings: dict[str, Any] = {"dac_bits": 7, "adc_bits": 9, "noise": 0.01}
    assert np.abs(through(x, noise_management=True, **settings) - W @ x).max() < 1e-4
    lost = through(x, noise_management=False, **settings)
    assert np.abs(lost - W @ x).max() > 1e-3


def test_inputs_beyond_the_bound_are_clipped_without_noise_management() -> None:
    x = np.array([5.0, *np.zeros(7)])
    assert through(x, **(QUIET | {"noise_management": False})) == pytest.approx(W[:, 0])
    assert through(x, **QUIET) == pytest.approx(5 * W[:, 0])


@pytest.mark.parametrize("management", ["iterative", "worst-case"])
def test_bound_management_saves_what_the_adc_would_clip(management: Any) -> None:
    x = np.sign(W[0])  # the first output is the sum of magnitudes, beyond the bound
    settings = QUIET | {"output_bound": 1.5}
    assert W[0] @ x > 3
    assert through(x, bound_management=None, **settings)[0] == pytest.approx(1.5)
    assert through(x, bound_management=management, **settings) == pytest.approx(W @ x)
    # backward passes are never managed: gradients may be clipped
    assert through(x, bound_management=management, bounded=False, **settings)[0] == pytest.approx(1.5)


def test_samples_of_a_batch_are_managed_each_by_itself() -> None:
    batch = np.stack([np.sign(W[0]), 0.01 * np.ones(8)], axis=1)
    settings = {"noise": 0.0, "dac_bits": 7, "adc_bits": 9, "output_bound": 1.5}
    both = through(batch, **settings)
    for k in range(2):
        assert both[:, k] == pytest.approx(through(batch[:, k], **settings))


def test_output_noise_has_its_size_in_units_of_the_scaled_output() -> None:
    settings = QUIET | {"noise": 0.06}
    x = np.tile(0.5 * np.linspace(-1, 1, 8)[:, None], 20_000)
    off = through(x, **settings) - W @ x
    # inputs are scaled up by 1/0.5, and so is the noise down again
    assert off.std() == pytest.approx(0.03, rel=5 / np.sqrt(2 * off.size))


@pytest.mark.parametrize("wrong", [{"dac_bits": 1}, {"adc_bits": 99}, {"input_bound": 0.0}, {"noise": -1.0}])
def test_converters_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="2 to 24 bits"):
        ReadPath(**wrong)
