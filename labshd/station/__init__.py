"""A station file and the open station: what it may say, how its instruments are opened, checked and left off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import moved_names, offered

if TYPE_CHECKING:
    from labshd.station.station import Station, open_station

__all__ = ["Station", "open_station"]
_HOMES = {"Station": "labshd.station.station", "open_station": "labshd.station.station"}
__getattr__ = moved_names(__name__, "labshd.station.station", offered(__name__, _HOMES))
