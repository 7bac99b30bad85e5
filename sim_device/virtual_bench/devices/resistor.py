"""A resistor in place of a device; nothing changes it."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.devices.device import DeviceParameters, VirtualDevice
from sim_device.virtual_bench.devices.trains import Train


class Resistor(VirtualDevice):
    """A fixed conductance [S], without noise. `parameters` are those of the devices beside it."""

    def __init__(self, parameters: DeviceParameters, fixed: float) -> None:
        super().__init__(parameters, 0)
        self.fixed = fixed

    def pulse(self, now: float, pulse: tuple[float, float], count: int) -> None:
        """Of no effect."""

    def hold(self, since: float, now: float, voltage: float, limit: float) -> None:
        """Of no effect."""

    def conductance(self, now: float) -> float:
        """The fixed one [S]."""
        return self.fixed

    def read(self, now: float) -> float:
        """The fixed one [S]."""
        return self.fixed

    def train(self, train: Train) -> FloatArray:
        """The fixed one [S] at each reading."""
        return np.full(len(train.read_at), self.fixed)
