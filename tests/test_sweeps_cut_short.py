"""Sweeps: stress counted before it is driven, ranges that change with the output off, off however they end."""

import numpy as np
import pytest
from test_bench import TWO, bench
from test_recorder import Ramp

from instruments.errors import InputError, LimitError, NotAnswering
from instruments.levels import by_views


def test_after_a_sweep_a_reading_has_its_own_settings_and_its_output_on() -> None:
    block, journal, _ = bench(TWO)
    for _ in range(2):  # from the second on relays are not looked at, and the output stays on
        block[0, 0].read()
    list(block[0, 0].sweep([0.2], 1e-5))
    del journal[:]
    block[0, 0].read()
    assert journal[:3] == ["smu set 0.1 V", "smu on", "smu measure 1"]


def test_a_sweep_counts_stress_of_either_sign_before_it_is_driven_and_nothing_else() -> None:
    block, journal, smu = bench(TWO)
    smu.limits = block.bench.limits = block.bench.limits.model_copy(update={"sweep_voltage": 3.0})
    list(block[0, 0].sweep([0.1, 0.2, 0.3, -0.3, -0.2], 1e-5))
    assert block.bench.pulses_applied == {"A1": 2}
    journal.fails = "smu set 0.5 V"
    with pytest.raises(NotAnswering):
        list(block[0, 0].sweep([0.5], 1e-5))
    del journal[:]
    journal.fails = "smu on"
    with pytest.raises(NotAnswering):
        list(block[0, 0].sweep([-0.5], 1e-5))
    assert block.bench.pulses_applied == {"A1": 2}  # no level was driven


def test_a_level_whose_delivery_is_unknown_is_stress() -> None:
    block, journal, smu = bench(TWO)
    smu.limits = block.bench.limits = block.bench.limits.model_copy(update={"sweep_voltage": 3.0})
    sweep = block[0, 0].sweep([0.1, -0.5, 0.6], 1e-5)
    next(sweep)
    journal.fails = "smu set -0.5"
    with pytest.raises(NotAnswering):
        next(sweep)
    assert block.bench.pulses_applied == {"A1": 1}
    assert journal[-1] == "smu off"


def test_the_output_of_a_sweep_is_off_while_its_ranges_change() -> None:
    block, journal, _ = bench(TWO)
    list(block[0, 0].sweep([0.1, 0.2], [1e-5, 2e-5]))
    ranges = [journal[k - 1] for k, what in enumerate(journal) if what == "smu set 0 V"]
    assert ranges == ["smu set 0.1 V", "smu set 0.2 V"]
    assert journal[journal.index("smu measure 1") :] == [
        "smu measure 1", "smu off",
        "smu set 0.2 V", "smu set 0 V", "smu on", "smu set 0.2 V", "smu measure 1", "smu off",
    ]  # fmt: skip


def test_ranges_of_a_sweep_hold_its_largest_level_of_either_sign() -> None:
    block, journal, _ = bench(TWO)
    list(block[0, 0].sweep([0.05, -0.2, 0.1], 1e-5))
    sets = [what for what in journal if what.startswith("smu set")]
    assert sets == ["smu set 0.2 V", "smu set 0 V", "smu set 0.05 V", "smu set -0.2 V", "smu set 0.1 V"]


def test_a_sweep_that_is_left_is_off_at_once_also_within_a_block() -> None:
    for block, journal, _ in (bench(TWO), bench(TWO)):
        sweep = block.sweep([0.1, 0.2], 1e-5)
        next(sweep)
        sweep.close()
        assert journal[-1] == "smu off"
    block, journal, _ = bench(TWO)
    each = by_views(block, [0.1, 0.2], 1e-5, 0.0)
    kept = next(each)
    assert np.isfinite(kept.conductance[0, 0, 0])
    assert np.isnan(kept.conductance[0, 0, 1])
    with pytest.raises(RuntimeError, match="seen enough") as raised:  # its traceback keeps all frames alive
        each.throw(RuntimeError("seen enough"))
    assert journal[-1] == "smu off"
    del raised


@pytest.mark.parametrize(
    ("voltages", "compliance", "dwell", "told"),
    [
        ([np.inf], 1e-5, 0.0, "finite voltages"),
        ([[0.1]], 1e-5, 0.0, "finite voltages"),
        ([0.1], 0.0, 0.0, "compliance above zero"),
        ([0.1], np.nan, 0.0, "compliance above zero"),
        ([0.1], 1e-5, -1.0, "zero or more"),
        ([0.1], 1e-5, np.inf, "zero or more"),
    ],
)
def test_a_sweep_that_is_none_is_refused_before_a_byte(voltages, compliance, dwell, told) -> None:
    block, journal, _ = bench(TWO)
    with pytest.raises(InputError, match=told):
        list(block.sweep(voltages, compliance, dwell))
    assert journal == []


def test_a_budget_that_is_used_up_leaves_readings_and_sweeps_that_are_as_gentle() -> None:
    block, _, _ = bench(TWO)
    block[0, 0].pulse(100)
    with pytest.raises(LimitError, match="passes its budget of 100"):
        block[0, 0].pulse(1)
    assert len(list(block[0, 0].sweep([0.2, -0.2], 1e-5))) == 2


def test_a_sweep_with_more_stress_than_the_budget_has_left_is_refused_before_a_byte() -> None:
    block, journal, smu = bench(TWO)
    smu.limits = block.bench.limits = block.bench.limits.model_copy(update={"sweep_voltage": 3.0})
    block[0, 0].pulse(98)
    del journal[:]
    for part in (block[0, 0], block):
        with pytest.raises(LimitError, match="passes its budget of 100"):
            list(part.sweep([0.1, 0.3, -0.3, 0.3], 1e-5))
    assert journal == []
    assert len(list(block[0, 0].sweep([0.1, 0.3, -0.3], 1e-5))) == 3
    assert block.bench.pulses_applied == {"A1": 100}


def test_each_level_is_held_for_its_dwell_before_it_is_measured() -> None:
    block, _, _ = bench(TWO)
    clock, dwells = block.bench.clock, [0.5, 0.0, 2.0]
    begun = clock.now()
    readings = list(block[0, 0].sweep([0.1, 0.15, 0.2], 1e-5, dwells))
    first, *others = np.diff([begun, *(one.time.item() for one in readings)])
    assert first == pytest.approx(block.bench.wiring.settle + dwells[0])
    assert others == pytest.approx(dwells[1:])


def test_a_sweep_that_an_error_ends_is_off_while_the_error_is_dealt_with() -> None:
    block, journal, _ = bench(TWO)
    sweep = block[0, 0].sweep([0.1, 0.2], 1e-5)
    next(sweep)
    with pytest.raises(RuntimeError, match="seen enough") as kept:  # its traceback keeps all frames alive
        sweep.throw(RuntimeError("seen enough"))
    assert journal[-1] == "smu off"
    del kept


def test_crosspoints_that_cannot_hold_a_voltage_say_so() -> None:
    with pytest.raises(InputError, match="A1 cannot be held at a voltage"):
        Ramp().sweep([0.1], 1e-5)
