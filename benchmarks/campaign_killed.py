"""A rehearsed campaign killed at random moments and resumed, beside the same campaign left in peace.

    python benchmarks/campaign_killed.py [kills]

Prints whether readings, results, pulse counts and instrument traffic of every run are the same, byte for byte.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from campaign_64 import CAMPAIGN, station

from labshd.campaign.runner import run_campaign
from labshd.campaign.store import Campaign, open_campaign

CHILD = "import sys; from labshd.cli.command_line import main; sys.exit(main(sys.argv[1:]))"
CROSSPOINTS = 3


def whole(done: Campaign) -> dict[str, tuple[bytes, bytes, object, object]]:
    """What must be the same, for every run."""
    return {
        key: (
            (run.folder / "points.csv").read_bytes(),
            (run.folder / "wire.jsonl").read_bytes(),
            run.result,
            run.info["pulses_per_crosspoint"],
        )
        for key, run in done.runs().items()
    }


def size(runs: Path) -> int:
    """Bytes of readings on the disk."""
    return sum(path.stat().st_size for path in runs.glob("*/points.csv"))


def main(kills: int) -> None:
    """Kill, resume, compare."""
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "bench.toml").write_text(station(CROSSPOINTS), encoding="utf-8")
        (here / "array.toml").write_text(
            CAMPAIGN.replace("budget = 500 }", "budget = 500 }\nrepeats = 3"), encoding="utf-8"
        )
        peace = whole(run_campaign(here / "array.toml", rehearse=True, runs=here / "peace"))
        runs, total = here / "runs", sum(len(points) for points, *_ in peace.values())
        # Each kill comes after a random amount of new readings, about the whole campaign in all.
        killed, moments = 0, []
        begun = time.perf_counter()
        while True:
            more = ["--resume"] if any(runs.glob("*/campaign.json")) else ["--rehearse"]
            command = [sys.executable, "-c", CHILD, "campaign", str(here / "array.toml"), "--runs", str(runs), "--json"]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            child = subprocess.Popen([*command, *more], env=environment, stdout=subprocess.DEVNULL)
            wanted = size(runs) + random.randrange(1, 2 * total // (kills + 3)) if killed < kills else None
            while child.poll() is None and (wanted is None or size(runs) < wanted):
                time.sleep(0.005)
            if child.poll() is None:
                child.kill()
                killed += 1
                moments.append(f"{size(runs) / total:.0%}")
            if child.wait() == 0:
                break
        same = whole(open_campaign("last", runs)) == peace
        print(f"killed {killed} times, with {', '.join(moments)} of the readings on the disk")
        print(f"{len(peace)} runs the same, byte for byte: {same}; {time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
