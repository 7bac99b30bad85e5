"""The recorder: every reading on disk at once, outputs off and the truth told on every way out."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from instruments.crosspoints import Crosspoints, Origin, Pulse, PulsePair, Readings, counts_for, index_pair
from instruments.errors import InstrumentError, LimitError, RunError
from labshd.common import progress as progress_module
from labshd.common.progress import Bar, Lines, progress
from labshd.common.provenance import StationRecord, What
from labshd.common.signals import Terminated, interrupts
from labshd.common.station_of import PulsesOfRun
from labshd.recording.recorder import record, recording, run_of
from labshd.runs.run import open_run
from protocols.common.protocol import Points, Protocol


class Ramp(Crosspoints):
    """Conductance counts pulses; tells whether it was left driven, and can fail or interrupt after some readings."""

    def __init__(self, fail=None, at=5, shape=(1, 1)):
        self.shape, self.name = shape, "A1"
        self.pulses = PulsePair(Pulse(1.0, 1e-6), Pulse(-1.0, 1e-6))
        self.state = np.zeros(shape)
        self.driven = False
        self.safes = 0
        self.reads = 0
        self.fail, self.at = fail, at

    @property
    def origin(self):
        return Origin("simulated", {"of": "tests"})

    def pulse(self, counts, pulses=None):
        self.driven = True
        self.state = self.state + counts_for(counts, self.shape)

    def read(self, repeats=1):
        self.reads += 1
        if self.fail is not None and self.reads == self.at:
            self.fail()
        g = np.repeat(self.state[np.newaxis], repeats, axis=0)
        return Readings(g, g * 0.1, g * 0.1, np.full(g.shape, float(self.reads)), np.zeros(g.shape, np.uint8))

    def wait(self, seconds):
        pass

    def safe(self):
        self.driven = False
        self.safes += 1

    def __getitem__(self, index):
        row, column = index_pair(index)
        return Ramp(shape=self.state[row, column].shape)


class UpRamp(Protocol):
    name: ClassVar[str] = "up-ramp"
    title: ClassVar[str] = "Pulses up."
    pulses: int = 10
    analysis_fails: bool = False
    left: ClassVar[list[bool]] = []

    def run(self, crosspoints):
        try:
            for _ in range(self.pulses):
                counts = np.ones((1, *crosspoints.shape), dtype=np.int64)
                yield Points("up", counts, crosspoints.trace(counts), crosspoints.pulses)
        finally:
            self.left.append(crosspoints.driven)
        return f"{self.pulses} pulses applied"

    def analyse(self, series):
        if self.analysis_fails:
            raise ZeroDivisionError("no slope")
        return {"top_S": series.readings.conductance.max()}

    def planned_readings(self, shape):
        return self.pulses


class Station:
    """What a recorder asks of a station."""

    def __init__(self, stop=None):
        self.wires = []
        self.stop = stop

    def record(self):
        return StationRecord("bench.toml", "text", {"a": 1}, {"smu": "id"}, {"current": "1 mA"})

    def keep_wire(self, path):
        self.wires.append(path)

    def count_earlier(self, runs):
        self.counted = runs

    def note_pulses(self, path, before):
        path.write_text("")

    def noted_pulses(self):
        return PulsesOfRun({"A1": 12}, {"A1": 2})

    def asked_to_stop(self):
        return self.stop


def raising(error):
    def fail():
        raise error

    return fail


def test_a_protocol_is_recorded_whole(tmp_path):
    device, station = Ramp(), Station()
    run = record(UpRamp(), device, runs=tmp_path, station=station)
    assert (run.status, run.why_stopped, run.result) == ("finished", "10 pulses applied", {"top_S": 10.0})
    assert (run.pulses, run.readings) == (10, 10)
    assert run.series().readings.conductance.ravel().tolist() == list(range(1, 11))
    assert run.info["settings"] == {"pulses": 10, "analysis_fails": False}
    assert run.info["origin"] == {"kind": "simulated", "details": {"of": "tests"}}
    assert run.info["station"]["text"] == "text"
    assert station.wires == [run.folder / "wire.jsonl", None]
    assert station.counted == tmp_path
    assert (run.info["pulses_fired"], run.info["pulses_uncertain"]) == ({"A1": 12}, {"A1": 2})
    assert not (run.folder / "pulses.txt").exists()
    assert not device.driven


def test_a_row_is_on_disk_before_the_next_pulse(tmp_path):
    seen = []

    class Watched(Ramp):
        def pulse(self, counts, pulses=None):
            seen.append(len(open_run("last", tmp_path).series()))
            super().pulse(counts, pulses)

    record(UpRamp(), Watched(), runs=tmp_path)
    assert seen == list(range(10))


@pytest.mark.parametrize(
    ("error", "raised", "status", "why"),
    [
        (InstrumentError("the generator is gone"), InstrumentError, "failed", "the generator is gone"),
        (LimitError("6 V is beyond"), LimitError, "failed", "6 V is beyond"),
        (ZeroDivisionError("oh"), RunError, "failed", "ZeroDivisionError: oh"),
        (KeyboardInterrupt(), KeyboardInterrupt, "interrupted", "stopped by Ctrl-C"),
        (Terminated("SIGTERM"), Terminated, "interrupted", "stopped by the system (SIGTERM)"),
        (SystemExit(3), SystemExit, "interrupted", "left before its end"),
    ],
)
def test_whatever_ends_a_run_outputs_are_off_and_the_readings_are_kept(tmp_path, error, raised, status, why):
    device = Ramp(raising(error))
    with pytest.raises(raised) as caught:
        record(UpRamp(), device, runs=tmp_path)
    assert not device.driven
    run = run_of(caught.value)
    assert run is not None
    assert (run.status, run.why_stopped) == (status, why)
    again = open_run(run.folder)
    assert again.series().readings.conductance.ravel().tolist() == [1, 2, 3, 4]
    assert (again.status, again.readings, again.pulses) == (status, 4, 4)
    assert again.result == {"top_S": 4.0}


def test_a_protocol_is_left_only_after_outputs_are_off(tmp_path):
    class FullDisk(Ramp):
        shape_after = (2, 2)

        def trace(self, counts, pulses=None):
            good = super().trace(counts, pulses)
            wrong = np.zeros((1, 2, 2))
            return good if self.reads < 3 else Readings(wrong, wrong, wrong, wrong, wrong.astype(np.uint8))

    UpRamp.left.clear()
    with pytest.raises(RunError, match="do not belong"):
        record(UpRamp(), FullDisk(), runs=tmp_path)
    assert UpRamp.left == [False]


def test_an_analysis_that_fails_does_not_lose_the_run(tmp_path, caplog):
    run = record(UpRamp(analysis_fails=True), Ramp(), runs=tmp_path)
    assert (run.status, run.result) == ("finished", None)
    assert run.info["analysis_error"] == "ZeroDivisionError: no slope"
    assert "no slope" in caplog.text


def test_a_training_records_steps_and_makes_every_block_safe(tmp_path):
    a, c = Ramp(), Ramp()
    c.name = "C1"
    a.pulse(1)
    c.pulse(1)
    with recording(What("train", "one-parameter", {"algorithm": "shd"}), [a, c], runs=tmp_path) as made:
        made.step(step=0, core_S=1e-6)
        made.steps({"step": [1, 2], "core_S": [2e-6, 3e-6]})
        made.why_stopped = "settled"
        made.result({"final": 3e-6})
    run = open_run(made.folder)
    assert (run.kind, run.name, run.crosspoint, run.status) == ("train", "one-parameter", "A1+C1", "finished")
    assert run.result == {"final": 3e-6}
    assert run.steps()["core_S"].tolist() == [1e-6, 2e-6, 3e-6]
    assert (a.driven, c.driven) == (False, False)


def test_a_recording_left_by_its_generator_is_interrupted(tmp_path):
    device = Ramp()
    device.pulse(1)

    def training():
        with recording(What("train", "t"), device, runs=tmp_path) as made:
            while True:
                made.step(step=1)
                yield made.folder

    steps = training()
    folder = next(steps)
    steps.close()
    run = open_run(folder)
    assert (run.status, run.why_stopped, device.driven) == ("interrupted", "left before its end", False)


def test_no_run_is_begun_and_the_device_is_safe_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    device = Ramp()
    with pytest.raises(Exception, match="choose another folder") as caught:
        record(UpRamp(), device, runs=tmp_path / "file")
    assert run_of(caught.value) is None
    assert device.reads == 0
    assert device.safes > 0


@pytest.mark.parametrize("kind", ["protocol", "training"])
def test_what_is_refused_before_anything_was_done_leaves_no_run(tmp_path, kind):
    device = Ramp(raising(LimitError("6 V is beyond")), at=1)

    def train():
        with recording(What("train", "t"), device, runs=tmp_path):
            device.read()

    refused = {"protocol": lambda: record(UpRamp(), device, runs=tmp_path), "training": train}
    with pytest.raises(LimitError) as caught:
        refused[kind]()
    assert run_of(caught.value) is None
    assert list(tmp_path.glob("[!.]*")) == []
    assert device.safes > 0


def test_what_is_refused_after_a_pulse_or_by_an_instrument_leaves_a_run(tmp_path):
    for error, station in ((LimitError("beyond"), Station()), (InstrumentError("is gone"), None)):
        with pytest.raises(type(error)) as caught:
            record(UpRamp(), Ramp(raising(error), at=1), runs=tmp_path, station=station)
        assert run_of(caught.value).readings == 0
    assert len(list(tmp_path.glob("[!.]*"))) == 2
    of_campaign = {"id": "c", "crosspoints": ["A1"]}
    with pytest.raises(LimitError):
        record(UpRamp(), Ramp(raising(LimitError("beyond")), at=1), runs=tmp_path, campaign=of_campaign)
    assert len(list(tmp_path.glob("[!.]*"))) == 3


def test_a_wish_from_another_process_ends_the_run_after_a_row(tmp_path):
    device = Ramp()
    with pytest.raises(Terminated) as caught:
        record(UpRamp(), device, runs=tmp_path, station=Station(stop="labshd safe, process 7"))
    run = run_of(caught.value)
    assert (run.status, run.why_stopped) == ("interrupted", "stopped by the system (labshd safe, process 7)")
    assert (run.readings, device.driven) == (1, False)


def interrupted_by(name, times=1):
    def fail():
        for _ in range(times):
            os.kill(os.getpid(), getattr(signal, name))

    return fail


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to a process from itself")


@posix
@pytest.mark.parametrize(("name", "raised"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", Terminated)])
def test_a_signal_ends_the_run_and_the_handlers_are_put_back(tmp_path, name, raised):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    device = Ramp(interrupted_by(name))
    with pytest.raises(raised) as caught:
        record(UpRamp(), device, runs=tmp_path)
    assert type(caught.value) is raised
    assert not device.driven
    assert open_run("last", tmp_path).status == "interrupted"
    assert {number: signal.getsignal(number) for number in before} == before


@posix
def test_a_second_ctrl_c_does_not_cut_making_safe_short(tmp_path):
    class Slow(Ramp):
        def safe(self):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            super().safe()

    device = Slow(interrupted_by("SIGINT"))
    with pytest.raises(KeyboardInterrupt):
        record(UpRamp(), device, runs=tmp_path)
    assert not device.driven
    assert open_run("last", tmp_path).status == "interrupted"
    assert open_run("last", tmp_path).readings == 4


@posix
def test_ctrl_c_while_a_finished_run_is_made_safe_is_kept_until_it_is_safe(tmp_path):
    class Late(Ramp):
        def safe(self):
            os.kill(os.getpid(), signal.SIGINT)
            super().safe()

    device = Late()
    with pytest.raises(KeyboardInterrupt):
        record(UpRamp(), device, runs=tmp_path)
    assert not device.driven
    assert open_run("last", tmp_path).status == "finished"


@posix
def test_a_signal_during_a_write_waits_for_the_row():
    reached = []

    def write():
        with interrupts() as caught:
            with caught.deferred():
                os.kill(os.getpid(), signal.SIGINT)
                reached.append("end of the row")
            reached.append("beyond")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert reached == ["end of the row"]


CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from test_recorder import Ramp, UpRamp, record
class Waiting(Ramp):
    def safe(self):
        super().safe()
        print("safe", flush=True)
device = Waiting(lambda: (print("ready", flush=True), time.sleep(60)))
try:
    record(UpRamp(), device, runs=sys.argv[1])
except KeyboardInterrupt as error:
    print(error.run.status, device.driven, flush=True)
    sys.exit(130)
"""


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_process_that_is_asked_to_end_leaves_its_run_closed(tmp_path, name):
    code = CHILD.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(getattr(signal, name))
        said = child.stdout.read().split()
    assert child.returncode == 130
    assert said[0] == "safe"
    assert said[-2:] == ["interrupted", "False"]
    run = open_run("last", tmp_path)
    assert (run.status, run.readings, len(run.series())) == ("interrupted", 4, 4)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_is_quick_shows_no_progress(tmp_path):
    for stream in (io.StringIO(), Terminal()):
        record(UpRamp(), Ramp(), runs=tmp_path, progress=progress("Pulses up.", stream))
        assert stream.getvalue() == ""


