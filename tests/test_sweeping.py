"""Sweeps on a bench: what is asked of the instruments in which order, off however it ends, limits before bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_bench import TWO, bench

from instruments.crosspoints import Status
from instruments.errors import InputError, LimitError, NotAnswering
from instruments.levels import Levels
from instruments.limits import Limits
from instruments.roles import Measurement

LIMITS = Limits(
    pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=100, sweep_voltage=3.0
)


def test_crosspoint_after_crosspoint_each_connected_cold_and_left_off() -> None:
    block, journal, _ = bench(TWO)
    block.pulse([[1, 0]])
    del journal[:]
    readings = list(block.sweep([0.1, 0.2], 1e-5))
    # the generator was on from the pulse: off before a relay moves; this unit has no levels and is configured for each
    each = ["smu off", "smu set 0.2 V", "smu set 0 V", "smu on", "smu set 0.1 V", "smu measure 1", "smu set 0.2 V"]
    each += ["smu measure 1", "smu off"]
    cold = [entry for entry in journal if not entry.startswith(("smu set", "smu measure"))]
    assert cold[:2] == ["generator off", "matrix 1B01"]
    at = journal.index("matrix 1B01")
    second = journal.index("matrix 1B02")
    assert journal[at + 1 : second] == each
    assert journal[second + 1 :] == each
    found = np.array([one.voltage[0] for one in readings])
    assert np.isfinite(found[:2, 0, 0]).all()
    assert np.isnan(found[:2, 0, 1]).all()
    assert np.isfinite(found[2:, 0, 1]).all()
    assert all(one.status[0, 0, 1] == Status.INVALID for one in readings[:2])


def test_a_reading_after_a_sweep_is_configured_anew() -> None:
    block, journal, _ = bench(TWO)
    block[0, 0].read()
    list(block[0, 0].sweep([0.2], 1e-5))
    del journal[:]
    block[0, 0].read()
    assert journal == ["smu set 0.1 V", "smu on", "smu measure 1"]


@pytest.mark.parametrize("fails", ["smu set 0.1", "smu on", "smu measure"])
def test_an_instrument_that_fails_in_a_sweep_is_told_off(fails: str) -> None:
    block, journal, _ = bench(TWO)
    journal.fails = fails
    with pytest.raises(NotAnswering):
        list(block[0, 0].sweep([0.1, 0.2], 1e-5))
    assert journal[-1] == "smu off"


def test_closing_a_sweep_switches_off_at_once() -> None:
    block, journal, _ = bench(TWO)
    sweep = block.sweep([0.1, 0.2], 1e-5)
    next(sweep)
    sweep.close()
    assert journal[-1] == "smu off"
    assert "matrix 1B02" not in journal


@pytest.mark.parametrize(
    ("voltages", "compliance", "message"),
    [([0.1, 0.3], 1e-5, "names no limits.sweep_voltage"), ([0.1, 0.2], 1e-3, "compliance of 1 mA is beyond")],
)
def test_nothing_is_sent_where_any_level_is_beyond_the_limits(
    voltages: list[float], compliance: float, message: str
) -> None:
    block, journal, _ = bench(TWO)
    with pytest.raises(LimitError, match=message.replace(".", r"\.")):
        list(block.sweep(voltages, compliance))
    assert journal == []


def test_at_0_v_there_is_a_current_and_no_conductance() -> None:
    block, _, smu = bench(TWO)
    smu.reply = Measurement(1e-7, 2e-12)  # type: ignore[misc]
    (reading,) = block[0, 0].sweep([0.0], 1e-5)
    assert np.isnan(reading.conductance.item())
    assert reading.current.item() == 2e-12
    assert reading.status.item() & Status.INVALID


@given(st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan"))), min_size=1, max_size=12), st.floats(1e-9, 2e-4))
def test_what_passes_the_check_is_within_the_limits_and_nothing_else_is_refused(
    voltages: list[float], compliance: float
) -> None:
    levels = Levels.of(np.array(voltages), compliance, 0.0, (1, 1))
    held = [abs(v) for v in voltages if np.isfinite(v)]
    allowed = all(v <= 3.0 for v in held) and compliance <= 1e-4
    if allowed:
        levels.check(LIMITS)
    else:
        with pytest.raises(LimitError):
            levels.check(LIMITS)
    assert levels.stress(LIMITS).item() == sum(v > 0.2 for v in held)


def test_turns_are_crosspoint_by_crosspoint_in_order_of_levels() -> None:
    volts = np.array([[[0.1, np.nan]], [[0.2, 0.3]], [[np.nan, 0.4]]])
    turns = list(Levels.of(volts, 1e-6, [0.0, 0.1, 0.2], (1, 2)).in_turn())
    assert turns == [(0, 0, 0), (1, 0, 0), (1, 0, 1), (2, 0, 1)]
    assert all((a[1:], a[0]) < (b[1:], b[0]) for a, b in pairwise(turns))


def test_a_level_beyond_the_span_of_the_sweep_is_refused_by_the_role() -> None:
    _, journal, smu = bench(TWO)
    smu.configure_sweep(0.1, 1e-5, 1.0)
    del journal[:]
    with pytest.raises(LimitError, match="beyond the span of this sweep"):
        smu.level(0.2)
    assert journal == []
    with pytest.raises(InputError):
        smu.level(0.3)
