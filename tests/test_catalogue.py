"""The catalogue: filters, conditions and SQL over run folders, as a user asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import labshd.runs
from instruments.crosspoints import Readings
from instruments.errors import InputError
from labshd.cli.command_line import main
from labshd.common.provenance import What, Where
from labshd.runs.catalogue import Filter, find_runs, moment, query, table
from labshd.runs.json_files import read_json, write_json
from labshd.runs.writer import RunWriter
from protocols.common.protocol import Points


def points(values, shape=(1, 1)):
    g = np.asarray(values, dtype=float).reshape(-1, *shape)
    return Points("rest", np.zeros(g.shape, np.int64), Readings(g, g, g, g, np.zeros(g.shape, np.uint8)))


def make(runs, name="read-noise", crosspoint="A1", *, result=None, values=(1e-6, 2e-6), days_ago=0.0, **more):
    shape, unit = more.get("shape", (1, 1)), more.get("unit", "S")
    what = What("protocol", name, more.get("settings", {"reads": 10, "interval": "200 ms", "first": "up"}))
    writer = RunWriter(runs, what, Where(crosspoint, shape, unit))
    writer.points(points(values, shape))
    writer.info["result"] = result
    writer.close(more.get("status", "finished"), "done")
    info = read_json(writer.folder / "run.json")
    started = datetime.now(UTC) - timedelta(days=days_ago)
    write_json(writer.folder / "run.json", {**info, "started": started.isoformat()})
    return writer.folder


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    make(folder, result={"noise_S": 1e-8, "window": {"ratio": 3.0}}, days_ago=9)
    make(folder, crosspoint="A2", result={"noise_S": 3e-8, "verdict": "drifts"}, days_ago=2)
    make(folder, "symmetry-point", "B1", status="failed")
    return folder


def where(runs, **chosen):
    return [run.crosspoint for run in find_runs(Filter(**chosen), runs)]


def test_runs_are_found_by_name_crosspoint_status_and_time(runs):
    assert where(runs) == ["A1", "A2", "B1"]
    assert where(runs, crosspoint="A*") == ["A1", "A2"]
    assert where(runs, protocol="symmetry-point") == ["B1"]
    assert where(runs, status="finished") == ["A1", "A2"]
    assert where(runs, since="3 d") == ["A2", "B1"]
    assert where(runs, until="3 d") == ["A1"]
    assert where(runs, since=(datetime.now(UTC) - timedelta(days=4)).date().isoformat()) == ["A2", "B1"]


def test_runs_are_found_by_any_number_setting_or_text(runs):
    assert where(runs, where="result.noise_S < 2e-8") == ["A1"]
    assert where(runs, where="result.window.ratio > 2 AND readings = 2") == ["A1"]
    assert where(runs, where="settings.interval_s = 0.2 AND settings.first = 'up'") == ["A1", "A2", "B1"]
    assert where(runs, where="result.verdict = 'drifts' OR status = 'failed'") == ["A2", "B1"]
    assert where(runs, where="why_stopped = 'result.noise_S'") == []


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"where": "result.nois_S < 1"}, "did you mean 'result.noise_S'"),
        ({"where": "result.noise_S <"}, "not understood"),
        ({"where": "1) OR (1"}, None),
        ({"where": "EXISTS (SELECT * FROM read_text('/etc/hostname'))"}, "not understood"),
        ({"status": "finish"}, "did you mean 'finished'"),
        ({"since": "last week"}, "'last week' is no time"),
        ({"since": "5 V"}, "is no time"),
    ],
)
def test_what_makes_no_sense_is_told(runs, chosen, says):
    if says is None:  # brackets that close more than they open make no statement of their own
        assert where(runs, **chosen) == ["A1", "A2", "B1"]
        return
    with pytest.raises(InputError, match=says):
        find_runs(Filter(**chosen), runs)


def test_a_date_without_offset_is_local():
    assert moment("2026-11-22 14:30").replace(tzinfo=None) == datetime(2026, 11, 22, 14, 30)
    assert moment("2026-11-22T14:30+00:00").astimezone(UTC).hour == 14


def test_the_table_has_units_in_its_columns_and_nan_where_there_is_nothing(runs):
    made = labshd.runs.table(runs, protocol="read-noise")
    assert made["settings.interval_s"].tolist() == [0.2, 0.2]
    assert made["result.noise_S"].tolist() == [1e-8, 3e-8]
    assert np.isnan(made["result.window.ratio"]).tolist() == [False, True]
    assert str(made["started"].dtype).endswith("UTC]")
    assert made["started"].is_monotonic_increasing
    assert len(table(Filter(crosspoint="nowhere"), runs)) == 0


def test_a_run_on_a_block_has_a_row_for_each_crosspoint_where_asked(tmp_path):
    each = [{"row": 0, "column": c, "noise_S": n} for c, n in enumerate((1e-8, 5e-8))]
    make(tmp_path, result={"crosspoints": each}, values=range(4), shape=(1, 2))
    assert len(table(None, tmp_path)) == 1
    assert table(None, tmp_path, by="crosspoint")["result.noise_S"].tolist() == [1e-8, 5e-8]
    assert where(tmp_path, where="result.noise_S > 4e-8") == ["A1"]
    with pytest.raises(InputError, match="a row is"):
        table(None, tmp_path, by="pulse")


def test_a_damaged_run_is_listed_and_keeps_nothing_from_being_found(runs):
    newest = find_runs(None, runs)[-1].folder
    (newest / "run.json").write_text("{", encoding="utf-8")
    assert where(runs, status="damaged") == [""]
    assert where(runs, where="result.noise_S < 2e-8") == ["A1"]
    other = make(runs)
    write_json(other / "run.json", {**read_json(other / "run.json"), "format_version": 99})
    assert len(find_runs(Filter(status="damaged"), runs)) == 2


def test_sql_over_runs_and_readings(runs):
    make(runs, crosspoint="N1", unit="normalised", values=[0.5])
    last = find_runs(None, runs)[0].folder
    with (last / "points.csv").open("a") as file:
        file.write("2,0.5,rest,0,0,0,,,1e-")  # torn
    answer = query(
        "SELECT r.crosspoint, count(*) AS n, max(conductance_S) AS most, max(conductance_normalised) AS other "
        "FROM points p JOIN runs r ON p.run = r.id GROUP BY ALL ORDER BY ALL",
        runs,
    )
    assert answer["crosspoint"].tolist() == ["A1", "A2", "B1", "N1"]
    assert answer["n"].tolist() == [2, 2, 2, 1]
    assert answer["most"].tolist()[:3] == [2e-6] * 3
    assert np.isnan(answer["other"]).tolist() == [True, True, True, False]
    assert query("SELECT max(reading) AS m FROM points", runs / "none")["m"].isna().all()
    assert query("SELECT result.noise_S AS n FROM runs WHERE result.noise_S IS NOT NULL", runs)["n"].sum() == 4e-8
    with pytest.raises(InputError, match="did you mean 'crosspoint'"):
        query("SELECT crospoint FROM runs", runs)


def call(capsys, *arguments):
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_lists_filters_and_shows_columns(runs, capsys, tmp_path):
    code, out, _ = call(
        capsys, "runs", "--runs", str(runs), "--where", "result.noise_S > 0", "--show", "result.noise_S"
    )
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 3
    assert "result.noise_S" in lines[0]
    assert "3e-08" in lines[2]
    code, out, _ = call(capsys, "runs", "--runs", str(runs), "--last", "1", "--json", "--out", str(tmp_path / "t.csv"))
    assert [one["crosspoint"] for one in json.loads(out)["runs"]] == ["B1"]
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").startswith("id,kind,name,")
    code, out, _ = call(capsys, "runs", "--runs", str(runs), "--protocol", "forming")
    assert (code, out) == (0, f"no such run in {runs}\n")
    code, _, err = call(capsys, "runs", "--runs", str(runs), "--show", "result.nois_S")
    assert code == 2
    assert "result.noise_S" in err


def test_the_command_answers_sql(runs, capsys, tmp_path):
    asked = "SELECT crosspoint, result.noise_S AS noise FROM runs ORDER BY 1"
    code, out, _ = call(capsys, "query", asked, "--runs", str(runs), "--json")
    assert code == 0
    assert json.loads(out)["rows"] == [["A1", 1e-8], ["A2", 3e-8], ["B1", None]]
    code, out, _ = call(capsys, "query", asked, "--runs", str(runs), "--out", str(tmp_path / "a.parquet"))
    assert out == f"3 rows in {tmp_path / 'a.parquet'}\n"
    code, _, err = call(capsys, "query", "SELEC 1", "--runs", str(runs))
    assert code == 2
    assert "Traceback" not in err
