"""Device models: steps, slopes and symmetry points, against formulae worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.errors import InputError
from sim_device.models.formulas import (
    ConstantStep,
    DeviceModel,
    ExponentialStep,
    LinearStep,
    PowerStep,
    SoftBounds,
    model_named,
)
from sim_device.models.table import TableStep

EXAMPLES: list[DeviceModel] = [
    SoftBounds(1.0, 3.0, 0.02, 0.01),
    LinearStep(1.0, 3.0, 0.02, -0.03, -0.01, -0.02),
    ExponentialStep(1.0, 3.0, 0.01, 0.02, 0.012, 0.01, 3.0, 2.0),
    PowerStep(1.0, 3.0, 0.02, 0.03, 0.7, 1.8),
    ConstantStep(1.0, 3.0, 0.02, 0.03),
    TableStep(
        1.0, 3.0, (1.0, 1.4, 2.2, 3.0), (0.04, 0.03, 0.02, 0.0), (0.0, -0.01, -0.03, -0.04), (0.01,) * 4, (0.0,) * 4
    ),
]
named = pytest.mark.parametrize("model", EXAMPLES, ids=lambda m: m.name)


def test_soft_bounds_have_the_symmetry_point_of_the_formula() -> None:
    # G* = (s+ Gmax + s- Gmin)/(s+ + s-) = (0.06 + 0.01)/0.03; step = s+ s- R/(s+ + s-) = 0.0004/0.03
    (point,) = SoftBounds(1.0, 3.0, 0.02, 0.01).symmetry_points()
    assert point.conductance == pytest.approx(7 / 3)
    assert point.step == pytest.approx(0.04 / 3)
    assert point.stable
    assert point.contraction == pytest.approx(1 - 0.98 * 0.99)
    assert SoftBounds(1.0, 3.0, 0.02, 0.01).number_of_states() == pytest.approx(2.0 / (0.04 / 3))


def test_n_up_pulses_follow_the_closed_form() -> None:
    # G(n) = Gmin + R [1 - (1 - s+)^n]
    model, g = SoftBounds(1.0, 3.0, 0.02, 0.01), 1.0
    for _ in range(100):
        g += float(model.step_up(g))
    assert g == pytest.approx(1.0 + 2.0 * (1 - 0.98**100), rel=1e-12)


def test_soft_bounds_around_a_point_have_that_point() -> None:
    (point,) = SoftBounds.around(2.0, 0.01, 0.004, 0.006).symmetry_points()
    assert (point.conductance, point.step) == (pytest.approx(2.0), pytest.approx(0.01))


@named
def test_slopes_are_the_derivatives_of_steps(model: DeviceModel) -> None:
    g, h = np.array([1.13, 1.71, 2.5, 2.87]), 1e-6
    for step, slope in ((model.step_up, model.slope_up), (model.step_down, model.slope_down)):
        np.testing.assert_allclose(slope(g), (step(g + h) - step(g - h)) / (2 * h), atol=1e-7)


@named
def test_steps_cancel_at_every_symmetry_point(model: DeviceModel) -> None:
    for point in model.symmetry_points():
        assert float(model.step_up(point.conductance) + model.step_down(point.conductance)) == pytest.approx(
            0, abs=1e-12
        )
        assert point.step == pytest.approx(float(model.step_up(point.conductance)))
        assert point.stable == (float(model.slope_up(point.conductance) + model.slope_down(point.conductance)) < 0)


@named
def test_a_model_reads_back_from_its_named_parameters(model: DeviceModel) -> None:
    named_parameters = model.parameters("S")
    assert "g_min_S" in named_parameters
    assert model_named(model.name).from_parameters(named_parameters, "S") == model


def test_steps_that_grow_make_the_symmetry_point_unstable() -> None:
    # up = 0.01 + 0.02 (G - 2), down = -0.01: they cancel at the middle, and a pair drives away from it
    (point,) = LinearStep(1.0, 3.0, 0.01, -0.01, 0.02, 0.0).symmetry_points()
    assert point.conductance == pytest.approx(2.0)
    assert not point.stable
    assert point.contraction == pytest.approx(-0.02)


def test_a_table_may_cross_more_than_once() -> None:
    table = TableStep(0.0, 3.0, (0.0, 1.0, 2.0, 3.0), (2.0, 0.5, 1.5, 0.0), (-1.0,) * 4, (0.0,) * 4, (0.0,) * 4)
    points = table.symmetry_points()
    # 2 - 1.5 G = 1 at 2/3; 0.5 + (G - 1) = 1 at 3/2; 1.5 - 1.5 (G - 2) = 1 at 7/3
    assert [p.conductance for p in points] == pytest.approx([2 / 3, 3 / 2, 7 / 3])
    assert [p.stable for p in points] == [True, False, True]


def test_constant_steps_have_no_symmetry_point() -> None:
    assert ConstantStep(0.0, 1.0, 0.01, 0.01).symmetry_points() == ()
    assert ConstantStep(0.0, 1.0, 0.01, 0.01).number_of_states() is None


def test_aihwkit_exponential_steps_map_as_documented() -> None:
    # AIHWKit: y = 1 - A exp(gamma z), z = 2 a w/(b_max - b_min) + b; ReRamES: a = b = -0.5, gamma = 5, bounds +-1
    a, b, gamma, a_up, w = -0.5, -0.5, 5.0, -1.18445, 0.3
    expected = 1 - a_up * math.exp(gamma * (2 * a * w / 2.0 + b))
    extra = -a_up * math.exp(gamma * (2 * a * -1.0 / 2.0 + b))
    model = ExponentialStep(-1.0, 1.0, 1.0, 1.0, extra, 0.1, -2 * a * gamma, 5.0)
    assert float(model.step_up(w)) == pytest.approx(expected)


@given(
    g_min=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e3),
    s_up=st.floats(1e-6, 1.0),
    s_down=st.floats(1e-6, 1.0),
)
def test_soft_bounds_never_step_beyond_their_bounds(g_min: float, width: float, s_up: float, s_down: float) -> None:
    model = SoftBounds(g_min, g_min + width, s_up, s_down)
    g = np.linspace(model.g_min, model.g_max, 11)
    slack = 1e-9 * (abs(g_min) + width)
    assert np.all(g + model.step_up(g) <= model.g_max + slack)
    assert np.all(g + model.step_down(g) >= model.g_min - slack)
    (point,) = model.symmetry_points()
    assert model.g_min - slack <= point.conductance <= model.g_max + slack


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SoftBounds(2.0, 1.0, 0.1, 0.1), "g_max = 1 must be above g_min = 2"),
        (lambda: SoftBounds(0.0, 1.0, 0.0, 1.5), "(?s)s_up = 0 must be above 0.*s_down = 1.5"),
        (lambda: SoftBounds(0.0, float("nan"), 0.1, 0.1), "g_max = nan is not finite"),
        (lambda: ConstantStep(0.0, 1.0, -0.1, 0.1), "up = -0.1 must be above 0"),
        (lambda: PowerStep(0.0, 1.0, 0.1, 0.1, -1.0, 1.0), "gamma_up = -1 must not be negative"),
        (
            lambda: TableStep(0.0, 1.0, (0.0, 0.0), (1.0,), (0.0, 0.0), (0.0, -1.0), (0.0, 0.0)),
            "(?s)ascend.*up has 1.*negative",
        ),
        (lambda: model_named("soft"), "'soft' is not a device model; these are: soft-bounds"),
        (lambda: SoftBounds.from_parameters({"g_min_S": 0.0, "gmax": 1.0}, "S"), "(?s)g_max_S is missing.*gmax is not"),
    ],
)
def test_what_is_no_device_is_refused_with_the_reason(make, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make()
