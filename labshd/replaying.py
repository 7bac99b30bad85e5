"""Repeat a recorded run against its own record of the wire: bit by bit the same, or the first byte that differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.errors import InputError, RunError
from labshd.run_files import points_name, points_rows
from labshd.runs import Run

if TYPE_CHECKING:
    from instruments.bench import BenchCrosspoints
    from labshd.station_schema import BenchFile
    from protocols.protocol import Protocol
    from sim_device.virtual_bench.replay import Recording

_TIME = 1  # place of the column time_s in a row of points.csv


@dataclass
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    messages, readings
        How many were repeated, of how many.
    time_difference_s
        Largest difference of a reading's time: 0 for a rehearsal, microseconds for a real bench, whose clock went on
        between an answer and its time stamp.
    difference
        The first thing that is not as recorded; None where all of it is.
    """

    run: str
    messages: int
    messages_recorded: int
    readings: int
    readings_recorded: int
    time_difference_s: float = 0.0
    difference: str | None = None

    @property
    def identical(self) -> bool:
        """Whether every byte to the instruments and every reading was as recorded."""
        return self.difference is None

    def json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "identical": self.identical}


def replay(run: Run) -> Replayed:
    """Run the protocol of a recorded run again, with instruments that answer what they answered then.

    Raises `InputError` for a run that has no instruments, or whose protocol or record is not to be had.
    """
    from sim_device.virtual_bench.replay import RecordedClock, Recording, ReplayDiffers, ReplayEnded, read_wire

    protocol, file = _protocol(run), _station(run)
    recording = Recording(read_wire(run.folder / "wire.jsonl"), RecordedClock())
    block = _opened(run, file, recording)
    rows = (run.folder / points_name()).read_bytes().splitlines(keepends=True)[1:]
    found = Replayed(str(run.folder), 0, len(recording.messages), 0, len(rows))
    recording.begin()
    try:
        for points in protocol.run(block):
            _compare(found, points_rows(points, found.readings), rows)
            if found.difference is not None:
                break
        else:
            block.safe()
    except ReplayDiffers as differs:
        # A run that was interrupted goes another way from there: its record ends with switching off.
        if run.status == "finished" or found.readings < found.readings_recorded:
            found.difference = str(differs)
    except ReplayEnded as ended:
        _ended(found, run, str(ended))
    except RunError as error:
        if run.status == "finished":
            found.difference = f"the run fails now, and did not then: {error}"
    found.messages = recording.position
    if found.difference is None and found.readings < found.readings_recorded:
        found.difference = f"{found.readings_recorded - found.readings} recorded readings were not taken again"
    return found


def _protocol(run: Run) -> Protocol:
    from protocols import catalogue

    if run.kind != "protocol":
        raise InputError(f"{run.id} is of kind {run.kind!r}; only the runs of protocols can be replayed")
    return catalogue.find(run.name).model_validate(run.info.get("settings", {}))


def _station(run: Run) -> BenchFile:
    from pydantic import ValidationError

    from labshd.station_schema import BenchFile

    resolved = run.info.get("station", {}).get("resolved", {})
    if resolved.get("kind") != "bench":
        raise InputError(
            f"{run.id} has no instruments to replay: its crosspoints were {resolved.get('kind', 'unknown')}"
        )
    try:
        return BenchFile.model_validate(resolved)
    except ValidationError as error:
        raise InputError(f"the station in {run.id} is not understood by this version: {error}") from error


def _opened(run: Run, file: BenchFile, recording: Recording) -> BenchCrosspoints:
    """The bench of the run, its instruments speaking from the record."""
    from instruments.bench import Bench, BenchCrosspoints
    from instruments.crosspoints import Origin
    from labshd.boxes import boxes, named_roles
    from labshd.opening import Link, connect
    from sim_device.virtual_bench import VirtualBench, make_devices
    from sim_device.virtual_bench.replay import recorded_ports
    from sim_device.virtual_bench.visa import VirtualVisaLibrary

    found = boxes(named_roles(file.instruments))
    twins = VirtualBench(
        file.bench_wiring(),
        make_devices(file.crosspoints, "ecram", seed=1),
        {box.resource: box.plugged() for box in found},
    )
    told = run.info.get("origin", {}).get("details", {}).get("instruments", {})
    identities = {box.name: told[role] for box in found for role in box.roles if role in told}
    called = {box.resource: box.name for box in found}
    library = VirtualVisaLibrary.around(recorded_ports(recording, twins.ports(), called, identities), recording.clock)
    instruments: dict[str, Any] = {"matrix": None}
    for box in found:
        roles = connect(box, Link(library, recording.clock), file.limits_of)
        next(iter(roles.values())).identity()
        instruments |= roles
    for role in named_roles(file.instruments):
        instruments[role].prepare()
    bench = Bench(
        **instruments,
        wiring=file.bench_wiring(),
        limits=file.limits,
        pulses=file.pulse_pair(),
        reading=file.read_setting(),
        settle=file.pulses.settle,
        clock=recording.clock,
        origin=Origin("replay", {"run": run.id}),
    )
    names = [[run.crosspoint]] if run.crosspoint in file.crosspoints else [list(file.crosspoints)]
    if np.shape(names) != run.shape:
        raise InputError(f"{run.id} is of crosspoints {run.crosspoint!r}, which its station does not have")
    return BenchCrosspoints(bench, np.array(names, dtype=np.str_))


def _compare(found: Replayed, now: bytes, recorded: list[bytes]) -> None:
    """Compare rows of points.csv cell by cell, all but the time as text."""
    for row in now.splitlines(keepends=True):
        if found.readings == len(recorded):
            found.difference = "there are more readings now than were recorded"
            return
        new, old = row.split(b","), recorded[found.readings].split(b",")
        found.time_difference_s = max(found.time_difference_s, abs(float(new[_TIME]) - float(old[_TIME])))
        new[_TIME] = old[_TIME] = b""
        if new != old:
            found.difference = (
                f"reading {found.readings} differs: now {row.decode().strip()!r}, "
                f"recorded {recorded[found.readings].decode().strip()!r}"
            )
            return
        found.readings += 1


def _ended(found: Replayed, run: Run, why: str) -> None:
    """The record of a run that did not finish ends where it was interrupted."""
    if run.status == "finished":
        found.difference = why
