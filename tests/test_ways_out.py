"""Ways out, step by step: what comes first, what is done in spite of what failed, and signals at the worst moments."""

import signal
import threading

import pytest
from test_recorder import Ramp, Station, UpRamp

import labshd.runs.writer
from labshd.common import signals
from labshd.common.progress import NoProgress
from labshd.common.provenance import What
from labshd.common.signals import Interrupts, ProcessSignals, Terminated, interrupts
from labshd.recording.ending import Ending
from labshd.recording.recorder import record, recording, run_of
from labshd.runs.files import AppendFile
from labshd.runs.json_files import write_json
from labshd.runs.run import open_run
from labshd.runs.writer import RunWriter
from labshd.station import exits
from labshd.station.exits import OpenBenches


def test_outputs_are_off_before_files_are_closed_and_the_wire_is_kept_until_then(tmp_path, monkeypatch) -> None:
    happened: list[str] = []
    device, station, close = Ramp(), Station(), RunWriter.close

    def closing(self, *how, **more) -> None:
        happened.append(f"closed, driven: {device.driven}")
        close(self, *how, **more)

    monkeypatch.setattr(RunWriter, "close", closing)
    monkeypatch.setattr(
        Station, "keep_wire", lambda self, path: happened.append(f"wire {path is not None}, {device.driven}")
    )
    monkeypatch.setattr(
        Station, "note_pulses", lambda self, path, before: happened.append(f"notes {path.name} {before}")
    )
    record(UpRamp(), device, runs=tmp_path, station=station)
    assert happened == ["wire True, False", "notes pulses.txt {}", "wire False, False", "closed, driven: False"]


def test_what_fails_while_files_are_closed_keeps_none_of_the_others_open(tmp_path, monkeypatch, caplog) -> None:
    class Shown(NoProgress):
        def stop(self) -> None:
            raise OSError("the terminal is gone")

    station = Station()
    monkeypatch.setattr(Station, "keep_wire", raising_where_none)
    run = record(UpRamp(), Ramp(), runs=tmp_path, station=station, progress=Shown())
    assert run.status == "finished"
    assert run.info["pulses_fired"] == {"A1": 12}
    assert "the terminal is gone" in caplog.text
    assert "no space for the wire" in caplog.text


def raising_where_none(self, path) -> None:
    if path is None:
        raise OSError("no space for the wire")


def test_a_signal_while_the_run_is_closed_waits_until_run_json_tells_the_end(tmp_path, monkeypatch) -> None:
    def writing(path, info) -> None:
        if info.get("ended") and not sent:
            sent.append(signal.raise_signal(signal.SIGINT))
        write_json(path, info)

    sent: list[None] = []
    monkeypatch.setattr(labshd.runs.writer, "write_json", writing)
    with pytest.raises(KeyboardInterrupt):
        record(UpRamp(), Ramp(), runs=tmp_path)
    assert sent
    run = open_run("last", tmp_path)
    assert (run.status, run.readings, run.pulses) == ("finished", 10, 10)
    assert not list(run.folder.glob("*.lock"))


def test_a_signal_at_the_very_door_of_the_end_does_not_keep_it_from_being_made(tmp_path, monkeypatch) -> None:
    end, tried = Ending.end, []

    def interrupted(self) -> None:
        tried.append(self)
        if len(tried) == 1:
            raise KeyboardInterrupt
        end(self)

    monkeypatch.setattr(Ending, "end", interrupted)
    device = Ramp()
    with pytest.raises(KeyboardInterrupt):
        record(UpRamp(), device, runs=tmp_path)
    assert not device.driven
    assert open_run("last", tmp_path).info["ended"]


def test_a_signal_while_handlers_are_put_back_waits_until_all_are(monkeypatch) -> None:
    asked: list[int] = []
    theirs = lambda number, _: asked.append(number)  # noqa: E731 - of a program that handles them itself
    earlier = {number: signal.signal(number, theirs) for number in (signal.SIGINT, signal.SIGTERM)}
    before = dict.fromkeys(earlier, theirs)
    put_back, sent = signal.signal, []

    def late(number, handler):
        if leaving and not sent:
            sent.append(number)
            signal.raise_signal(signal.SIGTERM)
        return put_back(number, handler)

    leaving: list[bool] = []
    monkeypatch.setattr(signals.signal, "signal", late)
    try:
        with pytest.raises(Terminated), interrupts():
            leaving.append(True)
        assert sent
        assert {number: signal.getsignal(number) for number in before} == before
    finally:
        monkeypatch.undo()
        for number, handler in earlier.items():
            signal.signal(number, handler)
    assert not asked


def during_a_row(caught: Interrupts) -> None:
    with caught.deferred():
        caught.handle("SIGINT")
        caught.handle("SIGTERM")


