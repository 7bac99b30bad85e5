"""Numbers as a physicist reads them: value, error, unit and interval with one prefix."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.value_text import count_text, duration_text, percent_text, plain_text, value_text


@pytest.mark.parametrize(
    ("value", "std", "unit", "said"),
    [
        (2.67652e-05, 1.2e-7, "S", "26.77 ± 0.12 µS"),
        (12.3e-6, 1e-7, "S", "12.30 ± 0.10 µS"),
        (0.0, 2.5e-9, "S", "0.0 ± 2.5 nS"),
        (1e-9, 2e-6, "S", "0.0 ± 2.0 µS"),
        (-3.2e-8, 1.5e-9, "S", "-32.0 ± 1.5 nS"),
        (2.15, 0.0289, "V", "2.150 ± 0.029 V"),
        (0.31, 0.02, "normalised", "0.310 ± 0.020"),
        (1234567.0, 12345.0, "", "1235000 ± 12000"),
        (3.2e-7, 4e-9, "", "(3.200 ± 0.040)e-7"),
        (None, None, "S", "not identified"),
        (math.nan, 1.0, "S", "not identified"),
        (5e-4, 0.0, "S", "500 µS (error not determined by this trace)"),
        (5e-4, None, "S", "500 µS (error not determined by this trace)"),
    ],
)
def test_a_value_has_the_digits_of_its_error_and_one_prefix(
    value: float | None, std: float | None, unit: str, said: str
) -> None:
    assert value_text(value, std, unit) == said


def test_an_interval_shares_the_prefix_of_its_value() -> None:
    said = value_text(1.02e-6, 3e-8, "S", interval=(9.6e-7, 1.08e-6))
    assert said == "1.020 ± 0.030 µS (95 %: 0.960 to 1.080 µS)"


def test_an_interval_of_no_width_is_not_shown() -> None:
    assert value_text(1e-6, 3e-8, "S", interval=(1e-6, 1e-6)) == "1.000 ± 0.030 µS"


def test_why_there_is_no_error_stands_beside_the_value() -> None:
    assert value_text(1e-6, None, "S", why_no_error="one reading") == "1 µS (one reading)"
    assert value_text(1e-6, None, "S", why_no_error="") == "1 µS"


def test_counts_and_shares() -> None:
    assert count_text(1234567) == "1\u202f234\u202f567"
    assert percent_text(0.123, 0.004) == "12.30 ± 0.40 %"
    assert percent_text(1.0, None) == "100 %"
    assert plain_text(2.67652e-05, "S") == "26.77 µS"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.199, "199 ms"), (12.34, "12.3 s"), (738.0, "12.3 min"), (12240.0, "3.4 h"), (181440.0, "2.1 days")],
)
def test_durations_as_one_says_them(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said


@given(st.floats(1e-12, 1e6), st.floats(1e-4, 1.0))
def test_what_is_written_is_the_value_within_a_twentieth_of_its_error(value: float, relative: float) -> None:
    said = value_text(value, value * relative, "S")
    number, unit = said.split(" ± ")[0], said.split()[-1]
    scale = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}[unit[:-1]]
    assert abs(float(number) * scale - value) <= 0.0501 * value * relative * 1.01 + 1e-18
