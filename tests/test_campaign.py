"""Campaigns: what a file may say, what is run, skipped and failed, and that nothing is repeated after a kill."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from instruments.errors import InputError, NotAnswering, RunError
from labshd.campaign import runner
from labshd.campaign.runner import resume_campaign, run_campaign
from labshd.campaign.schema import read_campaign
from labshd.campaign.store import open_campaign
from labshd.campaign.units import units_of
from labshd.cli.command_line import main
from labshd.runs.files import AppendFile
from labshd.runs.json_files import read_json, write_json
from labshd.runs.run import list_runs

STATIONS = Path(__file__).parents[1] / "data" / "stations"
OWN = '''
"""A protocol that reads, pulses and fails where it is told to."""

import numpy as np

from instruments.errors import InstrumentError, RunError
from protocols.common.protocol import Points, Protocol
from protocols.common.stepping import apply, at_rest


class Walk(Protocol):
    name = "walk"
    title = "walk at random"
    pulses: int = 30
    seed: int = 0
    fails_on: str = ""
    instrument: bool = False

    def run(self, crosspoints):
        yield from at_rest(crosspoints, "rest", 5)
        random = np.random.default_rng(self.seed)
        for _ in range(self.pulses // 10):
            if crosspoints.name in self.fails_on.split("+"):
                raise (InstrumentError if self.instrument else RunError)(f"{crosspoints.name} is stuck")
            counts = random.integers(-3, 4, (10, *crosspoints.shape))
            yield from apply(crosspoints, "walk", counts)
            crosspoints.wait(1.0)
        return "walked"

    def analyse(self, series):
        g = series.readings.conductance
        return {"mean_S": float(g.mean()), "mean_std_S": float(g.std() / len(g) ** 0.5)}
'''
FILE = """
name = "small"
station = "bench.toml"
[[step]]
name = "walk"
protocol = "walk.py"
crosspoints = "A*"
grid = { pulses = [20, 30] }
[[step]]
name = "noise"
protocol = "read-noise"
settings = { reads = 12 }
repeats = 2
only_if = "walk.accepted and walk.yield > 0.5"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))
    shutil.copy(STATIONS / "ecram.toml", "bench.toml")
    Path("walk.py").write_text(OWN, encoding="utf-8")
    return tmp_path


def campaign(text=FILE, name="small.toml", **replaced):
    for old, new in replaced.items():
        text = text.replace(old.replace("__", " = "), new)
    Path(name).write_text(text, encoding="utf-8")
    return name


def keys(done, what):
    return [one.unit.key for one in done.outcomes() if one.what == what]


def test_every_step_is_run_at_every_crosspoint_grid_point_and_repeat(here):
    done = run_campaign(campaign(), rehearse=True)
    assert (done.status, done.why_stopped) == ("finished", "all steps are done")
    assert keys(done, "finished") == [
        "walk/A1/pulses = 20", "walk/A1/pulses = 30", "walk/A2/pulses = 20", "walk/A2/pulses = 30",
        "noise/A1/repeat 1", "noise/A1/repeat 2", "noise/A2/repeat 1", "noise/A2/repeat 2",
    ]  # fmt: skip
    run = done.runs()["walk/A2/pulses = 30"]
    assert run.info["settings"]["pulses"] == 30
    assert run.info["campaign"]["step"] == "walk"
    assert run.info["source"]["text"] == OWN
    assert run.info["station"]["text"] == Path("bench.toml").read_text(encoding="utf-8")
    seeds = [done.runs()[key].info["seed"] for key in keys(done, "finished")[:4]]
    assert len(set(seeds)) == 4
    table = done.table()
    assert len(table) == 8
    assert table["result.mean_S"].between(1e-6, 1e-4).all()
    assert done.summary()["pulses"] == sum(run.pulses for run in list_runs())


def test_crosspoint_by_crosspoint(here):
    text = FILE.replace('"bench.toml"', '"bench.toml"\norder = "crosspoint"').replace(" and walk.yield > 0.5", "")
    done = run_campaign(campaign(text), rehearse=True)
    assert [key.split("/")[:2] for key in keys(done, "finished")][:4] == [["walk", "A1"]] * 2 + [["noise", "A1"]] * 2


