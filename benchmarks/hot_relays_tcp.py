"""Do relays move under voltage when the connection of one instrument is slow, over real sockets and in real time?

    python benchmarks/hot_relays_tcp.py [--late "3 ms"]

The twins of a station are served over TCP, the drivers reach them as they reach instruments, and what is sent to one of
them passes a proxy that holds it back. Prints for each station, protocol and slow instrument how often relays moved and
how often under voltage, with sources asked whether they are off and (to show that it would be seen) with nobody asked.
Exit status 1 where a relay moved under voltage although they were asked.
"""

import argparse
import contextlib
import queue
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hot_relays import PROTOCOLS, STATIONS

from instruments.errors import LabshdError
from instruments.units import quantity
from labshd.recording.recorder import record
from labshd.station.boxes import boxes, named_roles
from labshd.station.rehearsal import virtual_bench
from labshd.station.schema import BenchFile
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file
from protocols.common.protocol import Protocol
from sim_device.virtual_bench import VirtualBench
from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

CHUNK = 1 << 16
TRIED = (("1t1r", "update-response"), ("ecram", "update-response"), ("rram", "iv-sweep"), ("rram", "forming"))


class LateProxy:
    """Listens in place of a TCP port and passes on what is sent to it `late` seconds later; answers pass at once."""

    def __init__(self, port: int, late: float) -> None:
        self._to, self._late = port, late
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No new connections; those that are open end with their clients."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                twin = socket.create_connection(("127.0.0.1", self._to))
                for link in (client, twin):
                    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                held: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                for work in ((self._hold, client, held), (self._pass_on, held, twin), (self._answer, twin, client)):
                    threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def _hold(self, client: socket.socket, held: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
        data = b"-"
        while data:
            try:
                data = client.recv(CHUNK)
            except OSError:
                data = b""
            held.put((time.monotonic() + self._late, data))

    def _pass_on(self, held: "queue.SimpleQueue[tuple[float, bytes]]", twin: socket.socket) -> None:
        while True:
            at, data = held.get()
            time.sleep(max(0.0, at - time.monotonic()))
            with contextlib.suppress(OSError):
                if not data:
                    twin.shutdown(socket.SHUT_RDWR)
                    twin.close()
                    return
                twin.sendall(data)

    def _answer(self, twin: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := twin.recv(CHUNK):
                client.sendall(data)
        client.close()


@contextlib.contextmanager
def served(file: Path, folder: Path, slow: str, late: float) -> Iterator[tuple[VirtualBench, Path]]:
    """The virtual bench behind a station, served, and a station file that reaches it, one role late."""
    parsed, toml = read_station_file(file)
    assert isinstance(parsed, BenchFile)
    bench = virtual_bench(parsed, file.parent, clock=SkippingClock())
    ports = bench.ports()
    of_roles = {box.resource: box for box in boxes(named_roles(parsed.instruments))}
    with BenchServer({resource: ports[resource] for resource in of_roles}) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        proxies: list[LateProxy] = []
        text = toml.text
        for resource, reached in _reached(server.resources(), of_roles, slow, late, proxies).items():
            text = text.replace(f'"{resource}"', f'"{reached}"')
        path = folder / file.name
        path.write_text(text, encoding="utf-8")
        try:
            yield bench, path
        finally:
            server.stop()
            thread.join()
            for proxy in proxies:
                proxy.close()


def _reached(
    resources: Mapping[str, str], of_roles: Mapping[str, object], slow: str, late: float, proxies: list[LateProxy]
) -> dict[str, str]:
    """Where each resource is reached; the box of the slow role behind a proxy."""
    found = dict(resources)
    for resource, box in of_roles.items():
        if slow in box.roles:  # type: ignore[attr-defined]
            port = int(resources[resource].split("::")[2])
            proxies.append(LateProxy(port, late))
            found[resource] = resources[resource].replace(f"::{port}::", f"::{proxies[-1].port}::")
    return found


def moved(
    file: Path, protocol: Protocol, slow: str, late: float, folder: Path, *, asks: bool = True
) -> tuple[int, int, str]:
    """(relay movements, those under voltage, how the run ended)."""
    with served(file, folder, slow, late) as (virtual, path), open_station(path) as station:
        station.all.bench.switching.asks = asks  # type: ignore[attr-defined]
        ended = "finished"
        try:
            record(protocol, station.all, runs=folder / "runs", station=station)
        except LabshdError as error:
            ended = str(error)
        hot = sum("relays move" in fault for fault in virtual.faults)
        return virtual.relays_moved, hot, ended


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--late", default="3 ms")
    late = quantity(parser.parse_args().late, "s")
    total = total_hot = without = 0
    print(f"{'station':<10}{'protocol':<18}{'slow':<12}{'moves':>7}{'hot':>6}{'hot, nobody asked':>19}")
    for station, name in TRIED:
        file = STATIONS / f"{station}.toml"
        with open_station(file, rehearse=True) as opened:
            roles = list(opened.instruments)
        for slow in roles:
            with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
                moves, hot, _ = moved(file, PROTOCOLS[name], slow, late, Path(folder))
                _, unasked, _ = moved(file, PROTOCOLS[name], slow, late, Path(other), asks=False)
            total, total_hot, without = total + moves, total_hot + hot, without + unasked
            print(f"{station:<10}{name:<18}{slow:<12}{moves:>7}{hot:>6}{unasked:>19}", flush=True)
    print(f"relays moved {total} times over TCP, {total_hot} under voltage; {without} with nobody asked")
    return 1 if total_hot else 0


if __name__ == "__main__":
    sys.exit(main())
