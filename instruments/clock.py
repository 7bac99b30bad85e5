"""The clock of a bench: real time for real instruments, simulated time in a rehearsal."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod


class Clock(ABC):
    """Tells the time since it was made and lets time pass."""

    @abstractmethod
    def now(self) -> float:
        """Seconds [s] since this clock was made; never runs backwards."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let `seconds` [s] pass."""


class RealClock(Clock):
    """The clock on the wall: waiting sleeps."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        """Seconds [s] since this clock was made."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


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
