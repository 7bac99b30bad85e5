"""Plans: what a protocol or a campaign does to each crosspoint is told before it does it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from instruments.errors import InputError
from labshd.campaign.plan import plan_campaign, plan_protocol
from labshd.cli.command_line import main
from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.read_noise import ReadNoise
from protocols.update_response import UpdateResponse

STATIONS = Path(__file__).parents[1] / "data" / "stations"
RAMP = UpdateResponse(pulses=20, cycles=1, rest=5)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(STATIONS / "ecram.toml", "bench.toml")
    return Path("bench.toml")


def limited(bench, **changed):
    text = bench.read_text(encoding="utf-8")
    for old, new in changed.items():
        line = next(line for line in text.splitlines() if line.startswith(old))
        text = text.replace(line, f"{old} = {new}")
    bench.write_text(text, encoding="utf-8")
    return bench


def test_a_plan_is_what_the_rehearsed_run_does(bench):
    plan = plan_protocol(RAMP, bench, "A2")
    with open_station(bench, rehearse=True) as station:
        run = record(RAMP, station["A2"], runs="runs")
    (demand,) = plan.demands
    assert (demand.crosspoint, demand.runs, demand.pulses) == ("A2", 1, run.pulses) == ("A2", 1, 40)
    assert demand.voltage_V == pytest.approx(2.0)  # [pulses] of the station
    assert demand.width_s == pytest.approx(500e-9)
    assert demand.share == 40 / 1_000_000
    # from opening to closing it takes a little longer than from the first reading to the last
    spanned = float(run.series().readings.time.max())
    assert spanned - 0.5 <= plan.time_s <= spanned + 1.0
    assert plan.at_most == 45
    assert plan.ok


def test_a_block_is_planned_whole(bench):
    plan = plan_protocol(RAMP, bench, "all")
    assert [(one.crosspoint, one.pulses) for one in plan.demands] == [("A1", 40), ("A2", 40)]


def test_what_passes_the_budget_is_refused(bench):
    plan = plan_protocol(RAMP, limited(bench, pulses_per_crosspoint="30"))
    assert not plan.ok
    assert "budget of 30" in plan.refused[0]
    assert plan.demands[0].pulses <= 30


def test_simulated_crosspoints_have_no_limits_to_share(bench):
    plan = plan_protocol(ReadNoise(reads=10), STATIONS / "array.toml", "A1:B2")
    assert [one.crosspoint for one in plan.demands] == ["A1", "A2", "B1", "B2"]
    assert {(one.pulses, one.share, one.voltage_V) for one in plan.demands} == {(0, None, None)}
    assert plan.time_s > 0


CAMPAIGN = """
station = "bench.toml"
[[step]]
name = "ramp"
protocol = "update-response"
settings = { pulses = 20, cycles = 1 }
[[step]]
protocol = "read-noise"
settings = { reads = 10 }
only_if = "ramp.pulses > 1000"
[[step]]
name = "again"
protocol = "update-response"
crosspoints = "A2"
settings = { pulses = 30, cycles = 1 }
"""


def test_a_campaign_is_planned_by_crosspoint_and_leaves_nothing_behind(bench, tmp_path):
    Path("night.toml").write_text(CAMPAIGN, encoding="utf-8")
    plan = plan_campaign("night.toml")
    assert [(one.crosspoint, one.runs, one.pulses) for one in plan.demands] == [("A1", 1, 40), ("A2", 2, 100)]
    assert plan.time_s >= sum(one.time_s for one in plan.demands) - 1.0
    assert plan.notes == ("2 of 5 runs are skipped on the virtual devices",)
    assert plan.ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.toml", "night.toml"]


def test_a_campaign_beyond_the_limits_is_refused_with_the_run_that_passes_them(bench, capsys):
    limited(bench, pulses_per_crosspoint="70")
    Path("night.toml").write_text(CAMPAIGN, encoding="utf-8")
    assert main(["plan", "night.toml", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["refused"][0].startswith("again/A2: ")
    assert "budget of 70" in answer["refused"][0]
    assert answer["crosspoints"][0]["share_of_budget"] == pytest.approx(40 / 70)


def test_the_command_plans_a_protocol_with_its_settings(bench, capsys):
    assert main(["plan", "update-response", "--station", "bench.toml", "--pulses", "20", "--cycles", "1"]) == 0
    out = capsys.readouterr().out
    assert "update-response on A1" in out
    assert "0.00%" in out
    assert "in all 40 pulses" in out
    assert main(["plan", "update-response"]) == 2
    assert main(["plan", "nowhere.toml"]) == 2
    assert "no such file" in capsys.readouterr().err


def test_what_is_wrong_is_told(bench):
    with pytest.raises(InputError, match="no crosspoint 'C9'"):
        plan_protocol(RAMP, bench, "C9")


def test_a_block_runs_by_name(bench, capsys):
    asked = ["--station", "bench.toml", "--rehearse", "--reads", "10", "--json", "--runs", "runs"]
    assert main(["run", "read-noise", "--crosspoint", "A1:A2", *asked]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["crosspoint"] == "A1..A2"
    assert [one["column"] for one in answer["result"]["crosspoints"]] == [0, 1]
