"""Keysight B2902B: source-measure unit and list sweep."""

from __future__ import annotations

from instruments.drivers.common.known import Known
from instruments.homes import moved_names

DRIVERS = {
    "keysight-b2902b": Known(
        "smu:KeysightB2902B",
        "smu",
        "B29",
        "Keysight B2900 source-measure unit, channel 1",
        box="keysight-b2900",
    ),
    "keysight-b2902b-pulses": Known(
        "pulses:KeysightB2902BPulses",
        "generator",
        "B29",
        "Keysight B2900 as a slow pulse source, channel 1",
        box="keysight-b2900",
    ),
}

__getattr__ = moved_names(__name__, "instruments.drivers.keysight_b2902b.smu")
