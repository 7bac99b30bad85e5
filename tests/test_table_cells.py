"""Cells and headers of a table: numbers, what is missing, units in headers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labshd.runs.tables.cells import numbers
from labshd.runs.tables.units_of_columns import split_header, unit_of


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-1e30, 1e30, allow_nan=False), min_size=1, max_size=8))
def test_numbers_with_a_decimal_comma_come_through_exactly(values):
    found, wrong = numbers([repr(value).replace(".", ",") for value in values], "comma")
    assert found.tolist() == values
    assert wrong == {}
    assert numbers([repr(value) for value in values], "point")[0].tolist() == values


@settings(deadline=None)
@given(
    st.sampled_from(["f", "p", "n", "u", "µ", "m", "", "k", "M"]),
    st.sampled_from(["s", "A", "V", "S", "Ohm", "Ω"]),
    st.sampled_from(["G ({})", "G [{}]", "G/{}", "G / {}", "G_{}", "G, {}"]),
)
def test_units_are_read_out_of_headers(prefix, symbol, form):
    factor = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6}[prefix]
    name, unit = split_header(form.format(prefix + symbol))
    assert name == "G"
    assert unit_of(unit).factor == factor
    assert unit_of(unit).si == {"Ohm": "ohm", "Ω": "ohm"}.get(symbol, symbol)


@pytest.mark.parametrize("header", ["V/I", "Device (A1)", "Cycle", "G (device 1)", "pulse_number", "R (kg)"])
def test_what_is_no_unit_stays_in_the_name(header):
    assert split_header(header) == (header, "")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("abc", "'abc' is not a number"),
        ("1,5", "'1,5' has a comma, but the decimal sign of this file is the point"),
        ("12 uS", "the unit in the header"),
        ("10:30:00", "seconds since the first reading"),
        ("inf", "is not a reading"),
        ("1_0", "is not a number; underscores are not allowed"),
    ],
)
def test_cells_that_are_no_numbers_say_why(cell, why):
    assert why in numbers([cell, "1"], "point")[1][0]


def test_missing_readings_and_the_overflow_of_instruments_are_missing():
    found, wrong = numbers(["", "nan", "#N/A", "--", "9.91E37", "-9.9e37", "2"], "point")
    assert np.isnan(found).tolist() == [True] * 6 + [False]
    assert wrong == {}
