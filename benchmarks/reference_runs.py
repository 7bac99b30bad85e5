"""Record the reference runs that a test replays byte by byte: one for each kind of bench, and protocols beside.

    python benchmarks/reference_runs.py

Writes tests/reference/NAME, in place of what was there, without the names of whoever recorded them. Done again only
where a change of what is sent to instruments, or kept of a run, is meant: the difference then shows in the change.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.common.protocol import Protocol
from protocols.iv_sweep import IVSweep
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse

ROOT = Path(__file__).parents[1]
RAMPS = UpdateResponse(pulses=8, cycles=1, rest=2)
RUNS: dict[str, tuple[str, Protocol]] = {
    **{
        name: (name, RAMPS)
        for name in (
            "ecram", "rram", "b1500a", "1t1r", "crossbar", "rram-one-box", "ecram-triggered", "ecram-2600b",
        )
    },
    "symmetry-point": ("ecram", SymmetryPoint(budget=100, drive=25, block=20, rest=3)),
    "iv-sweep": ("rram", IVSweep(cycles=1)),
}  # fmt: skip


def main() -> None:
    """Record all of them."""
    os.chdir(ROOT)  # a run keeps the path of its station file: that within the project
    target = ROOT / "tests" / "reference"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as runs:
        for name, (station, protocol) in RUNS.items():
            with open_station(Path("data/stations") / f"{station}.toml", rehearse=True) as opened:
                run = record(protocol, opened.first, runs=runs, station=opened)
            shutil.copytree(run.folder, target / name)
            path = target / name / "run.json"
            info = json.loads(path.read_text(encoding="utf-8"))
            info["who"] = {"user": "reference", "host": "reference"}
            info["process"] = {"pid": 0, "command": ["reference_runs.py"], "locked": False}
            path.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8", newline="\n")
            print(f"{name}: {run.readings} readings, {sum(f.stat().st_size for f in (target / name).iterdir())} bytes")


if __name__ == "__main__":
    main()
