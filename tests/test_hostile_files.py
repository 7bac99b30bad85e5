"""Folders and files of anybody: nothing in them is executed, nothing is written elsewhere, no traceback."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from rehearsed import rehearsed

from instruments.errors import InputError
from labshd.campaign.store import open_campaign
from labshd.cli.command_line import main
from labshd.common import provenance
from labshd.recording.recorder import record
from labshd.replay.byte_by_byte import replay
from labshd.runs.catalogue import query
from labshd.runs.run import list_runs, open_run
from labshd.station.devices import fitted_or_preset
from protocols.common.catalogue import find
from protocols.read_noise import ReadNoise

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import hostile_files

STATIONS = Path(__file__).parents[1] / "data" / "stations"
EVIL = "from pathlib import Path\nPath({canary!r}).write_text('run')\n"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def evil(tmp_path):
    """A Python file that leaves a file when it is executed, and that file."""
    canary, path = tmp_path / "canary", tmp_path / "evil.py"
    path.write_text(EVIL.format(canary=str(canary)), encoding="utf-8")
    return path, canary


@pytest.fixture
def run(tmp_path):
    with rehearsed() as station:
        return record(ReadNoise(reads=10), station["A1"])


def change(path, **entries):
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**info, **entries}), encoding="utf-8")


@pytest.fixture(scope="module")
def watch():
    return hostile_files.Watch()


def test_spoilt_files_execute_nothing_write_nothing_and_are_answered(watch, monkeypatch):
    counted, notes = hostile_files.run(75, 7, watch)
    assert sum(one["files"] for one in counted.values()) == 75
    assert [one[fault] for one in counted.values() for fault in hostile_files.FAULTS] == [0] * 20, notes[:3]


def test_the_watch_sees_what_it_is_there_for(watch, evil, tmp_path):
    path, canary = evil
    watch.folder, watch.allowed, watch.on = str(tmp_path), (), True
    try:
        with pytest.raises(InputError):
            find(str(path))
    finally:
        watch.on = False
    assert any("exec" in one for one in watch.executed)
    assert str(canary) in watch.written
    watch.executed.clear()
    watch.written.clear()


def test_a_replay_executes_no_file_that_the_run_names(run, evil):
    path, canary = evil
    change(run.folder / "run.json", protocol=str(path))
    with pytest.raises(
        InputError, match=r"code that a recording names is not run: give its Python file, with --protocol"
    ):
        replay(open_run(run.folder))
    assert not canary.exists()


def test_a_replay_takes_the_protocol_that_the_user_gives(run, tmp_path, capsys):
    own = tmp_path / "mine.py"
    own.write_text(
        "from protocols.read_noise import ReadNoise\nclass Mine(ReadNoise):\n    name = 'mine'\n    title = 'mine'\n",
        encoding="utf-8",
    )
    change(run.folder / "run.json", protocol="mine")
    assert main(["replay", str(run.folder)]) == 2
    assert main(["replay", str(run.folder), "--protocol", str(own)]) == 0
    assert "the same, byte by byte" in capsys.readouterr().out
    change(run.folder / "run.json", protocol="yours")
    with pytest.raises(InputError, match="is of the protocol 'yours'"):
        replay(open_run(run.folder), str(own))


def test_a_campaign_is_shown_without_executing_what_it_names(tmp_path, evil):
    path, canary = evil
    (tmp_path / "bench.toml").write_text((STATIONS / "ecram.toml").read_text(encoding="utf-8"), encoding="utf-8")
    text = 'name = "n"\nstation = "bench.toml"\n[[step]]\nprotocol = "read-noise"\nsettings = {reads = 10}\n'
    (tmp_path / "night.toml").write_text(text, encoding="utf-8")
    assert main(["campaign", "night.toml", "--rehearse"]) == 0
    campaign = open_campaign("last")
    change(campaign.folder / "campaign.json", text=text.replace("read-noise", str(path)), status="stopped")
    spoilt = open_campaign("last")
    assert str(path) in spoilt.info["text"]
    assert "<table" in spoilt._repr_html_()
    assert len(spoilt.table()) == 2
    assert main(["report", spoilt.id]) == 0
    assert main(["campaign", spoilt.id, "--resume"]) == 2
    assert main(["campaign", "night.toml", "--resume"]) == 2  # which does not name that file
    assert not canary.exists()


def test_the_unit_of_a_run_is_no_sql(run, tmp_path):
    target = tmp_path / "stolen.csv"
    change(run.folder / "run.json", unit=f"S AS f ON true); COPY (SELECT 1) TO '{target}'; SELECT (1")
    for sql in ("SELECT * FROM points", "SELECT count(*) FROM runs"):
        try:
            query(sql)
        except InputError:
            continue
    assert not target.exists()


@pytest.mark.parametrize(
    "sql",
    ["COPY runs TO 'out.csv'", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "ATTACH 'a.db'",
     "SET enable_external_access = true", "INSTALL httpfs", "COPY points TO 'out.parquet'"],
)  # fmt: skip
def test_a_query_reads_and_writes_no_file(run, tmp_path, sql):
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError):
        query(sql)
    assert set(tmp_path.iterdir()) == before


def test_text_that_would_steer_a_terminal_is_shown_as_text(run, capsys):
    change(run.folder / "run.json", crosspoint="\x1b]0;owned\x07A1\u202e", why_stopped="\x1b[2Jdone")
    assert main(["runs"]) == 0
    shown = capsys.readouterr().out
    assert "A1" in shown
    assert "done" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"shape": [10**9, 10**9]}, "shape is"),
        ({"shape": "1x1", "unit": 5, "readings": -1}, "unit is 5, a text is needed"),
        ({"result": [1]}, "result is [1], an object is needed"),
        ({"settings": {"a": [[[[[[]]]]]]}}, None),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(run, entries, told):
    change(run.folder / "run.json", **entries)
    if told is None:
        assert open_run(run.folder).name == "read-noise"
        return
    with pytest.raises(InputError, match="is damaged") as error:
        open_run(run.folder)
    assert told in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["points.csv", "run.json", "wire.jsonl"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(run, name):
    (run.folder / name).unlink()
    os.mkfifo(run.folder / name)
    for said in (
        ["runs"],
        ["fit", str(run.folder)],
        ["replay", str(run.folder)],
        ["query", "SELECT count(*) FROM points"],
    ):
        assert main(said) in (0, 1, 2)


def test_the_last_run_is_the_one_that_was_begun_last_whatever_the_clock_says(run, monkeypatch):
    now = provenance.now
    monkeypatch.setattr("labshd.common.provenance.now", lambda: now() - timedelta(hours=3))
    with rehearsed() as station:
        later = record(ReadNoise(reads=10), station["A1"])
    assert later.id < run.id
    assert open_run("last").id == later.id
    assert [one.id for one in list_runs()] == [run.id, later.id]


def test_runs_of_before_their_order_was_kept_come_first_by_time(run):
    change(run.folder / "run.json", order=None)
    with rehearsed() as station:
        later = record(ReadNoise(reads=10), station["A1"])
    assert open_run("last").id == later.id


def test_a_device_may_be_a_run_as_everywhere(tmp_path):
    with rehearsed() as station:
        from protocols.update_response import UpdateResponse

        record(UpdateResponse(pulses=100, cycles=1), station["A1"])
    assert main(["fit", "last"]) == 0
    run = open_run("last")
    for said in ("last", run.id, run.id[:-2], str(run.folder)):
        assert fitted_or_preset(said) == fitted_or_preset(str(run.folder / "fitted.json"))
    with pytest.raises(InputError, match="not a preset"):
        fitted_or_preset("lasst")


def test_a_table_of_readings_that_is_none_is_named_when_asked_for(run, capsys):
    table = run.folder / "points.csv"
    data = table.read_bytes()
    table.write_bytes(data[:213] + b"\rz+" + data[213:])  # line ends of two kinds
    assert main(["query", "SELECT count(*) FROM points"]) == 2
    assert "the readings of these runs cannot be read" in capsys.readouterr().err


def test_an_alias_can_not_be_rehearsed_and_that_is_said(tmp_path, capsys):
    text = (STATIONS / "ecram.toml").read_text(encoding="utf-8").replace("TCPIP0::192.168.0.11::inst0::INSTR", "my gen")
    (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
    assert main(["check", "bench.toml", "--rehearse"]) == 2
    assert "'my gen' is no VISA resource name, and an alias" in capsys.readouterr().err