def test_a_crosspoint_that_fails_is_noted_and_left_out(here):
    done = run_campaign(campaign(FILE.replace("grid =", 'settings = { fails_on = "A1" }\ngrid =')), rehearse=True)
    assert done.status == "finished"
    assert done.why_stopped == "all steps are done, 1 runs failed"
    assert keys(done, "failed") == ["walk/A1/pulses = 20"]
    assert keys(done, "skip") == [
        "walk/A1/pulses = 30", "noise/A1/repeat 1", "noise/A1/repeat 2",
        "noise/A2/repeat 1", "noise/A2/repeat 2",  # a yield of one half is not above one half
    ]  # fmt: skip
    whys = {one.unit.key: one.why for one in done.outcomes()}
    assert whys["noise/A1/repeat 1"] == "A1 failed in walk: A1 is stuck"
    assert "walk.yield is 0.5" in whys["noise/A2/repeat 1"]


def test_repeats_end_when_enough_is_known(here):
    text = FILE.replace("repeats = 2", "repeats = 9\nuntil = \"result.mean_S > 0 and status == 'finished'\"")
    done = run_campaign(campaign(text), rehearse=True)
    assert keys(done, "finished")[-2:] == ["noise/A1/repeat 1", "noise/A2/repeat 1"]
    assert len(keys(done, "skip")) == 16


def test_a_block_is_one_run_and_conditions_see_each_of_its_crosspoints(here):
    text = """
    station = "bench.toml"
    [[step]]
    protocol = "walk.py"
    together = true
    accept = "result.mean_S > 1 uS"
    [[step]]
    protocol = "read-noise"
    settings = { reads = 10 }
    only_if = "walk.result.mean_S > '1 uS'"
    """
    done = run_campaign(campaign(text.replace("> 1 uS", "> '1 uS'")), rehearse=True)
    assert keys(done, "finished") == ["walk/A1..A2", "read_noise/A1", "read_noise/A2"]
    assert done.runs()["walk/A1..A2"].shape == (1, 2)
    assert len(done.table()) == 4


