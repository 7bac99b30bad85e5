"""Keysight B2902B: source-measure unit and list sweep."""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "instruments.drivers.keysight_b2902b.smu")
