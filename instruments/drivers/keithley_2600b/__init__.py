"""Keithley 2600B: source-measure units, slow pulses and the trace loop that runs in the box."""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "instruments.drivers.keithley_2600b.smu")
