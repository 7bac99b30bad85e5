"""What a device is: steps by formula or table, voltage laws, presets, fitted devices as files."""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "sim_device.models.formulas")
