"""Records a protocol as a run: every block is on disk at once, and the bench is safe however it ends."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints
from instruments.errors import LabshdError
from instruments.units import text
from labshd.common.progress import NoProgress, Progress
from labshd.common.provenance import What, Where, source_of
from labshd.common.signals import SIGNALS, Interrupts, Terminated, interrupts
from labshd.common.station_of import RecordedStation, station_of
from labshd.recording.continuing import beyond, taken_before
from labshd.recording.ending import Ending
from labshd.runs.pulse_notes import fired_in
from labshd.runs.run import Run, open_run, runs_folder
from labshd.runs.writer import RunWriter
from protocols.common.protocol import Points, Protocol, known_counts

_log = logging.getLogger(__name__)

NOTE_EVERY = 0.1  # [s] between notes of the progress: to write one takes longer than to write a row


class Recording:
    """A run that is being recorded; made by `recording`."""

    def __init__(
        self, writer: RunWriter, progress: Progress, caught: Interrupts, station: RecordedStation | None = None
    ) -> None:
        self.folder = writer.folder
        self.why_stopped = ""
        self._writer = writer
        self._progress = progress
        self._caught = caught
        self._station = station
        self._note, self._noted = "", -math.inf  # the note of the progress, and when it was made

    def points(self, points: Points, array: str = "", *, advance: bool = True) -> None:
        """Write a block of points; it is with the operating system when this returns.

        `array` names the array of a training that has several; `advance` is False where its steps tell the progress.
        """
        with self._caught.deferred():
            self._writer.points(points, array)
        self._caught.heed()
        self._heed()
        if not advance:
            return
        counts = known_counts(points.counts)
        pulses = abs(counts.item()) if counts.size == 1 else int(np.abs(counts).sum())
        now = time.monotonic()
        if now - self._noted >= NOTE_EVERY:
            self._note, self._noted = _note(points, self._writer.where.unit), now
        self._progress.advance(len(points.readings), pulses, self._note)

    def steps(self, columns: Mapping[str, ArrayLike], note: str = "") -> None:
        """Write rows of steps.csv, one for each entry of the columns: the variables of a training, step by step."""
        with self._caught.deferred():
            self._writer.steps(columns)
        self._caught.heed()
        rows = max((np.size(values) for values in columns.values()), default=0)
        self._progress.advance(rows, 0, note)

    def _heed(self) -> None:
        """End here where another process has asked for it: it has switched off what would be read next."""
        if self._station is not None and (by := self._station.asked_to_stop()):
            raise Terminated(by)

    def step(self, **values: float) -> None:
        """Write one row of steps.csv."""
        self.steps(values)

    def result(self, result: Mapping[str, Any]) -> None:
        """Keep the numbers that were drawn from it."""
        self._writer.info["result"] = dict(result)


def _note(points: Points, unit: str) -> str:
    last = points.readings.conductance[-1:]
    if not last.size or not np.any(np.isfinite(last)):
        return points.phase
    mean = float(np.nanmean(last))
    return f"{points.phase}: {text(mean, 'S', 3) if unit == 'S' else f'{mean:.3g}'}"


@contextmanager
def recording(
    what: What,
    crosspoints: Crosspoints | Sequence[Crosspoints],
    *,
    runs: str | Path | None = None,
    station: RecordedStation | None = None,
    progress: Progress | None = None,
    total: int | None = None,
    continued: Run | None = None,
) -> Generator[Recording]:
    """Record what is done within: safe first, then the files, then how it ended, on every way out.

    `crosspoints` is the block that points are taken of, or several blocks (a training): all of them end `safe`; the
    first names the run. `total` is the number of steps to come, for `progress`. `continued` is a run of a protocol that
    was cut off and goes on here. What is refused before anything was pulsed or read leaves no run.

    Raises
    ------
    LabshdError
        As it was raised within; anything else that was raised comes out as `RunError` from it. Ctrl-C comes out as
        `KeyboardInterrupt`, SIGTERM as `Terminated`. All carry the run: `run_of` gives it.
    """
    blocks = [crosspoints] if isinstance(crosspoints, Crosspoints) else list(crosspoints)
    progress = progress or NoProgress()
    SIGNALS.begin()
    with interrupts() as caught:
        ending = Ending(caught, blocks, station, progress)
        try:
            try:
                if station is not None:
                    station.count_earlier(runs_folder(runs) if continued is None else continued.folder.parent)
                writer = _writer(what, blocks, runs, station) if continued is None else _reopened(continued)
                ending.begin(writer, total)
                made = Recording(writer, progress, caught, station)
                yield made
                caught.hold()
                for block in blocks:
                    block.rest()
                ending.how = ("finished", made.why_stopped)
            except BaseException as error:
                ending.failed(error)
                raise
            finally:
                ending.end()
        except Exception as error:
            raise ending.told(error) from _cause(error)
        except BaseException as error:
            ending.told(error)
            raise
        finally:
            ending.end()  # a signal at the very door of the first call may have kept it from running


def _writer(
    what: What, blocks: Sequence[Crosspoints], runs: str | Path | None, station: RecordedStation | None
) -> RunWriter:
    first = blocks[0]
    name = "+".join(dict.fromkeys(block.name for block in blocks))
    where = Where(name, first.shape, first.unit, asdict(first.origin))
    return RunWriter(runs_folder(runs), what, where, station.record() if station else None)


def _reopened(run: Run) -> RunWriter:
    return RunWriter.reopened(run.folder, run.info, taken_before(run).counts)


def _cause(error: Exception) -> BaseException | None:
    return error.__cause__ if isinstance(error, LabshdError) else error


def run_of(error: BaseException) -> Run | None:
    """The run that `error` ended, None where there is none."""
    return getattr(error, "run", None)


def what_of(protocol: Protocol, campaign: dict[str, Any] | None = None) -> What:
    """What a run keeps of its protocol: settings, seed, and the text of one that is the user's own."""
    settings, seed = protocol.model_dump(mode="json"), getattr(protocol, "seed", None)
    return What("protocol", protocol.name, settings, seed, source_of(type(protocol)), campaign)


