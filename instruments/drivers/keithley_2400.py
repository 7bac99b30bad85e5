"""Keithley 2400 source-measure unit.

Commands: Series 2400 SourceMeter User's Manual, 2400S-900-01, section 18. Only ``:READ?`` measures: ``:MEASure`` would
reset range, integration and compliance and switch the source on. Never tried on the real instrument.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.connected import date_of, si
from instruments.drivers.common.fixed_ranges import (
    check_compliance,
    check_count,
    check_integration,
    check_least,
    measurement,
    smallest,
)
from instruments.drivers.common.known import Known
from instruments.drivers.common.scpi import Scpi
from instruments.drivers.common.smu_pulses import SmuPulses, Spelling
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.roles import Interlock, Measurement, SourceMeasureUnit
from instruments.units import text

VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A]
OVERRANGE, COMPLIANCE, RANGE_COMPLIANCE = 1, 8, 1 << 16  # bits of the status word (manual, FORMat:ELEMents)
MOST_READINGS: Final = 2500  # of one trigger


class Keithley2400(Scpi, SourceMeasureUnit):
    """Sources voltage, measures voltage and current; the status word comes with every reading."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 2400", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        self._on = False

    def prepare(self) -> None:
        """Reset, output off, voltage source; voltage, current and status in every reading."""
        self._configured = self._on = False
        self.write("*RST;*CLS")
        self.settle(
            ":OUTP OFF;:SOUR:CLE:AUTO OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;:SOUR:DEL 0;:SENS:FUNC:CONC ON;"
            ':SENS:FUNC "VOLT","CURR";:SYST:RSEN OFF;:SYST:AZER ON;:FORM:ELEM VOLT,CURR,STAT;:TRIG:COUN 1'
        )

    def off(self) -> None:
        """Output off."""
        self._on = False
        self.switch_off(":OUTP OFF")

    def is_off(self) -> bool:
        """Whether the instrument says that its output is off."""
        return self.ask(":OUTP?").strip() == "0"

    def calibrated(self) -> date | None:
        """As the instrument keeps it: year, month, day (Service Manual 2400-902-01, appendix B)."""
        year, month, day = self.numbers(":CAL:PROT:DATE?", 3)
        return date_of(int(year), int(month), int(day))

    def interlock(self) -> Interlock | None:
        """Without the interlock line pulled low there is no output at all, where the interlock is enabled."""
        if self.ask(":OUTP:INT:STAT?").strip() != "1":
            return None
        return Interlock(self.ask(":OUTP:INT:TRIP?").strip() == "1", 0.0)  # 1: "the source can be turned on"

    def _output_on(self) -> None:
        self._on = True
        self.write(":OUTP ON")

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Compliance before the measure range, which it bounds, and both before the level; it is read back."""
        source, measure = smallest(voltage, VOLTAGE_RANGES, "V"), smallest(compliance, CURRENT_RANGES, "A")
        if source > 20 and compliance > 0.105:
            raise LimitError(f"a compliance of {text(compliance, 'A')} is too much on the 200 V range, at most 105 mA")
        check_least(compliance, 1e-9)
        check_integration(integration, 0.01, 10)
        self.settle(
            f":SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT {si(compliance)};:SENS:CURR:RANG {si(measure)};"
            f":SOUR:VOLT:RANG {si(source)};:SOUR:VOLT {si(voltage)};:SENS:CURR:NPLC {si(integration)}"
        )
        (limit,) = self.numbers(":SENS:CURR:PROT?", 1)
        check_compliance(self.name, compliance, limit)

    def _level(self, voltage: float) -> None:
        self.write(f":SOUR:VOLT {si(voltage)}")

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` readings by ``:READ?``, the trigger count set for more than one."""
        check_count(count, MOST_READINGS)
        if not self._on:
            raise InputError("a 2400 reads nothing while its output is off; switch it on before measuring")
        if count == 1:
            return [_measurement(*self.numbers(":READ?", 3))]
        self.write(f":TRIG:COUN {count}")
        flat = self.numbers(":READ?", 3 * count)
        self.write(":TRIG:COUN 1")
        return [_measurement(*flat[at : at + 3]) for at in range(0, 3 * count, 3)]


def _measurement(voltage: float, current: float, status: float) -> Measurement:
    word = int(status)
    return measurement(
        voltage, current, limited=bool(word & (COMPLIANCE | RANGE_COMPLIANCE)), overrange=bool(word & OVERRANGE)
    )


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


DRIVERS = {
    "keithley-2400": Known(
        "Keithley2400", "smu", "MODEL 2400", "Keithley 2400 source-measure unit", box="keithley-2400"
    ),
    "keithley-2400-pulses": Known(
        "Keithley2400Pulses",
        "generator",
        "MODEL 2400",
        "Keithley 2400 as a slow pulse source",
        box="keithley-2400",
    ),
}