@pytest.mark.parametrize("hold", ["hold", "deferred"])
def test_while_it_is_held_back_no_signal_raises_and_the_first_is_raised_afterwards(hold) -> None:
    caught = Interrupts()
    if hold == "hold":
        caught.hold()
        caught.handle("SIGINT")
        caught.handle("SIGTERM")
    else:
        with pytest.raises(KeyboardInterrupt):
            during_a_row(caught)
    assert (caught.name, caught.count) == ("SIGINT", 2)
    if hold == "hold":
        with pytest.raises(KeyboardInterrupt):
            caught.raise_pending()
    caught.raise_pending()  # once is enough


def test_after_a_row_signals_raise_again() -> None:
    caught = Interrupts()
    with caught.deferred():
        pass
    with pytest.raises(KeyboardInterrupt):
        caught.handle("SIGINT")
    caught.handle("SIGINT")  # a second one must not cut short what the first began


class Bench:
    """One that is open, and only hears of signals."""

    def end_is_near(self, name: str, last: bool) -> None:
        pass

    def disown(self) -> None:
        pass


class Freed(threading.Event):
    """Says whether whoever waited for it was let go, or had waited long enough."""

    said: bool | None = None

    def wait(self, timeout=None) -> bool:
        self.said = super().wait(timeout)
        return self.said


def console_closes(guard: OpenBenches, monkeypatch, event: int = 2) -> tuple[threading.Thread, list[bool], list[int]]:
    interrupted: list[int] = []
    monkeypatch.setattr(exits._thread, "interrupt_main", interrupted.append)
    said: list[bool] = []
    closing = threading.Thread(target=lambda: said.append(guard.closing(event)))
    return closing, said, interrupted


def test_a_console_that_closes_waits_for_the_last_bench_and_no_longer(monkeypatch) -> None:
    guard, freed, one, other = OpenBenches(ProcessSignals()), Freed(), Bench(), Bench()
    monkeypatch.setattr(guard, "_free", freed)
    guard.hold(one)
    guard.release(one)
    guard.hold(one)  # again, after it was closed
    guard.hold(other)
    closing, said, interrupted = console_closes(guard, monkeypatch)
    closing.start()
    guard.release(one)
    closing.join(0.05)
    assert closing.is_alive()  # one bench is open
    guard.release(other)
    closing.join()
    assert (said, interrupted, freed.said) == ([True], [signal.SIGINT], True)


@pytest.mark.parametrize(("event", "benches"), [(2, 0), (0, 1), (1, 1)])
def test_a_console_event_that_needs_nothing_is_left_to_others(monkeypatch, event, benches) -> None:
    guard = OpenBenches(ProcessSignals())
    for _ in range(benches):
        guard.hold(Bench())
    closing, said, interrupted = console_closes(guard, monkeypatch, event)
    closing.start()
    closing.join()
    assert (said, interrupted) == ([False], [])


def test_a_signal_that_was_ignored_stays_ignored_within_a_run() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interrupts() as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.name is None
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_a_program_sets_while_a_bench_is_open_stays() -> None:
    def mine(number: int, frame: object) -> None:
        pass

    before, guard, bench = signal.getsignal(signal.SIGTERM), OpenBenches(ProcessSignals()), Bench()
    try:
        guard.hold(bench)
        signal.signal(signal.SIGTERM, mine)
        with interrupts():
            pass
        guard.release(bench)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def signal_after_append(monkeypatch, number: int) -> None:
    """Ctrl-C right after the append of that number."""
    append, done = AppendFile.append, []

    def interrupted(self, data: bytes) -> None:
        append(self, data)
        done.append(data)
        if len(done) == number:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(AppendFile, "append", interrupted)


def test_ctrl_c_does_not_part_a_row_from_the_count_of_rows(tmp_path, monkeypatch) -> None:
    signal_after_append(monkeypatch, 4)  # the first line, and three readings
    with pytest.raises(KeyboardInterrupt) as caught:
        record(UpRamp(), Ramp(), runs=tmp_path)
    run = run_of(caught.value)
    assert run is not None
    assert (run.readings, run.pulses, len(run.series())) == (3, 3, 3)


def test_ctrl_c_does_not_part_the_variables_of_a_training_from_their_names(tmp_path, monkeypatch) -> None:
    def trained() -> None:
        with recording(What("train", "one-weight"), Ramp(), runs=tmp_path) as made:
            signal_after_append(monkeypatch, 1)
            made.step(loss=0.5, weight=0.1)

    with pytest.raises(KeyboardInterrupt) as caught:
        trained()
    run = run_of(caught.value)
    assert run is not None
    assert (run.folder / "steps.csv").read_text(encoding="utf-8").splitlines() == ["loss,weight", "0.5,0.1"]


def test_a_protocol_is_left_also_where_its_error_is_kept(tmp_path) -> None:
    UpRamp.left.clear()
    with pytest.raises(Terminated) as kept:  # the traceback keeps its frames alive
        record(UpRamp(), Ramp(), runs=tmp_path, station=Station(stop="labshd safe, process 7"))
    assert UpRamp.left == [False]
    del kept
