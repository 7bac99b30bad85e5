"""HiSLIP, the server's side: instruments behind one TCP port, each by its sub-address ``hislip0``, ``hislip1``, ...

Source: IVI-6.1, High-Speed LAN Instrument Protocol, revision 1.1 (messages of chapter 4, synchronized mode only). A
client opens two connections, one for messages and one for what must not wait behind them: status, clear and locks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import Final, Protocol

from sim_device.virtual_bench.bounds import LONGEST, MOST_UNREAD
from sim_device.virtual_bench.reach.visa import Port

_HEADER: Final = struct.Struct("!2sBBIQ")  # prologue, type, control code, parameter, length of the payload
_VERSION: Final = 0x0100
_VENDOR: Final = 0x4C42
_LONGEST: Final = 1 << 20  # [bytes] of one HiSLIP message; a message to an instrument may be several
_TOO_LARGE: Final = 4  # code of the error message (IVI-6.1, table 18)


class Kind(IntEnum):
    """Message types (IVI-6.1, table 4)."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    ASYNC_MAXIMUM_SIZE = 15
    ASYNC_MAXIMUM_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


class Connection(Protocol):
    """One TCP connection of a client: bytes in, bytes out."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes, give what is to be sent back; `ConnectionError` ends the connection."""
        ...

    def ended(self) -> None:
        """The client is gone."""
        ...


def _always(answer: bytes, *_: object) -> bytes:
    """An answer that depends on nothing."""
    return answer


