"""A bench as real as it gets without instruments: twins that a station file reaches by TCP, not by rehearsing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labshd.station.opening import entries
from labshd.station.rehearsal import virtual_bench
from labshd.station.schema import BenchFile
from labshd.station.station_file import read_station_file
from sim_device.virtual_bench import VirtualBench
from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

STATIONS = Path(__file__).parents[1] / "data" / "stations"


@dataclass(frozen=True)
class Served:
    """The twins, and the station file that reaches them."""

    virtual: VirtualBench
    file: Path


@contextmanager
def served(folder: Path, name: str = "ecram.toml", edit: dict[str, str] | None = None) -> Iterator[Served]:
    """Serve the twins of a station of the docs; its file with their addresses goes to `folder`."""
    file = folder / name
    text = (STATIONS / name).read_text(encoding="utf-8")
    for old, new in (edit or {}).items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    parsed, _ = read_station_file(file)
    assert isinstance(parsed, BenchFile)
    virtual = virtual_bench(parsed, folder, clock=SkippingClock())
    ports = virtual.ports()
    with BenchServer({role: ports[entry.resource] for role, entry in entries(parsed).items()}) as server:
        for role, resource in server.resources().items():
            text = text.replace(getattr(parsed.instruments, role).resource, resource)
        file.write_text(text, encoding="utf-8")
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield Served(virtual, file)
        finally:
            server.stop()
            thread.join(10)
