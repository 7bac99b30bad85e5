"""Switches off everything of a station, whoever left it on and whoever has the bench now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labshd.station import opening
from labshd.station.opening import InstrumentReport, link_to, virtual_bench_of
from labshd.station.schema import BenchFile
from labshd.station.station_file import read_station_file

if TYPE_CHECKING:
    from labshd.station.bench_lock import Holder
    from labshd.station.opening import Link

PATIENCE = 5.0  # [s] for whoever runs something on the bench to end it, after it was asked


@dataclass(frozen=True)
class MadeSafe:
    """What was switched off: a report of each instrument; who was `asked` to end and who still has `left` to."""

    instruments: list[InstrumentReport]
    asked: list[str]
    left: list[str]

    @property
    def ok(self) -> bool:
        """Whether every instrument says that it is off, and nobody else drives the bench."""
        return all(one.ok for one in self.instruments) and not self.left

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        instruments = [one.json() for one in self.instruments]
        return {"ok": self.ok, "instruments": instruments, "asked_to_stop": self.asked, "still_in_use_by": self.left}


def make_safe(path: Path, *, rehearse: bool = False) -> MadeSafe:
    """Switch everything off, write-only first; then ask each instrument whether it is.

    Whoever has the bench is asked to end its run, and everything is switched off once more when it has. Raises
    `InputError` where the station file is wrong.
    """
    file, toml = read_station_file(path)
    if not isinstance(file, BenchFile):
        return MadeSafe([], [], [])
    if rehearse:
        return MadeSafe(_switched_off(file, link_to(file, virtual_bench_of(file, toml))), [], [])
    from labshd.station.bench_lock import ask_to_stop, wait_until_free

    resources = [entry.resource for entry in opening.entries(file).values()]
    link = link_to(file, None)
    asked = ask_to_stop(resources, toml.path)
    reports = _switched_off(file, link)
    if not asked:
        return MadeSafe(reports, [], [])
    others = not all(one is not None and one.is_this_process for one in asked.values())
    left = wait_until_free(resources, PATIENCE if others else 0.0)
    # Meanwhile it may have switched something on, or have kept a connection that only one can have.
    reports = _switched_off(file, link)
    return MadeSafe(reports, _named(asked), _named(left))


def _named(holders: dict[str, Holder | None]) -> list[str]:
    return sorted({str(holder) if holder else f"someone who has {key}" for key, holder in holders.items()})


def _switched_off(file: BenchFile, link: Link) -> list[InstrumentReport]:
    opened, failed = opening.open_each(file, link, lambda _: None, off_first=True)
    try:
        opening.switch_off(opened)
        opening.ask_states(opened)
    finally:
        opening.close_all(opened)
    reports = {report.role: report for report in [*(one.report for one in opened.values()), *failed]}
    return [reports[role] for role in opening.entries(file)]
