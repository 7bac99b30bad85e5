"""Keysight B2902B source-measure unit (and its kin B2901A to B2912B), channel 1.

Commands: Keysight B2900 Series SCPI Command Reference, chapters 1 (status data) and 4 (subsystems). The automatic
output-on that a reset enables is switched off: measuring must never switch a source on. Never tried on the real
instrument.
"""

from __future__ import annotations

from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.burst_generator import BurstGenerator
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
from instruments.drivers.keysight_b2902b.list_sweep import ListSweep, TriggeredBursts
from instruments.drivers.keysight_b2902b.pulses import KeysightB2902BPulses
from instruments.errors import LimitError
from instruments.limits import Limits
from instruments.roles import Measurement, PulseSource
from instruments.sequences import Sequencer
from instruments.units import text

VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5)  # [A] that can be held without pulsing
COMPLIANCE, OVERRANGE = 2 | 4, 8192  # bits of the status data (Command Reference, table 1-2)
MOST_READINGS: Final = 10_000


class KeysightB2902B(ListUnit):
    """Sources voltage, measures voltage and current; the status data come with every reading."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keysight B2902B", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def sequencer(self, generator: PulseSource, *, trigger: bool) -> Sequencer | None:
        """A list sweep where this channel is the pulse source, too; bursts that it triggers where a cable says so."""
        if isinstance(generator, KeysightB2902BPulses):
            return ListSweep(self)
        if trigger and isinstance(generator, BurstGenerator) and generator.external:
            return TriggeredBursts(self, generator)
        return None

    def prepare(self) -> None:
        """Reset, outputs off and never on by themselves; voltage, current and status in each reading."""
        self._configured = False
        self.write("*RST;*CLS")
        self.started = self.in_list = False
        self.settle(
            ":OUTP1 OFF;:OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;"
            ':SENS1:FUNC "VOLT","CURR";:SENS1:REM OFF;:FORM:ELEM:SENS VOLT,CURR,STAT;:TRIG1:SOUR AINT;:TRIG1:COUN 1'
        )

    def off(self) -> None:
        """Output off, and the end of a sequence if one may be running."""
        self.switch_off(":OUTP1 OFF;:ABOR (@1)" if self.started else ":OUTP1 OFF")

    def is_off(self) -> bool:
        """Whether the instrument says that the output of channel 1 is off."""
        return self.ask(":OUTP1?").strip() == "0"

    def _output_on(self) -> None:
        self.write(":OUTP1 ON")

    def _set(self, span: float, voltage: float, compliance: float, integration: float) -> None:
        source, measure = smallest(span, VOLTAGE_RANGES, "V"), smallest(compliance, CURRENT_RANGES, "A")
        if source > 20 and compliance > 0.1:
            raise LimitError(f"a compliance of {text(compliance, 'A')} is too much on the 200 V range, at most 100 mA")
        check_least(compliance, 1e-9)
        check_integration(integration, 4e-4, 100)
        self.settle(
            f":SENS1:CURR:PROT {si(compliance)};:SENS1:CURR:RANG:AUTO OFF;:SENS1:CURR:RANG {si(measure)};"
            f":SOUR1:VOLT:RANG:AUTO OFF;:SOUR1:VOLT:RANG {si(source)};:SOUR1:VOLT {si(voltage)};"
            f":SENS1:CURR:NPLC {si(integration)}"
        )
        (limit,) = self.numbers(":SENS1:CURR:PROT?", 1)
        check_compliance(self.name, compliance, limit)

    def _level(self, voltage: float) -> None:
        self.write(f":SOUR1:VOLT {si(voltage)}")

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` readings, the trigger count set for more than one."""
        check_count(count, MOST_READINGS)
        if count == 1:
            return [_measurement(*self.numbers(":READ? (@1)", 3))]
        self.write(f":TRIG1:COUN {count}")
        flat = self.numbers(":READ:ARR? (@1)", 3 * count)
        self.write(":TRIG1:COUN 1")
        return [_measurement(*flat[at : at + 3]) for at in range(0, 3 * count, 3)]


def _measurement(voltage: float, current: float, status: float) -> Measurement:
    word = int(status)
    return measurement(voltage, current, limited=bool(word & COMPLIANCE), overrange=bool(word & OVERRANGE))
