"""Every way out of a process leaves the outputs of a bench off, also of a script that records nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from served import served

from instruments.errors import InputError, InstrumentError, LabshdError
from labshd.common.signals import SIGNALS, ProcessSignals, Terminated
from labshd.runs.run import open_run
from labshd.station.exits import BENCHES, OpenBenches
from labshd.station.opening import close_all
from labshd.station.station import open_station

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import exits

ECRAM = Path(__file__).parents[1] / "data" / "stations" / "ecram.toml"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers these signals to no other process")
NAMES = [name for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]

# A script that drives without recording. What it does at its end is the first argument.
SCRIPT = """
import sys, time
from labshd.station.station import open_station
bench = open_station(sys.argv[2])
bench["A1"].pulse(3)
bench["A1"].read()
print("driven", flush=True)
how = sys.argv[1]
if how == "raises":
    raise ValueError("the roof fell in")
if how == "exits":
    sys.exit(3)
if how == "with":
    with bench:
        time.sleep(60)
if how == "waits":
    while True:
        time.sleep(60)
if how == "twice":
    try:
        print("waiting", flush=True)
        time.sleep(60)
    finally:
        print("leaving", flush=True)
        bench.close()
"""


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSHD_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))


def script(how, file):
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "driven\n"
    return child


def settled(virtual):
    """Whether everything is off, once what the process sent last has arrived."""
    deadline = time.monotonic() + 5
    while not virtual.is_safe() and time.monotonic() < deadline:
        time.sleep(0.01)
    return virtual.is_safe()


@pytest.mark.parametrize(("how", "code"), [("ends", 0), ("raises", 1), ("exits", 3)])
def test_a_script_that_ends_by_itself_leaves_everything_off(tmp_path, how, code):
    with served(tmp_path) as bench:
        child = script(how, bench.file)
        child.communicate(timeout=60)
        assert child.returncode == code
        assert settled(bench.virtual)


@posix
@pytest.mark.parametrize("how", ["waits", "with"])
@pytest.mark.parametrize("name", ["SIGINT", *NAMES])
def test_a_script_that_is_told_to_end_leaves_everything_off(tmp_path, how, name):
    with served(tmp_path) as bench:
        child = script(how, bench.file)
        assert not bench.virtual.is_safe()
        child.send_signal(getattr(signal, name))
        _, errors = child.communicate(timeout=60)
        assert child.returncode not in (0, -signal.SIGKILL)
        assert settled(bench.virtual), errors
        assert "KeyboardInterrupt" in errors or "Terminated" in errors


@posix
def test_ctrl_c_again_and_again_does_not_keep_anything_on(tmp_path):
    with served(tmp_path) as bench:
        child = script("twice", bench.file)
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "leaving\n"
        for _ in range(20):
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        assert settled(bench.virtual)


def test_the_stop_is_write_only(tmp_path):
    """No question before the last output is off: it works when nobody answers any more."""
    with served(tmp_path) as bench, open_station(bench.file) as station:
        station["A1"].pulse(1)
        station["A1"].read()
        sent = []
        for role, twin in zip(("generator", "smu", "matrix"), bench.virtual.twins.values(), strict=True):
            receive = twin.receive
            twin.receive = lambda message, role=role, receive=receive: (sent.append((role, message)), receive(message))
        station.safe()
        deadline = time.monotonic() + 5
        while len(sent) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        # Each has its own connection, so that they may arrive in another order than they were sent.
        expected = [("generator", ":OUTP1 OFF"), ("smu", ":OUTP OFF"), ("matrix", 'channel.open("allslots")')]
        assert sorted(sent) == sorted(expected)
        assert bench.virtual.is_safe()


class Pretended:
    """A bench that only says what it was told."""

    def __init__(self):
        self.said = []

    def end_is_near(self, name, last):
        self.said.append((name, last))

    def disown(self):
        self.said.append("disowned")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_a_process_without_an_open_bench_ends_as_ever(name):
    code = f"import os, signal, labshd.station; os.kill(os.getpid(), signal.{name})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -getattr(signal, name)


@posix
def test_what_is_ignored_or_handled_by_others_stays_so():
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, mine := lambda *_: print("mine"))
from labshd.station.exits import BENCHES
from labshd.common.signals import Terminated, interrupts
class Bench:
    def end_is_near(self, name, last): print("told", name)
    def disown(self): pass
bench = Bench()
BENCHES.hold(bench)
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGHUP)
with interrupts():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN and signal.getsignal(signal.SIGHUP) is mine
try:
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(10)
except Terminated as error:
    print("raised", error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:3] == ["mine", "told SIGQUIT", "raised SIGQUIT"]


def test_a_bench_is_open_once_and_closed_once_however_often_it_is_said():
    benches, one, other = OpenBenches(ProcessSignals()), Pretended(), Pretended()
    for bench in (one, one, other):
        benches.hold(bench)
    assert len(benches) == 2
    for _ in range(3):
        benches.release(one)
    assert len(benches) == 1
    benches.told("SIGTERM", False)
    assert (one.said, other.said) == ([], [("SIGTERM", False)])
    benches.release(other)
    assert len(benches) == 0


@pytest.mark.parametrize("fault", ["wrong instrument", "close raises", "dropped", "closed twice"])
def test_no_bench_is_left_in_the_list_of_open_ones(tmp_path, fault, monkeypatch):
    before = len(BENCHES)
    with served(tmp_path) as bench:
        if fault == "wrong instrument":
            text = bench.file.read_text(encoding="utf-8")
            bench.file.write_text(text.replace('"keithley-2450"', '"keithley-2400"'), encoding="utf-8")
            with pytest.raises(LabshdError):
                open_station(bench.file)
        elif fault == "close raises":
            station = open_station(bench.file)

            def closed_and_raises(opened):
                close_all(opened)  # sockets of the test's own process: left open they would be somebody else's warning
                raise ZeroDivisionError

            with monkeypatch.context() as broken:
                broken.setattr("labshd.station.opening.close_all", closed_and_raises)
                with pytest.raises(ZeroDivisionError):
                    station.close()
        elif fault == "dropped":
            with pytest.raises(ValueError, match="in between"), open_station(bench.file):
                raise ValueError("in between")
        else:
            station = open_station(bench.file)
            station.close()
            station.close()
    assert len(BENCHES) == before


@posix
@pytest.mark.parametrize(
    ("order", "name"),
    [
        ("thread", "SIGTERM"),
        ("rehearsed in thread, then main", "SIGTERM"),
        ("within interrupts", "SIGHUP"),
        ("pool", "SIGINT"),
        ("main", "SIGQUIT"),
        ("thread that waits", "SIGINT"),
        ("swallowed by a protocol", "SIGINT"),
    ],
)
def test_outputs_go_off_whoever_opened_the_bench_and_whatever_the_main_thread_does(tmp_path, order, name):
    assert exits.outcome(order, name, tmp_path) == "off"


@posix
def test_a_signal_that_vanishes_within_c_comes_again_and_one_that_was_caught_does_not():
    """numpy takes any error for its own while it makes a scalar of a text, that of a signal handler among them."""
    texts, vanished = np.array([["A1"]], dtype=np.str_), 0
    with open_station(ECRAM, rehearse=True) as station:
        before = signal.signal(signal.SIGALRM, SIGNALS.handle)
        try:
            for _ in range(100):
                SIGNALS.begin()
                signal.setitimer(signal.ITIMER_REAL, 1e-3)
                end, caught = time.monotonic() + 5e-3, False
                try:
                    while time.monotonic() < end:
                        texts[0, 0]
                except Terminated:
                    caught = True
                if caught:
                    station["A1"].read()  # who caught it may go on
                    continue
                vanished += 1
                with pytest.raises(Terminated):
                    station["A1"].read()
                station["A1"].read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            SIGNALS.begin()
    if not vanished:
        pytest.skip("this version of numpy lets errors of signal handlers pass")


@posix
def test_a_recording_in_a_thread_is_kept_and_says_what_stopped_it(tmp_path):
    assert exits.outcome("thread, recording", "SIGTERM", tmp_path) == "off"
    run = open_run("last", tmp_path / "runs")
    assert (run.status, run.why_stopped) == ("interrupted", "stopped by the system (SIGTERM)")
    assert run.readings > 0


def test_in_a_thread_no_bench_is_opened_that_no_signal_would_switch_off(tmp_path):
    """The main thread has not imported labshd, and sleeps in C, where nobody can ask it to."""
    code = """
