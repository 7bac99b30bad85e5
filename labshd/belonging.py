"""Of which open station crosspoints are, so that a run keeps it without being told."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol as Interface
from weakref import WeakKeyDictionary

from instruments.crosspoints import Crosspoints
from labshd.provenance import StationRecord


class RecordedStation(Interface):
    """What a recorder asks of a station: what to keep of it, and its instrument traffic."""

    def record(self) -> StationRecord:
        """File, text, resolved settings, identities, limits."""
        ...

    def keep_wire(self, path: Path | None) -> None:
        """From now on write every message to and from the instruments, if there are any, to `path`; None ends that."""
        ...


_stations: WeakKeyDictionary[Crosspoints, RecordedStation] = WeakKeyDictionary()


def belongs(crosspoints: Crosspoints, station: RecordedStation) -> None:
    """Let `record` know of which open station crosspoints are."""
    _stations[crosspoints] = station


def station_of(crosspoints: Crosspoints) -> RecordedStation | None:
    """The open station that crosspoints come from, None where that is not known."""
    return _stations.get(crosspoints)
