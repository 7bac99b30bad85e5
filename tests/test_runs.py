"""The run store: what was written is what is read, and what is broken says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.crosspoints import Pulse, PulsePair, Readings
from instruments.errors import InputError, RunError
from labshd.common.provenance import StationRecord, What, Where
from labshd.runs.files import AppendFile, cell, uncell
from labshd.runs.json_files import plain, write_json
from labshd.runs.run import list_runs, open_run, runs_folder
from labshd.runs.writer import RunWriter
from protocols.common.protocol import UNKNOWN_COUNT, Points, Series, known_counts, segments

PAIR = PulsePair(Pulse(1.5, 1e-6), Pulse(-1.25, 2e-6))
WHAT = What("protocol", "update-response", {"pulses": 3}, seed=7)


def points_of(values, phase="up", counts=None, shape=(1, 1), unit=float):
    conductance = np.asarray(values, dtype=float).reshape(-1, *shape)
    n = len(conductance)
    counts = np.ones((n, *shape), dtype=np.int64) if counts is None else np.asarray(counts).reshape(n, *shape)
    other = np.full((n, *shape), np.nan)
    time = np.broadcast_to(np.arange(n, dtype=float)[:, None, None], (n, *shape))
    return Points(phase, counts, Readings(conductance, other, other, time, np.zeros((n, *shape), np.uint8)), PAIR)


def written(runs, blocks, where=None, status="finished"):
    writer = RunWriter(runs, WHAT, where or Where("A1"))
    for block in blocks:
        writer.points(block)
    writer.close(status, "all done")
    return writer.folder


def same(a, b):
    return np.array_equal(a, b, equal_nan=True)


floats = st.floats(allow_nan=True, allow_infinity=False, width=64)
rows = st.tuples(floats, floats, floats, floats, st.integers(0, 255), st.integers(-(2**62), 2**62))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.text(), st.lists(rows, min_size=1, max_size=4)), max_size=4))
def test_every_number_and_phase_reads_back_exactly(tmp_path_factory, blocks):
    given_points = []
    for phase, block in blocks:
        g, v, a, t, s, c = (np.asarray(column).reshape(-1, 1, 1) for column in zip(*block, strict=True))
        given_points.append(Points(phase, c.astype(np.int64), Readings(g, v, a, t, s.astype(np.uint8)), PAIR))
    series = open_run(written(tmp_path_factory.mktemp("runs"), given_points)).series()
    assert len(series) == sum(len(p.readings) for p in given_points)
    if not given_points:
        return
    assert series.phases.tolist() == Series.of(given_points, (1, 1)).phases.tolist()
    assert same(series.counts, np.concatenate([p.counts for p in given_points]))
    for name in ("conductance", "voltage", "current", "time", "status"):
        assert same(getattr(series.readings, name), np.concatenate([getattr(p.readings, name) for p in given_points]))


@given(st.text(st.characters(codec=None)))
def test_a_phase_is_one_line_whatever_it_holds(phase):
    shown = cell(phase)
    assert not set(shown) & set("\n\r\x00\x85\u2028")
    shown.encode()
    assert uncell(shown[1:-1].replace('""', '"') if shown.startswith('"') else shown) == phase


def test_a_block_of_crosspoints_reads_back_in_its_shape(tmp_path):
    values = np.arange(2 * 2 * 3, dtype=float)
    counts = np.arange(-6, 6)
    folder = written(tmp_path, [points_of(values, counts=counts, shape=(2, 3))], Where("block", (2, 3)))
    run = open_run(folder)
    assert run.series().readings.conductance.shape == (2, 2, 3)
    assert run.series().counts[1, 0].tolist() == [0, 1, 2]
    assert run.table().query("row == 1 and column == 2")["conductance_S"].tolist() == [5.0, 11.0]
    assert run.info["pulses_per_crosspoint"] == [[6, 6, 6], [6, 6, 6]]
    assert (run.pulses, run.readings, run.shape) == (36, 2, (2, 3))


def test_the_table_tells_units_and_the_pulse_of_each_row(tmp_path):
    folder = written(tmp_path, [points_of([1e-5, 2e-5, 3e-5], counts=[1, -2, 0])])
    table = open_run(folder).table()
    assert table["pulse_voltage_V"].tolist()[:2] == [1.5, -1.25]
    assert table["pulse_width_s"].tolist()[:2] == [1e-6, 2e-6]
    assert table["pulse_voltage_V"].isna().tolist() == [False, False, True]
    assert (folder / "points.csv").read_text().splitlines()[1] == "0,0.0,up,0,0,1,1.5,1e-06,1e-05,,,0"


def test_normalised_conductance_never_stands_under_siemens(tmp_path):
    folder = written(tmp_path, [points_of([0.5])], Where("A1", (1, 1), "normalised"))
    run = open_run(folder)
    assert "conductance_normalised" in run.table()
    assert "conductance_S" not in (folder / "points.csv").read_text()
    assert run.series().unit == run.unit == "normalised"


def test_an_unknown_count_is_an_empty_cell_and_starts_a_segment(tmp_path):
    counts = [UNKNOWN_COUNT, 1, 1, UNKNOWN_COUNT, -1]
    run = open_run(written(tmp_path, [points_of(range(5), counts=counts)]))
    series = run.series()
    assert series.counts.ravel().tolist() == counts
    assert segments(series) == [slice(0, 3), slice(3, 5)]
    assert known_counts(series.counts).ravel().tolist() == [0, 1, 1, 0, -1]
    assert run.pulses == 3
    assert run.table()["pulses"].isna().tolist() == [True, False, False, True, False]


def test_a_run_says_who_what_when_with_which_station_and_versions(tmp_path):
    station = StationRecord("bench.toml", "kind = 'bench'\n", {"kind": "bench"}, {"smu": "KEITHLEY,2450"}, {"v": 1})
    writer = RunWriter(tmp_path, WHAT, Where("A1", origin={"kind": "rehearsal"}), station)
    info = json.loads((writer.folder / "run.json").read_text(encoding="utf-8"))
    assert info["status"] == "running"
    assert info["station"]["text"] == "kind = 'bench'\n"
    assert (info["instruments"], info["limits"]) == ({"smu": "KEITHLEY,2450"}, {"v": 1})
    assert (info["protocol"], info["settings"], info["seed"]) == ("update-response", {"pulses": 3}, 7)
    assert datetime.fromisoformat(info["started"]).utcoffset() == timedelta(0)
    assert info["versions"]["numpy"] == np.__version__
    assert set(info["who"]) == {"user", "host"}
    writer.close("finished", "done", result={"x": np.float64(2), "y": float("nan"), "z": np.arange(2)})
    run = open_run(writer.folder)
    assert (run.status, run.why_stopped) == ("finished", "done")
    assert run.result == {"x": 2.0, "y": None, "z": [0, 1]}


def test_names_of_folders_are_valid_on_every_system_and_unique(tmp_path):
    where = Where('A1/B:2 <"x">|?*. ')
    folders = {written(tmp_path, [], where).name for _ in range(50)}
    assert len(folders) == 50
    assert all(set(name).isdisjoint('/\\:*?"<>| ') and not name.endswith(".") for name in folders)


def test_a_run_is_found_by_folder_id_part_of_it_and_as_last(tmp_path, monkeypatch):
    first, second = written(tmp_path, [points_of([1])]), written(tmp_path, [points_of([2])])
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path))
    assert open_run(first).folder == first
    assert open_run(first / "run.json").folder == first
    assert open_run(first.name).folder == first
    assert open_run(first.name[-4:]).folder == first
    assert open_run("last").folder == second
    with pytest.raises(InputError, match="fits 2 runs"):
        open_run(first.name[:5])
    with pytest.raises(InputError, match="no run 'nowhere'"):
        open_run("nowhere")
    with pytest.raises(InputError, match="no run in"):
        open_run("last", tmp_path / "empty")


def test_runs_go_where_the_option_says_else_the_environment_else_here(monkeypatch):
    monkeypatch.delenv("LABSHD_RUNS", raising=False)
    assert runs_folder() == Path("data/runs")
    monkeypatch.setenv("LABSHD_RUNS", "elsewhere")
    assert runs_folder() == Path("elsewhere")
    assert runs_folder("here") == Path("here")


def test_the_list_keeps_a_damaged_run_and_says_what_is_wrong(tmp_path):
    good, bad = written(tmp_path, [points_of([1])]), written(tmp_path, [points_of([2])])
    (bad / "run.json").write_text("{torn")
    (tmp_path / "no-run").mkdir()
    listed = list_runs(tmp_path)
    assert {run.folder: run.status for run in listed} == {good: "finished", bad: "damaged"}
    assert "run.json" in next(run for run in listed if run.folder == bad).why_stopped
    assert {run.summary()["status"] for run in listed} == {"finished", "damaged"}


def test_a_torn_last_row_is_left_out_and_the_rest_is_there(tmp_path):
    folder = written(tmp_path, [points_of([1.25, 2.5, 3.75], phase='a "b", c')])
    data = (folder / "points.csv").read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last + 1, len(data)):
        (folder / "points.csv").write_bytes(data[:cut])
        run = open_run(folder)
        assert run.torn()
        assert run.series().readings.conductance.ravel().tolist() == [1.25, 2.5]
    (folder / "points.csv").write_bytes(data + b"\0" * 512)
    assert len(open_run(folder).series()) == 3


def test_a_step_that_lacks_crosspoints_is_left_out(tmp_path):
    folder = written(tmp_path, [points_of(range(8), shape=(2, 2))], Where("block", (2, 2)))
    data = (folder / "points.csv").read_bytes().splitlines(keepends=True)
    (folder / "points.csv").write_bytes(b"".join(data[:-1]))
    assert open_run(folder).series().readings.conductance.ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", None, "run.json is missing"),
        ("run.json", "{", "run.json: not JSON"),
        ("run.json", "[1]", "one JSON object"),
        ("run.json", '{"format": "x"}', "not a run of labshd"),
        ("run.json", '{"format": "labshd run", "format_version": 99}', "format version 99"),
        ("points.csv", None, "points.csv is missing"),
        ("points.csv", "", "the first line must be"),
        ("points.csv", "a,b\n1,2\n", "the first line must be"),
        ("points.csv", "HEADER0,0,up,0,0,1,,,abc,,,0\n", "edited by hand"),
        ("points.csv", "HEADER0,0,up,0,0,1,,,1,,,0,9,9\n", "edited by hand"),
        ("points.csv", "HEADER0,0,up,0,0,1.5,,,1,,,0\n", "edited by hand"),
        ("points.csv", "HEADER5,0,up,0,0,1,,,1,,,0\n", "line 2: reading is 5, 0 comes next"),
    ],
)
def test_a_broken_file_is_named_with_its_problem(tmp_path, file, content, said):
    folder = written(tmp_path, [points_of([1])])
    header = (folder / "points.csv").read_text().splitlines()[0] + "\n"
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content.replace("HEADER", header))
    with pytest.raises(InputError, match=said):
        open_run(folder).series()


def test_a_run_in_work_is_running_and_one_whose_process_is_gone_was_interrupted(tmp_path):
    writer = RunWriter(tmp_path, WHAT, Where("A1"))
    writer.points(points_of([1, 2], counts=[3, -4]))
    assert open_run(writer.folder).status == "running"
    assert writer._lock is not None
    writer._lock.release()  # what the system does when the process ends
    run = open_run(writer.folder)
    assert (run.status, run.readings, run.pulses) == ("interrupted", 2, 7)
    assert "not closed" in run.why_stopped
    writer.close("finished", "it was not gone after all")


def test_no_run_is_made_in_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        RunWriter(tmp_path / "file", WHAT, Where("A1"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_earlier_rows_are_whole(tmp_path, monkeypatch):
    writer = RunWriter(tmp_path, WHAT, Where("A1"))
    writer.points(points_of([1, 2]))
    full = os.open("/dev/full", os.O_WRONLY)
    kept = os.dup(writer._tables[""].file._file.fileno())
    os.dup2(full, writer._tables[""].file._file.fileno())
    with pytest.raises(RunError, match=r"points\.csv: No space left.*are kept"):
        writer.points(points_of([3]))
    os.dup2(kept, writer._tables[""].file._file.fileno())
    os.close(full)
    os.close(kept)
    writer.close("failed", "the disk is full")
    assert len(open_run(writer.folder).series()) == 2


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    (tmp_path / "points.csv").write_text("precious")
    with pytest.raises(RunError, match="cannot write"):
        AppendFile(tmp_path / "points.csv")
    assert (tmp_path / "points.csv").read_text() == "precious"


def test_json_is_replaced_whole_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": "µ \udc80"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "µ \udc80"}
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


leaves = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_a_result_holds_becomes_json(value):
    json.dumps(plain(value), allow_nan=False)


def test_points_of_another_shape_are_refused(tmp_path):
    writer = RunWriter(tmp_path, WHAT, Where("A1"))
    with pytest.raises(RunError, match="do not belong"):
        writer.points(points_of(range(4), shape=(2, 2)))
    writer.close("failed", "wrong shape")


def test_steps_are_a_table_of_their_own(tmp_path):
    writer = RunWriter(tmp_path, What("train", "one-parameter"), Where("A+C"))
    writer.steps({"step": 0, "core_S": 1.5e-6})
    writer.steps({"step": [1, 2], "core_S": [0.1, np.nan]})
    with pytest.raises(RunError, match="columns"):
        writer.steps({"other": 1})
    writer.close("finished", "done")
    steps = open_run(writer.folder).steps()
    assert steps is not None
    assert steps["step"].tolist() == [0, 1, 2]
    assert same(steps["core_S"].to_numpy(), np.array([1.5e-6, 0.1, np.nan]))


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_runs import RunWriter, WHAT, Where, points_of
writer = RunWriter(Path(sys.argv[1]), WHAT, Where("A1"))
print(writer.folder, flush=True)
for reading in range(10**6):
    writer.points(points_of([reading, reading + 0.5]))
    print(reading, flush=True)
"""


