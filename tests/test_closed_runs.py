"""A run when it is closed: on the disk, closed to further rows, telling everything; and one that others write."""

import numpy as np
import pytest

import labshd.runs.writer
from instruments.crosspoints import Pulse, PulsePair, Readings
from instruments.errors import InputError, RunError
from instruments.wire_log import Message, WireLog
from labshd.common.locks import is_held
from labshd.common.provenance import What, Where
from labshd.recording.continuing import taken_before
from labshd.runs import files as run_files
from labshd.runs.files import AppendFile, TableFile, read_points
from labshd.runs.json_files import read_json
from labshd.runs.pulse_notes import NOTES
from labshd.runs.run import open_run
from labshd.runs.writer import LOCK_NAME, RunWriter
from labshd.station.wire_tap import Tap
from protocols.common.protocol import Points

PAIR = PulsePair(Pulse(1.0, 1e-6), Pulse(-1.0, 1e-6))


def points(n: int = 1, shape: tuple[int, int] = (1, 1)) -> Points:
    g = np.full((n, *shape), 1e-6)
    return Points("up", np.ones(g.shape, np.int64), Readings(g, g, g, g, np.zeros(g.shape, np.uint8)), PAIR)


@pytest.fixture
def writer(tmp_path):
    made = RunWriter(tmp_path, What("protocol", "up"), Where("A1", (1, 1), "S", {"kind": "bench"}))
    yield made
    made.close("failed", "left by a test")


def test_a_run_that_was_closed_tells_all_and_takes_no_more(writer) -> None:
    (writer.folder / NOTES).write_text("A1 000000000003\n", encoding="utf-8")
    writer.points(points(3))
    writer.steps({"loss": 1.0})
    assert is_held(writer.folder / LOCK_NAME)
    writer.close("finished", "all steps done", pulses_fired={"A1": 3})
    writer.close("failed", "too late")
    told = read_json(writer.folder / "run.json")
    expected = {
        "status": "finished",
        "why_stopped": "all steps done",
        "readings": 3,
        "pulses": 3,
        "pulses_per_crosspoint": [[3]],
        "pulses_fired": {"A1": 3},
    }
    assert {key: told[key] for key in expected} == expected
    assert told["ended"]
    assert sorted(path.name for path in writer.folder.iterdir()) == ["points.csv", "run.json", "steps.csv"]
    with pytest.raises(ValueError, match="closed"):
        writer.points(points())
    with pytest.raises(ValueError, match="closed"):
        writer.steps({"loss": 1.0})


def test_notes_of_pulses_stay_until_run_json_tells_them(writer, monkeypatch) -> None:
    (writer.folder / NOTES).write_text("A1 000000000003\n", encoding="utf-8")
    write = labshd.runs.writer.write_json

    def full(path, info) -> None:
        raise RunError("no space left")

    monkeypatch.setattr(labshd.runs.writer, "write_json", full)
    with pytest.raises(RunError):
        writer.close("finished", "done")
    assert (writer.folder / NOTES).exists()
    assert not is_held(writer.folder / LOCK_NAME)
    monkeypatch.setattr(labshd.runs.writer, "write_json", write)


def test_a_run_that_is_being_written_is_not_gone_on_with(writer) -> None:
    with pytest.raises(RunError, match="is being written by another process"):
        RunWriter.reopened(writer.folder, writer.info, np.empty((0, 1, 1), np.int64))
    assert is_held(writer.folder / LOCK_NAME)


def test_points_of_another_block_do_not_belong_in_a_run(writer) -> None:
    with pytest.raises(RunError, match=r"a block of \(1, 2\) do not belong in a run on \(1, 1\)"):
        writer.points(points(shape=(1, 2)))
    assert writer.readings == 0


