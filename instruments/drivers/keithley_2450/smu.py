"""Keithley 2450 source-measure unit in its native SCPI.

Commands: Model 2450 Reference Manual, 2450-901-01, section 6. Source and measure ranges are fixed: the source range is
the smallest that holds the level, the measure range the smallest that holds the compliance, so nothing changes range
under a device. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import (
    check_compliance,
    check_count,
    check_integration,
    check_least,
    measurement,
    smallest,
)
from instruments.drivers.common.list_unit import ListUnit
from instruments.drivers.keithley_2450.list_sweep import SteppedList
from instruments.drivers.keithley_2450.pulses import Keithley2450Pulses
from instruments.errors import LimitError
from instruments.limits import Limits
from instruments.roles import Interlock, Measurement, PulseSource
from instruments.sequences import Sequencer
from instruments.units import text

VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)  # [V], data sheet
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A], data sheet
LIMITED: Final = 32  # source status: the source function was limited (manual, bufferVar.sourcestatuses)
MOST_READINGS: Final = 10_000  # in one go, well within defbuffer1


class Keithley2450(ListUnit):
    """Sources voltage, measures current, reads the voltage back; the source status comes with every reading."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 2450", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def sequencer(self, generator: PulseSource, *, trigger: bool) -> Sequencer | None:
        """A list sweep where this unit is the pulse source, too."""
        return SteppedList(self) if isinstance(generator, Keithley2450Pulses) else None

    def prepare(self) -> None:
        """Reset, output off, voltage source and current measurement with fixed ranges and source readback."""
        self._configured = False
        self.write("*RST;*CLS")
        self.started = self.in_list = False
        self.settle(
            ':OUTP OFF;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:DEL 0;'
            ":SENS:CURR:RSEN OFF;:SENS:CURR:AZER ON;:SENS:COUN 1"
        )

    def off(self) -> None:
        """Output off, and the end of a sequence if one may be running."""
        self.switch_off(":OUTP OFF;:ABOR" if self.started else ":OUTP OFF")

    def is_off(self) -> bool:
        """Whether the instrument says that its output is off."""
        return self.ask(":OUTP?").strip() == "0"

    def interlock(self) -> Interlock | None:
        """Without it the 200 V range is disabled; outputs beyond 21 V are refused."""
        return Interlock(self.ask(":OUTP:INT:TRIP?").strip() == "1", 21.0)

    def _output_on(self) -> None:
        self.write(":OUTP ON")

    def _set(self, span: float, voltage: float, compliance: float, integration: float) -> None:
        source, measure = smallest(span, VOLTAGE_RANGES, "V"), smallest(compliance, CURRENT_RANGES, "A")
        if source > 20 and compliance > 0.105:
            raise LimitError(f"a compliance of {text(compliance, 'A')} is too much on the 200 V range, at most 105 mA")
        check_least(compliance, 1e-9)
        check_integration(integration, 0.01, 10)
        self.settle(
            f":SENS:CURR:RANG {si(measure)};:SOUR:VOLT:RANG {si(source)};:SOUR:VOLT:ILIM {si(compliance)};"
            f":SOUR:VOLT {si(voltage)};:SENS:CURR:NPLC {si(integration)}"
        )
        (limit,) = self.numbers(":SOUR:VOLT:ILIM?", 1)
        check_compliance(self.name, compliance, limit)

    def _level(self, voltage: float) -> None:
        self.write(f":SOUR:VOLT {si(voltage)}")

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` readings of source and current; one query for one, the buffer for more."""
        if count == 1:
            return [_measurement(*self.numbers(':READ? "defbuffer1",SOUR,READ,SOURSTAT', 3))]
        check_count(count, MOST_READINGS)
        self.write(f':TRAC:CLE "defbuffer1";:SENS:COUN {count};:TRAC:TRIG "defbuffer1"')
        flat = self.numbers(f':TRAC:DATA? 1,{count},"defbuffer1",SOUR,READ,SOURSTAT', 3 * count)
        self.write(":SENS:COUN 1")
        return [_measurement(*flat[at : at + 3]) for at in range(0, 3 * count, 3)]


def _measurement(voltage: float, current: float, source_status: float) -> Measurement:
    return measurement(voltage, current, limited=bool(int(source_status) & LIMITED))
