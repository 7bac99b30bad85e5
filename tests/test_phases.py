"""Phases: who is driven, grounded, held or floating for every kind of wiring, and the order of getting there."""

from __future__ import annotations

import pytest
from test_bench import bench

from instruments.bench.phases import Condition, Phase, disconnected, setup
from instruments.bench.wiring import (
    BiasLevels,
    Column,
    Kind,
    MatrixCabling,
    ReadGate,
    Relay,
    Scheme,
    Source,
    Terminal,
    Wiring,
)
from instruments.errors import InputError, InstrumentError
from instruments.roles import Measurement

GATE, CHANNEL, TOP, SOURCE = Terminal.GATE, Terminal.CHANNEL, Terminal.TOP, Terminal.SOURCE
LEVELS = BiasLevels(set=1.2, reset=2.5, read=2.0, compliance=1e-6)


def three(read_gate: ReadGate | None = None, ground: str | None = "C") -> Wiring:
    columns = {("A1", GATE): 1, ("A1", CHANNEL): 2, ("A2", GATE): 3, ("A2", CHANNEL): 4}
    return Wiring(
        Kind.THREE_TERMINAL,
        MatrixCabling(1, "A", "B", ground, dict(columns), bias="D"),
        read_gate=read_gate,
        bias=LEVELS,
    )


def cells(source: bool) -> Wiring:
    columns = {(name, terminal): 3 * row + at
               for row, name in enumerate(("A1", "A2")) for at, terminal in ((1, TOP), (2, GATE), (3, SOURCE))
               if source or terminal is not SOURCE}  # fmt: skip
    return Wiring(Kind.ONE_TRANSISTOR, MatrixCabling(1, "A", "B", "C", dict(columns), bias="D"), bias=LEVELS)


def crossbar(scheme: Scheme = Scheme.HALF) -> Wiring:
    columns = {}
    for row in (0, 1):
        for column in (0, 1):
            name = f"{'AB'[row]}{column + 1}"
            columns[name, Terminal.ROW] = Column(1, row + 1)
            columns[name, Terminal.COLUMN] = Column(2, column + 1)
    levels = BiasLevels(None, None, 0.1, 1e-4)
    matrix = MatrixCabling(1, "A", "C", "E", columns, bias="D", inverse="B")
    return Wiring(Kind.CROSSBAR, matrix, bias=levels, scheme=scheme)


def relays(wiring: Wiring, phase: Phase, name: str = "A1") -> set[str]:
    return {f"{r.slot}{r.row}{r.column}" for r in setup(wiring, name, phase).relays}


def conditions(wiring: Wiring, phase: Phase, name: str = "A1") -> dict[str, tuple[Condition, Source | None]]:
    return {one.terminal: (one.condition, one.by) for one in setup(wiring, name, phase).terminals}


# -- three terminals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "closed", "gate", "level"),
    [
        (None, {"1B2"}, (Condition.FLOATING, None), None),
        (ReadGate.FLOATING, {"1B2"}, (Condition.FLOATING, None), None),
        (ReadGate.GROUNDED, {"1B2", "1C1"}, (Condition.GROUNDED, Source.GROUND), None),
        (ReadGate.HELD, {"1B2", "1D1"}, (Condition.HELD, Source.BIAS), 2.0),
    ],
)
def test_the_gate_of_a_three_terminal_device_while_it_is_read_is_a_choice(choice, closed, gate, level) -> None:
    wiring = three(choice)
    assert relays(wiring, Phase.READ) == closed
    assert conditions(wiring, Phase.READ)["gate"] == gate
    assert setup(wiring, "A1", Phase.READ).bias == level
    for phase in (Phase.UP, Phase.DOWN):
        assert relays(wiring, phase) == {"1A1", "1C2"}
        assert conditions(wiring, phase) == {
            "gate": (Condition.DRIVEN, Source.GENERATOR),
            "channel": (Condition.GROUNDED, Source.GROUND),
            "source": (Condition.GROUNDED, None),
        }