def test_too_many_failures_in_a_row_stop_it_and_it_can_go_on(here):
    text = FILE.replace("grid =", 'settings = { fails_on = "A1+A2" }\ngrid =')
    with pytest.raises(RunError, match="2 crosspoints failed"):
        run_campaign(campaign(text.replace('name = "small"', 'name = "small"\nfailures = 2')), rehearse=True)
    stopped = open_campaign("last")
    assert stopped.status == "stopped"
    assert "A2 is stuck" in stopped.why_stopped


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("walk.py", "walks.py", "walks.py is not a file"),
        ('protocol = "read-noise"', 'protocol = "read-nois"', "did you mean 'read-noise'"),
        ("reads = 12", "read = 12", "read-noise has no such setting; did you mean 'reads'"),
        ("reads = 12", "reads = 2", "line 12, step[2].settings.reads = 2"),
        ("[20, 30]", '[20, "many"]', "step[1].grid.pulses = 'many'"),
        ("[20, 30]", "[]", "has no value"),
        ("grid = { pulses", "settings = { pulses = 1 }\ngrid = { pulses", "stands in settings, too"),
        ('"A*"', '"C*"', "no crosspoint 'C*'"),
        ('"A*"', '"A1:A9"', "no crosspoint 'A9' to begin or end"),
        ("repeats = 2", "repeat = 2", "did you mean 'repeats'"),
        ("walk.accepted", "wald.accepted", "no step is called 'wald'; did you mean 'walk'"),
        ("walk.accepted", "walk.acepted", "of a step one can ask"),
        ("walk.accepted", "noise.accepted", "is circular: noise waits for noise"),
        ("walk.accepted", "result.mean_S > 1", "has not run yet"),
        ("walk.accepted", "__import__('os').system('true')", "is not for a condition"),
        ("walk.accepted and", "1 > 0 or", None),
        ("walk.accepted and walk.yield > 0.5", "1 > 0", "looks at nothing"),
        ("walk.accepted and", "walk.accepted and and", "no condition"),
        ('"bench.toml"', '"bench.toml"\norder = "crosspoint"', 'that needs order = "step"'),
        ('"bench.toml"', '"banch.toml"', "did you mean 'bench.toml'"),
        ('name = "noise"', 'name = "walk"', "names two steps"),
        ('name = "noise"', 'name = "result"', "is taken"),
        (
            "repeats = 2",
            f"repeats = 10000\ngrid = {{ seed = {list(range(320))} }}",
            "makes 3,200,000 runs on every",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_told_before_anything_is_opened(here, old, new, says):
    assert old in FILE
    name = campaign(FILE.replace(old, new))
    if says is None:
        run_campaign(name, rehearse=True)
        return
    with pytest.raises(InputError) as caught:
        run_campaign(name, rehearse=True)
    assert says in str(caught.value)
    assert not (here / "runs").exists()


def test_all_problems_come_at_once_and_circles_are_named(here):
    text = FILE.replace('[[step]]\nname = "walk"', '[[step]]\nname = "walk"\nonly_if = "noise.accepted"', 1)
    with pytest.raises(InputError) as caught:
        read_campaign(Path(campaign(text.replace("reads = 12", "read = 12"))))
    said = str(caught.value)
    assert "2 problems" in said
    assert "walk waits for noise waits for walk" in said
    assert "no such setting" in said


def test_a_grid_of_ten_million_points_is_refused_at_once(here):
    hundred = list(range(10, 110))
    text = FILE.replace(
        "{ pulses = [20, 30] }", f"{{ pulses = {hundred}, seed = {hundred}, x = {hundred}, y = {hundred} }}"
    )
    begun = time.monotonic()
    with pytest.raises(InputError, match="100,000,000 runs"):
        read_campaign(Path(campaign(text)))
    assert time.monotonic() - begun < 2


def whole(done):
    """What must be the same whether a campaign was disturbed or not: readings, numbers, pulses, how runs ended."""
    told = {}
    for key, run in done.runs().items():
        entries = {
            name: run.info[name] for name in ("status", "why_stopped", "result", "pulses_per_crosspoint", "seed")
        }
        traffic = (run.folder / "wire.jsonl").read_bytes()
        told[key] = ((run.folder / "points.csv").read_bytes(), entries, traffic)
    return told


def test_what_was_cut_off_anywhere_goes_on_with_the_same_readings(here, monkeypatch):
    """Ctrl-C at every 9th reading of the campaign, over and over: 190 readings, more than 20 interruptions."""
    undisturbed = whole(run_campaign(campaign(), rehearse=True, runs=here / "other"))
    real = runner.record
    stops = {"left": 0, "count": 0}

    def record(protocol, block, **more):
        class Cut(type(protocol)):
            def run(self, crosspoints):
                steps = super().run(crosspoints)
                try:
                    while True:
                        points = next(steps)
                        yield points
                        stops["left"] -= 1
                        if stops["left"] == 0:
                            stops["count"] += 1
                            raise KeyboardInterrupt
                except StopIteration as stop:
                    return stop.value

        return real(Cut.model_validate(protocol.model_dump()), block, **more)

    monkeypatch.setattr(runner, "record", record)
    monkeypatch.setattr("labshd.recording.recorder.source_of", lambda _: None)
    begin = run_campaign
    for cut_after in [*range(1, 30, 2), 1000]:
        stops["left"] = cut_after
        try:
            done = begin("small.toml", rehearse=True) if begin is run_campaign else resume_campaign("small.toml")
            break
        except KeyboardInterrupt:
            begin = resume_campaign
            assert open_campaign("last").status == "interrupted"
    assert stops["count"] >= 5
    assert whole(done) == undisturbed
    assert len(list_runs()) == len(undisturbed)
    assert any(run.info.get("continued") for run in done.runs().values())


CHILD = "import sys; from labshd.cli.command_line import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a signal of POSIX systems")
def test_killed_at_random_moments_it_comes_to_the_same_end(here):
    undisturbed = whole(run_campaign(campaign(), rehearse=True, runs=here / "other"))
    random.seed(7)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = 0
    while True:
        begun = any((here / "runs").glob("*/campaign.json"))
        arguments = ["campaign", "small.toml", *(["--resume"] if begun else ["--rehearse"]), "--json"]
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if killed < 4:
            _wait_for_readings(here / "runs", child, random.randrange(1, 60))
        if killed < 4 and child.poll() is None:
            child.send_signal(signal.SIGKILL)
            killed += 1
        said, errors = child.communicate()
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, errors.decode()
    assert json.loads(said)["status"] == "finished"
    assert killed >= 2
    assert whole(open_campaign("small.toml")) == undisturbed
    assert len(list_runs()) == len(undisturbed)


