"""Keithley 2450 as a slow pulse source, in its native SCPI.

Manual: see `smu`. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.drivers.common.smu_pulses import SmuPulses, Spelling


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
