"""One bench, one labshd: who has it is said, who is gone is taken over from, and `labshd safe` works all the same."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import served

from instruments.errors import BenchInUse, NotAnswering
from labshd.cli.command_line import main
from labshd.runs.run import open_run
from labshd.station import bench_lock
from labshd.station.bench_lock import BenchLock, Holder, ask_to_stop, holders, resource_key
from labshd.station.check import check_station
from labshd.station.make_safe import make_safe
from labshd.station.station import open_station

STATIONS = Path(__file__).parents[1] / "data" / "stations"
RESOURCES = ["TCPIP0::192.168.0.11::inst0::INSTR", "GPIB0::16::INSTR"]

HOLDS = """
import sys
from pathlib import Path
from labshd.station.bench_lock import BenchLock
lock = BenchLock(sys.argv[2:], Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSHD_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


def child_that_holds(*resources):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS, "other.toml", *resources],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    return child


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("TCPIP::192.168.0.11::INSTR", "tcpip0::192.168.0.11::inst0::instr", True),
        ("GPIB::16", "GPIB0::16::INSTR", True),
        ("TCPIP0::192.168.0.11::5025::SOCKET", "TCPIP0::192.168.0.11::5026::SOCKET", False),
        ("my smu", "MY SMU", True),
        ("my smu", "my other smu", False),
    ],
)
def test_one_instrument_has_one_lock_however_its_name_is_spelt(one, other, same):
    assert (resource_key(one) == resource_key(other)) == same


def test_a_bench_that_another_process_has_names_it_and_is_not_opened(tmp_path):
    child = child_that_holds(RESOURCES[1])
    try:
        with pytest.raises(BenchInUse) as refused:
            BenchLock(RESOURCES, tmp_path / "mine.toml")
        said = str(refused.value)
        assert f"process {child.pid}" in said
        assert socket.gethostname() in said
        assert "GPIB0::16::INSTR" in said or "in use by process" in said
        assert "other.toml" in said
        assert "labshd safe" in said
        BenchLock(RESOURCES[:1], tmp_path / "mine.toml").release()  # what was free was not kept
    finally:
        child.communicate("\n")
    BenchLock(RESOURCES, tmp_path / "mine.toml").release()


def test_a_lock_of_a_process_that_is_gone_is_taken_over_and_that_is_said(tmp_path, caplog):
    child = child_that_holds(*RESOURCES)
    child.kill()
    child.communicate()
    assert holders(RESOURCES) == {}
    lock = BenchLock(RESOURCES, tmp_path / "mine.toml")
    assert f"process {child.pid}" in caplog.text
    assert "taken over" in caplog.text
    lock.release()
    caplog.clear()
    BenchLock(RESOURCES, tmp_path / "mine.toml").release()
    assert caplog.text == ""


