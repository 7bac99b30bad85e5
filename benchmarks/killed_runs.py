"""Runs whose process is killed at a random moment: readings that were acknowledged and lost, runs that do not open.

    python benchmarks/killed_runs.py [--kills N] [--seed N] [--rehearsed N]

A child records as fast as it can and says on its standard output how many readings it has, each time one is with the
operating system. It is killed (SIGKILL; on Windows it is terminated) at a random moment, most often between two bytes
of something. Then the run is opened, its rows compared with what was acknowledged, its status looked at, and another
run made in the same folder. Some children rehearse a bench, whose pulses are counted in a file of their own: none of
those that a device saw may be missing there.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from labshd.runs.pulse_notes import fired_in
from labshd.runs.run import list_runs, open_run

STATIONS = Path(__file__).parents[1] / "data" / "stations"
READY = 60.0  # [s] for a child to begin

# Acknowledged is what stands here after a reading was written; a kill may come before the number is out.
CHILD = """
import os, sys
from labshd.recording.recorder import Recording, record
from labshd.station.station import open_station
from protocols.update_response import UpdateResponse

written, points = [0], Recording.points

def acknowledge(self, block, *arguments, **more):
    points(self, block, *arguments, **more)
    written[0] += len(block.readings)
    os.write(1, b"%d\\n" % written[0])

Recording.points = acknowledge
station_file, runs, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open_station(station_file, rehearse=station_file.endswith("ecram.toml"), seed=seed) as station:
    while True:
        written[0] = 0
        os.write(1, b"new\\n")
        record(UpdateResponse(pulses=200, cycles=20), station.first, runs=runs)
"""


def kill_one(folder: Path, station: str, random_: random.Random) -> tuple[int, int]:
    """Let one child record and kill it: what it acknowledged of its last run, and of how many runs in all."""
    command = [sys.executable, "-c", CHILD, str(STATIONS / station), str(folder), str(random_.randrange(10**6))]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    said: list[bytes] = []
    begun = threading.Event()

    def listen() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            said.append(line)
            if line != b"new\n":
                begun.set()
        begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    begun.wait(READY)
    time.sleep(random_.random() ** 2 * 0.3)
    child.kill()
    child.wait()
    listener.join()
    child.stdout.close()
    whole = [line for line in said if line.endswith(b"\n")]
    if b"new\n" not in whole:
        raise RuntimeError("a child ended before it recorded anything; see above for why")
    last = len(whole) - 1 - whole[::-1].index(b"new\n")
    counts = whole[last + 1 :]
    return int(counts[-1]) if counts else 0, whole.count(b"new\n")


def judge(folder: Path, acknowledged: int, begun: int, tally: Counter[str]) -> None:
    """Compare the runs of one child with what it said."""
    runs = list_runs(folder)
    tally["runs begun"] += begun
    tally["runs that do not open"] += sum(run.status == "damaged" for run in runs)
    if not runs or acknowledged == 0:
        return
    run = open_run(runs[-1].folder)
    found = len(run.series())
    tally["readings acknowledged"] += acknowledged
    tally["readings kept"] += found
    tally["readings lost"] += max(0, acknowledged - found)
    tally["runs with another status than interrupted"] += run.status not in ("interrupted", "finished")
    tally["torn last rows that were left out"] += run.torn()
    fired = fired_in(run.folder, run.info)
    if run.info["origin"]["kind"] == "rehearsal":
        pulses = int(np.abs(run.series().counts).sum())
        tally["pulses recorded and not counted"] += max(0, pulses - sum((fired or {}).values()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rehearsed", type=int, default=50, help="how many of them rehearse a bench")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(report(options.kills, options.rehearsed, options.seed))


def report(kills: int, rehearsed: int, seed: int) -> str:
    """Kill so many children, `rehearsed` of them on a rehearsed bench, and tell what became of their runs."""
    random_ = random.Random(seed)
    tally = Counter[str](dict.fromkeys(("readings lost", "runs that do not open"), 0))
    for number in range(kills):
        station = "ecram.toml" if number < rehearsed else "array.toml"
        with tempfile.TemporaryDirectory() as folder:
            acknowledged, begun = kill_one(Path(folder), station, random_)
            judge(Path(folder), acknowledged, begun, tally)
            tally["killed"] += 1
    return "\n".join(f"{what:<44}{count:12,d}" for what, count in tally.items())


if __name__ == "__main__":
    main()
