"""`labshd import` as it is typed: what it shows, writes, tells as JSON and refuses."""

from __future__ import annotations

import json
import os

import pytest
from table_files import COUNTED

from labshd.cli.command_line import main

pytest_plugins = ["table_fixtures"]


def test_dry_run_shows_everything_and_writes_nothing(write, tmp_path, capsys):
    path = write(COUNTED.replace(",", ";"))
    code = main(["import", str(path), "--dry-run", "--runs", str(tmp_path / "runs")])
    out = capsys.readouterr().out
    assert code == 0
    for said in (
        "semicolons",
        "line 1",
        "decimal point",
        "conductance [uS]: 10  11  12",
        "2 up, 2 down",
        "10 uS to 12 uS",
    ):
        assert said in out
    assert "nothing was written" in out
    assert not (tmp_path / "runs").exists()


def test_the_command_maps_with_flags_and_tells_the_same_as_json(write, tmp_path, capsys):
    path = write("x;y\n1;2\n-1;3\n1;2.5\n")
    said = ["--column", "pulses=x", "--column", "current=y", "--unit", "current=uA", "--read-voltage", "100 mV"]
    assert main(["import", str(path), *said, "--json", "--runs", str(tmp_path / "runs")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layout"], told["pulses"], told["readings"], len(told["runs"])) == ("table", 3, 3, 1)
    assert told["understood"]["conductance"] == "20 uS to 30 uS, current / read voltage"


def test_a_trace_is_still_a_trace_and_anything_else_a_table(write, tmp_path, capsys):
    runs = ["--json", "--runs", str(tmp_path / "runs")]
    assert main(["import", str(write("pulses,conductance_uS\n1,5\n-1,6\n")), *runs]) == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "trace"
    assert main(["import", str(write("pulses;conductance_uS\n1;5\n-1;6\n")), *runs]) == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "table"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "trace", "--dry-run"], "--dry-run: only for layout table, not for trace"),
        (["--layout", "table", "--quantity", "current"], "those belong to layout ramps"),
        (["--column", "pulses"], "--column pulses: write ROLE=TEXT"),
        (["--pulse-width", "500"], "--pulse-width '500' has no unit"),
    ],
)
def test_options_that_do_not_fit_are_refused(write, capsys, arguments, message):
    assert main(["import", str(write(COUNTED)), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.csv")
    assert main(["import", str(tmp_path / "pipe.csv"), "--runs", str(tmp_path / "runs")]) == 2
    assert "pipe.csv" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
