"""Keithley 2600B: source-measure units, slow pulses and the trace loop that runs in the box."""

from __future__ import annotations

from instruments.drivers.common.known import Known
from instruments.homes import moved_names

DRIVERS = {
    "keithley-2600b": Known(
        "smu:Keithley2600B", "smu", "MODEL 26", "Keithley 2600B, channel A", box="keithley-2600b", part=1
    ),
    "keithley-2600b-channel-b": Known(
        "smu:Keithley2600BChannelB",
        "smu",
        "MODEL 26",
        "Keithley 2600B, channel B",
        box="keithley-2600b",
        part=2,
    ),
    "keithley-2600b-channel-b-pulses": Known(
        "pulses:Keithley2600BChannelBPulses",
        "generator",
        "MODEL 26",
        "Keithley 2600B, channel B as a slow pulse source",
        box="keithley-2600b",
        part=2,
    ),
}

__getattr__ = moved_names(__name__, "instruments.drivers.keithley_2600b.smu")
