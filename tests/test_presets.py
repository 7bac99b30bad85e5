"""Presets: published numbers in weight units come back from the model in siemens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from instruments.errors import InputError
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.presets import PRESETS, preset

# Of each source, in weight units: step Δw, bounds, and the map to siemens G = centre + w · per_weight of the preset.
LINEAR = {
    "li-ecram": (0.002, 1.1724, -0.8276, 0.1153, 0.5085, 10e-6, 5e-6),
    "mo-ecram": (2.8214e-4, 1.1714, -0.8286, 0.4152, 0.7342, 50e-6, 25e-6),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("w", [-0.8, -0.3, 0.0, 0.4, 1.1])
def test_linear_presets_step_as_published(name: str, w: float) -> None:
    # Δw+ = Δ(1 − γ↑ w/high), Δw− = −Δ(1 − γ↓ w/low)
    step, high, low, gamma_up, gamma_down, centre, unit = LINEAR[name]
    model = PRESETS[name].model
    assert model.step_up(centre + w * unit) == pytest.approx(step * (1 - gamma_up * w / high) * unit, rel=1e-9)
    assert model.step_down(centre + w * unit) == pytest.approx(-step * (1 - gamma_down * w / low) * unit, rel=1e-9)
    assert model.range == pytest.approx((centre + low * unit, centre + high * unit))


@pytest.mark.parametrize("w", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_the_exponential_preset_steps_as_published(w: float) -> None:
    # y = 1 − A exp(±γ z), z = 2 a w/(b_max − b_min) + b with a = b = −.5, γ = 5; up_down .2594 reduces down steps
    z = -0.5 * w - 0.5
    model, unit, step = PRESETS["hfo2-reram"].model, 15e-6, 0.00135
    up = step * (1 + 1.18445 * math.exp(5 * z))
    down = step * (1 - 0.2594) * (1 + 0.081404 * math.exp(-5 * z))
    assert model.step_up(20e-6 + w * unit) == pytest.approx(up * unit, rel=1e-9)
    assert model.step_down(20e-6 + w * unit) == pytest.approx(-down * unit, rel=1e-9)


@pytest.mark.parametrize("w", [-0.6, 0.0, 1.4])
def test_the_soft_bounds_preset_steps_as_published(w: float) -> None:
    model, unit, step = PRESETS["om-reram"].model, 25e-6, 0.0949
    assert model.step_up(40e-6 + w * unit) == pytest.approx(step * (1 - w / 1.4839) * unit, rel=1e-9)
    assert model.step_down(40e-6 + w * unit) == pytest.approx(-step * (1 + w / 0.6192) * unit, rel=1e-9)


@pytest.mark.parametrize(("name", "states"), [("li-ecram", 1000), ("mo-ecram", 7090), ("om-reram", 22)])
def test_numbers_of_states_are_those_of_the_devices(name: str, states: float) -> None:
    assert PRESETS[name].model.number_of_states() == pytest.approx(states, rel=0.03)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_where_it_comes_from_and_what_is_ours(name: str) -> None:
    chosen = preset(name)
    assert "20" in chosen.source  # a year
    assert "our choice" in chosen.window
    assert chosen.model.symmetry_points()[0].stable


@pytest.mark.parametrize("name", PRESETS)
def test_arrays_of_a_preset_work_and_no_device_conducts_less_than_nothing(name: str) -> None:
    block = SimCrosspoints.from_preset(name, (40, 40), seed=2)
    block.pulse(np.random.default_rng(0).integers(-20, 21, (40, 40)))
    assert np.all(np.isfinite(block.read().conductance))
    assert np.all(block.conductance >= 0)
    stuck = block.stuck.mean()
    assert stuck == pytest.approx(0.135 if name == "om-reram" else 0.0, abs=5 * math.sqrt(0.135 * 0.865 / 1600))


def test_an_unknown_preset_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InputError, match="li-ecram, mo-ecram, hfo2-reram, om-reram"):
        preset("pcm")
