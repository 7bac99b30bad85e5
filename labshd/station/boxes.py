"""Instruments with several roles: which entries of a station are one box and share its connection.

A Keysight B1500A is pulse source and source-measure unit at once, a two-channel source-measure unit is two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from instruments.drivers import TAKES_TURNS, known
from labshd.station.bench_lock import resource_key
from labshd.station.schema import InstrumentEntry, InstrumentsEntry

if TYPE_CHECKING:
    from sim_device.virtual_bench.boxes.twins import Plugged


@dataclass(frozen=True)
class Box:
    """One instrument at one resource, and the `roles` that it plays, in the order of the emergency stop."""

    roles: dict[str, InstrumentEntry] = field(default_factory=dict[str, InstrumentEntry])

    @property
    def name(self) -> str:
        """Its name in the record of the wire and in errors: its role, or its roles such as "generator+smu"."""
        return "+".join(self.roles)

    @property
    def resource(self) -> str:
        """VISA resource name, as the file says it first."""
        return next(iter(self.roles.values())).resource

    def plugged(self) -> Plugged:
        """What the virtual bench needs to know."""
        from sim_device.virtual_bench.boxes.twins import Cabled

        return [Cabled(entry.driver, entry.channel, role) for role, entry in self.roles.items()]

    def may_be_shared(self) -> bool:
        """Whether all its drivers are roles of one kind of box."""
        kinds = {known()[entry.driver].box if entry.driver in known() else "" for entry in self.roles.values()}
        return len(kinds) == 1 and "" not in kinds

    def contested(self) -> dict[int, list[str]]:
        """Parts of the box (a slot, a channel) that more than one role takes, with these roles."""
        taken: dict[int, list[str]] = {}
        for role, entry in self.roles.items():
            taken.setdefault(known()[entry.driver].place_in_box(entry.channel), []).append(role)
        return {part: roles for part, roles in taken.items() if len(roles) > 1 and not self._takes_turns(roles)}

    def _takes_turns(self, roles: list[str]) -> bool:
        """Whether two roles are one output of a source-measure unit, which pulses or measures."""
        generator, unit = self.roles.get("generator"), self.roles.get("smu")
        if set(roles) != {"generator", "smu"} or generator is None or unit is None:
            return False
        return generator.driver == unit.driver + TAKES_TURNS


def boxes(named: Mapping[str, InstrumentEntry]) -> list[Box]:
    """The boxes behind instruments that are named by role; two spellings of one resource are one box."""
    found: dict[str, Box] = {}
    for role, entry in named.items():
        found.setdefault(resource_key(entry.resource), Box()).roles[role] = entry
    return list(found.values())


def named_roles(instruments: InstrumentsEntry) -> dict[str, InstrumentEntry]:
    """The instruments that a file names, by role, in the order of the emergency stop."""
    every_role = {role: getattr(instruments, role) for role in InstrumentsEntry.model_fields}
    return {role: entry for role, entry in every_role.items() if entry is not None}
