"""The wire: opens instruments over VISA, explains what goes wrong, and records every message.

A late reply must never answer the next query, so a timeout is followed by a device clear (a raw socket, which has none,
is closed and opened again), and nothing is ever sent twice.
"""

from __future__ import annotations

import io
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self, TypeAlias

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import StatusCode
from pyvisa.errors import Error as VisaError
from pyvisa.errors import VisaIOError
from pyvisa.rname import InvalidResourceName, ResourceName

from instruments.clock import Clock, RealClock
from instruments.errors import InputError, InstrumentError, NotAnswering, WrongInstrument
from instruments.units import text as with_unit

if TYPE_CHECKING:
    from pyvisa.highlevel import VisaLibraryBase
    from pyvisa.resources import MessageBasedResource

log = logging.getLogger(__name__)

CHUNK = 20 * 1024  # [bytes] of one read; small chunks are 10 times slower with pyvisa-py
IDENTITY = "*IDN?"  # its first answer is whom a connection that was lost must lead to again
TERMINATION = "\n"  # of every message in both directions: IEEE 488.2, and the default of the boxes' sockets
REMEMBERED = 4096  # messages whose spelling in the record is kept
AT_ONCE = 256  # messages that are written together
SHORT = 1024  # characters of one that is
_LINE_FEED = TERMINATION.encode("ascii")


class Message(NamedTuple):
    """One message on the wire: `time` [s] on the clock of the run, `direction` "write" or "read", `text` as sent."""

    time: float
    instrument: str
    direction: str
    text: str


Sink: TypeAlias = Callable[[Message], None]


