"""Conditions of campaigns: what they may look at and compare; nothing in them is executed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.errors import InputError
from labshd.campaign.conditions import Path, parse

KNOWN: dict[Path, Any] = {
    ("find", "result", "std_S"): 2e-8,
    ("find", "result", "points", "0", "conductance_S"): 5e-6,
    ("find", "yield"): 0.75,
    ("find", "accepted"): True,
    ("status",): "finished",
    ("result", "stable"): None,
    ("pulses",): 0,
}


def holds(said: str) -> bool:
    return parse(said).holds(KNOWN.get)[0]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("find.result.std_S < 1e-7", True),
        ("find.result.std_S < '10 nS'", False),
        ("find.result.std_S < 0.01 * find.result.points[0].conductance_S", True),
        ("0 < find.yield <= 0.75 and find.accepted", True),
        ("0 < find.yield < 0.75", False),
        ("not find.accepted or status == 'finished'", True),
        ("abs(-find.yield) == 0.75", True),
        ("find.yield - 1 < -0.2 and find.yield / 2 + 1 > 1.3", True),
        ("result.stable", False),  # not known: does not hold
        ("not result.stable", False),  # nor does its contrary
        ("1 / pulses > 0", False),
        ("status > 3", False),
    ],
)
def test_a_condition_says_whether_it_holds(said: str, expected: bool) -> None:
    assert holds(said) is expected


def test_it_says_with_which_values() -> None:
    condition = parse("find.yield > 0.8 and status == 'finished'")
    assert condition.paths == (("find", "yield"), ("status",))
    assert condition.holds(KNOWN.get) == (False, "find.yield is 0.75, status is 'finished'")
    assert parse("result.stable").holds(KNOWN.get)[1] == "result.stable is not known"


@pytest.mark.parametrize(
    "said",
    [
        "", "find.yield >", "open('/etc/passwd')", "[x for x in find]", "find.yield if 1 else 2", "lambda: find",
        "find[0:1]", "find.yield ** 99999", "find.result['std_S']", "f'{find}'", "find.yield in (1, 2)", "1 < 2",
        "(find := 1)", "(" * 300,
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(said: str) -> None:
    with pytest.raises(InputError):
        parse(said)


@given(st.text())
def test_any_text_is_a_condition_or_an_answer(said: str) -> None:
    try:
        condition = parse(said)
    except InputError:
        return
    assert condition.paths
    assert condition.holds(lambda _: None)[0] is False or "or" in said or "not" in said
