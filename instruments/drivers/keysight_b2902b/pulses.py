"""Keysight B2902B or its kin as a slow pulse source, channel 1.

Manual: see `smu`. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.drivers.common.smu_pulses import SmuPulses, Spelling


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
