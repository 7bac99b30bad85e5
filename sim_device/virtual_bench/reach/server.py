"""A server for the twins of a bench over TCP, by raw sockets and HiSLIP, for programs in any language.

One thread serves everything, so the circuit is never touched by two at once. On a raw socket, one for each twin,
messages end in a line feed in both directions; HiSLIP serves all twins on one port, each by its sub-address. What a
client sends without an end, or leaves unread, is bounded: it is cut off, or not listened to, and its memory is free.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias

from instruments.clock import Clock
from sim_device.virtual_bench.bounds import LONGEST, MOST_UNREAD, UNREAD
from sim_device.virtual_bench.reach.hislip import Connection, Hub
from sim_device.virtual_bench.reach.visa import Port

log = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
_HISLIP: Final = "HiSLIP"
_CHUNK: Final = 1 << 16
_PATIENCE: Final = 0.5  # [s] after which Ctrl-C is noticed where waiting for sockets hides it (Windows)


class SkippingClock(Clock):
    """Real time, in which what an instrument does takes none: its waiting moves the clock instead of the caller.

    Settling times that a client waits for in its own time count, and a night of integration still passes at once.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._skipped = 0.0

    def now(self) -> float:
        """Seconds [s] since this clock was made, those that were skipped included."""
        return time.monotonic() - self._start + self._skipped

    def wait(self, seconds: float) -> None:
        """Skip."""
        self._skipped += seconds


class RawConnection:
    """A client on the raw socket of one twin: what the twin answers is sent without being asked for."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._incoming = bytearray()
        port.opened()

    def feed(self, data: bytes) -> bytes:
        """Take bytes, pass whole lines on, give the replies."""
        if b"\n" not in data:
            self._incoming += data
            self._refuse_endless()
            return b""
        *messages, rest = (bytes(self._incoming) + data).split(b"\n")
        self._incoming = bytearray(rest)
        replies = bytearray()
        for message in messages:
            self._port.send(message.rstrip(b"\r").decode("ascii", "replace"))
            while self._port.waiting():
                replies += self._port.reply() or b""
            if len(replies) > MOST_UNREAD:
                raise ConnectionError(f"answers of more than {MOST_UNREAD} bytes asked for at once")
        self._refuse_endless()
        return bytes(replies)

    def _refuse_endless(self) -> None:
        if len(self._incoming) > LONGEST:
            self._incoming = bytearray()
            raise ConnectionError(f"a message of more than {LONGEST} bytes without an end")

    def ended(self) -> None:
        """What the client did not read, or did not send to its end, goes with it."""
        self._incoming = bytearray()
        self._port.clear()


@dataclass
class _Client:
    """A client's connection, and what could not be sent yet."""

    connection: Connection
    outgoing: bytearray = field(default_factory=bytearray)


Accept: TypeAlias = Callable[[], Connection]  # makes what a newly accepted connection talks to


class BenchServer:
    """Serves `ports`, each on a TCP port of its own, and all by HiSLIP on the one after them.

    `serve` runs until `stop` is called from another thread.

    Parameters
    ----------
    ports
        By any name, such as the role of the instrument.
    host
        Address to listen on; anything but the loopback makes the twins reachable for others.
    first_port
        The first TCP port, the others follow; 0 lets the system choose.
    """

    def __init__(self, ports: Mapping[str, Port], host: str = LOOPBACK, first_port: int = 0) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._listeners: dict[str, socket.socket] = {}
        self._running = True
        hub = Hub(list(ports.values()))
        accepts: dict[str, Accept] = {name: partial(RawConnection, port) for name, port in ports.items()}
        try:
            for index, (name, accept) in enumerate({**accepts, _HISLIP: hub.connection}.items()):
                listener = socket.create_server((host, first_port + index if first_port else 0))
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, accept)
                self._listeners[name] = listener
        except OSError:
            self.close()
            raise

    def resources(self) -> dict[str, str]:
        """VISA resource names of the twins by their names, as raw sockets."""
        return {
            name: "TCPIP0::{}::{}::SOCKET".format(*listener.getsockname()[:2])
            for name, listener in self._listeners.items()
            if name != _HISLIP
        }

    def hislip_resources(self) -> dict[str, str]:
        """VISA resource names of the twins by their names, by HiSLIP."""
        host, port = self._listeners[_HISLIP].getsockname()[:2]
        return {name: f"TCPIP0::{host}::hislip{index},{port}::INSTR" for index, name in enumerate(self.resources())}

    def serve(self) -> None:
        """Serve until `stop`."""
        while self._running:
            for key, events in self._selector.select(_PATIENCE):
                if key.fileobj is self._woken:
                    self._woken.recv(1)
                elif isinstance(key.data, _Client):
                    self._talk(key.fileobj, key.data, events)  # type: ignore[arg-type] - a socket was registered
                else:
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type]

    def stop(self) -> None:
        """End `serve`; may be called from any thread."""
        self._running = False
        with suppress(OSError):
            self._wake.send(b"\0")

    def close(self) -> None:
        """Close all connections and ports."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- one client --------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, accept: Accept) -> None:
        link, address = listener.accept()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(link, selectors.EVENT_READ, _Client(accept()))
        log.info("%s connected", address)

    def _talk(self, link: socket.socket, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = link.recv(_CHUNK)
                if not data:
                    raise ConnectionError("closed by the client")
                client.outgoing += client.connection.feed(data)
            self._send(link, client)
        except OSError as error:
            log.info("a client is gone: %s", error)
            client.connection.ended()
            self._selector.unregister(link)
            link.close()

    def _send(self, link: socket.socket, client: _Client) -> None:
        if client.outgoing:
            with suppress(BlockingIOError):
                del client.outgoing[: link.send(client.outgoing)]
        # Who does not read is not listened to: the system keeps what it sends, until that is full, too.
        listens = selectors.EVENT_READ if len(client.outgoing) <= UNREAD else 0
        events = listens | (selectors.EVENT_WRITE if client.outgoing else 0)
        self._selector.modify(link, events, client)
