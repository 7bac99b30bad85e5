"""A campaign of 64 crosspoints x 4 protocols, rehearsed on virtual instruments: how long it takes, and a resume.

    python benchmarks/campaign_64.py [crosspoints]

Prints seconds, runs, readings and pulses. The target is 2 minutes on two cores. A matrix card has 12 columns, so that
the array is taken in touch-downs of 12 crosspoints, each a campaign of its own. Beside the wall clock stands the time
that the processor was busy with it: they differ where others use the machine.
"""

import sys
import tempfile
import time
from pathlib import Path

from labshd.campaign.runner import run_campaign

CARD = 12  # columns of a matrix card
STATION = Path(__file__).parents[1] / "data" / "stations" / "rram.toml"
CAMPAIGN = """
name = "array"
station = "bench.toml"
[[step]]
protocol = "read-noise"
settings = { reads = 100 }
[[step]]
name = "window"
protocol = "update-response"
settings = { pulses = 100, cycles = 1 }
accept = "result.dynamic_range.ratio > 1.2"
[[step]]
name = "window_back"
protocol = "update-response"
settings = { pulses = 60, cycles = 1, first = "down" }
[[step]]
protocol = "symmetry-point"
settings = { budget = 500 }
only_if = "window.accepted"
"""


def station(crosspoints: int, seed: int) -> str:
    """The RRAM bench with so many crosspoints on its matrix, individuals by `seed`."""
    text = STATION.read_text(encoding="utf-8")
    named = "\n".join(f"A{number} = {{ top = {number} }}" for number in range(1, crosspoints + 1))
    before, _, after = text.partition("[crosspoints]")
    rest = after.partition("[training]")[2].replace("seed = 1", f"seed = {seed + 1}")
    return f"{before}[crosspoints]\n{named}\n\n[training]{rest}"


def main(crosspoints: int) -> None:
    """Run it and print the figures."""
    units = readings = pulses = 0
    begun, busy = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "array.toml").write_text(CAMPAIGN, encoding="utf-8")
        for first in range(0, crosspoints, CARD):
            (here / "bench.toml").write_text(station(min(CARD, crosspoints - first), first), encoding="utf-8")
            done = run_campaign(here / "array.toml", rehearse=True, runs=here / f"runs{first}")
            runs = list(done.runs().values())
            units, readings = units + len(runs), readings + sum(run.readings for run in runs)
            pulses += done.summary()["pulses"]
    taken, busy = time.perf_counter() - begun, time.process_time() - busy
    print(f"{crosspoints} crosspoints x 4 protocols, rehearsed: {taken:.1f} s (processor {busy:.1f} s; target 120 s)")
    print(f"{units} runs, {readings} readings, {pulses} pulses; {readings / taken:.0f} readings a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
