"""Do relays ever move under voltage when one instrument is slower than the others?

    python benchmarks/hot_relays.py [--seconds 2]

Every station of data/stations that has a matrix, every protocol that switches, each of its instruments slow in turn: by
3 ms on its connection, and by 3 ms in the box. Prints how often relays moved and how often under voltage, as bench and
station do it, and (to show that it would be seen) with nobody asked whether the sources are off. Then cycles of pulse
and read a second with and without the question, in turns, on a bench in this process. Exit status 1 where a relay
moved under voltage.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from instruments.errors import LabshdError
from labshd.recording.recorder import record
from labshd.station.station import Station, open_station
from protocols.common.protocol import Protocol
from protocols.forming import Forming
from protocols.iv_sweep import IVSweep
from protocols.read_noise import ReadNoise
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench.faults.delays import Delay, slow_down

STATIONS = Path(__file__).parents[1] / "data" / "stations"
LATE = 3e-3  # [s]
PROTOCOLS: dict[str, Protocol] = {
    "update-response": UpdateResponse(pulses=10, cycles=1, rest=2),
    "read-noise": ReadNoise(reads=20),
    "iv-sweep": IVSweep(cycles=1),
    "forming": Forming(),
}


@contextlib.contextmanager
def rehearsed(file: Path) -> Iterator[Station]:
    """A rehearsed station."""
    with open_station(file, rehearse=True, seed=1) as station:
        yield station


def moved(file: Path, protocol: Protocol, slow: str, delay: Delay, runs: Path, *, asks: bool = True) -> tuple[int, int]:
    """(relay movements, those under voltage) of a run with one slow instrument."""
    with rehearsed(file) as station:
        virtual = station.virtual
        assert virtual is not None
        resource = station.instruments[slow].report.resource
        named = next(name for name in virtual.twins if name.upper() == resource.upper())
        slow_down(virtual, {named: delay})
        station.all.bench.switching.asks = asks  # type: ignore[attr-defined]
        with contextlib.suppress(LabshdError):  # a device that is formed already, a leak that a slow bias shows
            record(protocol, station.all, runs=runs)
        hot = sum("relays move" in fault for fault in virtual.faults)
        return virtual.relays_moved, hot


def stations() -> list[Path]:
    """Those with a matrix that can be rehearsed."""
    found = []
    for file in sorted(STATIONS.glob("*.toml")):
        with contextlib.suppress(LabshdError), open_station(file, rehearse=True) as station:
            if station.instruments.get("matrix"):
                found.append(file)
    return found


def table() -> int:
    """Print all; gives the movements under voltage with the question."""
    total_hot = total = without = 0
    print(f"{'station':<28}{'protocol':<18}{'slow':<12}{'in':<9}{'moves':>7}{'hot':>6}{'hot, nobody asked':>19}")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for file in stations():
            with open_station(file, rehearse=True) as station:
                roles = list(station.instruments)
            for name, protocol in PROTOCOLS.items():
                for slow in roles:
                    for where, delay in (("network", Delay(network=LATE)), ("box", Delay(box=LATE))):
                        moves, hot = moved(file, protocol, slow, delay, runs)
                        _, unasked = moved(file, protocol, slow, delay, runs, asks=False)
                        total, total_hot, without = total + moves, total_hot + hot, without + unasked
                        if moves:
                            print(f"{file.stem:<28}{name:<18}{slow:<12}{where:<9}{moves:>7}{hot:>6}{unasked:>19}")
    print(f"relays moved {total} times, {total_hot} under voltage; {without} with nobody asked")
    return total_hot


def cycles_a_second(seconds: float) -> None:
    """Cycles of pulse and read with relays in between, with and without the question, in turns."""
    found: dict[bool, list[float]] = {True: [], False: []}
    with open_station(STATIONS / "rram.toml", rehearse=True) as station:
        block, bench = station.all[0, 0], station.all.bench  # type: ignore[attr-defined]
        for turn in range(10):
            bench.switching.asks = asks = turn % 2 == 0
            begun, done = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds / 10:
                block.pulse(1 if done % 2 else -1)
                block.read()
                done += 1
            found[asks].append(done / (time.perf_counter() - begun))
    asked, not_asked = (statistics.median(found[key]) for key in (True, False))
    ratio = asked / not_asked
    print(f"cycles a second on rram.toml, in this process: {asked:.0f} asked, {not_asked:.0f} not: {ratio:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    hot = table()
    cycles_a_second(arguments.seconds)
    sys.exit(1 if hot else 0)
