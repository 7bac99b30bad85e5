"""Progress of a run on stderr: a bar with the time left on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar
    from rich.progress import TaskID

PATIENCE = 2.0  # [s] what is done sooner shows nothing
LINE_EVERY = 10.0  # [s] between lines where there is no terminal


class Progress(Protocol):
    """Told how far a run is."""

    def start(self, total: int | None) -> None:
        """It begins; `total` steps will come at most, None where that is not known."""
        ...

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """`steps` more are done, with `pulses` pulses; `note` says what and the current estimate."""
        ...

    def stop(self) -> None:
        """It is over, however it ended. Idempotent."""
        ...


class NoProgress:
    """Shows nothing."""

    def start(self, total: int | None) -> None:
        """Nothing is shown."""

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """Nothing is shown."""

    def stop(self) -> None:
        """Nothing was shown."""


class Lines:
    """A line to `stream` every `LINE_EVERY` seconds: for logs, batch systems and pipes."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream = title, stream
        self._begun = self._shown = time.monotonic()
        self._total: int | None = None
        self._steps = self._pulses = 0

    def start(self, total: int | None) -> None:
        """Start counting."""
        self._begun = self._shown = time.monotonic()
        self._total = total

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """Count, and write a line when it is time."""
        self._steps += steps
        self._pulses += pulses
        now = time.monotonic()
        if now - self._shown < LINE_EVERY:
            return
        self._shown = now
        passed = now - self._begun
        of = f" of at most {self._total}" if self._total else ""
        line = f"{self._title}: {self._steps}{of} steps, {self._pulses / passed:.0f} pulses/s, {note}"
        print(line, file=self._stream, flush=True)

    def stop(self) -> None:
        """Nothing more: how it ended is told elsewhere."""


class Bar:
    """A bar on a terminal, once it has taken `PATIENCE` seconds."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream = title, stream
        self._begun = time.monotonic()
        self._total: int | None = None
        self._steps = self._pulses = 0
        self._bar: RichBar | None = None
        self._task: TaskID | None = None

    def start(self, total: int | None) -> None:
        """Start counting; the bar comes when it takes longer."""
        self._begun = time.monotonic()
        self._total = total
        self._steps = self._pulses = 0

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """Count and show."""
        self._steps += steps
        self._pulses += pulses
        passed = time.monotonic() - self._begun
        if passed < PATIENCE:
            return
        if self._bar is None or self._task is None:
            self._show()
        if self._bar is not None and self._task is not None:
            said = f"{self._pulses / passed:.0f} pulses/s  {note}"
            self._bar.update(self._task, completed=self._steps, note=said)

    def _show(self) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
        )
        console = Console(file=self._stream, stderr=self._stream is sys.stderr)
        self._bar = RichBar(*columns, console=console, transient=True)
        self._task = self._bar.add_task(escape(self._title), total=self._total, completed=self._steps, note="")
        self._bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def progress(title: str, stream: TextIO | None = None) -> Progress:
    """A bar where `stream` (stderr) is a terminal that can redraw a line, else lines."""
    to = stream or sys.stderr
    redraws = to.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    return Bar(title, to) if redraws else Lines(title, to)
