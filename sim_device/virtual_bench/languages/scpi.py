"""A SCPI instrument after IEEE 488.2 and SCPI-1999: command chains, queues and status.

A message is parsed once and remembered: what it means depends on its text alone. A twin of an instrument is a
`ScpiTwin` with a table of commands written as its manual writes them.
"""

from __future__ import annotations

import re
from collections import deque
from typing import ClassVar, Final, NamedTuple

from sim_device.virtual_bench.bounds import LONGEST_REMEMBERED
from sim_device.virtual_bench.languages.scpi_tree import Arguments, CommandTree, Handler, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, split_outside_quotes


class _Unit(NamedTuple):
    """One command of a message, ready to run; `error` where it cannot be."""

    handler: Handler | None
    suffixes: Suffixes
    arguments: Arguments
    error: ScpiError | None


_HEADER: Final = re.compile(
    r"\s*(:?\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\??)(?:\s+(.*))?$", re.S
)
_REMEMBERED: Final = 4096  # messages; a pulse generator is sent thousands of different levels in a night

ERROR_QUEUE: Final = 20
OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 1, 4, 8, 16, 32, 128


class ScpiTwin:
    """What every SCPI instrument does: parse, queue errors and replies, keep the status of IEEE 488.2.

    A subclass fills its `tree`, gives `identity`, and overrides `reset` and, where operations overlap, `finish`.
    """

    tree: ClassVar[CommandTree]
    identity: str

    def __init__(self) -> None:
        self.errors: deque[tuple[int, str]] = deque()
        self.replies: deque[str] = deque()
        self.event_status = POWER_ON
        self.event_enable = 0
        self.service_enable = 0
        self._parsed: dict[str, list[_Unit]] = {}

    # -- what a subclass tells -------------------------------------------------------------------------------------

    def reset(self) -> None:
        """``*RST``: settings to their defaults."""

    def restart(self) -> None:
        """Switched off and on again: defaults, no errors, and the event status says so."""
        self.reset()
        self.clear()
        self.errors.clear()
        self.event_status = POWER_ON

    def finish(self) -> None:
        """Wait until pending operations are complete (``*OPC?``, ``*WAI``)."""

    def trigger(self) -> None:
        """``*TRG``."""
        raise ScpiError(-211, "Trigger ignored")

    # -- the line --------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        """Take one message without its termination; errors go to the queue."""
        if self.replies:
            self.replies.clear()
            self.push_error(-410, "Query INTERRUPTED")
        units = self._parsed.get(message)
        if units is None:
            units = self._remember(message)
        answers: list[str] = []
        for handler, suffixes, arguments, error in units:
            try:
                if error is not None:
                    raise error
                answer = handler(self, suffixes, arguments)  # type: ignore[misc] - a unit has a handler or an error
            except ScpiError as refused:
                self.push_error(refused.code, refused.text)
                if -200 < refused.code <= -100:
                    break  # the rest of a message that cannot be parsed is discarded
            else:
                if answer is not None:
                    answers.append(answer)
        if answers:
            self.replies.append(";".join(answers))

    def transmit(self) -> str | None:
        """The reply that waits, or None after noting that there was none."""
        if self.replies:
            return self.replies.popleft()
        self.push_error(-420, "Query UNTERMINATED")
        return None

    def waiting(self) -> bool:
        """Whether a reply waits."""
        return bool(self.replies)

    def clear(self) -> None:
        """Device clear: forget replies; settings and errors stay."""
        self.replies.clear()

    def status_byte(self) -> int:
        """The status byte: error queue (4), message available (16), event summary (32), request (64)."""
        byte = (4 if self.errors else 0) | (16 if self.replies else 0)
        byte |= 32 if self.event_status & self.event_enable else 0
        return byte | (64 if byte & self.service_enable else 0)

    # -- errors ----------------------------------------------------------------------------------------------------

    def push_error(self, code: int, text: str) -> None:
        """Queue an error and set the bit of its class; the last place of a full queue says that it is."""
        if len(self.errors) < ERROR_QUEUE:
            self.errors.append((code, text))
        else:
            self.errors[-1] = (-350, "Queue overflow")
        kinds = {-1: COMMAND_ERROR, -2: EXECUTION_ERROR, -3: DEVICE_ERROR, -4: QUERY_ERROR}
        self.event_status |= kinds.get(-(-code // 100), DEVICE_ERROR)

    def pop_error(self) -> str:
        """The oldest error as ``SYSTem:ERRor?`` answers it."""
        code, text = self.errors.popleft() if self.errors else (0, "No error")
        return f'{code:+d},"{text}"' if code == 0 and self.signed_zero else f'{code},"{text}"'

    signed_zero: ClassVar[bool] = False  # Keysight answers +0,"No error"
    # IEEE 488.2 has no colon before a common command, but drivers in wide use send ``:*RST`` to Keithley instruments.
    colon_before_common: ClassVar[bool] = False

    # -- parsing ---------------------------------------------------------------------------------------------------

    def _remember(self, message: str) -> list[_Unit]:
        if len(self._parsed) >= _REMEMBERED:
            self._parsed.clear()
        units = self._parse(message)
        if len(message) <= LONGEST_REMEMBERED:
            self._parsed[message] = units
        return units

    def _parse(self, message: str) -> list[_Unit]:
        units: list[_Unit] = []
        path: tuple[str, ...] = ()
        for text in split_outside_quotes(message, ";"):
            if not text.strip():
                continue
            try:
                unit, path = self._unit(text, path)
            except ScpiError as error:
                units.append(_Unit(None, (), (), error))
                break
            units.append(unit)
        return units

    def _unit(self, text: str, path: tuple[str, ...]) -> tuple[_Unit, tuple[str, ...]]:
        """One command; a header without a leading colon continues the path of the one before (SCPI-1999 6.2.4)."""
        match = _HEADER.match(text.rstrip())
        if match is None:
            raise ScpiError(-102, "Syntax error")
        header, mark, rest = match.group(1).upper(), match.group(2), match.group(3)
        if header.startswith(":*"):
            if not self.colon_before_common:
                raise ScpiError(-102, "Syntax error")
            header = header[1:]
        if header.startswith("*"):
            keywords = (header,)
        elif header.startswith(":"):
            keywords = tuple(header[1:].split(":"))
            path = keywords[:-1]
        else:
            keywords = (*path, *header.split(":"))
            path = keywords[:-1]
        entry, suffixes = self.tree.find(keywords)
        handler = entry.query if mark else entry.set
        if handler is None:
            raise ScpiError(-113, "Undefined header")
        arguments = tuple(part.strip() for part in split_outside_quotes(rest, ",")) if rest and rest.strip() else ()
        return _Unit(handler, suffixes, arguments, None), path