class Wire(VISAAdapter):
    """A VISA session to one instrument, used by drivers as their PyMeasure adapter.

    Parameters
    ----------
    resource
        VISA resource name, such as ``TCPIP0::192.168.0.5::inst0::INSTR``.
    visa_library
        "@py", "" for the vendor's library, a path of one, or a library object that lives in this process.
    instrument
        Name in messages and in the record, such as "smu".
    timeout
        [s] an answer may take.
    clock
        Stamps the record; drivers wait on it.
    sink
        Gets every message, in order, as it passes.

    Raises
    ------
    InputError
        `resource` is not a VISA resource name.
    NotAnswering
        Nothing could be opened there.
    """

    connection: MessageBasedResource  # type: ignore[assignment] - never PyMeasure's test double here

    def __init__(
        self,
        resource: str,
        visa_library: str | VisaLibraryBase = "@py",
        *,
        instrument: str = "instrument",
        timeout: float = 5.0,
        clock: Clock | None = None,
        sink: Sink | None = None,
    ) -> None:
        self.instrument = instrument
        self.clock = clock or RealClock()
        self.timeout = timeout
        self._sink = sink
        self._last_written = ""
        self._unread = False  # a query was sent and its answer not read
        self._identity: str | None = None
        self._resource = resource
        if visa_library == "@py" or not isinstance(visa_library, str):
            _check_name(resource)  # a vendor's library knows aliases as well
        try:
            super().__init__(
                resource,
                visa_library,  # type: ignore[arg-type] - PyMeasure hands an object on to PyVISA
                read_termination=TERMINATION,
                write_termination=TERMINATION,
                timeout=timeout * 1e3,
            )
        except VisaIOError as error:
            raise NotAnswering(f"{self} cannot be opened: {error.description} Is it on and connected?") from error
        except (VisaError, OSError, ValueError) as error:
            raise NotAnswering(f"{self} cannot be opened: {error}") from error
        self._prepare_session()

    def __str__(self) -> str:
        return f"{self.instrument} at {self._resource}"

    def __del__(self) -> None:
        """Close what was left open; while Python itself ends, PyVISA does."""
        if not sys.is_finalizing():
            self.close()

    def close(self) -> None:
        """Close the session; harmless when it never opened."""
        if getattr(self, "connection", None) is not None:
            super().close()

    def write(self, command: str, **kwargs: Any) -> None:
        """Send `command`; `NotAnswering` when it could not be delivered."""
        if "?" in command or "print" in command or "TTIV" in command:  # a query, in SCPI, TSP or FLEX
            if self._unread:
                self._clean()  # whoever asked before was interrupted: its answer must not be taken for this one's
            self._unread = True
        self._last_written = command
        self._note("write", command)
        connection = self.connection
        try:
            connection.visalib.write(connection.session, (command + TERMINATION).encode("ascii"))
        except (VisaError, OSError) as error:
            self._lost(error)

    def read(self, **kwargs: Any) -> str:
        """The next reply without its termination; `NotAnswering` after the timeout, with the session made clean."""
        connection = self.connection
        try:
            received, status = connection.visalib.read(connection.session, CHUNK)
            while status == StatusCode.success_max_count_read:
                more, status = connection.visalib.read(connection.session, CHUNK)
                received += more
        except (VisaError, OSError) as error:
            self._lost(error)
        self._unread = False
        if not received.endswith(_LINE_FEED) or not received.isascii():
            self._garbled(received)
        reply = received[:-1].decode("ascii")
        self._note("read", reply)
        if self._identity is None and self._last_written == IDENTITY:
            self._identity = reply
        return reply

    def _note(self, direction: str, text: str) -> None:
        if self._sink is not None:
            self._sink(Message(self.clock.now(), self.instrument, direction, text))
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s %s", self.instrument, direction, text)

    def _prepare_session(self) -> None:
        """What a new session needs; messages then go to the library by the shortest way."""
        connection = self.connection
        # PyVISA warns of a reply longer than a chunk; reading goes on, so there is nothing to warn of.
        self._quiet = connection.visalib.ignore_warning(connection.session, StatusCode.success_max_count_read)
        self._quiet.__enter__()
        _send_at_once(connection)

    def _garbled(self, received: bytes) -> NoReturn:
        """Half a reply, or one that is no text, is never a value."""
        self._clean()
        what = "bytes that are no text" if received.endswith(_LINE_FEED) else "half a reply"
        raise InstrumentError(f"{self} answered {self._last_written!r} with {what}: {received[:60]!r}")

    def _lost(self, error: Exception) -> NoReturn:
        """Make the session clean, then say what was not answered."""
        self._unread = False
        timed_out = isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout
        usable = self._clean() if timed_out else self._open_anew()
        if timed_out:
            what = f"did not answer {self._last_written!r} within {with_unit(self.timeout, 's')}"
        else:
            what = f"was lost at {self._last_written!r} ({error})"
        after = "" if usable else "; it could not be reached again: check its power and its cable"
        raise NotAnswering(f"{self} {what}{after}") from error

    def _clean(self) -> bool:
        """No late reply may answer the next query: clear the device, or open a raw socket anew."""
        if isinstance(self.connection, pyvisa.resources.TCPIPSocket):
            return self._open_anew()
        try:
            self.connection.clear()
        except (VisaError, OSError) as error:
            log.warning("%s could not be cleared: %s", self, error)
            return self._open_anew()
        return True

    def _open_anew(self) -> bool:
        """Another session, to the same instrument as before; `WrongInstrument` if it is another one now."""
        connection = self.connection
        try:
            with suppress(VisaError, OSError):
                connection.close()
            connection.open()
            connection.timeout = self.timeout * 1e3
            _restore_termination(connection)
            self._prepare_session()
            found = connection.query(IDENTITY) if self._identity is not None else None
        except (VisaError, OSError, UnicodeDecodeError, UserWarning) as error:
            log.warning("%s could not be opened anew: %s", self, error)
            return False
        if found != self._identity:
            connection.close()
            raise WrongInstrument(
                f"{self} was lost, and who answers there now is {found!r}, not {self._identity!r}; nothing was sent"
            )
        return True


def _check_name(resource: str) -> None:
    try:
        ResourceName.from_string(resource)
    except InvalidResourceName as error:
        raise InputError(
            f"{resource!r} is not a VISA resource name; write it like 'TCPIP0::192.168.0.5::inst0::INSTR', "
            "'GPIB0::24::INSTR' or 'USB0::0x05E6::0x2450::04412345::INSTR'"
        ) from error


def _restore_termination(connection: MessageBasedResource) -> None:
    """PyVISA enables the termination character where it is set, and remembers it: set it on the new session, too."""
    connection.read_termination = None
    connection.read_termination = TERMINATION


def _send_at_once(connection: MessageBasedResource) -> None:
    """TCP_NODELAY on a raw socket of pyvisa-py: Nagle and delayed ACK make 44 ms of a set and a read (measured)."""
    sessions: dict[Any, Any] = getattr(connection.visalib, "sessions", {})
    link = getattr(sessions.get(connection.session), "interface", None)
    if isinstance(link, socket.socket):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


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
