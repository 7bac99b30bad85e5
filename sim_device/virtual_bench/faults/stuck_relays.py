"""A relay that sticks while a bench runs, from a message that a test chooses."""

from __future__ import annotations

from dataclasses import dataclass

from instruments.bench.wiring import Relay
from sim_device.virtual_bench.bench import VirtualBench
from sim_device.virtual_bench.reach.visa import Port


@dataclass(frozen=True)
class Sticking:
    """`relay` stays open, or `closed` once it has closed, from the message number `at` on, counted from 0.

    `at_once` closes it at that moment, as a contact does that was welded before anybody looked.
    """

    relay: Relay
    closed: bool
    at: int
    at_once: bool = False


class StickingPort(Port):
    """The connector of a matrix of which one relay sticks. The matrix itself goes on saying what it was told."""

    def __init__(self, bench: VirtualBench, resource: str, sticking: Sticking) -> None:
        super().__init__(bench.twins[resource])
        self.sticking = sticking
        self.messages = 0
        self._bench = bench

    def send(self, message: str) -> None:
        """Let the relay stick when its message comes; then pass the message."""
        if self.messages == self.sticking.at:
            self._bench.stick(self.sticking.relay, closed=self.sticking.closed, at_once=self.sticking.at_once)
        self.messages += 1
        super().send(message)
