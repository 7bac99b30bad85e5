"""The wire: opens instruments over VISA, explains what goes wrong, and records every message.

A late reply must never answer the next query, so a timeout is followed by a device clear (a raw socket, which has none,
is closed and opened again), and nothing is ever sent twice.
"""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pyvisa
from pymeasure.adapters import VISAAdapter
from pyvisa.constants import StatusCode
from pyvisa.errors import Error as VisaError
from pyvisa.errors import VisaIOError
from pyvisa.rname import InvalidResourceName, ResourceName

from instruments import forks
from instruments.clock import Clock, RealClock
from instruments.errors import InputError, InstrumentError, NotAnswering, WrongInstrument
from instruments.units import text as with_unit
from instruments.wire_log import Message, Sink

if TYPE_CHECKING:
    from pyvisa.highlevel import VisaLibraryBase
    from pyvisa.resources import MessageBasedResource

log = logging.getLogger(__name__)

CHUNK = 20 * 1024  # [bytes] of one read; small chunks are 10 times slower with pyvisa-py
IDENTITY = "*IDN?"  # its first answer is whom a connection that was lost must lead to again
TERMINATION = "\n"  # of every message in both directions: IEEE 488.2, and the default of the boxes' sockets
LONGEST_REPLY = 1 << 25  # [bytes]: five times what the largest buffer that is read holds; longer ones have no end
_LINE_FEED = TERMINATION.encode("ascii")


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

    longest_reply = LONGEST_REPLY
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
        forks.keep(self)

    def __str__(self) -> str:
        return f"{self.instrument} at {self._resource}"

    def __del__(self) -> None:
        """Close what was left open; while Python itself ends, PyVISA does."""
        if not sys.is_finalizing():
            self.close()

    def close(self) -> None:
        """Close the session; harmless when it never opened."""
        connection = getattr(self, "connection", None)
        if connection is not None and not isinstance(connection, forks.Disowned):
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
            if status == StatusCode.success_max_count_read:
                received = self._rest_of(received)
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

    def _rest_of(self, begun: bytes) -> bytes:
        """A reply of several chunks, whole; `InstrumentError` for one that does not end."""
        connection, received = self.connection, bytearray(begun)
        status = StatusCode.success_max_count_read
        while status == StatusCode.success_max_count_read:
            if len(received) > self.longest_reply:
                self._unread = False
                self._clean()
                raise InstrumentError(
                    f"{self} answered {self._last_written!r} without an end: more than {self.longest_reply} bytes, "
                    f"beginning with {begun[:30]!r}; look at the instrument and its cable"
                )
            more, status = connection.visalib.read(connection.session, CHUNK)
            received += more
        return bytes(received)

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

    def _who_answers(self) -> str:
        """The identity, which fits one chunk; nobody is asked for more."""
        connection = self.connection
        connection.visalib.write(connection.session, (IDENTITY + TERMINATION).encode("ascii"))
        received, _ = connection.visalib.read(connection.session, CHUNK)
        return received.decode("ascii").removesuffix(TERMINATION)

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
            found = self._who_answers() if self._identity is not None else None
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