def _wait_for_readings(runs, child, more):
    """Until so many more readings are on the disk, or the child has ended."""

    def size():
        return sum(path.stat().st_size for path in runs.glob("*/points.csv"))

    before = size()
    while size() < before + 90 * more and child.poll() is None:
        os.sched_yield() if hasattr(os, "sched_yield") else None


STAYED = []


@pytest.fixture(autouse=True)
def benches_that_stayed_are_closed():
    yield
    while STAYED:
        STAYED.pop().close()


def bench_that_stays(monkeypatch, fail_open=0):
    """A bench whose devices outlive a campaign's process, as real ones do: what is opened is always the same one."""
    opened = []
    real = runner.open_station

    def open_station(path, *, rehearse):
        if fail_open and len(opened) == fail_open:
            opened.append(None)
            raise NotAnswering("the generator is gone")
        station = real(path, rehearse=True)
        STAYED.append(station)
        if opened:
            old = opened[0]
            block, now = station.all, old.virtual.clock.now()
            block.bench.clock.wait(now)
            station.virtual.devices.update(old.virtual.devices)
            station.virtual.applied = old.virtual.applied
            opened[0] = station
        else:
            opened.append(station)
        monkeypatch.setattr(runner, "_kind", lambda _: "bench")
        return station

    monkeypatch.setattr(runner, "open_station", open_station)
    return opened


def test_on_a_bench_no_pulse_is_repeated(here, monkeypatch):
    """Devices that remember: cut off after every few pulses, each crosspoint has in the end seen each pulse once.

    Where a pulse was noted and perhaps not applied it is not repeated; its reading says that it is uncertain.
    """
    once = run_campaign(campaign(), rehearse=True, runs=here / "other")
    planned = {key: run.info["pulses_per_crosspoint"] for key, run in once.runs().items()}
    opened = bench_that_stays(monkeypatch)
    random.seed(3)
    cut, delivered = {"left": 4}, dict[int, int]()

    from sim_device.virtual_bench import VirtualDevice

    pulse = VirtualDevice.pulse

    def cutting(self, *arguments):
        cut["left"] -= 1
        if cut["left"] == 0 and random.random() < 0.5:
            raise KeyboardInterrupt
        pulse(self, *arguments)
        delivered[id(self)] = delivered.get(id(self), 0) + arguments[2]
        if cut["left"] <= 0:
            cut["left"] = random.randrange(2, 9)
            raise KeyboardInterrupt

    monkeypatch.setattr(VirtualDevice, "pulse", cutting)
    done, cuts, start = None, 0, True
    while done is None:
        try:
            done = run_campaign("small.toml") if start else resume_campaign("small.toml")
        except KeyboardInterrupt:
            start, cuts = False, cuts + 1
            cut["left"] = random.randrange(2, 9)
            assert cuts < 60
    assert cuts > 5
    assert {key: run.info["pulses_per_crosspoint"] for key, run in done.runs().items()} == planned
    applied = {name: delivered[id(device)] for name, device in opened[0].virtual.devices.items()}
    for name in ("A1", "A2"):
        spent = sum(run.pulses for run in done.runs().values() if run.crosspoint == name)
        assert spent - 3 * cuts <= applied[name] <= spent
    doubtful = sum(int(np.sum(run.series().readings.status == 8)) for run in done.runs().values())
    assert 0 < doubtful <= cuts
    for run in done.runs().values():
        times = run.series().readings.time.ravel()
        assert (np.diff(times) >= 0).all()


def test_a_bench_that_is_gone_stops_it_and_it_goes_on_when_it_is_back(here, monkeypatch):
    opened = bench_that_stays(monkeypatch, fail_open=1)
    text = FILE.replace("grid =", 'settings = { fails_on = "A2", instrument = true }\ngrid =')
    with pytest.raises(RunError, match="does not open again: the generator is gone"):
        run_campaign(campaign(text))
    stopped = open_campaign("last")
    assert (stopped.status, stopped.info["lost"]) == ("stopped", "walk/A2/pulses = 20")
    assert len(opened) == 2
    done = resume_campaign("small.toml")
    assert done.status == "finished"
    assert keys(done, "failed") == ["walk/A2/pulses = 20"]
    assert done.runs()["walk/A2/pulses = 20"].info["continued"][0]["readings"] == 5


