"""Which twin stands in for which driver: found by their files, each imported only when asked for.

Every module of this package, and every one that an installed package names as an entry point of the group
"labshd.twins", says in `TWINS` for which drivers it has a twin, as "Class" or, of a package, as "module:Class".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias, cast

from instruments.errors import InputError
from sim_device.virtual_bench.circuit.surroundings import Circuit

GROUP = "labshd.twins"
NO_TWINS = ("common", "twins")  # modules here that are none
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


@cache
def twins() -> Mapping[str, str]:
    """Driver -> module:class of its twin."""
    here = Path(__file__)
    own = [f"{__package__}.{one.name}" for one in iter_modules([str(here.parent)]) if one.name not in NO_TWINS]
    found: dict[str, str] = {}
    for module in (*own, *(one.value for one in entry_points(group=GROUP))):
        said: dict[str, str] = getattr(import_module(module), "TWINS", {})
        for driver, place in said.items():
            inside, colon, of = place.rpartition(":")
            found[driver] = f"{module}.{inside}:{of}" if colon else f"{module}:{of}"
    return MappingProxyType(dict(sorted(found.items())))


def make_twin(plugged: Plugged, circuit: Circuit) -> Twin:
    """The twin for a driver name, or for the roles of one box, in a circuit; `InputError` where there is none."""
    roles = [Cabled(plugged)] if isinstance(plugged, str) else list(plugged)
    known = twins()
    for role in roles:
        if role.driver not in known:
            raise InputError(f"there is no virtual twin for {role.driver!r}; known are {', '.join(known)}")
    driver = roles[0].driver
    module, name = known[driver].split(":")
    if len({known[role.driver].split(":")[0] for role in roles}) > 1:
        raise InputError(f"{' and '.join(role.driver for role in roles)} are not one box")
    inside = import_module(module)
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