@pytest.mark.parametrize("refuses", [False, True])
def test_a_file_is_put_on_the_disk_when_it_is_closed_and_closed_in_any_case(tmp_path, monkeypatch, refuses) -> None:
    synced: list[int] = []

    def fsync(number: int) -> None:
        synced.append(number)
        if refuses:
            raise OSError("not on this share")

    monkeypatch.setattr(run_files.os, "fsync", fsync)
    file = AppendFile(tmp_path / "points.csv")
    file.append(b"1\n")
    file.close()
    file.close()
    assert len(synced) == 1
    with pytest.raises(ValueError, match="closed"):
        file.append(b"2\n")
    assert (tmp_path / "points.csv").read_bytes() == b"1\n"


def test_a_row_is_whole_or_not_there(tmp_path, monkeypatch) -> None:
    """A file system that takes two bytes at a time, and then no more."""
    room = [7]

    class Small(run_files.FileIO):
        def write(self, data) -> int:
            if room[0] <= 0:
                raise OSError(28, "no space left on device")
            took = super().write(bytes(data[: min(2, room[0])]))
            room[0] -= took
            return took

    monkeypatch.setattr(run_files, "FileIO", Small)
    file = AppendFile(tmp_path / "points.csv")
    file.append(b"1,22\n")
    assert (tmp_path / "points.csv").read_bytes() == b"1,22\n"  # with the operating system, before it is closed
    with pytest.raises(RunError, match="no space left on device"):
        file.append(b"2,33\n")
    room[0] = 100
    file.append(b"3,44\n")
    file.close()
    assert (tmp_path / "points.csv").read_bytes() == b"1,22\n3,44\n"


def test_a_table_that_goes_on_begins_after_its_last_whole_row(tmp_path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(b"1,22\n2,3")
    file = AppendFile(path, keep=5)
    file.append(b"2,33\n")
    file.close()
    assert path.read_bytes() == b"1,22\n2,33\n"


def test_tables_and_json_that_are_others_are_refused(tmp_path) -> None:
    table = TableFile(tmp_path / "steps.csv")
    table.append({"loss": np.array([1.0])})
    with pytest.raises(RunError):
        table.append({"weight": np.array([1.0])})
    table.close()
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError):
        read_json(tmp_path / "list.json")
    (tmp_path / "points.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError):
        read_points(tmp_path / "points.csv", "S")


def test_a_table_that_is_no_longer_one_of_points_is_not_begun_anew(writer) -> None:
    assert len(taken_before(open_run(writer.folder))) == 0  # cut off before its first reading: nothing is lost
    writer.points(points(2))
    assert len(taken_before(open_run(writer.folder))) == 2
    (writer.folder / "points.csv").write_text("edited,by,hand\n1,2,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="the first line must be"):
        taken_before(open_run(writer.folder))
    (writer.folder / "points.csv").write_text("read", encoding="utf-8")  # killed within the first line
    assert len(taken_before(open_run(writer.folder))) == 0


def test_a_run_that_goes_on_knows_the_pulses_that_were_noted_before(writer) -> None:
    (writer.folder / NOTES).write_text("A1 000000000005\nA2 000000000001\n", encoding="utf-8")
    writer.points(points(2))
    writer.close("interrupted", "stopped by Ctrl-C", pulses_fired={"A1": 5, "A2": 1})
    again = RunWriter.reopened(writer.folder, read_json(writer.folder / "run.json"), np.ones((2, 1, 1), np.int64))
    assert again.fired_before == {"A1": 5, "A2": 1}
    again.points(points(1))
    again.close("finished", "done")
    told = read_json(writer.folder / "run.json")
    assert (told["readings"], told["pulses"]) == (3, 3)
    assert open_run(writer.folder).series().counts.ravel().tolist() == [1, 1, 1]


def test_a_full_disk_ends_the_record_of_the_wire_and_stops_no_message(tmp_path, monkeypatch, caplog) -> None:
    tap, message = Tap(), Message(0.0, "smu", "write", ":OUTP OFF")
    tap(message)  # kept nowhere while nothing is recorded
    tap.keep(tmp_path / "wire.jsonl")
    tap(message)

    def full(self, one) -> None:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(WireLog, "__call__", full)
        tap(message)
    tap(message)
    tap.keep(None)
    assert caplog.text.count("the traffic of the instruments is no longer kept") == 1
