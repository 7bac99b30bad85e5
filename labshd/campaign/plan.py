"""A plan: what a protocol or a campaign would do to each crosspoint, found by rehearsing it.

Pulses and voltages are those that the virtual devices saw, times those of the virtual instruments. A protocol that
looks at what it reads (a symmetry point, a write-verify) may take another course on the real device: the plan tells
how many steps it can take at most where the protocol knows it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError, LabshdError, LimitError
from labshd.common.progress import Progress
from labshd.runs.run import runs_folder
from labshd.station.pulse_budget import earlier_pulses
from labshd.station.schema import BenchFile
from labshd.station.selection import block_of, names_of
from labshd.station.station import Station, open_station
from protocols.common.protocol import Points, Protocol, known_counts

if TYPE_CHECKING:
    from labshd.runs.run import Run
    from sim_device.virtual_bench.bench import AppliedPulse


@dataclass(frozen=True)
class Demand:
    """What one crosspoint would see: None where it is not known (simulated crosspoints have no limits).

    `time_s` [s] is that of all runs on it, `share` of the endurance budget what the pulses take of it [1]. Of the
    `budget`, `used` pulses were spent in earlier runs.
    """

    crosspoint: str
    runs: int
    pulses: int
    voltage_V: float | None  # noqa: N815 - the unit is part of a name
    width_s: float | None
    time_s: float
    share: float | None
    used: int | None = None
    budget: int | None = None

    @property
    def refused(self) -> str | None:
        """Why the budget does not allow it after the pulses of earlier runs; None where it does."""
        if self.used is None or self.budget is None or not self.pulses or self.used + self.pulses <= self.budget:
            return None
        return (
            f"{self.pulses} pulses on {self.crosspoint} after {self.used} in earlier runs make "
            f"{self.used + self.pulses}, which passes its budget of {self.budget} (limits.pulses_per_crosspoint)"
        )

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "crosspoint": self.crosspoint,
            "runs": self.runs,
            "pulses": self.pulses,
            "highest_voltage_V": self.voltage_V,
            "longest_pulse_s": self.width_s,
            "time_s": self.time_s,
            "share_of_budget": self.share,
            "pulses_used": self.used,
            "budget": self.budget,
        }


@dataclass(frozen=True)
class Plan:
    """Demands on every crosspoint, in all and at most.

    `time_s` [s] from the first to the last; `at_most` readings where the protocol tells; `refused` why it must not be
    run as it is, empty where nothing speaks against it; `notes` what else to know.
    """

    title: str
    demands: tuple[Demand, ...]
    time_s: float
    at_most: int | None = None
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.refused

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "plan": self.title,
            "ok": self.ok,
            "refused": list(self.refused),
            "time_s": self.time_s,
            "readings_at_most": self.at_most,
            "pulses": sum(one.pulses for one in self.demands),
            "crosspoints": [one.json() for one in self.demands],
            "notes": list(self.notes),
        }


def plan_protocol(
    protocol: Protocol, station_file: str | Path, crosspoints: str = "", runs: str | Path | None = None
) -> Plan:
    """Plan one protocol on crosspoints of a station as one block; the first of the station where none are named.

    The endurance budget is what the runs in the folder `runs` have left of it. A limit that is passed is told in
    `refused`. Raises `InputError` where the station file or the settings are wrong.
    """
    with open_station(station_file, rehearse=True) as station:
        names = names_of(station.grid, crosspoints) if crosspoints else station.names[:1]
        block = block_of(station, names)
        seen = _Seen(station, runs)
        refused = seen.foreseen(protocol, block, names)
        steps = protocol.run(block)
        try:
            for points in steps:
                seen.points(names, points)
        except LimitError as error:
            refused = refused or [str(error)]
        finally:
            steps.close()
            block.safe()
        seen.run(names)
        title = f"{protocol.name} on {block.name}"
        most = protocol.planned_readings(block.shape)
        demands = seen.demands(names)
        refused = refused or _over_budget(demands)
        return Plan(title, demands, seen.elapsed(), most, tuple(refused))


def _over_budget(demands: Sequence[Demand]) -> list[str]:
    return [one.refused for one in demands if one.refused is not None]


def plan_campaign(path: str | Path, progress: Progress | None = None, runs: str | Path | None = None) -> Plan:
    """Plan a campaign by rehearsing it whole, in a folder that is thrown away.

    Conditions take the course that the virtual devices give them. Raises `InputError` where a file is wrong.
    """
    from labshd.campaign.runner import run_campaign
    from labshd.campaign.store import open_campaign

    with tempfile.TemporaryDirectory() as folder:
        stations: list[Station] = []
        try:
            campaign = run_campaign(path, rehearse=True, runs=folder, progress=progress, opened=stations.append)
            stopped = ""
        except LabshdError as error:
            if isinstance(error, InputError):
                raise
            stopped, campaign = str(error), open_campaign("last", folder)
        (station,) = stations
        seen, outcomes = _Seen(station, runs, whole=True), campaign.outcomes()
        for one in outcomes:
            if one.run is not None:
                seen.count(one.unit.crosspoints, one.run)
        passed = [one for one in outcomes if one.run and one.run.info.get("error") == "LimitError"]
        failed = [one for one in outcomes if one.what == "failed" and one not in passed]
        skipped = sum(one.what == "skip" for one in outcomes)
        notes = [f"{one.unit.key} failed: {one.why}" for one in failed]
        notes += [f"{skipped} of {len(outcomes)} runs are skipped on the virtual devices"] if skipped else []
        names = [name for name in station.names if any(name in one.unit.crosspoints for one in outcomes)]
        title = f"{campaign.info['name']}: {len(outcomes)} runs on {len(names)} crosspoints"
        refused = [*(f"{one.unit.key}: {one.why}" for one in passed), *([stopped] if stopped else [])]
        demands = seen.demands(names)
        return Plan(title, demands, seen.elapsed(), None, tuple(refused or _over_budget(demands)), tuple(notes))


class _Seen:
    """What the crosspoints of a rehearsed station have seen; `whole`: from its opening on."""

    def __init__(self, station: Station, runs: str | Path | None, *, whole: bool = False) -> None:
        self._station = station
        self._earlier = earlier_pulses(station.file, runs_folder(runs))
        self._begun = 0.0 if whole else self._now()
        self._pulses: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._time: dict[str, float] = {}
        self._latest = self._begun

    def _now(self) -> float:
        return self._station.virtual.clock.now() if self._station.virtual else 0.0

    def foreseen(self, protocol: Protocol, block: Crosspoints, names: Sequence[str]) -> list[str]:
        """Why a protocol would be refused before its first byte: by limits, or what is left of a budget."""
        foreseen, file = protocol.foreseen(block), self._station.file
        if foreseen is None:
            return []
        refused: list[str] = []
        try:
            block.foresee(foreseen)
            if isinstance(file, BenchFile):
                most = foreseen.at_most(file.limits, block.shape)
                for name, pulses in zip(names, most.ravel().tolist(), strict=True):
                    used = self._earlier.get(name, 0)
                    foreseen.check_budget(file.limits, name, pulses, used, used)
        except LimitError as error:
            refused.append(str(error))
        return refused

    def points(self, names: Sequence[str], points: Points) -> None:
        """Count pulses and time of crosspoints that no virtual bench tells of."""
        spent = np.abs(known_counts(np.broadcast_to(points.counts, points.readings.conductance.shape))).sum(axis=0)
        for name, count in zip(names, spent.ravel().tolist(), strict=True):
            self._pulses[name] = self._pulses.get(name, 0) + count
        if np.isfinite(points.readings.time).any():
            self._latest = max(self._latest, float(np.nanmax(points.readings.time)))

    def run(self, names: Sequence[str], took: float | None = None) -> None:
        """One run has ended."""
        for name in names:
            self._runs[name] = self._runs.get(name, 0) + 1
            self._time[name] = self._time.get(name, 0.0) + (self.elapsed() if took is None else took)

    def count(self, names: Sequence[str], run: Run) -> None:
        """Take in a run of a campaign."""
        series = run.series()
        if not len(series):
            self.run(names, 0.0)
            return
        spent = np.abs(known_counts(series.counts)).sum(axis=0).ravel().tolist()
        for name, pulses in zip(names, spent, strict=True):
            self._pulses[name] = self._pulses.get(name, 0) + pulses
        time = series.readings.time[np.isfinite(series.readings.time)]
        self._latest = max(self._latest, float(time.max(initial=0.0)))
        self.run(names, float(np.ptp(time)) if time.size else 0.0)

    def elapsed(self) -> float:
        """Time [s] since it began."""
        return max(self._now(), self._latest) - self._begun

    def demands(self, names: Sequence[str]) -> tuple[Demand, ...]:
        """One for each crosspoint, in the order of the names."""
        applied: dict[str, list[AppliedPulse]] = {}
        for one in self._station.virtual.applied if self._station.virtual else ():
            if one.time >= self._begun:
                applied.setdefault(one.crosspoint, []).append(one)
        return tuple(self._demand(name, applied.get(name, [])) for name in names)

    def _demand(self, name: str, mine: list[AppliedPulse]) -> Demand:
        station, virtual = self._station, self._station.virtual
        runs, time = self._runs.get(name, 0), self._time.get(name, 0.0)
        if virtual is None or not isinstance(station.file, BenchFile):
            return Demand(name, runs, self._pulses.get(name, 0), None, None, time, None)
        pulses = sum(one.pulses for one in mine)
        highest = max([virtual.largest_voltage.get(name, 0.0), *(abs(one.voltage) for one in mine)])
        longest = max((one.width for one in mine), default=None)
        budget = station.file.limits.pulses_per_crosspoint
        used = self._earlier.get(name, 0)
        return Demand(name, runs, pulses, highest, longest, time, pulses / budget, used, budget)