def test_without_a_matrix_the_gate_rests_at_zero_or_floats_while_it_is_read() -> None:
    fixed = Wiring(Kind.THREE_TERMINAL, None)
    assert conditions(fixed, Phase.READ)["gate"] == (Condition.HELD, Source.GENERATOR)
    assert conditions(fixed, Phase.UP)["channel"] == (Condition.HELD, Source.SMU)
    block, journal, _ = bench(fixed, ("A1",))
    block.pulse(1)
    block.read()
    block.pulse(1)
    assert journal.count("generator on") == 1
    assert "generator off" not in journal
    floating = Wiring(Kind.THREE_TERMINAL, None, read_gate=ReadGate.FLOATING)
    assert conditions(floating, Phase.READ)["gate"] == (Condition.FLOATING, None)
    block, journal, _ = bench(floating, ("A1",))
    block.pulse(1)
    block.read()
    assert journal.index("generator off") < journal.index("smu on")


# -- a transistor in series -------------------------------------------------------------------------------------------


def test_a_cell_is_set_from_the_top_and_reset_from_its_source_line() -> None:
    wiring = cells(source=True)
    assert relays(wiring, Phase.UP) == {"1D2", "1A1", "1C3"}
    assert relays(wiring, Phase.DOWN) == {"1D2", "1A3", "1C1"}
    assert relays(wiring, Phase.READ) == {"1D2", "1B1", "1C3"}
    assert [setup(wiring, "A1", phase).bias for phase in Phase] == [1.2, 2.5, 2.0]
    assert [setup(wiring, "A1", phase).sign for phase in Phase] == [1, -1, 1]
    block, journal, _ = bench(wiring)
    block[0, 0].pulse(-1)  # -4 V at the device is 4 V at the source line
    assert "generator set 4 V" in journal


def test_without_a_column_the_source_line_is_grounded_for_good() -> None:
    wiring = cells(source=False)
    assert relays(wiring, Phase.DOWN) == {"1D2", "1A1"}
    assert conditions(wiring, Phase.DOWN)["source"] == (Condition.GROUNDED, None)
    assert setup(wiring, "A1", Phase.DOWN).sign == 1


def test_the_word_line_comes_first_and_goes_last() -> None:
    block, journal, _ = bench(cells(source=False))
    block[0, 0].pulse(1)
    block[0, 0].read()
    assert journal == [
        "matrix 1A01,1D02",
        "bias span 2.5 V",
        "bias level 1.2 V",
        "bias on",
        "generator set 4 V",
        "generator on",
        "generator fire 1",
        "generator off",
        "bias off",
        "matrix 1B01,1D02",
        "bias level 2 V",
        "bias on",
        "smu set 0.1 V",
        "smu on",
        "smu measure 1",
        "smu off",  # at the first reading of a session: nothing flows with the device disconnected
        "bias off",
        "matrix 1D02",
        "bias level 2 V",
        "bias on",
        "smu on",
        "smu measure 1",
    ]


def test_a_word_line_that_is_not_at_its_voltage_is_not_pulsed() -> None:
    block, journal, _ = bench(cells(source=False))
    source = block.bench.switching.bias
    assert source is not None
    source.measure = lambda count=1: [Measurement(0.4, 1e-6)]  # type: ignore[method-assign]
    with pytest.raises(InstrumentError, match=r"holds 400 mV with 1 uA, where 1.2 V was asked for"):
        block[0, 0].pulse(1)
    assert not [what for what in journal if what.startswith("generator")]


def test_settling_of_the_wiring_passes_after_relays_moved() -> None:
    for settle in (0.0, 0.25):
        wiring = three()
        block, _, _ = bench(Wiring(wiring.kind, wiring.matrix, settle=settle))
        block[0, 0].pulse(1)
        assert block.bench.clock.now() == settle
        block[0, 0].pulse(1)
        assert block.bench.clock.now() == settle  # nothing moved


