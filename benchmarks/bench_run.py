"""Pulse and read through everything, in process: protocol, crosspoints, limits, drivers, wire, VISA, twins, run store.

    python benchmarks/bench_run.py [--pulses N] [--rounds N]

Prints the median of recorded runs on the rehearsed stations, every row on disk before the next pulse and every message
in the wire log, beside the same protocol without a run store, and their ratio within this run. Both without analysis.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from instruments.crosspoints import Crosspoints
from labshd.provenance import What
from labshd.recorder import recording
from labshd.station import Station, open_station
from protocols.update_response import UpdateResponse

STATIONS = Path(__file__).parents[1] / "data/stations"


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def keep(protocol: UpdateResponse, block: Crosspoints, folder: Path, station: Station) -> None:
    """Record a run of the protocol."""
    what = What("protocol", protocol.name, protocol.model_dump(mode="json"))
    with recording(what, block, runs=folder, station=station) as run:
        for points in protocol.run(block):
            run.points(points)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pulses", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    protocol = UpdateResponse(pulses=options.pulses, cycles=1, rest=1)
    readings = protocol.planned_readings((1, 1))
    for name in ("ecram", "rram"):
        with open_station(STATIONS / f"{name}.toml", rehearse=True) as station, tempfile.TemporaryDirectory() as folder:
            kept: list[float] = []
            bare: list[float] = []
            for _ in range(options.rounds):
                block = station.first
                kept.append(seconds(lambda b=block: keep(protocol, b, Path(folder), station)))
                bare.append(seconds(lambda b=block: list(protocol.run(b))))
        recorded, unrecorded = (readings / statistics.median(times) for times in (kept, bare))
        print(
            f"{name}: recorded {recorded:.0f} cycles/s, {recorded / unrecorded:.2f} of {unrecorded:.0f} without a run"
        )


if __name__ == "__main__":
    main()
