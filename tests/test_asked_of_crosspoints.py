"""What may not be asked of crosspoints at all, and the largest that may: refused with the rule, nothing sent."""

import numpy as np
import pytest
from test_bench import LIMITS, PAIR, TWO, Generator, Journal, bench
from test_recorder import Ramp

from instruments import readings
from instruments.asked import MOST_PULSES
from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import PulsePair, PulseTrains, steps_of
from instruments.errors import InputError, LimitError
from instruments.foreseen import Foreseen


def test_a_pair_is_of_two_pulses() -> None:
    for wrong in ((PAIR.up, -2.0), ("2 V", PAIR.down)):
        with pytest.raises(InputError, match="pulse"):
            PulsePair(*wrong)  # type: ignore[arg-type]
    block, journal, _ = bench()
    for pulses in (PAIR.up, "up", (PAIR.up, PAIR.down)):
        with pytest.raises(InputError):
            block.pulse(1, pulses)  # type: ignore[arg-type]
    assert journal == []


def test_an_index_is_of_a_row_and_a_column() -> None:
    block, _, _ = bench()
    for wrong in ((0, 0, 0), (0,)):
        with pytest.raises(InputError, match="is no row and column"):
            block[wrong]  # type: ignore[index]


def test_trains_that_coincide_are_of_one_length() -> None:
    block = Ramp()
    block.coincide(PulseTrains(np.ones((1, 3), np.int8)), PulseTrains(np.ones((1, 3), np.int8)))
    assert block.state.item() == 3
    with pytest.raises(InputError, match=r"slots|length"):
        block.coincide(PulseTrains(np.ones((1, 3), np.int8)), PulseTrains(np.ones((1, 4), np.int8)))
    assert block.state.item() == 3


def test_a_trace_is_of_so_many_steps_at_most(monkeypatch) -> None:
    monkeypatch.setattr(readings, "MOST_STEPS", 3)
    assert len(steps_of([1, 1, 1], (1, 1))) == 3
    with pytest.raises(InputError, match="a trace of 4 steps is beyond 3; take it in parts"):
        steps_of([1, 1, 1, 1], (1, 1))


def test_a_burst_is_of_so_many_pulses_at_most(monkeypatch) -> None:
    monkeypatch.setattr(Generator, "longest_burst", MOST_PULSES)
    journal = Journal()
    generator = Generator(journal, "generator")
    generator.configure(PAIR.up)
    generator.fire(MOST_PULSES)
    assert journal[-1] == f"generator fire {MOST_PULSES}"
    del journal[:]
    for count in (MOST_PULSES + 1, 0):
        with pytest.raises(InputError, match="give a whole number from 1 to"):
            generator.fire(count)
    assert journal == []


def test_what_is_foreseen_is_refused_where_nothing_can_be_swept() -> None:
    block, journal, _ = bench(Wiring(Kind.CROSSBAR, TWO.matrix))
    with pytest.raises(InputError, match="neither of which may be swept"):
        block.foresee(Foreseen("iv-sweep", "stop", levels=((0.1, 1e-5),)))
    block.foresee(Foreseen("read-noise", "reads"))
    assert journal == []


def test_levels_that_are_read_at_are_no_stress_and_all_beyond_are() -> None:
    levels = tuple((volts, 1e-5) for volts in (0.2, -0.2, 0.1, 0.21, -0.21))
    assert Foreseen("iv-sweep", "stop", levels=levels).stress(LIMITS) == 2


def test_a_trace_can_be_checked_before_it_is_taken() -> None:
    block, journal, _ = bench()
    block.check(np.full((100, 1, 2), 1))
    with pytest.raises(LimitError, match="passes its budget"):
        block.check(np.full((101, 1, 2), 1))
    assert journal == []
