"""The command line as its user meets it: fast help, exit codes, one JSON object, errors without tracebacks."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labshd.cli.command_line import COMMANDS, main

ROOT = Path(__file__).parents[1]
ECRAM = str(ROOT / "data" / "stations" / "ecram.toml")
HEAVY = ("numpy", "scipy", "pandas", "numba", "matplotlib", "pyvisa", "pymeasure", "pydantic", "rich")


@pytest.fixture
def labshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the command line with runs in a folder of this test; gives (exit code, stdout, stderr)."""
    monkeypatch.setenv("LABSHD_RUNS", str(tmp_path / "runs"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from labshd.cli.command_line import main; code = main(['--help']); "
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"
    assert "labshd demo" in ran.stdout
    for command in COMMANDS:
        assert f"  {command} " in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(labshd: Callable[..., Any], command: str) -> None:
    code, out, _ = labshd(command, "--help")
    assert code == 0
    assert "Usage: labshd " + command in out


@pytest.mark.parametrize("protocol", ["update-response", "symmetry-point", "read-noise"])
def test_settings_are_flags_with_units_and_defaults(labshd: Callable[..., Any], protocol: str) -> None:
    code, out, _ = labshd("run", protocol, "--help")
    assert code == 0
    for flag in ("--station", "--crosspoint", "--rehearse", "--json", "--runs", "[default:"):
        assert flag in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rum"], "did you mean 'run'"),
        (["run", "symetry-point"], "symmetry-point"),
        (["run", "update-response", "--station", ECRAM, "--rehearse", "--pulses", "many"], "--pulses many"),
        (["run", "update-response", "--station", ECRAM, "--rehearse", "--pulse", "5"], "--pulse"),
        (["run", "update-response", "--rehearse"], "--station FILE is missing"),
        (["run", "read-noise", "--station", "nowhere.toml"], "no such file"),
        (["run", "read-noise", "--station", ECRAM, "--rehearse", "--crosspoint", "A9"], "no crosspoint 'A9'"),
        (["fit", "yesterday"], "yesterday"),
        (["report", "yesterday"], "yesterday"),
        (["check", "nowhere.toml"], "no such file"),
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["train", "chess", "--station", ECRAM, "--rehearse"], "chess"),
        (["train", "one-parameter"], "--device"),
    ],
)
def test_wrong_input_is_code_2_and_no_traceback(labshd: Callable[..., Any], arguments: list[str], says: str) -> None:
    code, out, err = labshd(*arguments)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert not out


def test_a_rehearsed_run_prints_one_json_object(labshd: Callable[..., Any], tmp_path: Path) -> None:
    code, out, _ = labshd(
        "run", "update-response", "--station", ECRAM, "--rehearse", "--pulses", "50", "--cycles", "1", "--json"
    )
    assert code == 0
    answer = json.loads(out)
    assert {"run", "protocol", "crosspoint", "status", "why_stopped", "pulses", "readings", "result"} <= set(answer)
    assert (answer["protocol"], answer["crosspoint"], answer["status"]) == ("update-response", "A1", "finished")
    assert answer["pulses"] == 100
    assert Path(answer["run"]).parent == tmp_path / "runs"
    for name in ("run.json", "points.csv", "wire.jsonl"):
        assert (Path(answer["run"]) / name).stat().st_size > 0


def test_what_was_run_can_be_fitted_listed_and_reported(labshd: Callable[..., Any], tmp_path: Path) -> None:
    labshd("run", "update-response", "--station", ECRAM, "--rehearse", "--pulses", "200", "--cycles", "1", "--json")
    code, out, _ = labshd("fit", "last", "--json")
    assert code == 0
    fit = json.loads(out)
    assert {"model", "accepted", "why", "parameters", "std", "noise", "symmetry_point"} <= set(fit)
    assert {"read_S", "cycle_to_cycle"} <= set(fit["noise"])
    code, out, _ = labshd("runs", "--json")
    assert code == 0
    assert len(json.loads(out)["runs"]) == 1
    code, out, _ = labshd("report", "last", "--json")
    assert code == 0
    html = Path(json.loads(out)["report"]).read_text(encoding="utf-8")
    assert "data:image/" in html
    assert 'src="http' not in html
    assert 'href="http' not in html


def test_check_and_safe_ask_every_instrument(labshd: Callable[..., Any]) -> None:
    code, out, _ = labshd("check", ECRAM, "--rehearse", "--json")
    assert code == 0
    found = json.loads(out)
    assert [one["role"] for one in found["instruments"]] == ["generator", "smu", "matrix"]
    assert all(one["ok"] for one in found["instruments"])
    code, out, _ = labshd("safe", ECRAM, "--rehearse", "--json")
    assert code == 0
    assert all(one["state"] == "outputs off" for one in json.loads(out)["instruments"])


def test_check_tells_of_a_package_that_hides_ours(labshd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labshd.common.environment.version", lambda name: "0.6.0" if name == "instrumentkit" else "1")
    code, out, _ = labshd("check", ECRAM, "--rehearse")
    assert code == 1
    assert "InstrumentKit 0.6.0" in out


def test_check_tells_of_all_that_do_not_answer(labshd: Callable[..., Any], tmp_path: Path) -> None:
    text = Path(ECRAM).read_text(encoding="utf-8")
    for last in (11, 12, 13):
        # Ports of this machine on which nothing listens: refused at once.
        text = text.replace(f"TCPIP0::192.168.0.{last}::inst0::INSTR", f"TCPIP0::127.0.0.1::{last}::SOCKET")
    station = tmp_path / "bench.toml"
    station.write_text(text, encoding="utf-8")
    code, out, _ = labshd("check", str(station), "--json")
    assert code == 1
    found = json.loads(out)["instruments"]
    assert [one["ok"] for one in found] == [False, False, False]
    code, _, err = labshd("run", "read-noise", "--station", str(station))
    assert code == 1
    assert "3 problems" in err
    for last in (11, 12, 13):
        assert f"127.0.0.1::{last}::SOCKET" in err
