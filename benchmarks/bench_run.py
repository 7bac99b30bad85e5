"""Pulse and read through everything, in process: protocol, crosspoints, limits, drivers, wire, VISA, twins, run store.

    python benchmarks/bench_run.py [--pulses N] [--rounds N]

Prints the median of recorded runs on the rehearsed stations, every row on disk before the next pulse and every message
in the wire log; beside it the same protocol without a run store, and a bare PyVISA loop that sends the same messages to
the same twins. Rates of computing time, and ratios within this run; all without analysis.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyvisa

from instruments.crosspoints import Crosspoints
from labshd.common.provenance import What
from labshd.recording.recorder import recording
from labshd.station.station import Station, open_station
from protocols.update_response import UpdateResponse

STATIONS = Path(__file__).parents[1] / "data/stations"


def seconds(act: Callable[[], object]) -> float:
    """How much computing time it takes."""
    start = time.process_time()
    act()
    return time.process_time() - start


def keep(protocol: UpdateResponse, block: Crosspoints, folder: Path, station: Station) -> Path:
    """Record a run of the protocol."""
    what = What("protocol", protocol.name, protocol.model_dump(mode="json"))
    with recording(what, block, runs=folder, station=station) as run:
        for points in protocol.run(block):
            run.points(points)
    return run.folder


def messages_of(folder: Path) -> list[tuple[str, str, str]]:
    """Instrument, direction and text of every message of a run."""
    lines = (folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()
    return [(m["instrument"], m["direction"], m["text"]) for m in map(json.loads, lines)]


def by_hand(station: Station, messages: list[tuple[str, str, str]]) -> float:
    """Computing time that a hand-written loop needs for the same messages [s]."""
    assert station.virtual is not None
    manager = pyvisa.ResourceManager(station.virtual.library())
    entries = station.file.model_dump()["instruments"]
    sessions = {
        name: manager.open_resource(entries[name]["resource"], read_termination="\n", write_termination="\n")
        for name in {message[0] for message in messages}
    }

    def loop() -> None:
        for name, direction, text in messages:
            if direction == "write":
                sessions[name].write(text)
            else:
                sessions[name].read()

    return seconds(loop)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pulses", type=int, default=2500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    protocol = UpdateResponse(pulses=options.pulses, cycles=1, rest=1)
    readings = protocol.planned_readings((1, 1))
    for name in ("ecram", "rram"):
        with open_station(STATIONS / f"{name}.toml", rehearse=True) as station, tempfile.TemporaryDirectory() as folder:
            block = station.first
            keep(protocol, block, Path(folder), station)
            # of a second run: it begins in the state of the instruments in which each of them ends
            messages = messages_of(keep(protocol, block, Path(folder), station))
            kept: list[float] = []
            bare: list[float] = []
            hand: list[float] = []
            for _ in range(options.rounds):
                kept.append(seconds(lambda b=block: keep(protocol, b, Path(folder), station)))
                bare.append(seconds(lambda b=block: list(protocol.run(b))))
                hand.append(by_hand(station, messages))
        recorded, unrecorded, visa = (readings / statistics.median(times) for times in (kept, bare, hand))
        print(f"{name}: {len(messages) / readings:.1f} messages a cycle")
        print(f"  recorded     {recorded:8.0f} cycles/s   {recorded / visa:.2f} of bare PyVISA")
        print(f"  not recorded {unrecorded:8.0f} cycles/s   {unrecorded / visa:.2f} of bare PyVISA")
        print(f"  bare PyVISA  {visa:8.0f} cycles/s")


if __name__ == "__main__":
    main()
