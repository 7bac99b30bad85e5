"""Units as text at the edge: what a person writes is read right, or refused with an example."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.units import quantity, text


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("500 ns", "s", 5e-7),
        ("500ns", "s", 5e-7),
        ("1.5 µS", "S", 1.5e-6),
        ("1.5 uS", "S", 1.5e-6),
        ("-4 V", "V", -4.0),
        ("100 mV", "V", 0.1),
        ("10 kΩ", "ohm", 1e4),
        ("5 min", "s", 300.0),
        ("2 h", "s", 7200.0),
        ("1e-6 s", "s", 1e-6),
    ],
)
def test_reads_what_a_physicist_writes(written: str, unit: str, value: float) -> None:
    assert quantity(written, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("written", "unit", "says"),
    [
        ("500", "s", "has no unit"),
        (500, "s", "has no unit"),
        ("500 mV", "s", "is in V, s is needed"),
        ("5 nS", "s", "is in S, s is needed"),
        ("fast", "s", "not a number"),
        ("1,5 V", "V", "has a comma"),
        ("1 5 V", "V", "not a number"),
        ("", "V", "not a number"),
    ],
)
def test_refuses_with_an_example(written: object, unit: str, says: str) -> None:
    with pytest.raises(ValueError, match="such as") as refused:
        quantity(written, unit)
    assert says in str(refused.value)


@pytest.mark.parametrize("written", ["inf V", "nan V", "1e999 V"])
def test_what_is_not_finite_is_no_quantity(written: str) -> None:
    with pytest.raises(ValueError, match=r"not finite|not a number"):
        quantity(written, "V")


@given(st.floats(min_value=1e-14, max_value=1e9), st.sampled_from(["s", "V", "A", "S"]), st.sampled_from([1, -1]))
def test_what_is_written_is_what_is_read(value: float, unit: str, sign: int) -> None:
    assert quantity(text(sign * value, unit, digits=16), unit) == pytest.approx(sign * value, rel=1e-14)


@given(st.text(max_size=20))
def test_no_text_makes_anything_but_a_number_or_a_value_error(written: str) -> None:
    try:
        value = quantity(written, "s")
    except ValueError:
        return
    assert math.isfinite(value)
