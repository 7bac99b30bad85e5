"""A command that is interrupted: exit code 130, outputs off, every reading kept, and the run can be fitted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labshd.analysis.fit import fit_run
from labshd.runs.run import open_run

ROOT = Path(__file__).parents[1]
ECRAM = ROOT / "data" / "stations" / "ecram.toml"
PATIENCE = 60.0


def _rows(runs: Path) -> int:
    """Rows of the only run in the folder, 0 while there is none."""
    found = list(runs.glob("*/points.csv"))
    return found[0].read_text(encoding="utf-8").count("\n") - 1 if found else 0


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send these signals to one child")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_run_is_safe_kept_and_fitted(tmp_path: Path, name: str) -> None:
    command = [
        sys.executable, "-m", "labshd", "run", "update-response", "--station", str(ECRAM), "--rehearse", "--json",
        "--pulses", "300", "--cycles", "1000", "--runs", str(tmp_path),
    ]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    deadline = time.monotonic() + PATIENCE
    while _rows(tmp_path) < 700 and child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0.05)
    child.send_signal(getattr(signal, name))
    out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    answer = json.loads(out)
    assert answer["status"] == "interrupted"
    run = open_run(answer["run"])
    assert run.status == "interrupted"
    assert len(run.series()) == answer["readings"] >= 700
    assert fit_run(run).fit.parameters["g_max_S"] is not None
    last = [json.loads(line) for line in (run.folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()[-3:]]
    assert [message["instrument"] for message in last] == ["generator", "smu", "matrix"]
    assert all(message["direction"] == "write" for message in last)
