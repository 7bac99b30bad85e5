"""A source-measure unit as a slow pulse source: its level goes to the pulse voltage, stays there, goes back to 0 V.

The computer times the pulses, so they are long and a few milliseconds uncertain: for devices that ask for no better,
and for benches without a generator. Works with Keithley 2400 and 2450 and Keysight B2902B; see their drivers for the
manuals. Never tried on the real instruments.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar, Final, NamedTuple

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.connected import si
from instruments.drivers.fixed_ranges import check_compliance, smallest
from instruments.drivers.scpi import Scpi
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import PulseSource
from instruments.units import text

LEAST: Final = 1e-3  # [V] of a pulse: a source-measure unit resolves far less, but less is no pulse
DC_WIDTH: Final = 1.0  # [s] beyond which waiting is better done by a protocol


class Spelling(NamedTuple):
    """How one instrument says what is needed; ``{}`` stands for a number."""

    setup: str
    source_range: str
    limit: str
    level: str
    output: str  # {} is ON or OFF
    is_on: str
    voltage_ranges: tuple[float, ...]  # [V]
    current: float  # [A] most that can be limited at


class SmuPulses(Scpi, PulseSource):
    """Pulses of either sign from 0 V, limited to the station's largest current."""

    shortest_width = 10e-3
    longest_burst = 10_000
    spelling: ClassVar[Spelling]

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "SMU as pulse source", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        self._pulse: Pulse | None = None

    def prepare(self) -> None:
        """Reset, output off, level 0 V on the range of the largest pulse; the current limit is read back."""
        say = self.spelling
        self._pulse = None
        span = smallest(min(self.limits.pulse_voltage, say.voltage_ranges[-1]), say.voltage_ranges, "V")
        limit = min(self.limits.current, say.current)
        self.write("*RST;*CLS")
        self.settle(
            f"{say.output.format('OFF')};{say.setup};{say.limit} {si(limit)};"
            f"{say.source_range} {si(span)};{say.level} 0"
        )
        (found,) = self.numbers(f"{say.limit}?", 1)
        check_compliance(self.name, limit, found)

    def off(self) -> None:
        """Output off."""
        self.switch_off(self.spelling.output.format("OFF"))

    def is_off(self) -> bool:
        """Whether the instrument says that its output is off."""
        return self.ask(self.spelling.is_on).strip() == "0"

    def output_on(self) -> None:
        """Output on, at 0 V."""
        self.write(f"{self.spelling.level} 0;{self.spelling.output.format('ON')}")

    def _configure(self, pulse: Pulse) -> None:
        """Nothing is sent: the level goes out with each pulse."""
        most = self.spelling.voltage_ranges[-1]
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
        pulse, level = self._pulse, self.spelling.level
        if pulse is None:
            raise InputError("no pulse is configured; configure one before firing")
        try:
            for _ in range(count):
                self.write(f"{level} {si(pulse.voltage)}")
                self.clock.wait(pulse.width)
                self.write(f"{level} 0")
                self.clock.wait(pulse.width)
        except BaseException:
            with suppress(InstrumentError):
                self.write(f"{level} 0")
            raise
        done = self.ask("*OPC?")
        if done.strip() not in ("1", "+1"):
            raise InstrumentError(f"{self.name} answered '*OPC?' with {done!r}: whether {count} pulses came is unknown")
        return 2 * count * pulse.width


class Keithley2400Pulses(SmuPulses):
    """A Keithley 2400."""

    spelling: ClassVar[Spelling] = Spelling(
        setup=":SOUR:CLE:AUTO OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;:SOUR:DEL 0;:SYST:RSEN OFF",
        source_range=":SOUR:VOLT:RANG",
        limit=":SENS:CURR:PROT",
        level=":SOUR:VOLT",
        output=":OUTP {}",
        is_on=":OUTP?",
        voltage_ranges=(0.2, 2.0, 20.0),
        current=1.05,
    )


class Keithley2450Pulses(SmuPulses):
    """A Keithley 2450 in its native SCPI."""

    spelling: ClassVar[Spelling] = Spelling(
        setup=':OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:DEL 0;:SENS:CURR:RSEN OFF',
        source_range=":SOUR:VOLT:RANG",
        limit=":SOUR:VOLT:ILIM",
        level=":SOUR:VOLT",
        output=":OUTP {}",
        is_on=":OUTP?",
        voltage_ranges=(0.02, 0.2, 2.0, 20.0),
        current=1.05,
    )


class KeysightB2902BPulses(SmuPulses):
    """A Keysight B2902B or its kin, channel 1."""

    spelling: ClassVar[Spelling] = Spelling(
        setup=":OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;:SENS1:REM OFF",
        source_range=":SOUR1:VOLT:RANG",
        limit=":SENS1:CURR:PROT",
        level=":SOUR1:VOLT",
        output=":OUTP1 {}",
        is_on=":OUTP1?",
        voltage_ranges=(0.2, 2.0, 20.0),
        current=1.5,
    )
