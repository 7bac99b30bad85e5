"""Which twin stands in for which driver; each is imported only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, TypeAlias, cast

from instruments.errors import InputError
from sim_device.virtual_bench.circuit.surroundings import Circuit

TWINS = {
    "keithley-2400": "keithley_2400.measuring:Keithley2400Twin",
    "keithley-2400-pulses": "keithley_2400.measuring:Keithley2400Twin",
    "keithley-2450": "keithley_2450.buffers:Keithley2450Twin",
    "keithley-2450-pulses": "keithley_2450.buffers:Keithley2450Twin",
    "keithley-2600b": "keithley_2600b.smu:Keithley2600BTwin",
    "keithley-2600b-channel-b": "keithley_2600b.smu:Keithley2600BTwin",
    "keithley-2600b-channel-b-pulses": "keithley_2600b.smu:Keithley2600BTwin",
    "keithley-7001": "keithley_7001:Keithley7001Twin",
    "keithley-707b": "keithley_707b:Keithley707BTwin",
    "keysight-33500b": "keysight_33500b:Keysight33500BTwin",
    "keysight-33500b-halves": "halves:HalfSelect33500BTwin",
    "keysight-33600a": "keysight_33500b:Keysight33600ATwin",
    "keysight-33600a-halves": "halves:HalfSelect33600ATwin",
    "keysight-81160a": "keysight_81160a:Keysight81160ATwin",
    "keysight-81160a-halves": "halves:HalfSelect81160ATwin",
    "keysight-b1500a-smu": "keysight_b1500a.analyser:KeysightB1500ATwin",
    "keysight-b1500a-spgu": "keysight_b1500a.analyser:KeysightB1500ATwin",
    "keysight-b2902b": "keysight_b2902b.commands:KeysightB2902BTwin",
    "keysight-b2902b-pulses": "keysight_b2902b.commands:KeysightB2902BTwin",
    "tektronix-afg31000": "tektronix_afg31000:TektronixAFG31000Twin",
}
AS_BIAS = "bias"  # the role of a source-measure unit that stands where the bias source does
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


class Cabled(NamedTuple):
    """One role that an instrument plays: the driver of it, and the channel, where the driver has several."""

    driver: str
    channel: int | None = None
    role: str = ""  # on the bench, where it is not that of the driver


Plugged: TypeAlias = "str | Sequence[Cabled]"  # a driver name, or the roles of one box


def make_twin(plugged: Plugged, circuit: Circuit) -> Twin:
    """The twin for a driver name, or for the roles of one box, in a circuit; `InputError` where there is none."""
    roles = [Cabled(plugged)] if isinstance(plugged, str) else list(plugged)
    for role in roles:
        if role.driver not in TWINS:
            raise InputError(f"there is no virtual twin for {role.driver!r}; known are {', '.join(sorted(TWINS))}")
    driver = roles[0].driver
    module, name = TWINS[driver].split(":")
    if len({TWINS[role.driver].split(":")[0] for role in roles}) > 1:
        raise InputError(f"{' and '.join(role.driver for role in roles)} are not one box")
    inside = import_module(f"sim_device.virtual_bench.boxes.{module}")
    if hasattr(inside, "in_roles"):  # a box that plays several roles makes itself of them
        return cast(Twin, inside.in_roles(circuit, [(role, _seen(circuit, role)) for role in roles]))
    if len(roles) > 1:
        from sim_device.virtual_bench.circuit.smu_alone import SmuAlone

        if sum(role.driver.endswith(AS_GENERATOR) for role in roles) != 1 or len(roles) != 2:
            raise InputError(f"{driver} plays one role, not {len(roles)}")
        return cast(Twin, getattr(inside, name)(SmuAlone(circuit)))
    return cast(Twin, getattr(inside, name)(_seen(circuit, roles[0])))


def _seen(circuit: Circuit, cabled: Cabled) -> Circuit:
    """The circuit as an instrument sees it from where it is plugged in."""
    if cabled.driver.endswith(AS_GENERATOR):
        from sim_device.virtual_bench.circuit.smu_as_generator import SmuAsGenerator

        return SmuAsGenerator(circuit)
    if cabled.role == AS_BIAS:
        from sim_device.virtual_bench.circuit.terminals import MoreTerminals, SmuAsBias

        if not isinstance(circuit, MoreTerminals):
            raise InputError("this circuit has no terminals for a bias source")
        return SmuAsBias(circuit)
    return circuit
