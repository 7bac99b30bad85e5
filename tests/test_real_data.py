"""Measured data goes the whole way: import, fit, report, by the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labshd.cli.command_line import main

DATA = Path(__file__).parents[2] / "shared" / "data"
GONG = DATA / "gong_reram" / "gong_et_al.csv"
RAMPS = DATA / "alternating_ramps"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the measured data are not on this machine")


@pytest.fixture
def labshd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a command with --json and gives its object; fails with what it said."""

    def call(*arguments: str) -> dict[str, Any]:
        code = main([*arguments, "--runs", str(tmp_path), "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        found: dict[str, Any] = json.loads(captured.out)
        return found

    return call


def test_alternating_ramps_are_no_soft_bounds_and_their_symmetry_point_is_unstable(labshd: Callable[..., Any]) -> None:
    run = labshd(
        "import", "--layout", "ramps", "--up", str(RAMPS / "set.csv"), "--down", str(RAMPS / "reset.csv"),
        "--quantity", "current", "--read-voltage", "0.1",
    )  # fmt: skip
    assert (run["unit"], run["readings"]) == ("S", 13417)
    fit = labshd("fit", "last")
    assert not fit["accepted"]
    assert "grows" in fit["why"]
    point = fit["symmetry_point"]
    # 2.13 +- 0.03 mS: where ramps of set and reset cross (README of the data).
    assert abs(point["conductance_S"] - 2.13e-3) < 0.03e-3
    assert 0 < point["std_S"] < 0.03e-3
    assert point["stable"] is False
    html = Path(labshd("report", "last")["report"]).read_text(encoding="utf-8")
    assert "unstable" in html


def test_gong_reram_is_fitted_in_normalised_units(labshd: Callable[..., Any]) -> None:
    run = labshd("import", str(GONG), "--layout", "columns")
    assert (run["unit"], run["readings"]) == ("normalised", 2000)
    fit = labshd("fit", "last")
    # 0.16 is the scatter of single differences: sqrt(2) read noise, plus what the pulses scatter.
    assert 0.08 < fit["noise"]["read_normalised"] < 0.16
    assert fit["noise"]["read_std_normalised"] > 0
    point = fit["symmetry_point"]
    assert -0.95 < point["conductance_normalised"] < 0.85
    assert point["std_normalised"] > 0
    assert '_S"' not in json.dumps(fit), "a number pretends to be in siemens"
    html = Path(labshd("report", "last")["report"]).read_text(encoding="utf-8")
    assert "normalised" in html
    assert "no number here is in siemens" in html
