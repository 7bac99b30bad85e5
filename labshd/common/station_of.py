"""Which open station a crosspoint belongs to, so that a run can note its station without being told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol as Interface
from weakref import WeakKeyDictionary

from instruments.crosspoints import Crosspoints
from labshd.common.provenance import StationRecord


class RecordedStation(Interface):
    """What a recorder asks of a station: what to keep of it, and its instrument traffic."""

    def record(self) -> StationRecord:
        """File, text, resolved settings, identities, limits."""
        ...

    def keep_wire(self, path: Path | None) -> None:
        """From now on write every message to and from the instruments, if there are any, to `path`; None ends that."""
        ...

    def count_earlier(self, runs: Path) -> None:
        """Count what the runs in the folder `runs` gave the devices towards their budgets, once."""
        ...

    def note_pulses(self, path: Path, before: Mapping[str, int]) -> None:
        """From now on note pulses at `path` before they are fired, going on from `before`; where there is a bench."""
        ...

    def noted_pulses(self) -> PulsesOfRun | None:
        """End that; gives what was noted, None where there is no bench."""
        ...

    def asked_to_stop(self) -> str | None:
        """Who asked, from another process, that what is done with the instruments ends; None while nobody has."""
        ...


@dataclass(frozen=True)
class PulsesOfRun:
    """Pulses by name of crosspoint: all that were `fired`, and how many of them are `uncertain`.

    `half_selected` are those on others that share a line with it, in a crossbar; empty elsewhere.
    """

    fired: dict[str, int]
    uncertain: dict[str, int]
    half_selected: dict[str, int] = field(default_factory=dict[str, int])


_stations: WeakKeyDictionary[Crosspoints, RecordedStation] = WeakKeyDictionary()


def belongs(crosspoints: Crosspoints, station: RecordedStation) -> None:
    """Let `record` know of which open station crosspoints are."""
    _stations[crosspoints] = station


def station_of(crosspoints: Crosspoints) -> RecordedStation | None:
    """The open station that crosspoints come from, None where that is not known."""
    return _stations.get(crosspoints)
