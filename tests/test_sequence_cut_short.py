"""A sequence that is cut short: counted before it starts, off before its buffer is read, what was not read in doubt."""

import logging

import numpy as np
import pytest
from test_bench import FIXED, THREE, Journal, Smu, bench
from test_cold_and_counted import LEVELS, ONE

from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, MatrixCabling, ReadGate, Terminal, Wiring
from instruments.crosspoints import Readings, Status
from instruments.errors import InstrumentError, NotAnswering
from instruments.sequences import Plan, Sequencer, Taken

STEPS = [1, -2, 1, 3]


class Scripted(Sequencer):
    """Reads 0.1 V and 0.5 uA at every step, or what `brings` says of it; `raises` once when the buffer is read."""

    title = "scripted"
    brings = staticmethod(lambda taken: taken)
    raises: BaseException | None = None

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.steps = 0

    def refusal(self, plan: Plan) -> str | None:
        return None

    def holds(self, plan: Plan) -> int:
        return len(plan)

    def begin(self, plan: Plan) -> None:
        self.journal.note("begin")

    def load(self, plan: Plan) -> float:
        self.steps = len(plan)
        self.journal.note(f"load {len(plan)}")
        return 0.01

    def start(self) -> None:
        self.journal.note("start")

    def collect(self) -> Taken:
        self.journal.note("collect")
        if (error := Scripted.raises) is not None:
            Scripted.raises = None
            raise error
        n = self.steps
        status = np.zeros(n, dtype=np.uint8)
        return Scripted.brings(Taken(np.full(n, 0.1), np.full(n, 5e-7), np.arange(n) * 1e-3, status))

    def end(self) -> None:
        self.journal.note("end")


def part(taken: Taken, n: int) -> Taken:
    return Taken(taken.voltage[:n], taken.current[:n], taken.time[:n], taken.status[:n])


@pytest.fixture
def sequenced(monkeypatch) -> tuple[BenchCrosspoints, Journal]:
    monkeypatch.setattr(Smu, "sequencer", lambda self, generator, trigger: Scripted(self.journal))
    monkeypatch.setattr(Scripted, "raises", None)
    monkeypatch.setattr(Scripted, "brings", staticmethod(lambda taken: taken))
    block, journal, _ = bench(FIXED, ("A1",))
    return block, journal


def kept(block: BenchCrosspoints, error: type[BaseException]) -> Readings:
    """What a trace yields before an error ends it."""
    parts: list[Readings] = []
    with pytest.raises(error):
        parts.extend(block.stream(STEPS))  # what was yielded before stays in the list
    return Readings.join(parts)


def test_a_sequence_is_counted_confirmed_and_left_with_everything_off(sequenced) -> None:
    block, journal = sequenced
    readings = block.trace(STEPS)
    assert readings.status.ravel().tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(readings.conductance.ravel(), 5e-6)
    assert block.bench.pulses_applied == {"A1": 7}
    assert block.bench.count.doubtful == {}
    assert [what for what in journal if "errors" not in what] == [
        "begin", "load 4", "start", "collect", "smu off", "generator off", "end"
    ]  # fmt: skip
    assert journal[-2:] == ["generator errors?", "smu errors?"]  # what they did not take is told at the end
    ended = block.bench.clock.now()
    block.read()
    assert block.bench.clock.now() - ended == pytest.approx(
        1e-3
    )  # the device settles after the last pulse of a sequence, too


def test_pulses_are_counted_before_a_sequence_starts_and_in_doubt_when_its_start_fails(sequenced) -> None:
    block, journal = sequenced
    seen: list[bool] = []
    block.bench.count.watch = lambda name, count: seen.append("start" in journal)
    journal.fails = "start"
    readings = kept(block, NotAnswering)
    assert seen == [False]
    assert block.bench.pulses_applied == {"A1": 7}
    off = [journal.index(what) for what in ("start", "generator off", "smu off", "collect")]
    assert off == sorted(off)  # off first of all, then what the buffer holds
    np.testing.assert_allclose(readings.conductance.ravel(), 5e-6)


