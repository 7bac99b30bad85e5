"""Keysight B1525A HV-SPGU in a B1500A as pulse source: counted pulses of either sign from 0 V, at no software timing.

Commands: Programming Guide as in `keysight_b1500a`, chapter 2 (SPGU module) and the commands ``SIM`` to ``SRP`` of
chapter 4. Times and voltages: B1500A data sheet, HV-SPGU (minimum width 50 ns and transition 20 ns to 10 V, 30 ns to
20 V, 60 ns above; accuracy of the level 0.5 % + 50 mV). Never tried on the real instrument.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.keysight_b1500a.mainframe import KeysightB1500A, flex
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import PulseSource
from instruments.units import text

LOAD: Final = 1_000_000  # [ohm] the largest that can be told: the voltage set is then that of an open circuit
LEAST: Final = 0.05  # [V] of a pulse: the offset may be as much, so that a smaller pulse may have either sign
MOST: Final = 39.9  # [V] into an open circuit: 40 V behind 50 ohm
EDGES: Final = ((10.0, 20e-9), (20.0, 30e-9), (MOST, 60e-9))  # up to [V], shortest transition 10 % to 90 % [s]
LONGEST_EDGE: Final = 100e-9  # [s] that is used: a longer one would no longer be a pulse of one voltage
EDGE_SHARE: Final = 0.05  # of the width
RAMP: Final = 1.25  # the whole ramp is longer than its 10 % to 90 %
WIDTH_STEP, PERIOD_STEP, EDGE_STEP = 2.5e-9, 1e-8, 2e-9  # [s] resolutions where edges are below 8 us
LONGEST_PERIOD: Final = 10.0  # [s]
QUERIES: Final = 100  # of the status before a burst that does not end is given up
QUICK: Final = 1e-4  # [s] between them


class KeysightB1500ASpgu(KeysightB1500A, PulseSource):
    """One SPGU channel: the box counts the pulses and rests at 0 V between them."""

    models: ClassVar[tuple[str, ...]] = ("B1525A",)
    shortest_width = 50e-9
    longest_burst = 1_000_000

    def __init__(
        self, adapter: Adapter, limits: Limits, name: str = "B1500A SPGU", channel: int = 101, **kwargs: Any
    ) -> None:
        super().__init__(adapter, limits, name, channel, **kwargs)

    def forget(self) -> None:
        """Nothing is configured, the output is off."""
        self.on = False
        self._pulse: Pulse | None = None

    def _setup(self) -> list[str]:
        """Two-level pulses of a finite number; no trigger output, no pulse switch."""
        return [*self._mode(), f"SPV {self.channel},1,0,0", f"ODSW {self.channel},0"]

    def _mode(self) -> list[str]:
        """Said with every pulse: a device clear would have lost it, and with 50 ohm a pulse would be twice as high."""
        channel = self.channel
        return ["SIM 0", "SPRM 1,1", f"SER {channel},{LOAD}", f"SPM {channel},1"]

    def output_on(self) -> None:
        """Output switch closed, at 0 V."""
        self.closes_output([f"CN {self.channel}"])

    def _configure(self, pulse: Pulse) -> None:
        """Everything that makes a pulse, in an order in which width and period never conflict."""
        edge = self.edge(pulse)
        if pulse.width < 2 * RAMP * edge:
            raise LimitError(
                f"a pulse width of {text(pulse.width, 's')} is too short for {text(pulse.voltage, 'V')}: this "
                f"generator needs {text(edge, 's')} for an edge, and {text(2 * RAMP * edge, 's')} for a pulse"
            )
        if self.period(pulse) > LONGEST_PERIOD:
            raise LimitError(f"a pulse width of {text(pulse.width, 's')} is beyond the longest of this generator, 5 s")
        channel, width = self.channel, _down(pulse.width, WIDTH_STEP)
        self._pulse = None  # until the instrument has taken all of it
        self.settle(
            [
                *self._mode(),
                f"SPPER {LONGEST_PERIOD:g}",  # room for any width, whatever was set before
                f"SPT {channel},1,0,{flex(width)},{flex(edge)},{flex(edge)}",
                f"SPPER {flex(self.period(pulse))}",
                f"SPV {channel},1,0,{flex(pulse.voltage)}",
            ]
        )
        self._pulse = pulse

    def edge(self, pulse: Pulse) -> float:
        """Leading and trailing edge, 10 % to 90 % [s]: 5 % of the width, as the generator can and a pulse may."""
        shortest = next((edge for most, edge in EDGES if abs(pulse.voltage) <= most), None)
        if shortest is None:
            raise LimitError(f"a pulse of {text(pulse.voltage, 'V')} is beyond this generator, {text(MOST, 'V')}")
        if abs(pulse.voltage) < LEAST:
            raise LimitError(f"a pulse of {text(pulse.voltage, 'V')} is below this generator's least, {LEAST:g} V")
        return min(max(_down(EDGE_SHARE * pulse.width, EDGE_STEP), shortest), LONGEST_EDGE)

    def period(self, pulse: Pulse) -> float:
        """Start to start [s] within a burst: as long a rest as the pulse, and room for the edges."""
        return _down(2 * pulse.width + 2 * RAMP * self.edge(pulse), PERIOD_STEP) + PERIOD_STEP

    def _fire(self, count: int) -> float:
        """Start, hear whether it was taken, wait for the end on the clock, then ask for it. Nothing is sent twice."""
        if self._pulse is None:
            raise InputError("no pulse is configured; configure one before firing")
        if not self.on:
            raise InputError("a B1500A refuses to pulse while its output switch is open; switch it on before firing")
        self.settle([f"SPRM 1,{count}", f"SPUPD {self.channel}", "SRP"])
        duration = count * self.period(self._pulse)
        self.clock.wait(duration)
        state = ""
        for _ in range(QUERIES):
            state = self.ask("SPST?").strip()
            if state not in ("1", "+1"):
                break
            self.clock.wait(QUICK)
        if state in ("0", "+0"):
            return duration
        raise InstrumentError(f"{self.name} answered 'SPST?' with {state!r}: whether {count} pulses came is unknown")


def _down(value: float, step: float) -> float:
    """The multiple of `step` that is at most `value`: a pulse is never longer than what was asked for and allowed."""
    return math.floor(value / step * (1 + 1e-9)) * step
