"""A campaign of 64 crosspoints x 4 protocols, rehearsed on virtual instruments: how long it takes, and a resume.

    python benchmarks/campaign_64.py [crosspoints]

Prints seconds, runs, readings and pulses. The target is 2 minutes on two cores. The array is one touch-down: six matrix
cards of 12 columns take 72 crosspoints. Beside the wall clock stands the time that the processor was busy with it: they
differ where others use the machine.
"""

import sys
import tempfile
import time
from pathlib import Path

from labshd.campaign.runner import run_campaign

CARDS, COLUMNS = 6, 12  # matrix cards in the mainframe, columns of each
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


def station(crosspoints: int) -> str:
    """The RRAM bench with so many crosspoints on its matrix."""
    text = STATION.read_text(encoding="utf-8")
    places = [f"{n // COLUMNS + 1}:{n % COLUMNS + 1}" for n in range(crosspoints)]
    named = "\n".join(f'A{number} = {{ top = "{place}" }}' for number, place in enumerate(places, start=1))
    before, _, after = text.partition("[crosspoints]")
    return f"{before}[crosspoints]\n{named}\n\n[training]{after.partition('[training]')[2]}"


def main(crosspoints: int) -> None:
    """Run it and print the figures."""
    if not 0 < crosspoints <= CARDS * COLUMNS:
        sys.exit(f"{crosspoints} crosspoints do not fit {CARDS} cards of {COLUMNS} columns")
    begun, busy = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "array.toml").write_text(CAMPAIGN, encoding="utf-8")
        (here / "bench.toml").write_text(station(crosspoints), encoding="utf-8")
        done = run_campaign(here / "array.toml", rehearse=True, runs=here / "runs")
        runs = list(done.runs().values())
        units, readings = len(runs), sum(run.readings for run in runs)
        pulses = done.summary()["pulses"]
    taken, busy = time.perf_counter() - begun, time.process_time() - busy
    print(f"{crosspoints} crosspoints x 4 protocols, rehearsed: {taken:.1f} s (processor {busy:.1f} s; target 120 s)")
    print(f"{units} runs, {readings} readings, {pulses} pulses; {readings / taken:.0f} readings a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
