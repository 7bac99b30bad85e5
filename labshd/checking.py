"""``labshd check``: what is wrong with a bench, all of it in one list, before anything is driven."""

from __future__ import annotations

from pathlib import Path

from labshd import opening
from labshd.opening import InstrumentReport
from labshd.station import link_to, lock_of, virtual_bench_of
from labshd.station_file import read_station_file
from labshd.station_schema import BenchFile


def check_station(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Open every instrument, ask identity, state and error queue; drives nothing. Unreachable ones are in the list."""
    file, toml = read_station_file(path)
    if not isinstance(file, BenchFile):
        return []
    lock = None if rehearse else lock_of(file, toml)
    link = link_to(file, virtual_bench_of(file, toml) if rehearse else None)
    opened, failed = opening.open_each(file, link, lambda _: None)
    try:
        opening.ask_states(opened)
    finally:
        opening.close_all(opened)
        if lock is not None:
            lock.release()
    reports = {report.role: report for report in [*(one.report for one in opened.values()), *failed]}
    return [reports[role] for role in opening.entries(file)]
