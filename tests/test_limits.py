"""Limits: whatever is beyond is refused, whatever is within passes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from instruments.crosspoints import Pulse
from instruments.errors import InputError, LimitError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=1000)
voltages = st.floats(-100, 100).filter(lambda v: v != 0)
widths = st.floats(1e-9, 10)


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except LimitError:
        return False
    return True


@given(voltages, widths)
def test_a_pulse_passes_only_within_both_limits(voltage: float, width: float) -> None:
    within = abs(voltage) <= 5.0 and width <= 1e-3
    assert _passes(lambda: LIMITS.check_pulse(Pulse(voltage, width))) == within


@given(st.floats(-10, 10), st.floats(-1, 1))
def test_a_bias_passes_only_within_both_limits(voltage: float, current: float) -> None:
    within = abs(voltage) <= 0.2 and 0 < current <= 1e-4
    assert _passes(lambda: LIMITS.check_bias(voltage, current)) == within


@pytest.mark.parametrize("voltage", [float("nan"), float("inf"), 0.0])
def test_what_is_no_voltage_is_no_pulse(voltage: float) -> None:
    with pytest.raises(InputError, match="voltage"):
        Pulse(voltage, 1e-6)


def test_nan_bias_is_refused() -> None:
    with pytest.raises(LimitError):
        LIMITS.check_bias(float("nan"), 1e-6)
    with pytest.raises(LimitError):
        LIMITS.check_bias(0.1, float("nan"))


def test_the_budget_counts_what_was_spent() -> None:
    LIMITS.check_budget(900, 100, "A1")
    with pytest.raises(LimitError, match="A1"):
        LIMITS.check_budget(901, 100, "A1")


def test_a_refused_budget_names_the_sum_and_what_was_before() -> None:
    said = r"100 more pulses on A1 after 901 \(850 of these in earlier runs\) make 1001, .* budget of 1000"
    with pytest.raises(LimitError, match=said):
        LIMITS.check_budget(901, 100, "A1", 850)


def test_limits_have_no_defaults() -> None:
    with pytest.raises(ValidationError) as refused:
        Limits.model_validate({})
    asked = [name for name, field in Limits.model_fields.items() if field.is_required()]
    assert [error["loc"] for error in refused.value.errors()] == [(name,) for name in asked]
    assert {"pulse_voltage", "pulse_width", "read_voltage", "current", "pulses_per_crosspoint"} <= set(asked)
