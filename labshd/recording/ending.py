"""The end of a recording: outputs off first, then the files closed, then how it ended; on every way out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError, LabshdError, RunError
from instruments.roles import every
from labshd.common.progress import Progress
from labshd.common.signals import Interrupts, Terminated, error_of
from labshd.common.station_of import RecordedStation
from labshd.runs.pulse_notes import FIRED, HALF_SELECTED, NOTES, UNCERTAIN
from labshd.runs.run import Run
from labshd.runs.writer import RunWriter

_log = logging.getLogger(__name__)


class Ending:
    """The end of a recording, once, in order: outputs off, wire log and files closed, status."""

    def __init__(
        self,
        caught: Interrupts,
        blocks: Sequence[Crosspoints],
        station: RecordedStation | None,
        progress: Progress,
    ) -> None:
        self.how: tuple[str, str] = ("interrupted", "left before its end")
        self._caught, self._blocks, self._station, self._progress = caught, blocks, station, progress
        self._writer: RunWriter | None = None
        self._error: BaseException | None = None
        self._ended = False

    def failed(self, error: BaseException) -> None:
        """It ended by this."""
        asked = self._caught.name
        if asked is not None and isinstance(error, Exception):
            error = error_of(asked)  # what switches off in between makes an answer go wrong; that is not why it ended
        self.how = how_it_ended(error)
        self._error = error

    def begin(self, writer: RunWriter, total: int | None) -> None:
        """From here on there is a run, whose wire and pulses are kept."""
        self._writer = writer
        if self._station is not None:
            self._station.keep_wire(writer.folder / "wire.jsonl")
            self._station.note_pulses(writer.folder / NOTES, writer.fired_before)
        self._progress.start(total)

    def end(self) -> None:
        """Everything off, then the files; whatever comes in between waits. Idempotent."""
        try:
            self._caught.hold()
        finally:
            if not self._ended:
                for block in self._blocks:
                    block.safe()
                self._close()
                self._ended = True
            if self._caught.waiting is not None:
                self.told(self._caught.waiting)

    def _close(self) -> None:
        """Every step, whatever the others raise: a full disk must not keep the rest from being closed."""
        steps: list[Callable[[], object]] = [self._progress.stop]
        if self._station is not None:
            steps.append(partial(self._station.keep_wire, None))
        if self._writer is not None:
            steps.append(partial(self._close_run, self._writer))
        for error in every(steps):
            _log.error("%s", error)

    def _close_run(self, writer: RunWriter) -> None:
        """Say in the run how it ended; leave none where it was refused before anything was done."""
        pulses = self._station.noted_pulses() if self._station is not None else None
        nothing_done = writer.is_empty and not (pulses and pulses.fired)
        if nothing_done and isinstance(self._error, InputError):
            writer.discard()
            self._writer = None
            return
        of_pulses = {FIRED: pulses.fired, UNCERTAIN: pulses.uncertain} if pulses else {}
        if pulses and pulses.half_selected:
            of_pulses[HALF_SELECTED] = pulses.half_selected
        kind = type(self._error).__name__ if isinstance(self._error, Exception) else None
        writer.close(*self.how, error=kind, **of_pulses)

    def told(self, error: BaseException) -> BaseException:
        """The error, told what it stopped, as it is to be raised."""
        shown = error if isinstance(error, LabshdError) or not isinstance(error, Exception) else _wrapped(error)
        if self._writer is not None:
            shown.run = Run(self._writer.folder, self._writer.info)  # type: ignore[attr-defined]
        return shown


def _wrapped(error: Exception) -> RunError:
    return RunError(f"the run failed: {type(error).__name__}: {error}")


def how_it_ended(error: BaseException) -> tuple[str, str]:
    """Status of a run that `error` ended, and why in a sentence."""
    if isinstance(error, Terminated):
        return "interrupted", f"stopped by the system ({error})"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "stopped by Ctrl-C"
    if isinstance(error, GeneratorExit | SystemExit):
        return "interrupted", "left before its end"
    said = str(error) if isinstance(error, LabshdError) else f"{type(error).__name__}: {error}"
    return "failed", said