import sys, threading
def does():
    from labshd.station.station import open_station
    try:
        open_station(sys.argv[1])
    except Exception as error:
        print(type(error).__name__, error)
thread = threading.Thread(target=does)
thread.start()
thread.join()
"""
    with served(tmp_path) as bench:
        ran = subprocess.run([sys.executable, "-c", code, str(bench.file)], capture_output=True, text=True, check=True)
        assert bench.virtual.is_safe()
    assert ran.stdout.startswith("InputError")
    assert "`import labshd.station` where the script begins" in ran.stdout


@posix
def test_a_signal_waits_until_outputs_are_off():
    """The twin itself sends it, when it is told to switch off."""
    with open_station(ECRAM, rehearse=True) as station:
        station["A1"].pulse(1)
        station["A1"].read()
        sent = []

        for twin in station.virtual.twins.values():

            def interrupting(message, receive=twin.receive):
                if not sent:
                    sent.append(message)
                    os.kill(os.getpid(), signal.SIGINT)
                    for _ in range(100):
                        pass  # bytecodes, between which a signal is handled
                receive(message)

            twin.receive = interrupting
        with pytest.raises(KeyboardInterrupt):
            station.safe()
        assert sent
        assert station.virtual.is_safe()


def test_what_a_protocol_swallows_comes_again_at_the_next_row():
    signals = ProcessSignals()
    with signals.caught() as caught:
        with pytest.raises(KeyboardInterrupt):
            signals.handle(signal.SIGINT, None)
        for _ in range(3):  # rows of a protocol that went on
            with pytest.raises(KeyboardInterrupt):
                caught.heed()
        caught.hold()
        caught.heed()  # its end is not interrupted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_leaves_the_bench_of_its_parent_alone(tmp_path):
    code = """
