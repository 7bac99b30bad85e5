"""Keithley 2450: source-measure unit and list sweep."""

from __future__ import annotations

from instruments.drivers.common.known import Known
from instruments.homes import moved_names

DRIVERS = {
    "keithley-2450": Known(
        "smu:Keithley2450", "smu", "MODEL 2450", "Keithley 2450 source-measure unit", box="keithley-2450"
    ),
    "keithley-2450-pulses": Known(
        "pulses:Keithley2450Pulses",
        "generator",
        "MODEL 2450",
        "Keithley 2450 as a slow pulse source",
        box="keithley-2450",
    ),
}

__getattr__ = moved_names(__name__, "instruments.drivers.keithley_2450.smu")