def record(
    protocol: Protocol,
    crosspoints: Crosspoints,
    *,
    runs: str | Path | None = None,
    station: RecordedStation | None = None,
    progress: Progress | None = None,
    campaign: dict[str, Any] | None = None,
    continued: Run | None = None,
) -> Run:
    """Run `protocol` on `crosspoints`, keep every reading, analyse, and give the run.

    What the limits have no room for is refused before the first byte (`Protocol.foreseen`).
    Whatever ends it, outputs are off, what was taken is in the run and is analysed as far as it goes. Raises as
    `recording` does.

    Parameters
    ----------
    station
        What to keep of the station; known by itself where `crosspoints` come from an open one.
    campaign
        Of which campaign the run is, as `What` keeps it.
    continued
        A run of this protocol that was cut off: it goes on. `crosspoints` must then do again what they did, without
        pulsing: each reading that was taken before must come again, bit for bit, or the run fails (`RunError`).
    """
    what = what_of(protocol, campaign)
    station = station or station_of(crosspoints)
    total = protocol.planned_readings(crosspoints.shape)
    steps = protocol.run(crosspoints)
    try:
        more: dict[str, Any] = {"runs": runs, "station": station, "progress": progress, "total": total}
        with recording(what, crosspoints, **more, continued=continued) as made:
            refuse_beyond(protocol, crosspoints, continued)
            made.why_stopped = _drive(steps if continued is None else beyond(steps, taken_before(continued)), made)
    except BaseException as error:
        stopped = run_of(error)
        if stopped is not None:
            error.run = analysed(stopped, protocol)  # type: ignore[attr-defined]
        raise
    finally:
        steps.close()  # after outputs are off: what a protocol does when it is left must not come before
    return analysed(open_run(made.folder), protocol)


def refuse_beyond(protocol: Protocol, crosspoints: Crosspoints, continued: Run | None = None) -> None:
    """Raise `LimitError` unless limits and budgets have room for all that `protocol` may do; sends nothing.

    Of a run that goes on, what it has spent counts once.
    """
    foreseen = protocol.foreseen(crosspoints)
    if foreseen is not None:
        spent = None if continued is None else fired_in(continued.folder, continued.info)
        crosspoints.foresee(foreseen, spent)


def _drive(steps: Iterator[Points], made: Recording) -> str:
    while True:
        try:
            points = next(steps)
        except StopIteration as stop:
            return str(stop.value or "all steps done")
        made.points(points)


def analysed(run: Run, protocol: Protocol) -> Run:
    """The run with the protocol's numbers in it; where there are none, with the reason. The points are there anyway."""
    try:
        if not len(series := run.series()):
            return run
        return run.keep(result=protocol.results(series))
    except Exception as error:
        _log.warning("%s: no result: %s", run.folder, error)
        try:
            return run.keep(analysis_error=f"{type(error).__name__}: {error}")
        except LabshdError:
            return run
