"""Rehearsed benches for tests of protocols: the station file of the docs, virtual devices whose truth the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labshd.station.station import Station, open_station
from sim_device.virtual_bench.devices.ageing import Ageing
from sim_device.virtual_bench.devices.device import DeviceParameters, VirtualDevice

STATIONS = Path(__file__).parents[1] / "data" / "stations"


@contextmanager
def rehearsed(
    name: str = "ecram.toml",
    *,
    edit: dict[str, str] | None = None,
    seed: int = 1,
    start: float | None = None,
    ageing: Ageing | None = None,
    **changes: Any,
) -> Iterator[Station]:
    """An open station whose virtual devices are as the file says but for `changes`; starts at `start` [S].

    `edit` replaces text of the station file, such as ``{"500 ns": "2 us"}``.
    """
    with _station_file(name, edit or {}) as path, open_station(path, rehearse=True, seed=seed) as station:
        assert station.virtual is not None
        for number, (crosspoint, device) in enumerate(station.virtual.devices.items()):
            parameters = replace(device.parameters, **changes, **({"ageing": ageing} if ageing else {}))
            station.virtual.devices[crosspoint] = VirtualDevice(parameters, 1000 * seed + number, start)
        yield station
        assert station.virtual.faults == []


@contextmanager
def _station_file(name: str, edit: dict[str, str]) -> Iterator[Path]:
    text = (STATIONS / name).read_text(encoding="utf-8")
    for old, new in edit.items():
        assert old in text
        text = text.replace(old, new)
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        yield path


def parameters(station: Station, crosspoint: str = "A1") -> DeviceParameters:
    """What the virtual device behind a crosspoint is."""
    assert station.virtual is not None
    return station.virtual.devices[crosspoint].parameters
