"""The twins of a bench over TCP: one raw SOCKET a twin, for other programs, languages and processes.

One thread serves everything, so the circuit is never touched by two at once. Messages end in a line feed, in both
directions, as on the instruments' own socket ports.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from instruments.clock import Clock
from sim_device.virtual_bench.visa import Port

log = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
_CHUNK: Final = 1 << 16
_PATIENCE: Final = 0.5  # [s] after which Ctrl-C is noticed where waiting for sockets hides it (Windows)
_LONGEST: Final = 1 << 20  # [bytes] of a message; what sends more without a line feed is cut off


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


@dataclass
class _Connection:
    """A client of one twin."""

    port: Port
    incoming: bytes = b""
    outgoing: bytearray = field(default_factory=bytearray)


class SocketServer:
    """Serves `ports`, each on a TCP port of its own; `serve` runs until `stop` is called from another thread.

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
        try:
            for index, (name, port) in enumerate(ports.items()):
                listener = socket.create_server((host, first_port + index if first_port else 0))
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, port)
                self._listeners[name] = listener
        except OSError:
            self.close()
            raise

    def resources(self) -> dict[str, str]:
        """VISA resource names of the twins by their names."""
        return {
            name: "TCPIP0::{}::{}::SOCKET".format(*listener.getsockname()[:2])
            for name, listener in self._listeners.items()
        }

    def serve(self) -> None:
        """Serve until `stop`."""
        while self._running:
            for key, events in self._selector.select(_PATIENCE):
                if key.fileobj is self._woken:
                    self._woken.recv(1)
                elif isinstance(key.data, Port):
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type] - a listener was registered
                else:
                    self._talk(key.fileobj, key.data, events)  # type: ignore[arg-type]

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

    def _accept(self, listener: socket.socket, port: Port) -> None:
        client, address = listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(client, selectors.EVENT_READ, _Connection(port))
        log.info("%s connected", address)

    def _talk(self, client: socket.socket, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = client.recv(_CHUNK)
                if not data:
                    raise ConnectionError("closed by the client")
                self._receive(connection, data)
            self._send(client, connection)
        except OSError as error:
            log.info("a client is gone: %s", error)
            connection.port.clear()  # what it did not read goes with it
            self._selector.unregister(client)
            client.close()

    @staticmethod
    def _receive(connection: _Connection, data: bytes) -> None:
        *messages, connection.incoming = (connection.incoming + data).split(b"\n")
        if len(connection.incoming) > _LONGEST:
            raise ConnectionError("a message without end")
        for message in messages:
            connection.port.send(message.rstrip(b"\r").decode("ascii", "replace"))
            while connection.port.waiting():
                connection.outgoing += connection.port.reply() or b""

    def _send(self, client: socket.socket, connection: _Connection) -> None:
        if connection.outgoing:
            with suppress(BlockingIOError):
                del connection.outgoing[: client.send(connection.outgoing)]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outgoing else 0)
        self._selector.modify(client, events, connection)
