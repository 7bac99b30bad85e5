"""Drivers by name: found by their files, imported only when asked for.

Every module of this package, and every one that an installed package names as an entry point of the group
"labshd.drivers", says in `DRIVERS` which drivers it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import MappingProxyType

from instruments.drivers.common.known import Known, MatrixSize
from instruments.errors import InputError
from instruments.roles import InstrumentRole

__all__ = ["GROUP", "TAKES_TURNS", "Known", "MatrixSize", "known", "load"]

GROUP = "labshd.drivers"
TAKES_TURNS = "-pulses"  # names of drivers that pulse on the output on which the driver without this measures


@cache
def known() -> Mapping[str, Known]:
    """All drivers by name."""
    own = [f"{__name__}.{one.name}" for one in iter_modules(__path__) if one.name != "common"]
    found: dict[str, Known] = {}
    for module in (*own, *(one.value for one in entry_points(group=GROUP))):
        said: dict[str, Known] = getattr(import_module(module), "DRIVERS", {})
        for name, one in said.items():
            if name in found:
                raise InputError(f"two drivers are called {name!r}: {found[name].place} and one of {module}")
            inside, colon, of = one.place.rpartition(":")
            found[name] = replace(one, place=f"{module}.{inside}:{of}" if colon else f"{module}:{of}")
    return MappingProxyType(dict(sorted(found.items())))


def load(name: str) -> type[InstrumentRole]:
    """The class of a driver; `InputError` lists the known names and the nearest."""
    if name not in known():
        near = get_close_matches(name.lower(), known(), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise InputError(f"no driver is called {name!r}{hint} Known are {', '.join(known())}")
    module, of = known()[name].place.split(":")
    found: type[InstrumentRole] = getattr(import_module(module), of)
    return found
