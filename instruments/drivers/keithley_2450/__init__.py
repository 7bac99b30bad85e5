"""Keithley 2450: source-measure unit and list sweep."""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "instruments.drivers.keithley_2450.smu")
