"""Keysight 81160A pulse generator, channel 1: bursts of a finite number of pulses on a software trigger.

Commands: Keysight 81150A / 81160A User's Guide and, for their spelling, what PyMeasure's driver of this instrument
sends. The device under the pulse is of high impedance, so the output is told a load of 1 Mohm and the level written is
the level at the device. Between pulses the output rests at LOW, with inverted polarity at HIGH; one is always 0 V.
Polarity changes with the output off, because every way from one to the other passes a rest that is not 0 V.
Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.connected import si
from instruments.drivers.scpi import Scpi
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.roles import PulseSource
from instruments.units import text

LOAD: Final = 1e6  # [ohm] the largest finite load that can be told
WINDOW: Final = 9.99  # [V] either sign into an open circuit: twice the 5 V into 50 ohm
LEAST: Final = 0.1  # [V] smallest amplitude into an open circuit
EDGES: Final = (1e-9, 100e-9)  # [s] shortest edge, and the longest that is used
EDGE_SHARE: Final = 0.05  # of the width
AT_START: Final = 1e-6  # [s] width after `prepare`
QUICK: Final = 1e-4  # [s] a burst so short that it is over before a query of its end is answered


def _edge(width: float) -> float:
    """Leading and trailing edge [s] for a width: 5 % of it, within what the instrument can and what stays a pulse."""
    return min(max(EDGE_SHARE * width, EDGES[0]), EDGES[1])


def _period(width: float) -> float:
    """Start to start [s] within a burst: as long a rest as the pulse."""
    return 2 * width + 10e-9


class Keysight81160A(Scpi, PulseSource):
    """Pulses of either sign from 0 V; the box itself is told the station's largest pulse as its output limit."""

    shortest_width = 1.5e-9
    longest_burst = 2_147_483_647

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keysight 81160A", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        self._forget()

    def _forget(self) -> None:
        self._pulse: Pulse | None = None
        self._width = AT_START
        self._inverted = False
        self._count = 1
        self._on = False

    def prepare(self) -> None:
        """Reset, output off, triggered pulses into high impedance, output limits at the station's largest pulse."""
        self._forget()
        most = min(self.limits.pulse_voltage, WINDOW)
        self.write("*RST;*CLS")
        self.settle(
            f":OUTP1 OFF;:ARM:SOUR1 MAN;:OUTP1:LOAD {si(LOAD)};:FUNC1 PULS;:TRIG1:COUN 1;:OUTP1:POL NORM;"
            f":VOLT1:LOW 0;:VOLT1:HIGH {si(LEAST)};"
            f":VOLT1:LIM:HIGH {si(max(most, LEAST))};:VOLT1:LIM:LOW {si(-most)};:VOLT1:LIM:STAT ON;"
            f":PULS:PER1 {si(_period(AT_START))};:PULS:WIDT1 {si(AT_START)};"
            f":FUNC1:PULS:TRAN {si(_edge(AT_START))};:FUNC1:PULS:TRAN:TRA {si(_edge(AT_START))}"
        )

    def off(self) -> None:
        """Output off."""
        self._on = False
        self.write(":OUTP1 OFF")

    def is_off(self) -> bool:
        """Whether the instrument says that its outputs are off."""
        return self.ask(":OUTP1?").strip() == "0" and self.ask(":OUTP2?").strip() == "0"

    def output_on(self) -> None:
        """Output on, at rest at 0 V."""
        self._on = True
        self.write(":OUTP1 ON")

    def _configure(self, pulse: Pulse) -> None:
        """Levels and times in an order in which no two settings ever conflict."""
        if not LEAST <= abs(pulse.voltage) <= WINDOW:
            raise LimitError(
                f"a pulse of {text(pulse.voltage, 'V')} is beyond this generator: "
                f"{text(LEAST, 'V')} to {text(WINDOW, 'V')} of either sign"
            )
        self._pulse = None  # until the instrument has taken all of it
        inverted = pulse.voltage < 0
        commands = [*self._levels(pulse.voltage, inverted), *self._times(pulse.width)]
        if inverted != self._inverted:
            commands = [":OUTP1 OFF", f":OUTP1:POL {'INV' if inverted else 'NORM'}", *commands]
            if self._on:
                commands.append(":OUTP1 ON")
        self.settle(";".join(commands))
        self._pulse, self._inverted, self._width = pulse, inverted, pulse.width

    @staticmethod
    def _levels(voltage: float, inverted: bool) -> list[str]:
        """The level that moves away from the other comes first, so that HIGH stays above LOW."""
        if inverted:
            return [f":VOLT1:LOW {si(voltage)}", ":VOLT1:HIGH 0"]
        return [f":VOLT1:HIGH {si(voltage)}", ":VOLT1:LOW 0"]

    def _times(self, width: float) -> list[str]:
        """A longer pulse needs its period first, a shorter one its edges."""
        edge = si(_edge(width))
        edges = [f":FUNC1:PULS:TRAN {edge}", f":FUNC1:PULS:TRAN:TRA {edge}"]
        period, pulse = f":PULS:PER1 {si(_period(width))}", f":PULS:WIDT1 {si(width)}"
        if width == self._width:
            return []
        return [period, pulse, *edges] if width > self._width else [*edges, pulse, period]

    def _fire(self, count: int) -> float:
        """One burst on a software trigger; waits for its end on the clock, then asks for it."""
        if self._pulse is None:
            raise InputError("no pulse is configured; configure one before firing")
        if count != self._count:
            self.write(f":TRIG1:COUN {count}")
            self._count = count
        duration = (count - 1) * _period(self._width) + self._width + _edge(self._width)
        if duration <= QUICK:
            self.ask("*TRG;*OPC?")
            return duration
        self.write("*TRG")
        self.clock.wait(duration)
        self.ask("*OPC?")
        return duration
