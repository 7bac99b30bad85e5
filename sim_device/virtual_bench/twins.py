"""Which twin stands in for which driver; imports a twin when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from instruments.errors import InputError
from sim_device.virtual_bench.circuit import Circuit

TWINS = {
    "keithley-2400": "keithley_2400_measuring:Keithley2400Twin",
    "keithley-2400-pulses": "keithley_2400_measuring:Keithley2400Twin",
    "keithley-2450": "keithley_2450_buffers:Keithley2450Twin",
    "keithley-2450-pulses": "keithley_2450_buffers:Keithley2450Twin",
    "keithley-2600b": "keithley_2600b:Keithley2600BTwin",
    "keithley-2600b-channel-b": "keithley_2600b:Keithley2600BChannelBTwin",
    "keithley-7001": "keithley_7001:Keithley7001Twin",
    "keithley-707b": "keithley_707b:Keithley707BTwin",
    "keysight-33500b": "keysight_33500b:Keysight33500BTwin",
    "keysight-33600a": "keysight_33500b:Keysight33600ATwin",
    "keysight-81160a": "keysight_81160a:Keysight81160ATwin",
    "keysight-b2902b": "keysight_b2902b:KeysightB2902BTwin",
    "keysight-b2902b-pulses": "keysight_b2902b:KeysightB2902BTwin",
    "tektronix-afg31000": "tektronix_afg31000:TektronixAFG31000Twin",
}
AS_GENERATOR = "-pulses"  # names of drivers whose source-measure unit stands where the generator does


class Twin(Protocol):
    """An instrument as seen from its connector."""

    def receive(self, message: str) -> None:
        """Take one message without its termination."""
        ...

    def transmit(self) -> str | None:
        """The reply that waits, without its termination; None when there is none."""
        ...

    def waiting(self) -> bool:
        """Whether a reply waits."""
        ...

    def clear(self) -> None:
        """Device clear."""
        ...

    def status_byte(self) -> int:
        """The status byte."""
        ...


def make_twin(driver: str, circuit: Circuit) -> Twin:
    """The twin for a driver name, in a circuit; `InputError` where there is none."""
    if driver not in TWINS:
        raise InputError(f"there is no virtual twin for {driver!r}; known are {', '.join(sorted(TWINS))}")
    module, name = TWINS[driver].split(":")
    if driver.endswith(AS_GENERATOR):
        from sim_device.virtual_bench.smu_as_generator import SmuAsGenerator

        circuit = SmuAsGenerator(circuit)
    return cast(Twin, getattr(import_module(f"sim_device.virtual_bench.{module}"), name)(circuit))