import os, sys
from labshd.station.station import open_station
bench = open_station(sys.argv[1])
bench["A1"].pulse(3)
child = os.fork()
if not child:
    for use in (lambda: bench["A1"].pulse(1), lambda: bench["A1"].read(), bench.safe, bench.close):
        try:
            use()
        except Exception as error:
            print(type(error).__name__, error, flush=True)
    sys.exit(0)
os.waitpid(child, 0)
bench["A1"].pulse(100)
reading = bench["A1"].read()
print("status", int(reading.status.item()), bool(reading.conductance.item() > 0))
bench.close()
"""
    with served(tmp_path) as bench:
        ran = subprocess.run([sys.executable, "-c", code, str(bench.file)], capture_output=True, text=True, check=True)
        assert settled(bench.virtual)
        assert sum(one.pulses for one in bench.virtual.applied) == 103
    said = ran.stdout.splitlines()
    assert len(said) == 3, ran.stdout
    assert said[0].startswith("InstrumentError")
    assert "was opened in process" in said[0]
    assert "was opened in process" in said[1]
    assert said[-1] == "status 0 True"


def test_a_console_that_closes_waits_until_the_bench_is_let_go():
    guard, told, bench = OpenBenches(ProcessSignals()), [], Pretended()
    guard.hold(bench)
    begin = threading.Event()
    closing = threading.Thread(target=lambda: (begin.wait(60), told.append(guard.closing(2))))
    closing.start()

    def working():
        begin.set()
        while closing.is_alive():
            threading.Event().wait(0.001)

    with pytest.raises(KeyboardInterrupt):
        working()  # interrupted, while the handler waits
    assert told == []
    guard.release(bench)
    closing.join(60)
    assert told == [True]
    assert guard.closing(2) is False  # nothing is open
    guard.hold(bench)
    assert guard.closing(0) is False  # Ctrl-C is a signal
    guard.release(bench)


def test_a_thread_that_was_asked_to_end_begins_nothing_new():
    signals, go_on, found = ProcessSignals(), threading.Event(), []

    def begins():
        go_on.wait(60)
        try:
            signals.begin()
            found.append("begun")
        except Terminated as error:
            found.append(str(error))

    thread = threading.Thread(target=begins)
    thread.start()
    signals.watch(lambda name, last: None)
    with pytest.raises(Terminated, match="SIGTERM"):
        signals.handle(signal.SIGTERM, None)
    go_on.set()
    thread.join(60)
    assert found == ["SIGTERM"]
    after = threading.Thread(target=lambda: (signals.begin(), found.append("begun")))
    after.start()  # it was not there when the signal came
    after.join(60)
    assert found == ["SIGTERM", "begun"]


def test_a_bench_of_another_process_is_neither_driven_nor_switched_nor_closed(tmp_path):
    """What the child of a fork would do; below this, wires refuse as well."""
    with served(tmp_path) as bench, open_station(bench.file) as station:
        station["A1"].pulse(1)
        station["A1"].read()
        own, station._process = station._process, -1
        with pytest.raises(InstrumentError, match="was opened in process -1"):
            station["A1"].read()
        station.safe()
        station._process = own
        station["A1"].read()  # waits until all that was sent has arrived
        assert not bench.virtual.is_safe()  # it was on all the time
        assert station.all.bench.switching.smu_on
        station._process = -1
        station.safe()
        assert station.all.bench.switching.smu_on
        station._process = own


def test_a_thread_that_was_asked_to_end_drives_no_more_and_leaves_everything_off(monkeypatch):
    with open_station(ECRAM, rehearse=True) as station:
        station["A1"].pulse(1)
        station["A1"].read()
        monkeypatch.setattr(SIGNALS, "asked_of", lambda thread: "SIGTERM")
        with pytest.raises(Terminated, match="SIGTERM"):
            station["A1"].pulse(1)
        assert station.virtual.is_safe()
        monkeypatch.undo()


def test_a_crosspoint_that_is_not_there_is_named_with_the_nearest():
    with open_station(ECRAM, rehearse=True) as station, pytest.raises(InputError, match="has no crosspoint 'A11'"):
        station["A11"]


def test_when_the_last_bench_is_let_go_signals_do_again_what_the_system_does():
    signals, bench = ProcessSignals(), Pretended()
    benches = OpenBenches(signals)
    benches.hold(bench)
    assert signals._watchers == [benches.told]
    benches.release(bench)
    assert signals._watchers == []
