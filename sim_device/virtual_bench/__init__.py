"""The virtual bench: twins of instruments that speak the real languages, wired to virtual devices."""

from sim_device.virtual_bench.bench import VirtualBench
from sim_device.virtual_bench.devices.device import DeviceTruth, VirtualDevice, make_devices

__all__ = ["DeviceTruth", "VirtualBench", "VirtualDevice", "make_devices"]