# -- a crossbar -------------------------------------------------------------------------------------------------------


def test_half_select_puts_a_half_on_each_line_and_grounds_the_others() -> None:
    wiring = crossbar()
    assert relays(wiring, Phase.UP) == {"1A1", "2B1", "1E2", "2E2"}
    assert relays(wiring, Phase.UP, "B2") == {"1A2", "2B2", "1E1", "2E1"}
    assert conditions(wiring, Phase.DOWN) == {
        "row": (Condition.DRIVEN, Source.GENERATOR),
        "column": (Condition.DRIVEN, Source.INVERSE),
        "other lines": (Condition.GROUNDED, Source.GROUND),
    }


def test_a_crossbar_is_read_from_row_to_column_with_every_other_line_at_ground() -> None:
    wiring = crossbar()
    assert relays(wiring, Phase.READ) == {"1D1", "2C1", "1E2", "2E2"}
    assert setup(wiring, "A1", Phase.READ).sensed
    assert setup(wiring, "A1", Phase.READ).bias == 0.1
    block, journal, smu = bench(wiring, ("A1", "B2"))
    smu.reply = Measurement(1e-4, -4e-6)  # 100 mV minus 0.1 mV across, 4 uA through
    smu.matrix = None
    assert block[0, 0].bench.measure("A1", 1)[0][1] == Measurement(0.1 - 1e-4, 4e-6)
    assert "smu set 0 V" in journal


def test_lines_that_are_not_selected_float_where_that_is_the_scheme() -> None:
    wiring = crossbar(Scheme.FLOATING)
    assert relays(wiring, Phase.UP) == {"1A1", "2E1"}
    assert conditions(wiring, Phase.UP)["other lines"] == (Condition.FLOATING, None)
    assert relays(wiring, Phase.READ) == {"1D1", "2C1", "1E2", "2E2"}  # never while reading


def test_a_crossbar_is_not_swept() -> None:
    block, journal, _ = bench(crossbar(), ("A1", "B2"))
    with pytest.raises(InputError, match="between two sources"):
        list(block.sweep([0.05, 0.1], 1e-5))
    assert "smu on" not in journal


# -- what is checked with nothing connected ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wiring", "closed", "level"),
    [
        (three(), [set()], None),
        (three(ReadGate.GROUNDED), [{Relay(1, "C", 1), Relay(1, "C", 3)}], None),
        (cells(source=False), [{Relay(1, "D", 2), Relay(1, "D", 5)}], 2.0),
        (
            crossbar(),
            [
                {Relay(1, "E", 1), Relay(1, "E", 2), Relay(2, "E", 1), Relay(2, "E", 2)},
                {Relay(2, "C", 1)},
                {Relay(2, "C", 2)},
            ],
            None,
        ),
    ],
)
def test_disconnected_leaves_a_way_for_current_only_through_a_relay_that_is_stuck(wiring, closed, level) -> None:
    found = disconnected(wiring, ["A1", "A2"])
    assert [set(one.relays) for one in found] == closed
    assert {one.bias for one in found} == {level}
    assert {one.driver for one in found} == {Source.SMU}


# -- what a wiring cannot do ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wiring", "phase", "says"),
    [
        (Wiring(Kind.THREE_TERMINAL, None, read_gate=ReadGate.HELD), Phase.READ, "generator stays on the gate"),
        (three(ReadGate.GROUNDED, ground=None), Phase.READ, r"needs wiring\.ground"),
        (Wiring(Kind.CROSSBAR, None), Phase.UP, "need a switch matrix"),
        (
            Wiring(Kind.ONE_TRANSISTOR, None),
            Phase.UP,
            "no voltage is stated for the bias source in the phase 'pulse up'",
        ),
    ],
)
def test_what_a_wiring_cannot_do_is_said(wiring, phase, says) -> None:
    with pytest.raises(InputError, match=says):
        setup(wiring, "A1", phase)
