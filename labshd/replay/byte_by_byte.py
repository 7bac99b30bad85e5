"""Repeats a run against its recorded traffic: the same byte for byte, or the first byte that differs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.errors import InputError, RunError
from labshd.runs.files import file_bytes, points_name, points_rows, whole_lines
from labshd.runs.run import Run

if TYPE_CHECKING:
    from instruments.crosspoints import Crosspoints
    from labshd.station.schema import BenchFile
    from protocols.common.protocol import Points

_TIME = 1  # place of the column time_s in a row of points.csv


@dataclass
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    messages, readings
        How many were repeated, of how many; a reading of each crosspoint counts.
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


def replay(run: Run, protocol: str | None = None) -> Replayed:
    """Run a recorded measurement or training again, with instruments that answer what they answered then.

    `protocol` is the Python file of a protocol of one's own: what the run names as such is never executed.

    Raises `InputError` for a run that has no instruments, or that does not keep all that it was made of.
    """
    from instruments.bench.block import BenchCrosspoints
    from labshd.replay.recorded_bench import recorded_bench, station_of_run
    from sim_device.virtual_bench.reach.replay import RecordedClock, Recording, ReplayDiffers, ReplayEnded, read_wire

    file = station_of_run(run)
    _refuse_pieces(run)
    recording = Recording(read_wire(run.folder / "wire.jsonl"), RecordedClock())
    bench = recorded_bench(run, file, recording)
    again = _Measurement(run, file, protocol) if run.kind == "protocol" else _Training(run)
    again.on(lambda names: BenchCrosspoints(bench, np.array(names, dtype=np.str_)))
    rows = {array: _rows(run, array) for array in run.arrays}
    found = Replayed(str(run.folder), 0, len(recording.messages), 0, sum(map(len, rows.values())))
    compare = _Comparison(found, rows, finished=run.status == "finished")
    recording.begin()
    running = again.points()
    try:
        for array, points in running:
            compare(array, points)
            if found.difference is not None:
                break
        else:
            again.safe()
    except (ReplayDiffers, ReplayEnded) as end:
        # A run that was interrupted goes another way from there: its record ends with switching off.
        for array, points in again.rest():
            compare(array, points)
        if run.status == "finished" or (found.readings < found.readings_recorded and isinstance(end, ReplayDiffers)):
            found.difference = found.difference or str(end)
    except RunError as error:
        if run.status == "finished":
            found.difference = f"the run fails now, and did not then: {error}"
    finally:
        with suppress(ReplayDiffers, ReplayEnded, RunError):
            running.close()  # what is left on is switched off, for which the record has no answer
    found.messages = recording.position
    if found.difference is None and found.readings < found.readings_recorded:
        found.difference = f"{found.readings_recorded - found.readings} recorded readings were not taken again"
    return found


def _refuse_pieces(run: Run) -> None:
    """A run on a bench that was cut off and went on has the record of two sessions, one of them begun in its middle."""
    if run.info.get("continued") and run.info.get("origin", {}).get("kind") == "bench":
        raise InputError(f"{run.id} was cut off and went on: its record is in pieces, and cannot be repeated as one")


class _Measurement:
    """The protocol of a run, again."""

    def __init__(self, run: Run, file: BenchFile, protocol: str | None) -> None:
        from pydantic import ValidationError

        from labshd.replay.recorded_bench import names_of_run
        from protocols.common import catalogue

        hint = ": give its Python file, with --protocol my_protocol.py"
        made = catalogue.find(protocol) if protocol is not None else catalogue.installed(run.name, hint)
        if made.name != run.name:
            raise InputError(f"{run.id} is of the protocol {run.name!r}, {protocol} defines {made.name!r}")
        try:
            self._protocol = made.model_validate(run.info.get("settings", {}))
        except ValidationError as error:
            raise InputError(f"the settings in {run.id} are none of {made.name}: {error}") from None
        self._names = names_of_run(run, file)
        self._block: Crosspoints | None = None

    def on(self, block: Callable[[Any], Crosspoints]) -> None:
        self._block = block(self._names)

    def points(self) -> Generator[tuple[str, Points]]:
        assert self._block is not None
        with closing(self._protocol.run(self._block)) as steps:
            for points in steps:
                yield "", points

    def rest(self) -> Iterator[tuple[str, Points]]:
        """Nothing is held back."""
        return iter(())

    def safe(self) -> None:
        assert self._block is not None
        self._block.rest()
        self._block.safe()


class _Training:
    """The training of a run, again."""

    def __init__(self, run: Run) -> None:
        if run.kind != "train":
            raise InputError(f"{run.id} is of kind {run.kind!r}; only measurements and trainings can be replayed")
        self._run = run

    def on(self, block: Callable[[Any], Crosspoints]) -> None:
        from labshd.station_training.record import training_of

        self._training, self._auxiliary, self._start = training_of(self._run, block)

    def points(self) -> Generator[tuple[str, Points]]:
        from labshd.station_training.record import points_of, started

        yield from points_of(started(self._training, self._start))
        yield from points_of(self._training.run())
        yield from self.rest()

    def rest(self) -> Iterator[tuple[str, Points]]:
        """The evaluation, and pulses that no reading told of."""
        from labshd.station_training.record import ending, points_of

        return points_of(iter([ending(self._training, self._auxiliary)[1]]))

    def safe(self) -> None:
        for tile in self._training.tiles:
            tile.main.rest()
        for tile in self._training.tiles:
            tile.main.safe()


def _rows(run: Run, array: str) -> list[bytes]:
    return whole_lines(file_bytes(run.folder / points_name(array))).splitlines(keepends=True)[1:]


class _Comparison:
    """Rows of points.csv, of each array, cell by cell; all but the time as text."""

    def __init__(self, found: Replayed, rows: dict[str, list[bytes]], *, finished: bool) -> None:
        self._found, self._rows, self._finished = found, rows, finished
        self._steps: dict[str, int] = {}  # readings of the block so far, and rows, of each array
        self._at: dict[str, int] = {}

    def __call__(self, array: str, points: Points) -> None:
        """Compare some points with what comes next of their array."""
        first = self._steps.get(array, 0)
        self._steps[array] = first + len(points.readings)
        for row in points_rows(points, first).splitlines(keepends=True):
            if self._found.difference is None:
                self._compare(array, row)

    def _compare(self, array: str, row: bytes) -> None:
        found, recorded, at = self._found, self._rows.get(array, []), self._at.get(array, 0)
        if at == len(recorded):
            if self._finished:  # of others the last readings may not have been written
                found.difference = f"there are more readings now than were recorded{_of(array)}"
            return
        new, old = row.split(b","), recorded[at].split(b",")
        if len(old) != len(new) or not _is_number(old[_TIME]):
            found.difference = f"reading {at}{_of(array)} is damaged: recorded is {_text(recorded[at])!r}"
            return
        if new[_TIME] and old[_TIME]:
            found.time_difference_s = max(found.time_difference_s, abs(float(new[_TIME]) - float(old[_TIME])))
        new[_TIME] = old[_TIME] = b""
        if new != old:
            found.difference = (
                f"reading {at}{_of(array)} differs: now {row.decode().strip()!r}, recorded {_text(recorded[at])!r}"
            )
            return
        self._at[array] = at + 1
        found.readings += 1


def _text(row: bytes) -> str:
    return row.decode("utf-8", "replace").strip()


def _is_number(cell: bytes) -> bool:
    try:
        float(cell or b"0")
    except ValueError:
        return False
    return True


def _of(array: str) -> str:
    return f" of array {array}" if array else ""
