"""How long it takes from a reason to stop until everything is off, on a healthy link: TCP on loopback, twins served.

    python benchmarks/emergency_stop.py [--times N]

For every way out of a measurement (its end, an error, Ctrl-C once and twice, SIGTERM, `labshd safe` from another
process) prints the median and the longest time [ms] from the reason, as it is seen from outside, to the last output
off and the last relay open, as the twins see it. The promise is 200 ms. For `labshd safe` the time counts from the
first message that its process sends: Python takes longer to begin than all the rest.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from labshd.station.opening import entries
from labshd.station.rehearsal import virtual_bench
from labshd.station.schema import BenchFile
from labshd.station.station_file import read_station_file
from sim_device.virtual_bench import VirtualBench
from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

STATION = Path(__file__).parents[1] / "data" / "stations" / "ecram.toml"
PROMISED = 0.2  # [s]

CHILD = """
import sys, time
from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.update_response import UpdateResponse

how, file, runs = sys.argv[1:]
with open_station(file) as station:
    if how in ("its end", "an error"):
        stop, left = time.monotonic, [200]
        fire = station.first.bench.generator.fire
        def counted(count):
            left[0] -= 1
            if left[0] == 0:
                print(f"now {time.time()}", flush=True)
                if how == "an error":
                    raise RuntimeError("the roof fell in")
            return fire(count)
        station.first.bench.generator.fire = counted
    protocol = UpdateResponse(pulses=100, cycles=1 if how == "its end" else 1000, rest=1)
    record(protocol, station.first, runs=runs)
"""


@dataclass
class Seen:
    """What the twins saw: when everything went off last."""

    virtual: VirtualBench
    off_at: float = 0.0


@contextmanager
def served(folder: Path) -> Generator[tuple[Seen, Path]]:
    """The twins of the station of the docs, and a station file that reaches them."""
    text = STATION.read_text(encoding="utf-8")
    parsed, _ = read_station_file(STATION)
    assert isinstance(parsed, BenchFile)
    virtual = virtual_bench(parsed, folder, clock=SkippingClock())
    seen, ports = Seen(virtual), virtual.ports()
    for twin in virtual.twins.values():
        watch(twin, seen)
    with BenchServer({role: ports[entry.resource] for role, entry in entries(parsed).items()}) as server:
        for role, resource in server.resources().items():
            text = text.replace(getattr(parsed.instruments, role).resource, resource)
        file = folder / "bench.toml"
        file.write_text(text, encoding="utf-8")
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield seen, file
        finally:
            server.stop()
            thread.join(10)


def watch(twin: object, seen: Seen) -> None:
    """Note when a message has left everything off that was not."""
    receive: Callable[[str], None] = getattr(twin, "receive")  # noqa: B009

    def received(message: str) -> None:
        before = seen.virtual.is_safe()
        receive(message)
        if not before and seen.virtual.is_safe():
            seen.off_at = time.time()

    setattr(twin, "receive", received)  # noqa: B010


def one(how: str, folder: Path) -> float:
    """Seconds [s] from the reason to the last output off."""
    with served(folder) as (seen, file):
        command = [sys.executable, "-c", CHILD, how, str(file), str(folder / "runs")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        reason = 0.0
        if how in ("its end", "an error"):
            reason = float(child.stdout.readline().split()[1])
        else:
            while len(seen.virtual.applied) < 50 and child.poll() is None:
                time.sleep(0.01)
            reason = ask(how, child, file)
        child.communicate(timeout=60)
        return seen.off_at - reason


def ask(how: str, child: subprocess.Popen[str], file: Path) -> float:
    """Give the reason to stop; when that was."""
    if how == "labshd safe":
        return safe(file)
    now = time.time()
    child.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGINT)
    if how == "Ctrl-C twice":
        child.send_signal(signal.SIGINT)
    return now


def safe(file: Path) -> float:
    """Switch off from this process, as `labshd safe` does; when it began."""
    from labshd.station.make_safe import make_safe

    now = time.time()
    if not make_safe(file).ok:
        raise RuntimeError("not everything was off")
    return now


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes would ignore Ctrl-C
    ways = ["its end", "an error"]
    ways += ["Ctrl-C", "Ctrl-C twice", "SIGTERM"] if os.name != "nt" else []
    longest = 0.0
    for how in [*ways, "labshd safe"]:
        taken: list[float] = []
        for _ in range(options.times):
            with tempfile.TemporaryDirectory() as folder:
                taken.append(one(how, Path(folder)))
        longest = max(longest, *taken)
        print(f"{how:<14} median {1e3 * median(taken):8.1f} ms   longest {1e3 * max(taken):8.1f} ms")
    print(f"longest of all {1e3 * longest:.1f} ms, promised {1e3 * PROMISED:.0f} ms")


if __name__ == "__main__":
    main()
