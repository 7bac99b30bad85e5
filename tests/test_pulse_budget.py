"""The endurance budget over all runs: what earlier runs fired counts, whatever became of them; rehearsals do not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import served

from instruments.errors import InstrumentError, LimitError
from labshd.cli.command_line import main
from labshd.recording.recorder import record, run_of
from labshd.runs.pulse_notes import NOTES, PulseNotes, fired_in
from labshd.runs.run import open_run
from labshd.station import pulse_budget
from labshd.station.pulse_budget import pulses_in_runs
from labshd.station.station import open_station
from protocols.read_noise import ReadNoise
from protocols.update_response import UpdateResponse

NAME = "ECRAM probe station"
SMALL = {"pulses_per_crosspoint = 1_000_000": "pulses_per_crosspoint = 100"}
RAMP = UpdateResponse(pulses=20, cycles=1, rest=1)  # 40 pulses


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSHD_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_the_budget_is_of_all_runs_and_a_refusal_names_the_sum(tmp_path, runs):
    with served(tmp_path, edit=SMALL) as bench:
        for _ in range(2):
            with open_station(bench.file) as station:
                run = record(RAMP, station["A1"])
                assert run.info["pulses_fired"] == {"A1": 40}
                assert run.info["pulses_uncertain"] == {}
        assert pulses_in_runs(runs, NAME) == {"A1": 80}
        with open_station(bench.file) as station:
            assert station["A1"].bench.pulses_applied == {"A1": 80}
            with pytest.raises(
                LimitError, match=r"21 more pulses on A1 after 80 \(80 of these in earlier runs\) make 101,"
            ):
                station["A1"].pulse(21)
            station["A1"].pulse(15)
            with pytest.raises(LimitError, match=r"6 more pulses on A1 after 95 \(80 of these .* make 101"):
                station["A1"].pulse(6)
            record(RAMP, station["A2"])
        assert pulses_in_runs(runs, NAME) == {"A1": 80, "A2": 40}


def test_a_refused_protocol_spends_nothing(tmp_path, runs):
    with served(tmp_path, edit=SMALL) as bench, open_station(bench.file) as station:
        with pytest.raises(LimitError, match="budget of 100") as caught:
            record(UpdateResponse(pulses=200, cycles=1), station["A1"])
        assert run_of(caught.value) is None  # not even a reading was taken
        assert bench.virtual.applied == []
    assert pulses_in_runs(runs, NAME) == {}


def test_runs_in_another_folder_count_from_when_that_folder_is_used(tmp_path, runs):
    with served(tmp_path, edit=SMALL) as bench:
        with open_station(bench.file) as station:
            record(RAMP, station["A1"], runs=tmp_path / "elsewhere")
        with open_station(bench.file) as station:
            assert station["A1"].bench.pulses_applied == {}
            record(ReadNoise(reads=10), station["A1"], runs=tmp_path / "elsewhere")
            assert station["A1"].bench.pulses_applied == {"A1": 40}
            record(ReadNoise(reads=10), station["A1"], runs=tmp_path / "elsewhere")
            assert station["A1"].bench.pulses_applied == {"A1": 40}
    assert pulses_in_runs(tmp_path / "elsewhere", NAME) == {"A1": 40}


def test_rehearsals_and_other_samples_are_other_devices(tmp_path, runs):
    with served(tmp_path, edit=SMALL) as bench:
        with open_station(bench.file, rehearse=True) as station:
            run = record(RAMP, station["A1"])
            assert run.info["pulses_fired"] == {"A1": 40}
        assert pulses_in_runs(runs, NAME) == {}
        with open_station(bench.file) as station:
            record(RAMP, station["A1"])
        with open_station(bench.file, rehearse=True) as station:
            assert station["A1"].bench.pulses_applied == {}
        text = bench.file.read_text(encoding="utf-8")
        bench.file.write_text(
            text.replace(f'name = "{NAME}"', f'name = "{NAME}"\nsample = "wafer 4"'), encoding="utf-8"
        )
        with open_station(bench.file) as station:
            assert station["A1"].bench.pulses_applied == {}
            record(RAMP, station["A1"])
    assert pulses_in_runs(runs, NAME) == {"A1": 40}
    assert pulses_in_runs(runs, NAME, "wafer 4") == {"A1": 40}
    assert pulses_in_runs(runs, "another bench") == {}


def test_pulses_whose_delivery_is_unknown_are_in_the_record_and_in_the_sum(tmp_path, runs, monkeypatch):
    with served(tmp_path, edit=SMALL) as bench, open_station(bench.file) as station:
        bench_of = station["A1"].bench
        fire, left = bench_of.generator.fire, [5]

        def failing(count):
            left[0] -= 1
            if left[0] == 0:
                raise InstrumentError("no answer")
            return fire(count)

        monkeypatch.setattr(bench_of.generator, "fire", failing)
        with pytest.raises(InstrumentError) as caught:
            record(RAMP, station["A1"])
        run = run_of(caught.value)
        assert run.info["pulses_fired"] == {"A1": 5}
        assert run.info["pulses_uncertain"] == {"A1": 1}
        assert run.info["pulses_per_crosspoint"] == [[4]]
        first, second = station["A1"].read(2).status.ravel().tolist()
        assert (first, second) == (8, 0)  # the reading after them says so, those after that know where they are
        assert station["A1"].read().status.item() == 0
    assert pulses_in_runs(runs, NAME) == {"A1": 5}


def test_a_plan_and_a_check_tell_what_was_used_and_refuse_what_is_beyond(tmp_path, runs, capsys):
    with served(tmp_path, edit=SMALL) as bench:
        with open_station(bench.file) as station:
            record(RAMP, station["A1"])
        file = str(bench.file)
        ramp = ["plan", "update-response", "--station", file, "--cycles", "1", "--rest", "1", "--json"]
        assert main([*ramp, "--pulses", "30"]) == 0
        (demand,) = json.loads(capsys.readouterr().out)["crosspoints"]
        assert (demand["pulses"], demand["pulses_used"], demand["budget"]) == (60, 40, 100)
        assert main([*ramp, "--pulses", "31"]) == 1
        (refused,) = json.loads(capsys.readouterr().out)["refused"]
        assert (
            "up to 62 pulses to A1, which has 60 left of its budget of 100 after 40 (40 of these in earlier runs)"
            in refused
        )
        assert main([*ramp[:-1], "--pulses", "30", "--runs", str(tmp_path / "others")]) == 0
        assert "0 of 100" in capsys.readouterr().out
        assert main(["check", file]) == 0
        assert "A1: 40 of 100 pulses used" in capsys.readouterr().out
        assert main(["check", file, "--rehearse"]) == 0
        assert "no pulses in earlier runs" in capsys.readouterr().out


def test_the_command_line_tells_pulses_in_doubt(tmp_path, runs, monkeypatch, capsys):
    def failing(self, count):
        raise InstrumentError("no answer")

    monkeypatch.setattr("instruments.roles.PulseSource.fire", failing)
    with served(tmp_path) as bench:
        assert main(["run", "update-response", "--station", str(bench.file), "--pulses", "5", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["pulses_uncertain"] == {"A1": 1}
    assert "1 of the pulses on A1 may or may not have been delivered" in said.err


CHILD = """
import sys
from labshd import pulse_budget
from labshd.cli.command_line import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not to be had")
def test_a_run_that_was_killed_counts_what_it_fired(tmp_path, runs):
    with served(tmp_path) as bench:
        command = ["run", "update-response", "--station", str(bench.file), "--pulses", "500", "--cycles", "100"]
        child = subprocess.Popen([sys.executable, "-c", CHILD, *command], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(bench.virtual.applied) < 100 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        while True:  # what was on its way is delivered
            fired = sum(one.pulses for one in bench.virtual.applied)
            time.sleep(0.1)
            if fired == sum(one.pulses for one in bench.virtual.applied):
                break
    run = open_run("last")
    assert (run.status, run.info["pulses_fired"]) == ("interrupted", None)
    counted = pulses_in_runs(runs, NAME)["A1"]
    assert run.pulses <= counted <= run.pulses + 1
    assert fired <= counted <= fired + 1
    assert fired >= 100


def test_notes_are_lines_that_can_be_read_at_any_moment(tmp_path):
    notes = PulseNotes(tmp_path / NOTES, {"A1": 7})
    notes("B-12", 3)
    notes("A1", 1)
    assert fired_in(tmp_path, {}) == {"A1": 8, "B-12": 3}
    assert (tmp_path / NOTES).read_text() == "A1 000000000008\nB-12 000000000003\n"
    with (tmp_path / NOTES).open("a") as file:
        file.write("B-13 0000")  # torn
    assert fired_in(tmp_path, {}) == {"A1": 8, "B-12": 3}
    notes.close()
    assert fired_in(tmp_path, {"pulses_fired": {"A1": 9}}) == {"A1": 9}
    assert fired_in(tmp_path / "nowhere", {}) is None


def test_runs_without_notes_are_counted_by_their_rows(tmp_path, runs):
    with served(tmp_path) as bench, open_station(bench.file) as station:
        run = record(RAMP, station["A1"])
    info = {key: value for key, value in run.info.items() if key not in ("pulses_fired", "pulses_uncertain")}
    (run.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    assert pulses_in_runs(runs, NAME) == {"A1": 40}
    cut = runs / "cut"
    shutil.copytree(run.folder, cut)
    unclosed = {**info, "ended": None, "pulses_per_crosspoint": None}
    (cut / "run.json").write_text(json.dumps(unclosed), encoding="utf-8")
    rows = (cut / "points.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (cut / "points.csv").write_text("".join(rows[:12]), encoding="utf-8")
    counted = int(abs(open_run(cut).series().counts).sum())
    assert 0 < counted < 40
    assert pulses_in_runs(runs, NAME) == {"A1": 40 + counted}


def test_what_is_no_run_is_passed_over(tmp_path, runs, caplog):
    (runs / "empty").mkdir(parents=True)
    (runs / "broken").mkdir()
    (runs / "broken" / "run.json").write_text('{"kind": "bench"', encoding="utf-8")
    (runs / "file.txt").write_text("", encoding="utf-8")
    assert pulses_in_runs(runs, NAME) == {}
    assert "broken" in caplog.text
    assert pulses_in_runs(Path(tmp_path / "nowhere"), NAME) == {}


def test_what_was_counted_is_remembered_and_never_believed_against_the_files(tmp_path, runs, monkeypatch):
    monkeypatch.setattr("labshd.station.counted_runs.WORTH", 2)
    looked = []
    look = pulse_budget._look

    def seen(folder):
        looked.append(folder.name)
        return look(folder)

    monkeypatch.setattr(pulse_budget, "_look", seen)
    with served(tmp_path) as bench, open_station(bench.file) as station:
        made = [record(RAMP, station["A1"]) for _ in range(3)]
    looked.clear()
    assert pulses_in_runs(runs, NAME) == {"A1": 120}
    assert len(looked) == 3
    assert pulses_in_runs(runs, NAME) == {"A1": 120}
    assert len(looked) == 3  # nothing was read again
    info = json.loads((made[0].folder / "run.json").read_text(encoding="utf-8"))
    (made[0].folder / "run.json").write_text(json.dumps({**info, "pulses_fired": {"A1": 7}}), encoding="utf-8")
    shutil.rmtree(made[1].folder)
    assert pulses_in_runs(runs, NAME) == {"A1": 47}
    unclosed = {**info, "ended": None, "pulses_fired": None}
    (made[0].folder / "run.json").write_text(json.dumps(unclosed), encoding="utf-8")
    for digits in ("000000000001", "000000000002"):  # a run that is not closed grows
        (made[0].folder / NOTES).write_text(f"A1 {digits}\n", encoding="utf-8")
        assert pulses_in_runs(runs, NAME) == {"A1": 40 + int(digits)}
    (memory,) = (tmp_path / "counted").iterdir()
    memory.write_text("{", encoding="utf-8")
    assert pulses_in_runs(runs, NAME) == {"A1": 42}
