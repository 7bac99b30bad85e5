"""Keysight 81160A pulse generator, channel 1: bursts of a finite number of pulses on a software trigger.

Commands: Keysight 81150A / 81160A User's Guide and, for their spelling, what PyMeasure's driver of this instrument
sends. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.burst_generator import BurstGenerator, Commands
from instruments.drivers.common.connected import si
from instruments.drivers.common.known import Known
from instruments.limits import Limits

LOAD: Final = 1e6  # [ohm] the largest finite load that can be told


class Keysight81160A(BurstGenerator):
    """Pulses of either sign from 0 V; the box itself is told the station's largest pulse as its output limit."""

    shortest_width = 1.5e-9
    longest_burst = 2_147_483_647
    shortest_edge: ClassVar[float] = 1e-9
    least: ClassVar[float] = 0.1  # 50 mV into 50 ohm
    most: ClassVar[float] = 9.99  # 5 V into 50 ohm, and the largest output limit
    commands: ClassVar[Commands] = Commands(
        high=":VOLT1:HIGH {}",
        low=":VOLT1:LOW {}",
        period=":PULS:PER1 {}",
        width=":PULS:WIDT1 {}",
        lead=":FUNC1:PULS:TRAN {}",
        trail=":FUNC1:PULS:TRAN:TRA {}",
        polarity=":OUTP1:POL {}",
        output=":OUTP1 {}",
        pulses=":TRIG1:COUN {}",
    )

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keysight 81160A", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def _setup(self, most: float) -> list[str]:
        return [
            ":ARM:SOUR1 MAN",
            f":OUTP1:LOAD {si(LOAD)}",
            ":FUNC1 PULS",
            ":TRIG1:COUN 1",
            ":VOLT1:LOW 0",
            f":VOLT1:HIGH {si(self.least)}",
            f":VOLT1:LIM:HIGH {si(most)}",
            f":VOLT1:LIM:LOW {si(-most)}",
            ":VOLT1:LIM:STAT ON",
        ]

    def is_off(self) -> bool:
        """Whether the instrument says that both outputs are off."""
        return self.ask(":OUTP1?").strip() == "0" and self.ask(":OUTP2?").strip() == "0"


DRIVERS = {
    "keysight-81160a": Known("Keysight81160A", "generator", "81160A", "Keysight 81160A pulse generator"),
}
