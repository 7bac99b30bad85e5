"""Reading buffers of the 2600B twin: readings with status and time stamp, appended or begun anew.

Source: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 7 (bufferVar.appendmode, timestamps).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sim_device.virtual_bench.languages.tsp_values import TspError, Value

COMPLIANCE: Final = 64.0  # bit of a buffer status
PARTS: Final = ("readings", "statuses", "timestamps")
CONFLICT: Final = -221  # "Settings conflict"; the twin's number for what the manual forbids without naming one


class Entry(NamedTuple):
    """One reading [A or V ...], its status word, and when it was taken [s] on the clock of the bench."""

    reading: float
    status: float
    time: float


class ReadingBuffer:
    """``smuX.nvbufferY``."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.modes = {"appendmode": 0.0, "collecttimestamps": 1.0}

    def clear(self) -> None:
        """``clear()``."""
        self.entries.clear()

    def begin(self) -> None:
        """A measurement begins: what is held goes, unless it is appended to."""
        if not self.modes["appendmode"]:
            self.clear()

    def keep(self, reading: float, *, limited: bool, time: float) -> None:
        """One more reading."""
        self.entries.append(Entry(reading, COMPLIANCE if limited else 0.0, time))

    def set_mode(self, mode: str, value: Value) -> None:
        """``appendmode``, ``collecttimestamps``: 0 or 1, and only while the buffer is empty."""
        if value not in (0.0, 1.0) or not isinstance(value, float):
            raise TspError(1100, f"Parameter error: {mode}")
        if self.entries:
            raise TspError(CONFLICT, "Settings conflict: the buffer is not empty")
        self.modes[mode] = value

    def column(self, part: str) -> list[float]:
        """Readings, statuses, or time stamps [s] since the first reading."""
        if part == "timestamps":
            if not self.modes["collecttimestamps"]:
                raise TspError(CONFLICT, "Settings conflict: the buffer holds no time stamps")
            return [entry.time - self.entries[0].time for entry in self.entries]
        return [entry.status if part == "statuses" else entry.reading for entry in self.entries]
