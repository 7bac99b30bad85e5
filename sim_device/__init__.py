"""Simulated crosspoints: device models, fits of them, and the virtual bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import keep_old_places, offered
from sim_device._moved import MOVED

if TYPE_CHECKING:
    from sim_device.arrays.crosspoints import SimCrosspoints
    from sim_device.models.fitted import FittedDevice
    from sim_device.models.formulas import SoftBounds
    from sim_device.models.presets import preset

__all__ = ["FittedDevice", "SimCrosspoints", "SoftBounds", "preset"]
_HOMES = {
    "FittedDevice": "sim_device.models.fitted",
    "SimCrosspoints": "sim_device.arrays.crosspoints",
    "SoftBounds": "sim_device.models.formulas",
    "preset": "sim_device.models.presets",
}
__getattr__ = offered(__name__, _HOMES)

keep_old_places(MOVED)
