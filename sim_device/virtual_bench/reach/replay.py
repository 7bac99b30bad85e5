"""Instruments that repeat what they said in a recorded run, and complain at the first byte that differs.

The record of a run begins when the bench is open, so opening and preparing are answered by the ordinary twins; from
`begin` on every message must be the recorded one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from instruments.clock import Clock
from instruments.errors import InputError, RunError
from instruments.whole_files import read_text
from instruments.wire_log import Message
from sim_device.virtual_bench.reach.visa import Port


class ReplayDiffers(RunError):  # noqa: N818 - reads as a statement where it is caught
    """A message is not the one that was recorded at this place."""


class ReplayEnded(RunError):  # noqa: N818
    """The record ends here: the run was interrupted, or another came between."""


class RecordedClock(Clock):
    """The clock of a recorded run: it stands at the last message that passed, and only messages move it."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        """Time of the last message [s]."""
        return self.at

    def wait(self, seconds: float) -> None:
        """Waiting is over when the next message was sent."""


class Recording:
    """The messages of a run, in order, and how far they have been repeated."""

    def __init__(self, messages: list[Message], clock: RecordedClock) -> None:
        self.messages = messages
        self.clock = clock
        self.position = 0
        self.begun = False

    def begin(self) -> None:
        """From now on every message must be the recorded one."""
        self.begun = True

    @property
    def finished(self) -> bool:
        """Whether all of it was repeated."""
        return self.position == len(self.messages)

    def sent(self, instrument: str, text: str) -> None:
        """A message to an instrument; `ReplayDiffers` where the record has another, `ReplayEnded` where it has none."""
        expected = self._next(f"{instrument} is sent {text!r}")
        if (expected.instrument, expected.direction, expected.text) != (instrument, "write", text):
            raise ReplayDiffers(
                f"message {self.position + 1} differs: now {instrument} is sent {text!r}; recorded was "
                f"{_described(expected)}"
            )
        self._pass(expected)

    def answered(self, instrument: str) -> str | None:
        """The recorded answer of an instrument; None where none came then, either."""
        if self.position == len(self.messages):
            return None
        expected = self.messages[self.position]
        if (expected.instrument, expected.direction) != (instrument, "read"):
            return None
        self._pass(expected)
        return expected.text

    def _next(self, what: str) -> Message:
        if self.position == len(self.messages):
            raise ReplayEnded(f"the record ends after {len(self.messages)} messages, where {what}")
        return self.messages[self.position]

    def _pass(self, message: Message) -> None:
        self.position += 1
        self.clock.at = message.time


class RecordedPort(Port):
    """A port whose instrument says again what it said; before `Recording.begin` the twin answers.

    `instrument` is its name in the record, `identity` what it answered when it was asked who it is.
    """

    def __init__(self, recording: Recording, port: Port, instrument: str, identity: str | None) -> None:
        super().__init__(port.twin)
        self._recording = recording
        self._instrument = instrument
        self._identity = identity
        self._asked_who = False

    def send(self, message: str) -> None:
        """Compare with the record."""
        self._asked_who = message == "*IDN?" and self._identity is not None
        if self._recording.begun:
            self._recording.sent(self._instrument, message)
        elif not self._asked_who:
            super().send(message)

    def reply(self) -> bytes | None:
        """As recorded."""
        if self._recording.begun:
            text = self._recording.answered(self._instrument)
            return None if text is None else text.encode("ascii") + b"\n"
        if self._asked_who:
            self._asked_who = False
            return f"{self._identity}\n".encode("ascii")
        return super().reply()

    def clear(self) -> None:
        """Nothing is held back."""


def read_wire(path: Path) -> list[Message]:
    """Messages of a ``wire.jsonl``; a last line that was cut off is left away. `InputError` for any other."""
    messages: list[Message] = []
    try:
        lines = read_text(path).split("\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; a replay needs the record of the wire") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is damaged: {error.reason} at byte {error.start}") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            messages.append(
                Message(float(entry["time_s"]), str(entry["instrument"]), str(entry["direction"]), str(entry["text"]))
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines):
                break
            raise InputError(f"{path}, line {number} is no message of an instrument: {error}") from error
    return messages


def recorded_ports(
    recording: Recording, ports: Mapping[str, Port], roles: Mapping[str, str], identities: Mapping[str, str]
) -> dict[str, Port]:
    """Ports by resource name; `roles` tells the name in the record of each resource, `identities` who each was."""
    return {
        resource: RecordedPort(recording, port, roles[resource], identities.get(roles[resource]))
        for resource, port in ports.items()
    }


def _described(message: Message) -> str:
    what = "was sent" if message.direction == "write" else "answered"
    return f"{message.instrument} {what} {message.text!r} at {message.time:.6f} s"
