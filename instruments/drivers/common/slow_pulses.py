"""A source-measure unit as slow pulse source: up to a level, a wait, back to 0 V.

The computer times the pulses, so they are long and a few milliseconds uncertain: for devices that ask for no better,
and for benches without a generator.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar, Final

from instruments.clock import Clock
from instruments.crosspoints import Pulse
from instruments.drivers.common.connected import si
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.roles import PulseSource
from instruments.units import text

LEAST: Final = 1e-3  # [V] of a pulse: a source-measure unit resolves far less, but less is no pulse
DC_WIDTH: Final = 1.0  # [s] beyond which waiting is better done by a protocol


class SlowPulses(PulseSource):
    """Pulses of either sign from 0 V by changes of a level. A driver gives the ranges, and how a level is said."""

    shortest_width = 10e-3
    longest_burst = 10_000
    voltage_ranges: ClassVar[tuple[float, ...]]  # [V] that pulses use
    clock: Clock
    name: str
    _pulse: Pulse | None = None

    @abstractmethod
    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command."""

    @abstractmethod
    def ask(self, command: str, query_delay: float | None = None) -> str:
        """Send a query and give its reply."""

    @abstractmethod
    def level(self, volts: str) -> str:
        """The command that goes to a level [V]."""

    def _configure(self, pulse: Pulse) -> None:
        """Nothing is sent: the level goes out with each pulse."""
        most = self.voltage_ranges[-1]
        if not LEAST <= abs(pulse.voltage) <= most:
            raise LimitError(
                f"a pulse of {text(pulse.voltage, 'V')} is beyond this instrument: {text(LEAST, 'V')} to "
                f"{text(most, 'V')} of either sign"
            )
        if pulse.width > DC_WIDTH:
            raise LimitError(
                f"a pulse width of {text(pulse.width, 's')} is beyond the longest that is timed here, "
                f"{text(DC_WIDTH, 's')}"
            )
        self._pulse = pulse

    def _fire(self, count: int) -> float:
        """Level up, wait, level to 0 V, wait as long; whatever interrupts it, the level goes back first."""
        pulse = self._pulse
        if pulse is None:
            raise InputError("no pulse is configured; configure one before firing")
        try:
            for _ in range(count):
                self.write(self.level(si(pulse.voltage)))
                self.clock.wait(pulse.width)
                self.write(self.level("0"))
                self.clock.wait(pulse.width)
        except BaseException:
            with suppress(InstrumentError):
                self.write(self.level("0"))
            raise
        done = self.ask("*OPC?")
        if done.strip() not in ("1", "+1"):
            raise InstrumentError(f"{self.name} answered '*OPC?' with {done!r}: whether {count} pulses came is unknown")
        return 2 * count * pulse.width
