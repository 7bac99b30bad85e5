"""``labshd check``: every problem of a bench in one list, before anything is driven."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from instruments.crosspoints import Status
from instruments.errors import InstrumentError, LabshdError
from instruments.units import text
from labshd.common.environment import conflicts
from labshd.runs.run import runs_folder
from labshd.station import opening
from labshd.station.opening import InstrumentReport, Opened, link_to, lock_of, virtual_bench_of
from labshd.station.pulse_budget import earlier_pulses
from labshd.station.schema import BenchFile, CheckEntry, StationFile
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file

_READINGS = 5  # of the resistor: enough for a standard error


@dataclass(frozen=True)
class Budget:
    """Pulses of a crosspoint in all runs so far, and how many it may ever see."""

    crosspoint: str
    used: int
    budget: int

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        left = max(self.budget - self.used, 0)
        return {"crosspoint": self.crosspoint, "pulses_used": self.used, "budget": self.budget, "pulses_left": left}


@dataclass(frozen=True)
class MeasuredResistor:
    """The known resistor of a bench: its `nominal` value, what was measured with its standard error, all [ohm]."""

    crosspoint: str
    nominal: float
    tolerance: float
    measured: float
    std: float
    status: int

    @property
    def problem(self) -> str | None:
        """What is wrong with it; None where it is within its tolerance."""
        if self.status & int(Status.COMPLIANCE):
            return f"{self.crosspoint} is at compliance where a resistor should be: is something shorted, or unplugged?"
        if not math.isfinite(self.measured):
            return f"{self.crosspoint} gave no reading where a resistor should be: is it connected?"
        if abs(self.measured - self.nominal) > self.tolerance * self.nominal + 3 * self.std:
            return (
                f"the resistor on {self.crosspoint} is {text(self.measured, 'ohm')}, not {text(self.nominal, 'ohm')} "
                f"within {self.tolerance:.3g}: look at cables, ranges and calibration before you measure a device"
            )
        return None

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "crosspoint": self.crosspoint,
            "nominal_ohm": self.nominal,
            "tolerance": self.tolerance,
            "measured_ohm": self.measured,
            "std_ohm": self.std,
            "ok": self.problem is None,
        }


@dataclass(frozen=True)
class BenchCheck:
    """Everything that was found; `problems` is all that speaks against measuring."""

    instruments: list[InstrumentReport]
    budgets: list[Budget]
    resistor: MeasuredResistor | None = None
    environment: list[str] = field(default_factory=list[str])
    more: list[str] = field(default_factory=list[str])

    @property
    def problems(self) -> list[str]:
        """In the order in which to mend them."""
        found = [*self.environment]
        found += [
            f"{one.role} ({one.driver} at {one.resource}): {one.problem}" for one in self.instruments if one.problem
        ]
        found += [
            f"the endurance budget of {one.crosspoint} is spent: {one.used} of {one.budget} pulses "
            "(limits.pulses_per_crosspoint)"
            for one in self.budgets
            if one.used >= one.budget
        ]
        found += [self.resistor.problem] if self.resistor and self.resistor.problem else []
        return [*found, *self.more]

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problems

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "ok": self.ok,
            "problems": self.problems,
            "instruments": [one.json() for one in self.instruments],
            "crosspoints": [one.json() for one in self.budgets],
            "resistor": self.resistor.json() if self.resistor else None,
            "environment": self.environment,
        }


def check_bench(path: Path, *, rehearse: bool = False, runs: Path | None = None) -> BenchCheck:
    """Open every instrument of a station, ask all that it tells, and measure the known resistor if there is one.

    Without a resistor nothing is driven; it is measured only where nothing else is wrong, and everything is off after.

    Raises
    ------
    InputError
        The station file is wrong; every problem.
    BenchInUse
        Another process has the instruments.
    """
    file, _ = read_station_file(path)
    environment = conflicts()
    instruments = check_station(path, rehearse=rehearse)
    budgets = budgets_of(file, runs, rehearse=rehearse)
    found = BenchCheck(instruments, budgets, environment=environment)
    if not isinstance(file, BenchFile) or file.check is None or not all(one.ok for one in instruments):
        return found
    try:
        resistor = _measured(path, file.check, rehearse)
    except LabshdError as error:
        return BenchCheck(instruments, budgets, None, environment, [f"the resistor could not be measured: {error}"])
    return BenchCheck(instruments, budgets, resistor, environment)


def budgets_of(file: StationFile, runs: Path | None, *, rehearse: bool = False) -> list[Budget]:
    """What the runs in a folder have spent of each crosspoint; nothing of rehearsed devices, none of simulated ones."""
    if not isinstance(file, BenchFile):
        return []
    used = {} if rehearse else earlier_pulses(file, runs_folder(runs))
    return [Budget(name, used.get(name, 0), file.limits.pulses_per_crosspoint) for name in file.crosspoints]


def check_station(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Open every instrument, ask identity, state and error queue; drives nothing. Unreachable ones are in the list."""
    file, toml = read_station_file(path)
    if not isinstance(file, BenchFile):
        return []
    lock = None if rehearse else lock_of(file, toml)
    opened: dict[str, Opened] = {}
    try:
        link = link_to(file, virtual_bench_of(file, toml) if rehearse else None)
        opened, failed = opening.open_each(file, link, lambda _: None)
        opening.ask_states(opened)
        for one in opened.values():
            _ask_more(one, file)
    finally:
        opening.close_all(opened)
        if lock is not None:
            lock.release()
    reports = {report.role: report for report in [*(one.report for one in opened.values()), *failed]}
    return [reports[role] for role in opening.entries(file)]


def _ask_more(one: Opened, file: BenchFile) -> None:
    """Calibration and interlock, where the instrument tells; into its report."""
    report = one.report
    if not report.ok:
        return
    try:
        calibrated, interlock = one.instrument.calibrated(), one.instrument.interlock()
        one.instrument.check_errors()
    except InstrumentError as error:
        report.problem = str(error)
        return
    report.calibrated = calibrated.isoformat() if calibrated else None
    report.interlock = str(interlock) if interlock else None
    if interlock is not None and not interlock.closed and interlock.without < _needed(report.role, file):
        report.problem = f"{interlock}; the station needs {text(_needed(report.role, file), 'V')}"


def _needed(role: str, file: BenchFile) -> float:
    """Largest voltage [V] that the station asks of a role."""
    limits = file.limits
    return limits.pulse_voltage if role == "generator" else max(limits.read_voltage, limits.sweep_voltage or 0.0)


def _measured(path: Path, entry: CheckEntry, rehearse: bool) -> MeasuredResistor:
    with open_station(path, rehearse=rehearse) as station:
        readings = station[entry.crosspoint].read(_READINGS)
    ohms = 1.0 / readings.conductance.ravel()
    status = int(np.bitwise_or.reduce(readings.status.ravel()))
    std = float(ohms.std(ddof=1)) / math.sqrt(_READINGS)
    return MeasuredResistor(entry.crosspoint, entry.resistor, entry.tolerance, float(ohms.mean()), std, status)
