"""The clock of a virtual bench: boxes that work on by themselves do each thing at its own time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from instruments.clock import Clock


class BenchClock(Clock):
    """The clock of the bench, which `at` sets to another time for as long as a box tells what it did then.

    Nothing runs in parallel: a twin that was given work catches up when a message reaches it. What it has done since
    then happened in the meantime, and the circuit is told so.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: float | None = None  # [s] of what is being told

    def now(self) -> float:
        """Seconds [s], or the time that is being told of."""
        return self._clock.now() if self._told is None else self._told

    def wait(self, seconds: float) -> None:
        """Let `seconds` [s] pass; in what is being told nobody waits."""
        if self._told is None:
            self._clock.wait(seconds)
        else:
            self._told += seconds

    @contextmanager
    def at(self, time: float) -> Generator[None]:
        """Inside it is `time` [s], and goes on as the box waits."""
        before, self._told = self._told, time
        try:
            yield
        finally:
            self._told = before
