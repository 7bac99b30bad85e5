"""Any protocol's analysis on points of others: the numbers of the run from a bare trace, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_runs import SETTINGS, bare, plain, recorded, written

from instruments.errors import InputError
from labshd.analysis.as_protocol import analyse
from labshd.analysis.kept_analyses import keep
from labshd.cli.command_line import main
from labshd.common.provenance import What, Where
from labshd.report import write_report
from labshd.runs.importing import import_files
from labshd.runs.run import open_run
from labshd.runs.writer import RunWriter
from protocols.common import catalogue
from protocols.common.cycles import Cycles
from protocols.common.protocol import UNKNOWN_COUNT, Series

DATA = Path(__file__).parents[2] / "shared" / "data"
measured = pytest.mark.skipif(not DATA.exists(), reason="the measured data sets lie beside the project, not in it")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_bare_trace_gives_the_numbers_of_the_run_that_took_it(name: str, tmp_path: Path) -> None:
    run = recorded(name, tmp_path)
    found = analyse(bare(run, tmp_path), name)
    expected, got = plain(run.result), plain(found.result)
    if name == "symmetry-point":
        # The estimate is that of the whole trace; its parts begin where the pulses say it, a few pulses beside.
        for part in ("from_below", "from_above"):
            a, b = expected.pop(part), got.pop(part)
            assert abs(a["conductance_S"] - b["conductance_S"]) < 0.5 * a["std_S"]
        for key in ("difference_in_standard_errors", "verdict"):
            expected.pop(key), got.pop(key)
    assert got == expected
    assert found.said
    assert not found.own
    assert found.figures()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_of_the_protocol_gives_its_own_numbers_fresh_from_the_points(name: str, tmp_path: Path) -> None:
    run = recorded(name, tmp_path)
    found = analyse(run, name)
    assert found.own
    assert plain(found.result) == run.result
    assert found.said == []


def test_read_noise_takes_the_longest_stretch_and_lists_all(tmp_path: Path) -> None:
    counts = [0] * 12 + [1] + [0] * 30 + [1, -1] + [0] * 15
    rng = np.random.default_rng(1)
    run = written(tmp_path, counts, 1e-5 + 1e-8 * rng.standard_normal(len(counts)), time=np.arange(len(counts)))
    found = analyse(run, "read-noise")
    assert found.result["readings"] == 30
    assert found.said == [
        "Readings 13 to 42 are taken for readings at rest, the longest of 3 stretches without pulses "
        "(1: readings 0 to 11, 2: readings 13 to 42, 3: readings 45 to 59)."
    ]
    assert found.phases == [("rest", 13, 42)]
    assert analyse(run, "read-noise", cycles="3").result["readings"] == 15
    with pytest.raises(InputError, match=r"cycle 4: stretches without pulses here: 3; give 1 to 3, or leave it out"):
        analyse(run, "read-noise", cycles="4")
    with pytest.raises(InputError, match="one at a time"):
        analyse(run, "read-noise", cycles="1-2")


def test_too_few_readings_at_rest_are_told_with_the_longest_stretch(tmp_path: Path) -> None:
    counts = [1, 1, 0, 0, 1, 0, 0, 0, 1, 1]
    run = written(tmp_path, counts, np.linspace(1e-6, 2e-6, 10), time=np.arange(10.0))
    with pytest.raises(InputError) as error:
        analyse(run, "read-noise")
    assert str(error.value) == (
        f"{run.folder}: read-noise needs at least 10 readings in a row without pulses; the longest stretch here has 3 "
        "(readings 5 to 7)"
    )


def test_readings_of_which_nobody_knows_the_pulses_are_not_taken_for_rest(tmp_path: Path) -> None:
    run = written(tmp_path, [UNKNOWN_COUNT] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    with pytest.raises(InputError, match="if there were no pulses, write 0 into the column pulses"):
        analyse(run, "read-noise")


def test_readings_without_times_are_refused(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20))
    for name in ("read-noise", "retention"):
        with pytest.raises(InputError, match=r"needs the time of every reading; 0 of 20 .* import them with a column"):
            analyse(run, name)


def test_of_a_block_each_crosspoint_by_itself_or_one(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, "all", pulses=40, cycles=4)
    rows, columns = run.shape
    found = analyse(run, "endurance", {"confirm": 1})
    assert "Too few" not in json.dumps(found.result)
    each = found.result["crosspoints"] if rows * columns > 1 else []
    assert [(one["row"], one["column"]) for one in each] == [(r, c) for r in range(rows) for c in range(columns)]
    one = analyse(run, "endurance", crosspoint="0,1", settings={"confirm": 1})
    assert {key: value for key, value in each[1].items() if key not in ("row", "column")} == one.result
    assert analyse(run, "endurance", crosspoint=(0, 1)).parts[0].cell == (0, 1)
    assert analyse(run, "endurance", crosspoint="A2").parts[0].cell == (0, 1)
    assert analyse(run, "update-response", crosspoint=(0, 1)).own
    with pytest.raises(InputError, match=r"has no crosspoint '9,9'; give row and column from 0 in its block"):
        analyse(run, "endurance", crosspoint="9,9")


def test_a_crosspoint_that_cannot_be_analysed_says_why_beside_the_others(tmp_path: Path) -> None:
    counts = [0] * 30
    g = 1e-5 + 1e-8 * np.random.default_rng(1).standard_normal((30, 1, 2))
    g[:, 0, 1] = np.nan
    time = np.broadcast_to(np.arange(30.0)[:, None, None], g.shape).copy()
    time[:, 0, 1] = np.nan
    run = written(tmp_path, counts, g, time=time, shape=(1, 2))
    found = analyse(run, "read-noise")
    assert [one["column"] for one in found.result["crosspoints"]] == [0]
    assert "needs the time" in found.parts[1].why_not
    assert "row 0, column 1" in found.json()["not_analysed"]
    keep(found)
    assert "Row 0, column 1 could not be analysed" in write_report(run).read_text(encoding="utf-8")


def test_settings_are_those_of_the_analysis_and_all_problems_come_at_once(tmp_path: Path) -> None:
    run = recorded("retention", tmp_path)
    own = analyse(run, "retention", {"horizon": "1e6 s"})
    assert own.own
    assert own.result["horizon_s"] == 1e6
    with pytest.raises(InputError) as error:
        analyse(run, "retention", {"reads": "3", "horizonn": "1 s"})
    assert str(error.value) == (
        "settings of retention: 2 problems\n"
        "  - reads is a setting of the measurement, which is over; the analysis uses horizon, per_decade\n"
        "  - there is no setting horizonn; the analysis uses horizon, per_decade; did you mean 'horizon'?"
    )
    with pytest.raises(InputError, match="horizon 3: "):
        analyse(run, "retention", {"horizon": "3"})


@pytest.mark.parametrize("said", ["0", "x", "3-2", "1-2-3", "-1", ""])
def test_a_cycle_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="cycle"):
        Cycles.of(said)


def test_the_command_prints_keeps_and_shows_in_the_report_without_changing_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = bare(recorded("read-noise", tmp_path), tmp_path)
    before = (run.folder / "run.json").read_bytes()
    assert main(["analyse", str(run.folder), "--as", "read-noise"]) == 0
    said = capsys.readouterr().out
    assert "Readings 0 to 149 are taken for readings at rest." in said
    assert "noise over the mean" in said
    assert "±" in said
    assert (run.folder / "run.json").read_bytes() == before
    kept = json.loads((run.folder / "analysis-read-noise.json").read_text(encoding="utf-8"))
    assert kept["phases"] == [{"phase": "rest", "first_reading": 0, "last_reading": 149}]
    assert kept["figures"]
    assert all((run.folder / name).is_file() for name in kept["figures"])
    html = write_report(open_run(run.folder)).read_text(encoding="utf-8")
    assert "Analysed as read-noise" in html
    assert "Readings 0 to 149 are taken for readings at rest." in html


def test_json_is_one_object_and_another_folder_takes_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorded("update-response", tmp_path)
    words = ["analyse", str(run.folder), "--as", "endurance", "--cycle", "1-3", "--json", "--out", str(tmp_path / "o")]
    assert main(words) == 2
    assert "endurance needs 4 cycles or more" in capsys.readouterr().err
    words = ["analyse", str(run.folder), "--set", "bins=8", "--json", "--out", str(tmp_path / "o")]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["protocol"] == "update-response"
    assert len(told["result"]["delta_g"]["conductance_S"]) == 8
    assert told["own_points"]
    assert not list(run.folder.glob("analysis-*"))
    assert {Path(file).parent for file in told["files"]} == {tmp_path / "o"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "nothing"], "there is no protocol 'nothing'"),
        ([], "--as PROTOCOL is missing"),
        (["--as", "read-noise", "--set", "bins"], "'bins' is not NAME=VALUE"),
        (["--as", "read-noise", "--cycle", "two"], "cycle 'two' is none"),
        (["--as", "read-noise", "--array", "core"], "has no readings of an array 'core'"),
        (["--as", "read-noise", "--crosspoint", "B7"], "has no crosspoint 'B7'"),
        (["--as", "program"], "program is not analysed on points of other"),
    ],
)
def test_what_is_asked_wrongly_is_told_without_a_traceback(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    assert main(["analyse", str(run.folder), *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert "fault of labshd" not in told


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "--help"]) == 0
    told = capsys.readouterr().out
    assert "labshd analyse last --as read-noise" in told
    assert "--cycle 2-5" in told


def test_a_damaged_analysis_is_told_in_the_report(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    (run.folder / "analysis-read-noise.json").write_text('{"asked": 3}', encoding="utf-8")
    (run.folder / "analysis-own.json").write_text('{"asked": {"protocol": "./evil.py"}}', encoding="utf-8")
    html = write_report(run).read_text(encoding="utf-8")
    assert "the record of what was analysed is damaged" in html
    assert "is no protocol that comes with labshd" in html


def test_points_of_any_kind_are_analysed_or_refused_as_every_protocol(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    kinds: list[Any] = [
        [1],
        [UNKNOWN_COUNT] * 3,
        rng.integers(-2, 3, 80),
        np.tile([1, -1], 60),
        np.tile([1] * 6 + [-1] * 6, 8),
        [5] + [0] * 30,
    ]
    for k, counts in enumerate(kinds):
        g = 1e-5 + 1e-8 * rng.standard_normal(len(counts))
        if k % 2:
            g[:: max(2, len(g) // 3)] = np.nan
        run = written(tmp_path / str(k), counts, g, time=np.arange(len(g)) * 0.1)
        for name in catalogue.names():
            try:
                found = analyse(run, name)
            except InputError as error:
                assert name in str(error)  # noqa: PT017 - either is right
            else:
                json.dumps(found.result, allow_nan=False)
                found.figures()


@measured
@pytest.mark.parametrize("name", ["two_levels", "no_telegraph"])
def test_measured_readings_at_rest_are_analysed_as_noise_and_retention(name: str, tmp_path: Path) -> None:
    table = np.loadtxt(DATA / "rram_reads" / f"{name}.csv", delimiter=",", skiprows=1)
    path = tmp_path / f"{name}.csv"
    rows = "".join(f"0,{time!r},{g!r}\n" for time, g in table.tolist())
    path.write_text(f"pulses,time_s,conductance_S\n{rows}", encoding="utf-8")
    run = import_files([path], runs=tmp_path / "runs")
    noise = analyse(run, "read-noise").result
    assert noise["readings"] == len(table)
    assert noise["mean_S"] == pytest.approx(float(table[:, 1].mean()))
    assert 0.001 < noise["relative_noise"] < 0.02
    kept = analyse(run, "retention")
    assert "since no pulse before it is known" in kept.said[0]
    assert 20 < kept.result["times"] < 60


def test_a_protocol_of_ones_own_says_what_it_takes_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from protocols.common.protocol import Protocol\n"
        "class Own(Protocol):\n"
        "    name = 'own'\n"
        "    title = 'own'\n"
        "    def run(self, crosspoints):\n"
        "        yield from ()\n"
        "        return ''\n"
        "    def analyse(self, series):\n"
        "        return {'readings': len(series)}\n",
        encoding="utf-8",
    )
    run = written(tmp_path / "r", [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    with pytest.raises(InputError, match="own is not analysed on points of other protocols or programs: it does not"):
        analyse(run, str(path))


def test_a_series_without_points_is_told(tmp_path: Path) -> None:
    where = Where("other", (1, 1), "S", {"kind": "import", "details": {}})
    writer = RunWriter(tmp_path, What("import", "trace", {}), where)
    writer.close("failed", "nothing came")
    with pytest.raises(InputError, match="nothing was measured, so there is nothing to analyse"):
        analyse(open_run(writer.folder), "read-noise")
    assert len(Series.of([], (1, 1))) == 0
