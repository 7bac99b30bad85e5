"""Faults of an instrument or its connection, inserted at a message that a test chooses."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from instruments.clock import Clock
from sim_device.virtual_bench.boxes.twins import Twin
from sim_device.virtual_bench.devices.device import VirtualDevice
from sim_device.virtual_bench.devices.resistor import Resistor
from sim_device.virtual_bench.languages.flex import EXCESS, FlexTwin
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.tsp import TspTwin
from sim_device.virtual_bench.reach.visa import Port

SHORT: Final = 1.0  # [S]: with any bias that is read at, beyond every limit of a source-measure unit


class Fault(StrEnum):
    """What goes wrong at a message."""

    NO_REPLY = "no reply"  # the instrument does what it is told, its answer is lost
    LATE_REPLY = "late reply"  # the answer comes after the timeout
    SLOW_REPLY = "slow reply"  # the answer comes, barely within the timeout
    WRONG_REPLY = "wrong reply"  # an answer to some other question
    GARBAGE = "garbage bytes"
    HALF_REPLY = "half a reply"
    CLOSED = "connection closed"  # the message is lost with the connection; it can be opened anew
    INSTRUMENT_ERROR = "instrument error"  # an entry in the error queue
    POWER_CYCLE = "power cycle"  # settings lost, outputs off, connection lost
    OVER_RANGE = "over-range"  # readings are 9.9E37
    NOT_A_NUMBER = "not a number"  # readings are 9.91E37
    COMPLIANCE = "compliance tripped"  # the devices break down: whatever is sourced is held back at its limit


_READING: Final = re.compile(rb"[+-]?\d\.\d+[eE][+-]?\d+")


@dataclass
class Injection:
    """One fault at the message number `at`, counted from 0 among those that contain `of`; `done` once it happened."""

    fault: Fault
    at: int
    of: str = ""
    done: bool = False


class FaultyPort(Port):
    """A port to a twin at which one fault happens.

    Parameters
    ----------
    slow
        [s] that a slow reply takes; less than the timeout of whoever asks.
    devices
        By name, as `VirtualBench.devices`: those that break down where compliance is to trip.
    """

    def __init__(
        self,
        twin: Twin,
        clock: Clock,
        injection: Injection,
        slow: float = 1.0,
        devices: MutableMapping[str, VirtualDevice] | None = None,
    ) -> None:
        super().__init__(twin)
        self._devices: MutableMapping[str, VirtualDevice] = {} if devices is None else devices
        self.injection = injection
        self.messages = 0
        self._clock = clock
        self._slow = slow
        self._now: Fault | None = None  # what happens to the reply of the present message
        self._closed = False

    def opened(self) -> None:
        """A new connection works again."""
        self._closed = False

    def send(self, message: str) -> None:
        """Pass a message, or what is left of it."""
        if self._closed:
            raise VisaIOError(StatusCode.error_connection_lost)
        self._now = None
        if self.injection.of in message:
            if self.messages == self.injection.at and not self.injection.done:
                self.injection.done = True
                self._now = self.injection.fault
            self.messages += 1
        if self._now in (Fault.CLOSED, Fault.POWER_CYCLE):
            self._cut(restart=self._now is Fault.POWER_CYCLE)
        if self._now is Fault.COMPLIANCE:
            self._devices.update({name: Resistor(device.parameters, SHORT) for name, device in self._devices.items()})
        super().send(message)
        if self._now is Fault.INSTRUMENT_ERROR:
            self._complain()

    def reply(self) -> bytes | None:
        """Pass a reply, or what becomes of it."""
        if self._closed:
            raise VisaIOError(StatusCode.error_connection_lost)
        fault, self._now = self._now, None
        if fault is Fault.LATE_REPLY:
            return None  # it stays where it is, and would answer the next query
        data = super().reply()
        if data is None or fault is None:
            return data
        if fault is Fault.SLOW_REPLY:
            self._clock.wait(self._slow)
        return _spoilt(data, fault)

    def _cut(self, *, restart: bool) -> None:
        self._closed = True
        self.twin.clear()
        if restart:
            assert isinstance(self.twin, ScpiTwin | TspTwin | FlexTwin)
            self.twin.reset()
            self.twin.errors.clear()
        raise VisaIOError(StatusCode.error_connection_lost)

    def _complain(self) -> None:
        """An error of the hardware, -240 in SCPI's list."""
        if isinstance(self.twin, ScpiTwin):
            self.twin.push_error(-240, "Hardware error")
        elif isinstance(self.twin, TspTwin):
            self.twin.errors.append((-240, "Hardware error"))
        elif isinstance(self.twin, FlexTwin):
            self.twin.push_error(EXCESS)


def _spoilt(data: bytes, fault: Fault) -> bytes | None:
    if fault is Fault.NO_REPLY:
        return None
    if fault is Fault.WRONG_REPLY:
        return b"FRONT PANEL\n"
    if fault is Fault.GARBAGE:
        return b"\xff\x00\xfe" + data
    if fault is Fault.HALF_REPLY:
        return data[: max(1, len(data) // 2)]
    if fault in (Fault.OVER_RANGE, Fault.NOT_A_NUMBER):
        return _READING.sub(b"9.900000E+37" if fault is Fault.OVER_RANGE else b"9.910000E+37", data)
    return data
