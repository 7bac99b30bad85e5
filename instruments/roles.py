"""Roles: what a bench asks of an instrument. Limits are checked here, once, before a driver sends a byte.

Public methods check and then call the driver's underscored ones; a driver implements only those, so that no driver
can forget the limits. `off` is write-only: it must work when an instrument no longer answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from instruments.asked import MOST_PULSES, is_whole, shown
from instruments.clock import Clock
from instruments.crosspoints import Pulse, Status
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.units import text

if TYPE_CHECKING:
    from instruments.sequences import Sequencer


@dataclass(frozen=True)
class Measurement:
    """One measured point of a source-measure unit: voltage [V], current [A], and what is known of it."""

    voltage: float
    current: float
    status: Status = Status.OK


@dataclass(frozen=True)
class Interlock:
    """A safety interlock: whether it is `closed`, and the largest voltage `without` it [V], 0 where there is none."""

    closed: bool
    without: float

    def __str__(self) -> str:
        if self.closed:
            return "interlock closed"
        left = f"at most {text(self.without, 'V')}" if self.without else "no output"
        return f"interlock open: {left} until it is closed"


class InstrumentRole(ABC):
    """What every instrument of a bench can do, whatever its role."""

    limits: Limits

    @abstractmethod
    def identity(self) -> str:
        """Answer of the identity query: manufacturer, model, serial number, firmware; asked once, at opening."""

    @abstractmethod
    def prepare(self) -> None:
        """From whatever state to a known one with outputs off, then verify the error queue."""

    def take_over(self) -> None:
        """Set the instrument up again after it was used in another role on the same output; it ends with outputs off.

        An instrument that can do so in less time than `prepare` takes overrides this.
        """
        self.prepare()

    def remembered(self) -> dict[str, Any]:
        """What the driver knows of the instrument's settings, where its next messages depend on that; JSON-able.

        A run keeps it from its beginning, so that a replay begins as the run did.
        """
        return {}

    def recall(self, remembered: Mapping[str, Any]) -> None:  # noqa: B027 - most need none of it
        """Take the instrument to be set up as `remembered`; sends nothing."""

    @abstractmethod
    def off(self) -> None:
        """Outputs off, relays open. Write-only, no query before it; may raise only what the wire raises."""

    @abstractmethod
    def check_errors(self) -> None:
        """Drain the error queue (bounded); `CommandRefused` names every entry."""

    def end_block(self) -> None:
        """At the end of a block of steps: as `check_errors`; `InstrumentError` where the instrument has restarted.

        A restart loses the settings, and not every connection is lost by it.
        """
        self.check_errors()

    off_time = 0.0
    """[s] that an output takes to open after the instrument says that it is off: its manual's, or the station's."""

    @abstractmethod
    def is_off(self) -> bool:
        """Ask the instrument itself whether every output is off (or every relay open)."""

    def calibrated(self) -> date | None:
        """Date of the last calibration; None where the instrument does not tell."""
        return None

    def interlock(self) -> Interlock | None:
        """The safety interlock of an instrument that uses one and tells; else None."""
        return None

    @abstractmethod
    def disconnect(self) -> None:
        """Close the connection; idempotent. Switches nothing: `off` does."""


class PulseSource(InstrumentRole):
    """Applies a finite number of voltage pulses. Never left free-running."""

    shortest_width: float  # [s]
    longest_burst: int  # pulses in one go
    clock: Clock
    _rest: float | None = None  # [s] after each of the configured pulses, where a burst would leave too little

    def check(self, pulse: Pulse) -> None:
        """Raise `LimitError` unless `pulse` is within the limits of the station; sends nothing."""
        self.limits.check_pulse(pulse)
        limited = self.pulse_compliance()
        if limited is not None:
            self.limits.check_power(pulse.voltage, limited)

    def pulse_compliance(self) -> float | None:
        """Current [A] that a source-measure unit limits its pulses at; None for a generator, which has 50 ohm alone."""
        return None

    def configure(self, pulse: Pulse) -> None:
        """Set amplitude and width; the output is left as it was. `LimitError` before a byte is sent."""
        self.check(pulse)
        if pulse.width < self.shortest_width:
            raise LimitError(
                f"a pulse width of {text(pulse.width, 's')} is below the shortest of this generator, "
                f"{text(self.shortest_width, 's')}"
            )
        self._rest = self.limits.rest_after(pulse)
        self._configure(pulse)

    def fire(self, count: int) -> float:
        """Apply `count` of the configured pulses, return when done; gives the time that took [s] on the instrument.

        One by one where the duty that the limits allow is less than that of a burst.
        """
        if not is_whole(count) or not 1 <= count <= MOST_PULSES:
            raise InputError(f"a burst of {shown(count)} pulses is none; give a whole number from 1 to {MOST_PULSES}")
        taken = 0.0
        while count:
            burst = min(count, self.longest_burst if self._rest is None else 1)
            taken += self._fire(burst)
            count -= burst
            if self._rest is not None:
                self.clock.wait(self._rest)
        return taken

    @abstractmethod
    def output_on(self) -> None:
        """Connect the output, which rests at 0 V until `fire`."""

    @abstractmethod
    def off(self) -> None:
        """Output off, write-only."""

    @abstractmethod
    def _configure(self, pulse: Pulse) -> None: ...

    @abstractmethod
    def _fire(self, count: int) -> float: ...


class SourceMeasureUnit(InstrumentRole):
    """Sources a voltage under a current compliance and measures both."""

    _configured = False  # a driver's `prepare` sets it back: after a reset the compliance is the instrument's own
    _bias = (0.0, 0.0, 1.0)  # span [V], compliance [A] and integration of the sweep that is configured

    def configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Prepare to source `voltage` [V] with `compliance` [A], measuring for `integration` [power line cycles].

        The compliance is set before the level and read back once. `LimitError` before a byte is sent.
        """
        self.limits.check_bias(voltage, compliance)
        self._configured = False  # until the instrument has taken all of it
        self._configure(voltage, compliance, integration)
        self._configured = True

    def configure_sweep(self, span: float, compliance: float, integration: float) -> None:
        """Prepare to hold levels up to `span` [V] of either sign by `level`, with the output off; it rests at 0 V.

        Ranges hold the span and the compliance and stay as they are. `LimitError` before a byte is sent.
        """
        self.limits.check_sweep(span, compliance)
        self._configured = False
        self._configure(abs(span), compliance, integration)
        self._bias = (abs(span), compliance, integration)
        self._level(0.0)
        self._configured = True

    def level(self, voltage: float) -> None:
        """Go to `voltage` [V] of a configured sweep, the output as it is. `LimitError` beyond its span."""
        span, compliance, _ = self._bias
        self.limits.check_sweep(voltage, compliance)
        if not abs(voltage) <= span:
            raise LimitError(f"{text(voltage, 'V')} is beyond the span of this sweep, ±{text(span, 'V')}; configure it")
        self._level(voltage)

    def output_on(self) -> None:
        """Drive the configured voltage. `InputError` before a compliance was configured; nothing is sent then."""
        if not self._configured:
            raise InputError("no bias is configured, so no compliance is set; configure one before the output goes on")
        self._output_on()

    def sequencer(self, generator: PulseSource, *, trigger: bool) -> Sequencer | None:
        """What runs pulses of `generator` and readings of this unit by their own timing; None where nothing does.

        `trigger` says that a cable leads from the trigger output of this unit to the trigger input of the generator.
        """
        return None

    @abstractmethod
    def _output_on(self) -> None: ...

    @abstractmethod
    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` measurements at the configured bias; never changes range, level or compliance."""

    @abstractmethod
    def _configure(self, voltage: float, compliance: float, integration: float) -> None: ...

    def _level(self, voltage: float) -> None:
        """Change the level alone. An instrument that cannot is configured anew, which may change its range."""
        _, compliance, integration = self._bias
        self._configure(voltage, compliance, integration)


class SwitchMatrix(InstrumentRole):
    """Connects rows (instruments) with columns (electrodes) by relays named as the instrument names them."""

    @abstractmethod
    def close(self, channels: Iterable[str]) -> None:
        """Close exactly these channels and open all others; returns when the relays have settled."""

    @abstractmethod
    def closed(self) -> frozenset[str]:
        """Ask the instrument which channels are closed."""

    @abstractmethod
    def channel(self, slot: int, row: str, column: int) -> str:
        """Name of a crosspoint relay as this instrument writes it, such as "1A02"."""


def every(steps: Iterable[Callable[[], object]]) -> list[Exception]:
    """Run every step, whatever the others raise; gives what was raised. The heart of an emergency stop."""
    raised: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as error:
            raised.append(error)
    return raised
