"""The record of the wire: every message as one JSON line, in the order in which it passed."""

from __future__ import annotations

import io
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

REMEMBERED = 4096  # messages whose spelling in the record is kept
AT_ONCE = 256  # messages that are written together
SHORT = 1024  # characters of one that is


class Message(NamedTuple):
    """One message on the wire: `time` [s] on the clock of the run, `direction` "write" or "read", `text` as sent."""

    time: float
    instrument: str
    direction: str
    text: str


Sink: TypeAlias = Callable[[Message], None]


class WireLog:
    """A sink that writes messages to a file as JSON lines: ``time_s``, ``instrument``, ``direction``, ``text``.

    Buffered: `flush` puts what came so far with the operating system, closing flushes.
    """

    def __init__(self, path: Path) -> None:
        self._file: io.TextIOWrapper = path.open("a", encoding="utf-8", newline="\n", buffering=1 << 16)
        self._quoted: dict[tuple[str, str, str], str] = {}  # most messages come again and again
        self._waiting: list[Message] = []  # written as text many at a time, which is quicker

    def __call__(self, message: Message) -> None:
        """Append one message."""
        self._waiting.append(message)
        if len(self._waiting) >= AT_ONCE:
            self._hand_on()

    def _hand_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        known = self._quoted
        self._file.write(
            "".join([f'{{"time_s": {one[0]!r}, {known.get(one[1:]) or self._said(one)}' for one in waiting])
        )

    def _said(self, message: Message) -> str:
        _, instrument, direction, text = message
        said = f'"instrument": {quoted(instrument)}, "direction": "{direction}", "text": {quoted(text)}}}\n'
        if len(text) <= SHORT and len(self._quoted) < REMEMBERED:
            self._quoted[message[1:]] = said
        return said

    def flush(self) -> None:
        """Hand everything so far to the operating system."""
        self._hand_on()
        self._file.flush()

    def close(self) -> None:
        """Flush and close. Idempotent."""
        try:
            if not self._file.closed:
                self._hand_on()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
