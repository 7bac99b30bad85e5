"""Slow instruments: what is sent to one arrives later, or is done later, while the others go on.

Messages to a slow twin wait until their time has come on the clock of the bench. Whatever reaches another twin before
that is done first, which is how relays come to move while an output is still on. A reply is waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from sim_device.virtual_bench.bench import VirtualBench
from sim_device.virtual_bench.reach.visa import Port


@dataclass(frozen=True)
class Delay:
    """Of one instrument: `network` [s] that a message and its reply travel, `box` [s] until it does what it is told."""

    network: float = 0.0
    box: float = 0.0


class SlowPort(Port):
    """The connector of a slow instrument; `others` are all slow ones of the bench, itself among them."""

    def __init__(self, port: Port, bench: VirtualBench, delay: Delay, others: list[SlowPort]) -> None:
        super().__init__(port.twin)
        self._port, self._bench, self._delay, self._others = port, bench, delay, others
        self._waiting: deque[tuple[float, str]] = deque()  # (time [s] at which it is done, message)
        others.append(self)

    @property
    def on_its_way(self) -> int:
        """Messages that were sent and not yet done."""
        return len(self._waiting)

    def _travels(self) -> bool:
        return self._delay.network > 0 or self._delay.box > 0

    def due(self, now: float) -> None:
        """Do what has had its time by now."""
        while self._waiting and self._waiting[0][0] <= now:
            self._port.send(self._waiting.popleft()[1])

    def _all_due(self) -> None:
        for one in self._others:
            one.due(self._bench.clock.now())

    def opened(self) -> None:
        """A session was opened."""
        self._port.opened()

    def send(self, message: str) -> None:
        """On its way; everything whose time has come is done before."""
        self._all_due()
        if not self._travels():
            self._port.send(message)
            return
        self._waiting.append((self._bench.clock.now() + self._delay.network + self._delay.box, message))

    def reply(self) -> bytes | None:
        """Waited for until all that was sent has been done; the others go on in the meantime."""
        while self._waiting:
            self._bench.clock.wait(max(0.0, self._waiting[0][0] - self._bench.clock.now()))
            self._all_due()
        self._all_due()
        if self._delay.network:
            self._bench.clock.wait(self._delay.network)
        return self._port.reply()

    def waiting(self) -> bool:
        """Whether a reply waits."""
        self._all_due()
        return self._port.waiting()

    def clear(self) -> None:
        """What was not read is gone; what is on its way arrives."""
        self._port.clear()

    def device_clear(self) -> None:
        """Device clear."""
        self._port.device_clear()


def slow_down(bench: VirtualBench, delays: Mapping[str, Delay]) -> list[SlowPort]:
    """Put delays on the instruments of a virtual bench, by resource name, also where sessions to them are open.

    Those that are not named are quick. Gives the connectors.
    """
    ports: list[SlowPort] = []
    slow = {name: SlowPort(port, bench, delays.get(name, Delay()), ports) for name, port in bench.ports().items()}
    bench.library().reconnect(slow)
    return ports


def arrived(bench: VirtualBench, ports: list[SlowPort]) -> bool:
    """Let everything that is on its way arrive and be done; whether the bench is safe then."""
    while any(port.on_its_way for port in ports):
        bench.clock.wait(1e-3)
        for port in ports:
            port.due(bench.clock.now())
    return bench.is_safe()
