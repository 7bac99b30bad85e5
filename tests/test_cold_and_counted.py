"""After an error between two steps of a bench: what may be on is taken to be on, what may be closed is closed again."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from test_bench import FIXED, THREE, TWO, Bias, Journal, bench

from instruments.bench.block import BenchCrosspoints
from instruments.bench.phases import Phase, Setup, disconnected
from instruments.bench.wiring import BiasLevels, Kind, MatrixCabling, Source, Terminal, Wiring
from instruments.crosspoints import Pulse, Status
from instruments.errors import InputError, InstrumentError, LimitError, NotAnswering
from instruments.roles import Measurement

LEVELS = BiasLevels(set=1.2, reset=2.0, read=1.5, compliance=1e-5)
COLUMNS = {
    (name, t): 2 * k + j for k, name in enumerate(("A1", "A2")) for j, t in ((1, Terminal.TOP), (2, Terminal.GATE))
}
ONE = Wiring(Kind.ONE_TRANSISTOR, MatrixCabling(1, "A", "B", "C", COLUMNS, bias="D"), settle=0.01, bias=LEVELS)


def refused(journal: Journal, fails: str, block: BenchCrosspoints, *asked: str) -> None:
    """Ask a crosspoint for what fails, twice: it must fail both times, and move no relay."""
    for _ in range(2):
        del journal[:]
        journal.fails = fails
        with pytest.raises(NotAnswering):
            getattr(block, asked[0])(*map(int, asked[1:]))
        assert not [what for what in journal if what.startswith("matrix")]
    journal.fails = None
    del journal[:]


def first(journal: Journal, *whats: str) -> list[int]:
    return [next(k for k, what in enumerate(journal) if what.startswith(one)) for one in whats]


@pytest.mark.parametrize(
    ("wiring", "fails", "ask", "then"),
    [
        (THREE, "generator on", lambda block: block.pulse(1), lambda block: block.read()),
        (THREE, "smu on", lambda block: block.read(), lambda block: block.pulse(1)),
        (ONE, "bias on", lambda block: block.pulse(1), lambda block: block.read()),
    ],
    ids=["generator", "smu", "bias"],
)
def test_an_output_that_may_have_gone_on_goes_off_before_relays_move(wiring, fails, ask, then) -> None:
    block, journal, _ = bench(wiring)
    journal.fails = fails
    with pytest.raises(NotAnswering):
        ask(block[0, 0])
    journal.fails = None
    del journal[:]
    then(block[0, 0])
    off, moved = first(journal, fails.replace(" on", " off"), "matrix")
    assert off < moved


def test_no_relay_moves_while_an_output_may_still_be_on() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(1)
    refused(journal, "generator off", block[0, 0], "read")
    block[0, 0].read()
    refused(journal, "smu off", block[0, 0], "pulse", "1")
    block, journal, _ = bench(ONE)
    block[0, 0].pulse(1)
    refused(journal, "bias off", block[0, 0], "read")


def test_each_output_is_switched_off_once_before_relays_move_and_then_no_more() -> None:
    block, journal, _ = bench(ONE)
    block[0, 0].pulse(1)
    block[0, 0].read()
    off = first(journal, "generator off", "bias off", "matrix 1B01")
    assert off == sorted(off)
    block[0, 0].pulse(1)
    for who in ("generator", "smu", "bias"):
        turns = [what for what in journal if what in (f"{who} on", f"{who} off")]
        assert turns == [f"{who} on", f"{who} off"] * (len(turns) // 2) + [f"{who} on"] * (len(turns) % 2)


def test_relays_that_may_not_have_closed_are_closed_again() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(1)
    journal.fails = "matrix 1B02"
    for _ in range(2):
        del journal[:]
        with pytest.raises(NotAnswering):
            block[0, 0].read()
        assert "matrix 1B02" in journal
        assert not [what for what in journal if what.startswith("smu")]
    journal.fails = None
    del journal[:]
    block[0, 0].pulse(1)
    closed, fired = first(journal, "matrix 1A01,1C02", "generator fire 1")
    assert closed < fired


def test_contacts_have_their_time_before_anything_goes_on() -> None:
    block, journal, _ = bench(ONE)
    before = block.bench.clock.now()
    block[0, 0].pulse(1)
    assert block.bench.clock.now() - before >= 0.01
    assert first(journal, "matrix") < first(journal, "bias level")


def test_a_gate_has_its_level_before_its_source_goes_on_and_before_the_pulse() -> None:
    block, journal, _ = bench(ONE)
    block[0, 0].pulse(1)
    order = first(journal, "bias span 2 V", "bias level 1.2 V", "bias on", "generator on", "generator fire 1")
    assert order == sorted(order)
    block[0, 0].pulse(-1)
    assert "bias level 2 V" in journal
    assert journal.count("bias span 2 V") == 1  # set up once: its range does not change under a device
    block.safe()
    block[0, 0].pulse(1)
    assert journal.count("bias span 2 V") == 2


@pytest.mark.parametrize(
    "found",
    [
        Measurement(1.2, 1e-5, Status.COMPLIANCE),
        Measurement(1.17, 0.0),
        Measurement(1.23, 0.0),
        Measurement(0.0, 0.0),
        Measurement(float("nan"), 0.0),
    ],
)
def test_a_gate_that_is_not_held_gets_no_pulse_however_often_it_is_asked(monkeypatch, found: Measurement) -> None:
    block, journal, _ = bench(ONE)
    monkeypatch.setattr(Bias, "measure", lambda self, count=1: [found])
    for _ in range(2):
        with pytest.raises(InstrumentError, match="leaks or is shorted"):
            block[0, 0].pulse(1)
    assert not [what for what in journal if what.startswith("generator fire")]
    monkeypatch.setattr(Bias, "measure", lambda self, count=1: [Measurement(1.21, 0.0)])
    block[0, 0].pulse(1)
    assert journal[-1] == "generator fire 1"


def test_a_gate_whose_source_was_switched_off_is_held_anew_at_the_same_level() -> None:
    block, journal, _ = bench(ONE)
    block.pulse(1)  # one crosspoint after the other: relays move between them
    assert journal.count("bias on") == journal.count("bias level 1.2 V") == 2


def test_a_phase_that_holds_nothing_switches_the_bias_source_off_also_where_no_relay_moves() -> None:
    block, journal, _ = bench(ONE)
    switching = block.bench.switching
    held = Setup(Phase.READ, (), Source.SMU, (), bias=1.5)
    switching.enter(held)
    assert journal[-1] == "bias on"
    switching.enter(replace(held, bias=None))
    assert journal[-1] == "bias off"


def test_without_a_matrix_there_are_no_relays_to_look_at() -> None:
    with pytest.raises(InputError, match="no relays to open"):
        disconnected(FIXED, ["A1"])


def test_a_level_that_may_not_have_come_is_set_again() -> None:
    block, journal, _ = bench(ONE)
    block[0, 0].pulse(1)
    journal.fails = "bias level 2"
    with pytest.raises(NotAnswering):
        block[0, 0].pulse(-1)
    journal.fails = None
    del journal[:]
    block[0, 0].pulse(1)
    level, fired = first(journal, "bias level 1.2 V", "generator fire 1")
    assert level < fired


def test_a_wiring_that_holds_a_gate_needs_a_source_for_it() -> None:
    block, journal, _ = bench(ONE)
    block.bench.switching.bias = None
    with pytest.raises(InputError, match=r"name it in instruments\.bias"):
        block[0, 0].pulse(1)
    assert not [what for what in journal if what.startswith("generator fire")]


def test_an_emergency_stop_is_outputs_first_and_relays_last_and_tells_who_did_not_answer(caplog) -> None:
    block, journal, _ = bench(ONE)
    block[0, 0].pulse(1)
    del journal[:]
    journal.fails = "smu off"
    with caplog.at_level(logging.ERROR):
        block[0, 0].safe()
    assert journal == ["generator off", "smu off", "bias off", "matrix off"]
    assert "while switching off: smu off: no reply" in caplog.text


def test_a_pulse_that_may_not_have_been_set_up_is_set_up_again() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(1)
    journal.fails = "generator set -4"
    with pytest.raises(NotAnswering):
        block[0, 0].pulse(-1)
    journal.fails = None
    del journal[:]
    block[0, 0].pulse(1)
    again, fired = first(journal, "generator set 4 V", "generator fire 1")
    assert again < fired


def test_relays_are_looked_at_again_after_the_bench_was_made_safe() -> None:
    block, journal, _ = bench(TWO)
    block[0, 0].read()
    del journal[:]
    block[0, 0].read()
    assert journal.count("smu measure 1") == 1
    block.safe()
    del journal[:]
    block[0, 0].read()
    assert journal.count("smu measure 1") == 2
    assert "matrix none" in journal


def test_pulses_are_noted_before_they_are_counted_and_counted_before_they_are_fired() -> None:
    block, journal, _ = bench()
    count = block.bench.count
    told: list[tuple[str, int, dict[str, int]]] = []
    count.watch = lambda name, more: told.append((name, more, dict(count.applied)))
    block[0, 0].pulse(3)
    block[0, 0].pulse(-2)
    assert told == [("A1", 3, {}), ("A1", 2, {"A1": 3})]

    def refuse(name: str, more: int) -> None:
        raise KeyboardInterrupt

    count.watch = refuse
    del journal[:]
    with pytest.raises(KeyboardInterrupt):
        block[0, 0].pulse(1)
    assert count.applied == {"A1": 5}  # what was not fired is not spent
    assert count.doubtful == {}
    assert not [what for what in journal if what.startswith("generator fire")]


def test_pulses_in_doubt_add_up_and_are_told_by_one_reading() -> None:
    block, journal, _ = bench()
    one = block[0, 0]
    one.read()
    journal.fails = "generator fire"
    for pulses in (7, 2):
        with pytest.raises(NotAnswering):
            one.pulse(pulses)
    journal.fails = None
    assert block.bench.count.doubtful == {"A1": 9}
    one.pulse(3)
    assert block.bench.count.doubtful == {"A1": 9}  # those three came
    assert one.read().status.item() == Status.UNCERTAIN
    assert one.read().status.item() == Status.OK
    assert block.bench.pulses_applied == {"A1": 12}


@pytest.mark.parametrize("width", [0.0, -1e-6, np.nan, np.inf])
def test_what_is_no_width_is_no_pulse(width) -> None:
    with pytest.raises(InputError, match="pulse width"):
        Pulse(1.0, width)


def test_after_a_sequence_nothing_is_on_and_everything_is_set_again() -> None:
    block, journal, _ = bench(FIXED, ("A1",))
    block.pulse(1)
    block.read()
    del journal[:]
    block.bench.end_sequence()
    assert journal == ["smu off", "generator off"]
    del journal[:]
    block.pulse(1)
    block.read()
    assert journal == [
        "generator set 4 V",
        "generator on",
        "generator fire 1",
        "smu set 0.1 V",
        "smu on",
        "smu measure 1",
    ]


def test_pulses_of_earlier_runs_count_and_are_told() -> None:
    block, journal, _ = bench(TWO)
    block.bench.count.add_earlier({"A1": 50, "A2": 1})
    block.bench.count.add_earlier({"A1": 10})
    block[0, 0].pulse(40)
    del journal[:]
    with pytest.raises(LimitError, match=r"1 more pulses on A1 after 100 \(60 of these in earlier runs\) make 101"):
        block[0, 0].pulse(1)
    assert journal == []
    block[0, 1].pulse(99)


def test_a_reset_pulse_from_the_source_line_is_of_the_other_sign() -> None:
    matrix = MatrixCabling(1, "A", "B", "C", {**COLUMNS, ("A1", Terminal.SOURCE): 5}, bias="D")
    block, journal, _ = bench(replace(ONE, matrix=matrix), ("A1",))
    block.pulse(-1)
    assert "matrix 1A05,1C01,1D02" in journal  # the source line is driven, the top electrode grounded
    assert "generator set 4 V" in journal
    del journal[:]
    block.pulse(1)
    assert "matrix 1A01,1C05,1D02" in journal
    assert not [what for what in journal if what.startswith("generator set -")]


def test_a_current_through_open_relays_ends_a_run_before_its_readings_are_handed_out(monkeypatch) -> None:
    block, _, smu = bench(TWO)
    smu.matrix = None  # measures its reply whatever relays are told: one of them is stuck closed
    with pytest.raises(InstrumentError, match=r"stuck closed.*Readings of A1, A2 are not kept"):
        block.read()


@pytest.mark.parametrize(
    ("reply", "status", "is_number"),
    [
        (Measurement(0.1, 5e-7), Status.OK, True),
        (Measurement(0.04, 5e-7), Status.INVALID, False),  # the output is off: a quotient of offsets
        (Measurement(-0.04, 5e-7), Status.INVALID, False),
        (Measurement(0.04, 5e-5, Status.COMPLIANCE), Status.COMPLIANCE, True),  # the limit holds it back
        (Measurement(0.1, 5e-7, Status.INVALID), Status.INVALID, False),
        (Measurement(0.1, 5e-7, Status.OVERRANGE), Status.OVERRANGE, True),
    ],
)
def test_a_reading_is_a_number_where_its_voltage_was_there(reply, status, is_number) -> None:
    block, _, smu = bench(FIXED, ("A1",))
    smu.reply = reply
    readings = block.read(2)
    assert readings.status.ravel().tolist() == [int(status)] * 2
    assert np.isfinite(readings.conductance).all() == is_number
    np.testing.assert_array_equal(block.read().conductance.ravel(), readings.conductance.ravel()[:1])


def test_every_instrument_is_asked_for_its_errors_after_a_trace() -> None:
    block, journal, _ = bench(ONE, ("A1",))
    list(block.stream([1, -1]))
    assert journal[-4:] == ["generator errors?", "smu errors?", "bias errors?", "matrix errors?"]
