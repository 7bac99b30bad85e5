"""A recorded run is repeated byte by byte, or the replay names the first byte that differs."""

import gc
import json
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from instruments.errors import InputError
from labshd.campaign.runner import run_campaign
from labshd.recording.recorder import record
from labshd.replay.byte_by_byte import replay
from labshd.runs.run import list_runs, open_run
from labshd.station.selection import block_of
from labshd.station.station import open_station
from labshd.station_training.trainer import Bench, Measuring, train_on_station
from labshd.training import LinearRegression, Settings
from protocols.iv_sweep import IVSweep
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench.reach.replay import RecordedClock, Recording, ReplayDiffers, ReplayEnded, read_wire

STATION = Path(__file__).parents[1] / "data/stations"
REFERENCE = Path(__file__).parent / "reference"


def recorded(folder, station="ecram.toml", protocol=None, seed=None):
    protocol = protocol or UpdateResponse(pulses=8, cycles=1, rest=3)
    with open_station(STATION / station, rehearse=True, seed=seed) as opened:
        return record(protocol, opened.first, runs=folder, station=opened)


@pytest.fixture
def run(tmp_path):
    return open_run(recorded(tmp_path).folder)


def lines_of(run):
    return (run.folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()


def write_lines(run, lines):
    (run.folder / "wire.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("folder", sorted(REFERENCE.iterdir()), ids=lambda folder: folder.name)
def test_the_reference_runs_are_repeated_as_they_were_recorded_once(folder, tmp_path):
    """What drivers send and protocols do has not changed since (benchmarks/reference_runs.py records them anew)."""
    shutil.copytree(folder, tmp_path / folder.name)
    found = replay(open_run(tmp_path / folder.name))
    assert found.identical, found.difference
    assert found.messages == found.messages_recorded > 20
    assert found.readings == found.readings_recorded > 5


def test_a_run_is_repeated_to_the_last_bit(run):
    found = replay(run)
    assert found.identical, found.difference
    assert found.readings == found.readings_recorded == 19
    assert found.messages == found.messages_recorded == len(lines_of(run))
    assert found.time_difference_s == 0


def test_a_two_terminal_station_is_repeated_too(tmp_path):
    found = replay(open_run(recorded(tmp_path, "rram.toml").folder))
    assert found.identical, found.difference


def test_a_simulated_run_has_no_instruments_to_replay(tmp_path):
    with pytest.raises(InputError, match="no instruments to replay"):
        replay(open_run(recorded(tmp_path, "array.toml").folder))


def test_what_depends_on_what_was_read_takes_the_same_way_again(tmp_path):
    found = replay(open_run(recorded(tmp_path, protocol=SymmetryPoint(budget=300)).folder))
    assert found.identical, found.difference
    assert found.readings > 100


def test_the_first_byte_that_differs_is_named(run):
    lines = lines_of(run)
    at = next(n for n, line in enumerate(lines) if "*TRG" in line)
    entry = json.loads(lines[at])
    lines[at] = json.dumps({**entry, "text": "*TRG;*WAI"})
    write_lines(run, lines)
    found = replay(run)
    assert not found.identical
    assert f"message {at + 1} differs" in found.difference
    assert "now generator is sent '*TRG;*OPC?'" in found.difference
    assert "generator was sent '*TRG;*WAI'" in found.difference


def test_a_reading_that_was_changed_is_found(run):
    path = run.folder / "points.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    cells = rows[6].split(",")
    cells[8] = repr(float(cells[8]) * (1 + 1e-15) + 1e-20)
    path.write_text("\n".join([*rows[:6], ",".join(cells), *rows[7:]]) + "\n", encoding="utf-8")
    found = replay(open_run(run.folder))
    assert "reading 5 differs" in found.difference


def test_an_interrupted_run_is_repeated_as_far_as_it_came(tmp_path):
    class Interrupted(UpdateResponse):
        name = "update-response"

        def run(self, crosspoints):
            for number, points in enumerate(super().run(crosspoints)):
                yield points
                if number == 6:
                    raise KeyboardInterrupt
            return ""

    with pytest.raises(KeyboardInterrupt):
        recorded(tmp_path, protocol=Interrupted(pulses=8, cycles=1, rest=3))
    run = open_run("last", tmp_path)
    assert run.status == "interrupted"
    found = replay(run)
    assert found.identical, found.difference
    assert 0 < found.readings == found.readings_recorded < 19


ROW = STATION / "row.toml"


def trained(folder, steps=60, task=None, algorithm="shd", **more):
    """A training on a rehearsed row of 4 + 4 devices, and the runs that calibrated them."""
    measuring = Measuring(150, SymmetryPoint(budget=600, target=0.1))
    task = task or LinearRegression((0.4, -0.3), noise=0.2)
    file = folder / "row.toml"
    file.write_text(ROW.read_text(encoding="utf-8").replace('"A3", "A4"]', "]").replace('"C3", "C4"]', "]"), "utf-8")
    with open_station(file, rehearse=True) as opened:
        train_on_station(
            opened, task, algorithm, settings=Settings(steps=steps), measuring=measuring, bench=Bench(folder), **more
        )
    return [run for run in list_runs(folder) if run.kind == "train"][-1]


@pytest.mark.parametrize("algorithm", ["shd", "sgd"])
def test_a_training_and_all_that_calibrated_it_are_repeated_to_the_last_bit(tmp_path, algorithm):
    trained(tmp_path, algorithm=algorithm)
    runs = list_runs(tmp_path)
    assert len(runs) == {"shd": 4, "sgd": 3}[algorithm]
    for run in runs:
        found = replay(run)
        assert found.identical, (run.id, found.difference)
        assert found.readings == found.readings_recorded > 0
        assert found.messages == found.messages_recorded
        assert found.time_difference_s == 0


def test_another_seed_takes_another_way_and_it_is_told_where(tmp_path):
    run = trained(tmp_path)
    info = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    info["settings"]["seed"] += 1
    (run.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    found = replay(open_run(run.folder))
    assert "message" in found.difference or "of array" in found.difference


def test_an_interrupted_training_is_repeated_as_far_as_it_came(tmp_path, monkeypatch):
    whole = LinearRegression.step

    def interrupted(self, layers, rng):
        loss = whole(self, layers, rng)
        on_bench = [tile for tile in layers[0].tiles if tile.main.origin.kind == "rehearsal"]
        if on_bench and layers[0].updates == 23:  # not on the fitted devices, nor in floating point
            raise KeyboardInterrupt
        return loss

    with monkeypatch.context() as patched:
        patched.setattr(LinearRegression, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path)
    run = [run for run in list_runs(tmp_path) if run.kind == "train"][-1]
    assert run.status == "interrupted"
    found = replay(run)
    assert found.identical, found.difference
    assert 0 < found.readings == found.readings_recorded


def test_a_training_that_went_on_from_another_is_refused_by_name(tmp_path):
    run = trained(tmp_path)
    info = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    info["settings"]["resumed"] = "somewhere"
    (run.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(InputError, match="goes on from somewhere"):
        replay(open_run(run.folder))


def test_blocks_are_repeated_too(tmp_path):
    with open_station(ROW, rehearse=True) as opened:
        block = block_of(opened, ["A2", "A3", "A4"])
        record(UpdateResponse(pulses=6, cycles=1, rest=2), block, runs=tmp_path, station=opened)
    found = replay(open_run("last", tmp_path))
    assert found.identical, found.difference
    assert found.readings == found.readings_recorded == 3 * 14


CAMPAIGN = """
name = "two by two"
station = "row.toml"

[[step]]
protocol = "update-response"
crosspoints = "A1:A4"
settings = { pulses = 6, cycles = 1, rest = 3 }

[[step]]
protocol = "symmetry-point"
crosspoints = "A1:A4"
settings = { budget = 200, target = 0.2 }
"""


def test_every_run_of_a_campaign_is_repeated_whatever_came_before_it(tmp_path):
    (tmp_path / "row.toml").write_text(ROW.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "night.toml").write_text(CAMPAIGN, encoding="utf-8")
    run_campaign(tmp_path / "night.toml", rehearse=True, runs=tmp_path / "runs")
    runs = list_runs(tmp_path / "runs")
    assert len(runs) == 8
    for run in runs:
        found = replay(run)
        assert found.identical, (run.id, found.difference)
        assert found.readings == found.readings_recorded > 0


def test_a_run_that_was_cut_off_on_a_bench_and_went_on_is_refused(run):
    info = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    info["origin"]["kind"] = "bench"
    info["continued"] = [{"readings": 3}]
    (run.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(InputError, match="in pieces"):
        replay(open_run(run.folder))


def test_without_the_record_of_the_wire_there_is_no_replay(run):
    (run.folder / "wire.jsonl").unlink()
    with pytest.raises(InputError, match="needs the record of the wire"):
        replay(open_run(run.folder))


def test_a_torn_last_line_is_left_away_and_any_other_is_an_error(tmp_path):
    path = tmp_path / "wire.jsonl"
    good = '{"time_s": 0.5, "instrument": "smu", "direction": "write", "text": "*RST"}'
    path.write_text(good + "\n" + good[:40], encoding="utf-8")
    assert len(read_wire(path)) == 1
    path.write_text(good[:40] + "\n" + good + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1 is no message"):
        read_wire(path)


def test_a_recording_tells_differences_and_its_end(tmp_path):
    path = tmp_path / "wire.jsonl"
    path.write_text('{"time_s": 0.5, "instrument": "smu", "direction": "write", "text": "A?"}\n', encoding="utf-8")
    recording = Recording(read_wire(path), RecordedClock())
    with pytest.raises(ReplayDiffers, match=r"now smu is sent 'B\?'; recorded was smu was sent 'A\?'"):
        recording.sent("smu", "B?")
    recording.sent("smu", "A?")
    assert recording.clock.now() == 0.5
    assert recording.answered("smu") is None
    with pytest.raises(ReplayEnded, match="ends after 1 messages"):
        recording.sent("smu", "A?")


def test_a_replay_that_differs_closes_what_it_began(tmp_path):
    """Nothing is left half done: an unfinished protocol would switch off whenever it is thrown away."""
    with open_station(STATION / "rram.toml", rehearse=True) as station:
        run = record(IVSweep(cycles=2), station["A1"], runs=tmp_path, station=station)
    lines = lines_of(run)
    at = next(number for number, line in enumerate(lines) if number > len(lines) // 2 and ":SOUR" in line)
    lines[at] = lines[at].replace(":SOUR", ":XOUR")
    write_lines(run, lines)
    left = [one for one in gc.get_objects() if isinstance(one, Generator)]
    found = replay(open_run(run.folder))
    assert found.difference is not None
    assert "XOUR" in found.difference
    running = [one for one in gc.get_objects() if isinstance(one, Generator) and one not in left]
    assert [one for one in running if one.gi_code.co_name in ("run", "points", "sweep", "_held")] == []
