"""A FLEX instrument, as Keysight's parameter analysers are: commands of letters and numbers, two output buffers.

Source: Keysight B1500A Programming Guide, chapter 1. Commands are separated by semicolons, parameters by commas, case
does not matter, a line feed (or CR LF) ends a message of 256 characters at most. The query buffer holds one answer, a
later one replaces it; measured data wait in a buffer of their own until they are read. What follows a command that was
refused is still run: the guide does not promise otherwise. A device clear resets.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from sim_device.virtual_bench.bounds import LONGEST_REMEMBERED

MOST_CHARACTERS: Final = 256  # of a message, with its termination
ERROR_QUEUE: Final = 30
UNDEFINED, SYNTAX, PARAMETERS, VALUE, CHANNEL, CHANNELS = 100, 102, 103, 120, 121, 122
COMPLIANCE, RANGE, FULL, SWITCH_OPEN, NO_COMPLIANCE, INTERLOCK, EXCESS = 123, 124, 150, 200, 201, 202, 305
TEXTS: Final = {
    UNDEFINED: "Undefined GPIB command.",
    SYNTAX: "Incorrect numeric data syntax.",
    PARAMETERS: "Incorrect terminator position.",
    VALUE: "Incorrect parameter value.",
    CHANNEL: "Channel number must be corrected.",
    CHANNELS: "Number of channels must be corrected.",
    COMPLIANCE: "Compliance must be set correctly.",
    RANGE: "Incorrect range value for this channel.",
    FULL: "Command input buffer is full.",
    SWITCH_OPEN: "Channel output switch must be ON.",
    NO_COMPLIANCE: "Compliance must be set.",
    INTERLOCK: "Interlock circuit must be closed.",
    EXCESS: "Excess current in HPSMU.",
}

_COMMAND: Final = re.compile(r"\s*(\*?[A-Za-z]+\??)(.*)$", re.S)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")

Numbers: TypeAlias = tuple[float, ...]
Act: TypeAlias = Callable[..., "str | None"]


class FlexError(Exception):
    """An error for the queue: `code` as chapter 5 lists it."""

    def __init__(self, code: int) -> None:
        super().__init__(TEXTS[code])
        self.code = code


class Command(NamedTuple):
    """What a header does: `act` is called with as many numbers as were sent, between `least` and `most`."""

    act: Act
    least: int = 0
    most: int = 0


def whole(value: float, low: int, high: int) -> int:
    """A whole number within bounds; error 120 for any other."""
    if value != round(value) or not low <= value <= high:
        raise FlexError(VALUE)
    return round(value)


def bounded(value: float, low: float, high: float) -> float:
    """A number within bounds; error 120 beyond them."""
    if not low * (1 - 1e-9) - 1e-15 <= value <= high * (1 + 1e-9):
        raise FlexError(VALUE)
    return value


class FlexTwin:
    """Parse, run, queue: a subclass lists its `commands` by header and overrides `reset`."""

    identity: str

    def __init__(self) -> None:
        self.errors: deque[int] = deque()
        self.answer: str | None = None
        self.data: deque[str] = deque()
        self._parsed: dict[str, list[tuple[Command, Numbers] | FlexError]] = {}
        self.commands: dict[str, Command] = {
            "*IDN?": Command(lambda: self.identity),
            "*RST": Command(self.reset),
            "*OPC?": Command(self._complete),
            "*STB?": Command(lambda: str(self.status_byte())),
            "ERRX?": Command(self._errx, 0, 1),
            "ERR?": Command(self._err, 0, 1),
            "EMG?": Command(self._message, 1, 1),
            "BC": Command(self.data.clear),
            "NUB?": Command(lambda: str(len(self.data))),
            **self._own_commands(),
        }

    # -- what a subclass tells -------------------------------------------------------------------------------------

    def _own_commands(self) -> Mapping[str, Command]:
        return {}

    def reset(self) -> None:
        """``*RST``, device clear: initial settings, output switches open. The error queue stays."""

    def finish(self) -> None:
        """``*OPC?``: wait until pending operations are complete."""

    # -- the line --------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        """Run one message; errors go to the queue."""
        units = self._parsed.get(message)
        if units is None:
            if len(self._parsed) > 4096:
                self._parsed.clear()
            units = self._parse(message)
            if len(message) <= LONGEST_REMEMBERED:
                self._parsed[message] = units
        for unit in units:
            try:
                if isinstance(unit, FlexError):
                    raise unit
                command, numbers = unit
                answer = command.act(*numbers)
            except FlexError as error:
                self.push_error(error.code)
            else:
                if answer is not None:
                    self.answer = answer

    def transmit(self) -> str | None:
        """The answer of the last query, else the oldest block of data; with CR, the port adds LF."""
        if self.answer is not None:
            answer, self.answer = self.answer, None
            return answer + "\r"
        return self.data.popleft() + "\r" if self.data else None

    def waiting(self) -> bool:
        """Whether an answer or data wait."""
        return self.answer is not None or bool(self.data)

    def clear(self) -> None:
        """Forget answers and data."""
        self.answer = None
        self.data.clear()

    def device_clear(self) -> None:
        """Device clear: as `clear`, and back to the initial settings."""
        self.clear()
        self.reset()

    def status_byte(self) -> int:
        """Data ready (1), set ready (16), error (32)."""
        return (1 if self.waiting() else 0) | 16 | (32 if self.errors else 0)

    # -- parsing ---------------------------------------------------------------------------------------------------

    def _parse(self, message: str) -> list[tuple[Command, Numbers] | FlexError]:
        if len(message) >= MOST_CHARACTERS:
            return [FlexError(FULL)]
        return [self._unit(text) for text in message.split(";") if text.strip()]

    def _unit(self, text: str) -> tuple[Command, Numbers] | FlexError:
        match = _COMMAND.match(text)
        command = self.commands.get(match[1].upper()) if match else None
        if match is None or command is None:
            return FlexError(UNDEFINED)
        parts = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
        if not all(_NUMBER.match(part) for part in parts):
            return FlexError(SYNTAX)
        if not command.least <= len(parts) <= command.most:
            return FlexError(PARAMETERS)
        return command, tuple(float(part) for part in parts)

    # -- what every box has ----------------------------------------------------------------------------------------

    def push_error(self, code: int) -> None:
        """Queue an error; a full queue keeps the older ones."""
        if len(self.errors) < ERROR_QUEUE:
            self.errors.append(code)

    def _errx(self, mode: float = 0) -> str:
        with_text = whole(mode, 0, 1) == 0
        code = self.errors.popleft() if self.errors else 0
        return f'{code:+d},"{TEXTS.get(code, "No Error.")}"' if with_text else f"{code:+d}"

    def _err(self, mode: float = 0) -> str:
        if whole(mode, 0, 1) == 1:
            return str(self.errors.popleft() if self.errors else 0)
        codes = [self.errors.popleft() if self.errors else 0 for _ in range(4)]
        return ",".join(str(code) for code in codes)

    def _message(self, code: float) -> str:
        if int(code) not in TEXTS:
            raise FlexError(VALUE)
        return TEXTS[int(code)]

    def _complete(self) -> str:
        self.finish()
        return "1"


def shown(value: float, digits: int) -> str:
    """A measured value as FLEX writes it: `digits` significant digits, an exponent that is a multiple of three."""
    mantissa, exponent = f"{abs(value):.{digits - 1}E}".split("E")
    power = int(exponent)
    shift = power % 3 if value else 0
    figures = mantissa.replace(".", "")
    sign = "-" if value < 0 else "+"
    return f"{sign}{figures[: 1 + shift]}.{figures[1 + shift :]}E{power - shift:+03d}"