def test_readings_that_are_missing_end_a_sequence_and_leave_their_pulses_in_doubt(sequenced, monkeypatch) -> None:
    block, _ = sequenced
    monkeypatch.setattr(Scripted, "brings", staticmethod(lambda taken: part(taken, 2)))
    readings = kept(block, InstrumentError)
    unread = int(Status.INVALID | Status.UNCERTAIN)
    assert readings.status.ravel().tolist() == [0, 0, unread, unread]
    assert np.isnan(readings.conductance.ravel()[2:]).all()
    assert block.bench.count.doubtful == {"A1": 4}
    assert block.bench.pulses_applied == {"A1": 7}


def test_ctrl_c_while_the_buffer_is_read_loses_no_reading(sequenced, monkeypatch) -> None:
    block, journal = sequenced
    monkeypatch.setattr(Scripted, "raises", KeyboardInterrupt())
    readings = kept(block, KeyboardInterrupt)
    np.testing.assert_allclose(readings.conductance.ravel(), 5e-6)
    assert block.bench.count.doubtful == {}
    assert journal.count("collect") == 2


def test_steps_that_cannot_be_loaded_are_not_counted(sequenced) -> None:
    block, journal = sequenced
    journal.fails = "load"
    with pytest.raises(NotAnswering):
        block.trace(STEPS)
    assert block.bench.pulses_applied == {}
    assert block.bench.count.doubtful == {}
    assert "start" not in journal
    assert "collect" not in journal


def test_a_reading_whose_voltage_was_not_there_is_no_number(sequenced, monkeypatch) -> None:
    block, _ = sequenced

    def lost(taken: Taken) -> Taken:
        taken.voltage[1] = 0.04
        taken.voltage[2], taken.status[2] = 0.04, int(Status.COMPLIANCE)
        taken.current[3] = np.nan
        return taken

    monkeypatch.setattr(Scripted, "brings", staticmethod(lost))
    readings = block.trace(STEPS)
    assert readings.status.ravel().tolist() == [0, Status.INVALID, Status.COMPLIANCE, Status.INVALID]
    assert np.isnan(readings.conductance.ravel()).tolist() == [False, True, False, True]


def test_doubt_from_before_is_told_by_the_first_reading_of_a_sequence(sequenced) -> None:
    block, _ = sequenced
    block.bench.count.firing("A1", 2)
    assert block.trace(STEPS).status.ravel().tolist() == [int(Status.UNCERTAIN), 0, 0, 0]
    assert block.trace([1]).status.item() == 0


@pytest.mark.parametrize(
    ("duty", "steps", "way"),
    [(None, STEPS, "load"), (0.5, STEPS, "load"), (0.1, STEPS, "generator fire"), (0.1, [1, -1], "load")],
)
def test_a_sequence_keeps_the_limit_of_the_duty_or_is_none(sequenced, caplog, duty, steps, way) -> None:
    block, journal = sequenced
    block.bench.limits = block.bench.limits.model_copy(update={"duty": duty})
    with caplog.at_level(logging.WARNING):
        block.trace(steps)
    assert bool([what for what in journal if what.startswith(way)])
    assert ("pulses would last up to 50% of the time, limits.duty is 10%" in caplog.text) == (way != "load")


LINES = {("A1", Terminal.ROW): 1, ("A1", Terminal.COLUMN): 2}


@pytest.mark.parametrize(
    "wiring",
    [
        THREE,
        ONE,
        Wiring(Kind.ONE_TRANSISTOR, None, bias=LEVELS),
        Wiring(Kind.CROSSBAR, MatrixCabling(1, "A", "B", "C", LINES, bias="D", inverse="E"), bias=LEVELS),
        Wiring(Kind.THREE_TERMINAL, None, read_gate=ReadGate.FLOATING),
    ],
    ids=["three terminals behind a matrix", "1T1R", "1T1R for good", "crossbar", "floating gate"],
)
def test_where_something_moves_between_a_pulse_and_a_reading_there_is_no_sequence(sequenced, wiring) -> None:
    block, _, _ = bench(wiring, ("A1",))
    assert block.tracing.words == "step by step: relays or outputs move between a pulse and a reading"