def _message(kind: Kind, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    return _HEADER.pack(b"HS", kind, control, parameter, len(payload)) + payload


@dataclass
class _Session:
    """A client's two connections share this."""

    port: Port
    incoming: bytearray = field(default_factory=bytearray)
    refused: bool = False  # it was too long: what comes until its end is not kept


class Hub:
    """The instruments behind one port, and the sessions that clients have with them."""

    def __init__(self, ports: Sequence[Port]) -> None:
        self._ports = list(ports)
        self._sessions: dict[int, _Session] = {}
        self._next = 1

    def connection(self) -> HislipConnection:
        """What a newly accepted connection talks to."""
        return HislipConnection(self)

    def open(self, sub_address: str) -> int | None:
        """A new session with the instrument of a sub-address; None where there is none."""
        number = sub_address.lower().removeprefix("hislip")
        if not number.isdigit() or int(number) >= len(self._ports):
            return None
        port = self._ports[int(number)]
        identity, self._next = self._next, self._next % 0xFFFF + 1
        self._sessions[identity] = _Session(port)
        port.opened()
        return identity

    def session(self, identity: int) -> _Session | None:
        """A session by the number that its client was told."""
        return self._sessions.get(identity)

    def close(self, identity: int) -> None:
        """Forget a session, with what was not read."""
        session = self._sessions.pop(identity, None)
        if session is not None:
            session.port.clear()


class HislipConnection:
    """Either of a client's two connections: which one it is, its first message tells."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bytes = bytearray()
        self._session: _Session | None = None
        self._identity = 0
        self._synchronous = False
        self._answers: dict[int, Callable[[int, int, bytes], bytes]] = {
            Kind.DATA: self._data,
            Kind.DATA_END: self._data_end,
            Kind.TRIGGER: self._trigger,
            Kind.DEVICE_CLEAR_COMPLETE: partial(_always, _message(Kind.DEVICE_CLEAR_ACKNOWLEDGE)),
            Kind.ASYNC_MAXIMUM_SIZE: self._maximum_size,
            Kind.ASYNC_DEVICE_CLEAR: self._clear,
            Kind.ASYNC_STATUS_QUERY: self._status,
            Kind.ASYNC_LOCK: partial(_always, _message(Kind.ASYNC_LOCK_RESPONSE, 1)),
            Kind.ASYNC_LOCK_INFO: partial(_always, _message(Kind.ASYNC_LOCK_INFO_RESPONSE)),
            Kind.ASYNC_REMOTE_LOCAL: partial(_always, _message(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)),
        }

    def feed(self, data: bytes) -> bytes:
        """Take bytes; every whole message is answered."""
        self._bytes += data
        answers = bytearray()
        while len(self._bytes) >= _HEADER.size:
            prologue, kind, control, parameter, length = _HEADER.unpack_from(self._bytes)
            if prologue != b"HS" or length > _LONGEST:
                self._bytes = bytearray()
                raise ConnectionError("this is no HiSLIP, or a message longer than the client was told to send")
            if len(self._bytes) < _HEADER.size + length:
                break
            payload = bytes(self._bytes[_HEADER.size : _HEADER.size + length])
            del self._bytes[: _HEADER.size + length]
            answers += self._answer(kind, control, parameter, payload)
        return bytes(answers)

    def ended(self) -> None:
        """The synchronous connection takes its session along; nothing of what came is kept."""
        self._bytes = bytearray()
        if self._synchronous:
            self._hub.close(self._identity)

    def _answer(self, kind: int, control: int, parameter: int, payload: bytes) -> bytes:
        if kind == Kind.INITIALIZE:
            return self._initialize(payload)
        if kind == Kind.ASYNC_INITIALIZE:
            return self._async_initialize(parameter)
        if self._session is None:
            return _message(Kind.FATAL_ERROR, 2, payload=b"Attempt to use connection without both channels established")
        answer = self._answers.get(kind)
        if answer is None:
            return _message(Kind.ERROR, 1, payload=b"Unrecognized message type")
        return answer(control, parameter, payload)

    def _initialize(self, payload: bytes) -> bytes:
        identity = self._hub.open(payload.decode("ascii", "replace") or "hislip0")
        if identity is None:
            return _message(Kind.FATAL_ERROR, 3, payload=b"Invalid sub-address")
        self._identity, self._synchronous, self._session = identity, True, self._hub.session(identity)
        return _message(Kind.INITIALIZE_RESPONSE, 0, _VERSION << 16 | identity)

    def _async_initialize(self, identity: int) -> bytes:
        self._session = self._hub.session(identity)
        if self._session is None:
            return _message(Kind.FATAL_ERROR, 3, payload=b"Invalid session")
        return _message(Kind.ASYNC_INITIALIZE_RESPONSE, 0, _VENDOR)

    def _link(self) -> _Session:
        assert self._session is not None
        return self._session

    def _data(self, _: int, __: int, payload: bytes) -> bytes:
        link = self._link()
        if link.refused:
            return b""
        link.incoming += payload
        return self._too_large(link) if len(link.incoming) > LONGEST else b""

    def _too_large(self, link: _Session) -> bytes:
        """The client is told, and what came is forgotten; the rest of the message is not kept."""
        link.incoming, link.refused = bytearray(), True
        return _message(Kind.ERROR, _TOO_LARGE, payload=b"Message too large")

    def _data_end(self, _: int, message: int, payload: bytes) -> bytes:
        """The end of a message of the client: it goes to the instrument, and its reply comes back with its number."""
        link = self._link()
        if link.refused:
            link.refused = False
            return b""
        if len(link.incoming) + len(payload) > LONGEST:
            told = self._too_large(link)
            link.refused = False
            return told
        whole, link.incoming = bytes(link.incoming) + payload, bytearray()
        for text in whole.rstrip(b"\r\n").split(b"\n"):
            link.port.send(text.rstrip(b"\r").decode("ascii", "replace"))
        reply = bytearray()
        while link.port.waiting():
            reply += link.port.reply() or b""
            if len(reply) > MOST_UNREAD:
                raise ConnectionError(f"answers of more than {MOST_UNREAD} bytes asked for at once")
        return _message(Kind.DATA_END, 0, message, bytes(reply)) if reply else b""

    def _trigger(self, _: int, __: int, ___: bytes) -> bytes:
        self._link().port.send("*TRG")
        return b""

    def _maximum_size(self, _: int, __: int, payload: bytes) -> bytes:
        asked = struct.unpack("!Q", payload)[0] if len(payload) == 8 else _LONGEST
        return _message(Kind.ASYNC_MAXIMUM_SIZE_RESPONSE, payload=struct.pack("!Q", min(asked, _LONGEST)))

    def _clear(self, _: int, __: int, ___: bytes) -> bytes:
        link = self._link()
        link.incoming, link.refused = bytearray(), False
        link.port.device_clear()
        return _message(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE)

    def _status(self, _: int, __: int, ___: bytes) -> bytes:
        return _message(Kind.ASYNC_STATUS_RESPONSE, self._link().port.twin.status_byte() & 0xFF)
