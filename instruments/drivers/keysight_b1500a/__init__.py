"""Keysight B1500A: the mainframe, its source-measure units and its pulse generator."""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "instruments.drivers.keysight_b1500a.mainframe")
