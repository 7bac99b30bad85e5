"""SCPI source-measure units as slow pulse sources: Keithley 2400 and 2450 and Keysight B2902B.

See their drivers for the manuals. Never tried on the real instruments.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from pymeasure.adapters import Adapter

from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import check_compliance, smallest
from instruments.drivers.common.scpi import Scpi
from instruments.drivers.common.slow_pulses import SlowPulses
from instruments.limits import Limits


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


class SmuPulses(Scpi, SlowPulses):
    """Pulses of either sign from 0 V, limited to the station's largest current."""

    spelling: ClassVar[Spelling]

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "SMU as pulse source", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def __init_subclass__(cls) -> None:
        """The ranges stand in the spelling."""
        cls.voltage_ranges = cls.spelling.voltage_ranges

    def level(self, volts: str) -> str:
        """The command that goes to a level [V]."""
        return f"{self.spelling.level} {volts}"

    def prepare(self) -> None:
        """Reset, output off, level 0 V on the range of the largest pulse; the current limit is read back."""
        say = self.spelling
        self._pulse = None
        span = smallest(min(self.limits.pulse_voltage, say.voltage_ranges[-1]), say.voltage_ranges, "V")
        limit = self.pulse_compliance()
        self.write("*RST;*CLS")
        self.settle(
            f"{say.output.format('OFF')};{say.setup};{say.limit} {si(limit)};"
            f"{say.source_range} {si(span)};{say.level} 0"
        )
        (found,) = self.numbers(f"{say.limit}?", 1)
        check_compliance(self.name, limit, found)

    def pulse_compliance(self) -> float:
        """The station's largest current, or the most that can be limited at."""
        return min(self.limits.current, self.spelling.current)

    def off(self) -> None:
        """Output off."""
        self.switch_off(self.spelling.output.format("OFF"))

    def is_off(self) -> bool:
        """Whether the instrument says that its output is off."""
        return self.ask(self.spelling.is_on).strip() == "0"

    def output_on(self) -> None:
        """Output on, at 0 V."""
        self.write(f"{self.level('0')};{self.spelling.output.format('ON')}")