def test_sigkill_loses_no_acknowledged_row(tmp_path):
    code = textwrap.dedent(KILLED.format(tests=str(Path(__file__).parent)))
    for acknowledged in (1, 40, 333):
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            folder = Path(child.stdout.readline().strip())
            for _ in range(acknowledged):
                last = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        run = open_run(folder)
        assert run.status == "interrupted"
        values = run.series().readings.conductance.ravel().tolist()
        assert len(values) >= 2 * (last + 1)
        assert values == [i / 2 if i % 2 == 0 else (i - 1) / 2 + 0.5 for i in range(len(values))]


def test_each_array_of_a_training_has_its_own_points(tmp_path):
    writer = RunWriter(tmp_path, What("train", "one-parameter"), Where("A+C"))
    writer.points(points_of(range(4), counts=[1, 1, -1, 0], shape=(1, 2)), "A")
    writer.points(points_of([5], counts=[2]), "C")
    assert (open_run(writer.folder).readings, open_run(writer.folder).pulses) == (3, 5)
    writer.close("finished", "done")
    run = open_run(writer.folder)
    assert run.arrays == ["A", "C"]
    assert run.series("A").readings.conductance.tolist() == [[[0, 1]], [[2, 3]]]
    assert run.series("C").counts.tolist() == [[[2]]]
    assert run.info["pulses_per_crosspoint"] == {"A": [[2, 1]], "C": [[2]]}
    assert (run.readings, run.pulses) == (3, 5)
    with pytest.raises(InputError, match=r"points\.csv is missing"):
        run.series()
