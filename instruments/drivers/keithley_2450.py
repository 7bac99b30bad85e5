"""Keithley 2450 source-measure unit in its native SCPI.

Commands: Model 2450 Reference Manual, 2450-901-01, section 6. Source and measure ranges are fixed: the source range is
the smallest that holds the level, the measure range the smallest that holds the compliance, so nothing changes range
under a device. Never tried on the real instrument.
"""

from __future__ import annotations

import math
from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.crosspoints import Status
from instruments.drivers.connected import si
from instruments.drivers.scpi import Scpi
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import Measurement, SourceMeasureUnit
from instruments.units import text

VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)  # [V], data sheet
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A], data sheet
NPLC: Final = (0.01, 10.0)  # [power line cycles]
OVERFLOW: Final = 9.9e37  # an overflowed reading; 9.91E37 stands for "not a number"
LIMITED: Final = 32  # source status: the source function was limited (manual, bufferVar.sourcestatuses)
MOST_READINGS: Final = 10_000  # in one go, well within defbuffer1


class Keithley2450(Scpi, SourceMeasureUnit):
    """Sources voltage, measures current, reads the voltage back; the source status comes with every reading."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 2450", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def prepare(self) -> None:
        """Reset, output off, voltage source and current measurement with fixed ranges and source readback."""
        self.write("*RST;*CLS")
        self.settle(
            ':OUTP OFF;:OUTP:SMOD NORM;:SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:READ:BACK ON;:SOUR:VOLT:DEL 0;'
            ":SENS:CURR:RSEN OFF;:SENS:CURR:AZER ON;:SENS:COUN 1"
        )

    def off(self) -> None:
        """Output off."""
        self.write(":OUTP OFF")

    def is_off(self) -> bool:
        """Whether the instrument says that its output is off."""
        return self.ask(":OUTP?").strip() == "0"

    def output_on(self) -> None:
        """Output on at the configured voltage."""
        self.write(":OUTP ON")

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Limit and ranges before the level; the limit is read back."""
        source, measure = _range(abs(voltage), VOLTAGE_RANGES, "V"), _range(compliance, CURRENT_RANGES, "A")
        if source > 20 and compliance > 0.105:
            raise LimitError(f"a compliance of {text(compliance, 'A')} is too much on the 200 V range, at most 105 mA")
        if not NPLC[0] <= integration <= NPLC[1]:
            raise InputError(
                f"an integration of {integration:g} power line cycles is beyond {NPLC[0]:g} to {NPLC[1]:g}"
            )
        self.settle(
            f":SENS:CURR:RANG {si(measure)};:SOUR:VOLT:RANG {si(source)};:SOUR:VOLT:ILIM {si(compliance)};"
            f":SOUR:VOLT {si(voltage)};:SENS:CURR:NPLC {si(integration)}"
        )
        (limit,) = self.numbers(":SOUR:VOLT:ILIM?", 1)
        if not math.isclose(limit, compliance, rel_tol=1e-3):
            raise InstrumentError(f"{self.name} limits at {text(limit, 'A')}, where {text(compliance, 'A')} was set")

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` readings of source and current; one query for one, the buffer for more."""
        if count == 1:
            return [_measurement(*self.numbers(':READ? "defbuffer1",SOUR,READ,SOURSTAT', 3))]
        if not 1 <= count <= MOST_READINGS:
            raise InputError(f"{count} readings in one go are not between 1 and {MOST_READINGS}")
        self.write(f':TRAC:CLE "defbuffer1";:SENS:COUN {count};:TRAC:TRIG "defbuffer1"')
        flat = self.numbers(f':TRAC:DATA? 1,{count},"defbuffer1",SOUR,READ,SOURSTAT', 3 * count)
        self.write(":SENS:COUN 1")
        return [_measurement(*flat[at : at + 3]) for at in range(0, 3 * count, 3)]


def _range(value: float, ranges: tuple[float, ...], unit: str) -> float:
    for one in ranges:
        if value <= one * 1.05:
            return one
    raise LimitError(f"{text(value, unit)} is beyond this instrument, which goes to {text(ranges[-1] * 1.05, unit)}")


def _measurement(voltage: float, current: float, source_status: float) -> Measurement:
    status = Status.COMPLIANCE if int(source_status) & LIMITED else Status.OK
    if abs(voltage) >= OVERFLOW or abs(current) >= OVERFLOW:
        no_number = max(abs(voltage), abs(current)) > OVERFLOW * 1.0005
        return Measurement(
            math.nan, math.nan, status | (Status.INVALID if no_number else Status.OVERRANGE | Status.INVALID)
        )
    return Measurement(voltage, current, status)
