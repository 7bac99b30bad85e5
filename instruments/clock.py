"""The clock of a bench: real time for real instruments, simulated time in a rehearsal."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

ASK_EVERY = 0.2  # [s] between questions whether to go on waiting


class Clock(ABC):
    """Tells the time since it was made and lets time pass."""

    @abstractmethod
    def now(self) -> float:
        """Seconds [s] since this clock was made; never runs backwards."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let `seconds` [s] pass."""


class RealClock(Clock):
    """The clock on the wall: waiting sleeps.

    `permit`, where somebody sets it, is asked now and then during a long wait; it raises to end it.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.permit: Callable[[], object] | None = None

    def now(self) -> float:
        """Seconds [s] since this clock was made."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Sleep."""
        if self.permit is None or seconds <= ASK_EVERY:
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.permit()
            time.sleep(min(left, ASK_EVERY))


class VirtualClock(Clock):
    """A clock that only waiting moves: a night's measurement rehearses in seconds."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Simulated seconds [s] since this clock was made."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Advance at once."""
        self._now += seconds