def test_progress_tells_steps_pulses_and_the_estimate(tmp_path, monkeypatch):
    monkeypatch.setattr("labshd.recording.recorder.NOTE_EVERY", 0.0)
    monkeypatch.setattr(progress_module, "LINE_EVERY", 0.0)
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    lines, terminal = io.StringIO(), Terminal()
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress("t", terminal), Lines)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress("t", lines), Lines)
    assert isinstance(progress("t", terminal), Bar)
    record(UpRamp(), Ramp(), runs=tmp_path, progress=progress("Pulses up.", lines))
    assert "Pulses up.: 10 of at most 10 steps" in lines.getvalue().splitlines()[-1]
    assert "up: 10 S" in lines.getvalue()
    record(UpRamp(), Ramp(), runs=tmp_path, progress=progress("[Pulses] up.", terminal))
    assert "[Pulses] up." in terminal.getvalue()


def test_the_text_of_an_own_protocol_is_kept_and_never_run_by_a_report(tmp_path):
    from labshd.report import write_report
    from protocols.common import catalogue
    from protocols.read_noise import ReadNoise

    own = tmp_path / "mine.py"
    own.write_text(
        "from test_recorder import UpRamp\n\n"
        "class Mine(UpRamp):\n    name = 'mine'\n    title = 'ä protocol of my own'\n",
        encoding="utf-8",
    )
    run = record(catalogue.find(str(own))(), Ramp(), runs=tmp_path / "runs")
    assert run.info["source"] == {"file": str(own), "text": own.read_text(encoding="utf-8")}
    own.write_text("raise SystemExit('a report must not run this')", encoding="utf-8")
    assert "ä protocol of my own" in write_report(open_run(run.folder)).read_text(encoding="utf-8")
    assert record(ReadNoise(reads=10), Ramp(), runs=tmp_path / "runs").info["source"] is None
