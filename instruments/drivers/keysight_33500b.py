"""Keysight 33500B and 33600A waveform generators, channel 1: pulse function in bus-triggered bursts.

Commands: Keysight Trueform Series Operating and Service Guide (33500B and 33600A), SCPI reference: FUNCtion:PULSe,
VOLTage, OUTPut, BURSt, TRIGger. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pymeasure.adapters import Adapter

from instruments.drivers.common.burst_generator import BurstGenerator, Commands
from instruments.drivers.common.connected import si
from instruments.drivers.common.known import Known
from instruments.limits import Limits


class Keysight33500B(BurstGenerator):
    """33500B series: 20 or 30 MHz; ``*OPC?`` answers when a bus-triggered burst is over."""

    shortest_width = 16e-9
    longest_burst = 100_000_000
    shortest_edge: ClassVar[float] = 8.4e-9
    least: ClassVar[float] = 2e-3  # 1 mV into 50 ohm
    most: ClassVar[float] = 10.0  # 5 V into 50 ohm
    external: ClassVar[str] = ":TRIG1:SLOP POS;:TRIG1:SOUR EXT"
    commands: ClassVar[Commands] = Commands(
        high=":SOUR1:VOLT:HIGH {}",
        low=":SOUR1:VOLT:LOW {}",
        period=":SOUR1:FUNC:PULS:PER {}",
        width=":SOUR1:FUNC:PULS:WIDT {}",
        lead=":SOUR1:FUNC:PULS:TRAN:LEAD {}",
        trail=":SOUR1:FUNC:PULS:TRAN:TRA {}",
        polarity=":OUTP1:POL {}",
        output=":OUTP1 {}",
        pulses=":SOUR1:BURS:NCYC {}",
    )

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keysight 33500B", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def _setup(self, most: float) -> list[str]:
        return [
            ":TRIG1:SOUR BUS",
            ":OUTP1:LOAD INF",
            ":SOUR1:FUNC PULS",
            ":SOUR1:FUNC:PULS:HOLD WIDT",
            ":SOUR1:BURS:MODE TRIG",
            ":SOUR1:BURS:NCYC 1",
            ":SOUR1:BURS:STAT ON",
            f":SOUR1:VOLT:HIGH {si(self.least)}",
            ":SOUR1:VOLT:LOW 0",
            f":SOUR1:VOLT:LIM:HIGH {si(most)}",
            f":SOUR1:VOLT:LIM:LOW {si(-most)}",
            ":SOUR1:VOLT:LIM:STAT ON",
        ]

    def is_off(self) -> bool:
        """Whether the instrument says that the output of channel 1 is off; a second channel is not cabled."""
        return self.ask(":OUTP1?").strip() == "0"


class Keysight33600A(Keysight33500B):
    """33600A series: 80 or 120 MHz, the same commands, shorter pulses."""

    shortest_width = 5e-9
    shortest_edge: ClassVar[float] = 2.9e-9

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keysight 33600A", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)


DRIVERS = {
    "keysight-33500b": Known("Keysight33500B", "generator", ",335", "Keysight 33500B waveform generator"),
    "keysight-33600a": Known("Keysight33600A", "generator", ",336", "Keysight 33600A waveform generator"),
}