def test_nothing_is_left_in_the_folder_after_a_release(tmp_path, folder):
    lock = BenchLock(RESOURCES, tmp_path / "mine.toml")
    ask_to_stop(RESOURCES, tmp_path / "other.toml")
    assert len(list(folder.iterdir())) == 6
    lock.release()
    lock.release()
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_had_is_told_and_keeps_nobody_from_measuring(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABSHD_LOCKS", str(tmp_path / "file" / "below"))
    BenchLock(RESOURCES, tmp_path / "mine.toml").release()
    assert "cannot be locked" in caplog.text


def test_a_wish_to_stop_reaches_who_has_the_bench_and_no_later_one(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_lock, "LOOK_EVERY", 0.0)
    lock = BenchLock(RESOURCES, tmp_path / "mine.toml")
    assert lock.asked_to_stop() is None
    assert set(ask_to_stop(RESOURCES[1:], tmp_path / "other.toml")) == {"GPIB0::16::INSTR"}
    assert f"process {os.getpid()}" in lock.asked_to_stop()
    lock.release()
    again = BenchLock(RESOURCES, tmp_path / "mine.toml")
    assert again.asked_to_stop() is None
    again.release()


def test_a_wish_that_a_crash_left_behind_does_not_end_the_next_run(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(bench_lock, "LOOK_EVERY", 0.0)
    crashed = BenchLock(RESOURCES, tmp_path / "mine.toml")
    ask_to_stop(RESOURCES, tmp_path / "other.toml")
    left = {path: path.read_bytes() for path in folder.glob("*.stop")}
    crashed.release()
    for path, wish in left.items():
        path.write_bytes(wish)
    assert len(left) == 2
    after = BenchLock(RESOURCES, tmp_path / "mine.toml")
    assert after.asked_to_stop() is None
    after.release()


def test_two_stations_that_share_a_resource_do_not_open_together(tmp_path):
    with served(tmp_path) as bench:
        other = tmp_path / "other.toml"
        other.write_text(bench.file.read_text(encoding="utf-8").replace("ECRAM probe", "another"), encoding="utf-8")
        with open_station(bench.file):
            before = len(bench.virtual.twins)
            for file in (bench.file, other):
                with pytest.raises(BenchInUse, match="this very process"):
                    open_station(file)
                with pytest.raises(BenchInUse, match="this very process"):
                    check_station(file)
            with open_station(bench.file, rehearse=True):  # a rehearsal needs no instruments
                pass
            assert len(bench.virtual.twins) == before
        with open_station(other):
            pass


def test_a_bench_that_did_not_open_is_free_again(tmp_path, folder):
    text = (STATIONS / "ecram.toml").read_text(encoding="utf-8")
    for number in (11, 12, 13):  # ports that nobody listens on
        text = text.replace(f"TCPIP0::192.168.0.{number}::inst0::INSTR", f"TCPIP0::127.0.0.1::{number}::SOCKET")
    file = tmp_path / "gone.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NotAnswering):
        open_station(file)
    assert list(folder.iterdir()) == []


def test_the_command_line_says_who_has_it_and_ends_with_1(tmp_path, capsys):
    with served(tmp_path) as bench:
        resources = [line.split('"')[1] for line in bench.file.read_text().splitlines() if line.startswith("resource")]
        child = child_that_holds(*resources)
        try:
            assert main(["run", "read-noise", "--station", str(bench.file), "--runs", str(tmp_path / "runs")]) == 1
            said = capsys.readouterr().err
            assert f"process {child.pid}" in said
            assert "Traceback" not in said
            assert not (tmp_path / "runs").exists()
        finally:
            child.communicate("\n")


def test_safe_switches_off_in_spite_of_a_lock_and_says_who_does_not_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr("labshd.station.make_safe.PATIENCE", 0.1)
    with served(tmp_path) as bench:
        resources = [line.split('"')[1] for line in bench.file.read_text().splitlines() if line.startswith("resource")]
        child = child_that_holds(*resources)
        try:
            for twin in bench.virtual.twins.values():
                twin.receive(":OUTP1 ON")
            made = make_safe(bench.file)
            assert bench.virtual.outputs_on() == []
            assert not made.ok
            assert [f"process {child.pid}" in who for who in made.left] == [True]
            assert all(one.ok for one in made.instruments)
        finally:
            child.communicate("\n")
        assert make_safe(bench.file).ok


RUNS = """
import sys
from labshd.cli.command_line import main
sys.exit(main(sys.argv[1:]))
"""


def test_safe_from_another_process_ends_a_run_that_is_under_way(tmp_path):
    with served(tmp_path) as bench:
        runs = tmp_path / "runs"
        command = ["run", "update-response", "--station", str(bench.file), "--runs", str(runs), "--pulses", "200"]
        child = subprocess.Popen(
            [sys.executable, "-c", RUNS, *command, "--cycles", "1000", "--json"], stdout=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while len(bench.virtual.applied) < 50 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        made = make_safe(bench.file)
        out, _ = child.communicate(timeout=60)
        assert made.ok
        assert [f"process {child.pid}" in who for who in made.asked] == [True]
        assert child.returncode == 130
        applied = len(bench.virtual.applied)
        assert applied >= 50
        assert bench.virtual.is_safe()
        run = open_run(json.loads(out)["run"])
        assert run.status == "interrupted"
        assert f"labshd safe, process {os.getpid()}" in run.why_stopped
        fired = run.info["pulses_fired"]["A1"]
        assert run.pulses <= fired <= run.pulses + 1
        # The output may have gone off between the note of the last pulse and its trigger: spent, and not applied.
        assert fired - 1 <= sum(one.pulses for one in bench.virtual.applied) <= fired


def test_a_holder_can_be_read_back_and_what_is_no_holder_is_none(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"process": 1}', encoding="utf-8")
    assert Holder.read(path) is None
    path.write_text("no", encoding="utf-8")
    assert Holder.read(path) is None
    assert Holder.of_this_process(tmp_path).is_this_process
