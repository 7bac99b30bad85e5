"""Tektronix AFG31000 and AFG3000 function generators, channel 1: pulse function in triggered bursts.

Commands: AFG31000 Series Programmer Manual, 077-1148, and AFG3000 Series Programmer Manual, 071-1639. The shortest
pulse is that of the slowest model of the family. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pymeasure.adapters import Adapter

from instruments.drivers.common.burst_generator import BurstGenerator, Commands
from instruments.drivers.common.connected import si
from instruments.drivers.common.known import Known
from instruments.limits import Limits


class TektronixAFG31000(BurstGenerator):
    """Waits for a trigger with its source on EXTernal; ``*TRG`` is one. The trigger input must be left open."""

    shortest_width = 30e-9
    longest_burst = 1_000_000
    shortest_edge: ClassVar[float] = 18e-9
    least: ClassVar[float] = 20e-3  # 10 mV into 50 ohm
    most: ClassVar[float] = 10.0  # 5 V into 50 ohm
    commands: ClassVar[Commands] = Commands(
        high=":SOUR1:VOLT:HIGH {}",
        low=":SOUR1:VOLT:LOW {}",
        period=":SOUR1:PULS:PER {}",
        width=":SOUR1:PULS:WIDT {}",
        lead=":SOUR1:PULS:TRAN:LEAD {}",
        trail=":SOUR1:PULS:TRAN:TRA {}",
        polarity=":OUTP1:POL {}",
        output=":OUTP1:STAT {}",
        pulses=":SOUR1:BURS:NCYC {}",
    )

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Tektronix AFG31000", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def _setup(self, most: float) -> list[str]:
        return [
            ":TRIG:SOUR EXT",
            ":OUTP1:IMP INF",
            ":SOUR1:FUNC PULS",
            ":SOUR1:PULS:HOLD WIDT",
            ":SOUR1:BURS:MODE TRIG",
            ":SOUR1:BURS:NCYC 1",
            ":SOUR1:BURS:STAT ON",
            f":SOUR1:VOLT:HIGH {si(self.least)}",
            ":SOUR1:VOLT:LOW 0",
            f":SOUR1:VOLT:LIM:HIGH {si(most)}",
            f":SOUR1:VOLT:LIM:LOW {si(-most)}",
        ]

    def is_off(self) -> bool:
        """Whether the instrument says that the output of channel 1 is off; a second channel is not cabled."""
        return self.ask(":OUTP1:STAT?").strip() == "0"


DRIVERS = {
    "tektronix-afg31000": Known(
        "TektronixAFG31000", "generator", "TEKTRONIX,AFG3", "Tektronix AFG31000 or AFG3000 generator"
    ),
}
