"""Progress of the demo on stderr: a bar with the time left, or one line a stage."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar
    from rich.progress import TaskID


class Stages:
    """A bar for the whole and one for the stage; plain lines where stderr is no terminal.

    Parameters
    ----------
    weights
        Title of each stage and the share of the time it takes, in any unit.
    """

    def __init__(self, weights: dict[str, float], stream: TextIO | None = None) -> None:
        self._weights = weights
        self._stream = stream or sys.stderr
        self._rich: RichBar | None = None
        self._whole: TaskID | None = None
        self._stage: StageProgress | None = None
        self._done = 0.0

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._show()
        return self

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._rich = RichBar(*columns, console=Console(file=self._stream))
        self._whole = self._rich.add_task("labshd demo", total=sum(self._weights.values()), note="")
        self._rich.start()

    def __exit__(self, *_: object) -> None:
        self.finish_stage()
        if self._rich is not None:
            self._rich.stop()

    def stage(self, title: str) -> StageProgress:
        """Begin a stage; the one before is done. Gives what the recorder reports to."""
        self.finish_stage()
        self._stage = StageProgress(self, title)
        return self._stage

    def finish_stage(self) -> None:
        """The current stage is done."""
        if self._stage is None:
            return
        took = time.monotonic() - self._stage.begun
        self._done += self._weights.get(self._stage.title, 0.0)
        self.moved(0.0, "")
        if self._rich is None:
            self._stream.write(f"{self._stage.title}: done in {took:.1f} s of computer time\n")
            self._stream.flush()
        else:
            self._rich.console.print(f"[green]done[/green] {self._stage.title}  {took:.1f} s of computer time")
        self._stage = None

    def moved(self, fraction: float, note: str) -> None:
        """The current stage is `fraction` of its way."""
        if self._rich is None or self._whole is None:
            return
        title = self._stage.title if self._stage else ""
        share = self._weights.get(title, 0.0) * fraction
        self._rich.update(self._whole, completed=self._done + share, note=f"{title}  {note}")


class StageProgress:
    """A stage as the recorder sees it (`labshd.common.progress.Progress`)."""

    def __init__(self, stages: Stages, title: str) -> None:
        self._stages = stages
        self.title = title
        self.begun = time.monotonic()
        self._total: int | None = None
        self._steps = 0

    def start(self, total: int | None) -> None:
        """`total` steps will come at most."""
        self._total, self._steps = total, 0

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """`steps` more are done."""
        self._steps += steps
        self._stages.moved(min(1.0, self._steps / self._total) if self._total else 0.0, note)

    def stop(self) -> None:
        """The recorder is through."""
        self._stages.moved(1.0, "")
