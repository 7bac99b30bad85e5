"""Every way out of a process leaves the outputs of a bench off, also of a script that records nothing."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from served import served

from labshd.station.exits import ExitGuard
from labshd.station.station import open_station

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers these signals to no other process")
NAMES = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

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

    guard, told = ExitGuard(), []
    guard.hold()
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
    guard.release()
    closing.join(60)
    assert told == [True]
    assert guard.closing(2) is False  # nothing is open
    guard.hold()
    assert guard.closing(0) is False  # Ctrl-C is a signal
    guard.release()