def test_a_disk_that_fills_up_stops_it_and_it_goes_on_when_there_is_room(here, monkeypatch):
    undisturbed = whole(run_campaign(campaign(), rehearse=True, runs=here / "other"))
    left, append = [40], AppendFile.append

    def filling(self, data):
        left[0] -= 1
        if left[0] < 0:
            raise RunError(f"cannot write {self.path}: no space left on device") from OSError(28, "no space")
        append(self, data)

    monkeypatch.setattr(AppendFile, "append", filling)
    with pytest.raises(RunError, match="no space left"):
        run_campaign("small.toml", rehearse=True)
    stopped = open_campaign("last")
    assert stopped.status == "stopped"
    assert len(stopped.runs()) == 2
    monkeypatch.setattr(AppendFile, "append", append)
    assert whole(resume_campaign("small.toml")) == undisturbed


def test_a_folder_that_takes_no_runs_is_told_at_once(here):
    Path("runs").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="choose another folder"):
        run_campaign(campaign(), rehearse=True)


def test_what_has_changed_since_is_not_gone_on_with(here, monkeypatch):
    monkeypatch.setattr(runner, "record", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_campaign(campaign(), rehearse=True)
    monkeypatch.undo()
    monkeypatch.setenv("LABSHD_RUNS", str(here / "runs"))
    monkeypatch.chdir(here)
    station = Path("bench.toml").read_text(encoding="utf-8")
    Path("bench.toml").write_text(station.replace('"2 V"', '"2.5 V"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"has changed since .*\(pulses\)"):
        resume_campaign("small.toml")
    # A version that knew no limits.sweep_voltage left it out: not given then, not given now.
    kept = next((here / "runs").glob("*/campaign.json"))
    info = json.loads(kept.read_text(encoding="utf-8"))
    del info["station"]["resolved"]["limits"]["sweep_voltage"]
    kept.write_text(json.dumps(info), encoding="utf-8")
    Path("bench.toml").write_text(station.replace("192.168.0.12", "192.168.0.99"), encoding="utf-8")
    Path("small.toml").write_text("not the campaign any more, but for walk.py", encoding="utf-8")
    assert resume_campaign("small.toml").status == "finished"
    with pytest.raises(InputError, match="is finished"):
        resume_campaign("small.toml")
    with pytest.raises(InputError, match="no campaign 'tomorrow'"):
        resume_campaign("tomorrow")


def test_a_campaign_of_a_newer_version_says_so(here):
    done = run_campaign(campaign(), rehearse=True)
    write_json(done.folder / "campaign.json", {**read_json(done.folder / "campaign.json"), "format_version": 9})
    with pytest.raises(InputError, match="update labshd"):
        open_campaign(done.id)


def test_units_of_an_array(here):
    shutil.copy(STATIONS / "array.toml", "bench.toml")
    text = FILE.replace('"A*"', '["A1:B2", "B8"]').replace(
        '"read-noise"', '"read-noise"\ncrosspoints = "A1:B2"\ntogether = true'
    )
    checked = read_campaign(Path(campaign(text)))
    grid = np.array([[f"{row}{column + 1}" for column in range(8)] for row in "AB"])
    units = units_of(checked, grid)
    assert [unit.place for unit in units if unit.point == 0 and unit.repeat == 0] == [
        "A1", "A2", "B1", "B2", "B8", "A1..B2",
    ]  # fmt: skip
    with pytest.raises(InputError, match="do not fill a rectangle"):
        units_of(
            read_campaign(Path(campaign(text.replace('crosspoints = "A1:B2"', 'crosspoints = ["A1", "B2"]')))), grid
        )


def test_the_command_runs_a_campaign(here, capsys):
    assert main(["campaign", campaign(), "--rehearse", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["units"], answer["finished"]) == ("finished", 8, 8)
    assert main(["campaign", "small.toml", "--resume"]) == 2
    assert "is finished" in capsys.readouterr().err
    assert main(["campaign", "small.toml", "--rehearse"]) == 0
    out = capsys.readouterr().out
    assert "8 of 8 runs finished, 0 failed, 0 skipped" in out
    assert main(["runs", "--campaign", "*small*", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 16
