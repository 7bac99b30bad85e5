"""Readings of one device in the order they were taken, in SI units: what the columns of tables become."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray
from labshd.runs.tables.cells import numbers
from labshd.runs.tables.mapping import SI_OF, Mapping, Role
from labshd.runs.tables.of_instruments import IN_SI
from labshd.runs.tables.roles import MEASURED, Roles
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.units_of_columns import EXAMPLES, NORMALISED, Unit, unit_of
from labshd.runs.tables_in import Problems

_SI_ALONE = {si: Unit(si, 1.0) for si in EXAMPLES}
_TEXT: tuple[Role, ...] = ("device", "cycle", "wordline", "bitline", "pulse_sign")


@dataclass(frozen=True)
class Trace:
    """Readings of one device (and one cycle where columns are cycles): arrays of one length, NaN for what is missing.

    `place` is (wordline, bitline) where the table has them; `words` holds columns of text; `direction` is +1 or -1
    where the column itself tells it (potentiation, depression); `lines` are those of the file. `counts` and
    `directions`, one a reading, come later (`labshd.runs.tables.counting`).
    """

    device: str
    values: dict[Role, FloatArray]
    words: dict[Role, list[str]]
    lines: NDArray[np.int64]
    title: str
    direction: int = 0
    place: tuple[int, int] | None = None
    cycle: str = ""
    counts: IntArray | None = None
    directions: IntArray | None = None
    unit: str = "S"

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, at: NDArray[np.int64]) -> Trace:
        """The readings at these places."""
        values = {role: array[at] for role, array in self.values.items()}
        places: list[int] = at.tolist()
        words = {role: [listed[one] for one in places] for role, listed in self.words.items()}
        return replace(self, values=values, words=words, lines=self.lines[at])


def unit_for(sheet: Sheet, column: int, role: Role, mapping: Mapping) -> Unit | str | None:
    """The unit of a column: as said, as its header says, or SI where the program writes SI; else what to say."""
    wanted = SI_OF.get(role)
    if wanted is None:
        return None
    if role in mapping.units:
        return unit_of(mapping.units[role])
    unit = unit_of(sheet.units[column])
    if unit is None and sheet.program in IN_SI:
        return _SI_ALONE[wanted[0]]
    title = sheet.title(column)
    if unit is None:
        return f"column {title!r} ({role}) has no unit; give it, such as --unit {role}={EXAMPLES[wanted[0]]}"
    if unit.si not in wanted:
        return (
            f"column {title!r} is in {sheet.units[column]}, {role} is not; give another column, or its unit with "
            f"--unit {role}={EXAMPLES[wanted[0]]}"
        )
    return unit


def traces_of(sheet: Sheet, roles: Roles, mapping: Mapping, problems: Problems) -> list[Trace]:
    """The readings of a table, one trace for each column of readings; cells without a number are noted."""
    values: dict[int, FloatArray] = {}
    units: dict[int, str] = {}
    for role, columns in roles.of.items():
        for at in columns:
            if role in _TEXT:
                continue
            unit = unit_for(sheet, at, role, mapping)
            if isinstance(unit, str):
                problems.add(sheet.path, 0, sheet.told(unit))
                continue
            values[at] = _numbers(sheet, at, problems) * (unit.factor if unit else 1.0)
            units[at] = unit.si if unit else ""
    if any(at not in values for role, columns in roles.of.items() if role not in _TEXT for at in columns):
        return []
    shared: dict[Role, FloatArray] = {
        role: values[columns[0]] for role, columns in roles.of.items() if role not in (*_TEXT, *MEASURED)
    }
    words: dict[Role, list[str]] = {
        role: sheet.columns[columns[0]] for role, columns in roles.of.items() if role in _TEXT
    }
    lines = np.asarray(sheet.lines, dtype=np.int64)
    measured = [
        Trace(name, shared | {kind: values[at] for kind, at in taken.items()}, words, lines, title, direction)
        for name, title, direction, taken in _measured(sheet, roles, mapping, units)
    ]
    several = mapping.columns_are is not None or any(one.direction for one in measured)
    normalised = {at for columns in roles.of.values() for at in columns if units.get(at) == NORMALISED}
    unit = NORMALISED if normalised else "S"
    return [replace(_without_padding(one) if several else one, unit=unit) for one in measured]


def _numbers(sheet: Sheet, at: int, problems: Problems) -> FloatArray:
    found, wrong = numbers(sheet.columns[at], sheet.decimal)
    for place, why in wrong.items():
        problems.add(sheet.path, sheet.lines[place], sheet.told(f"column {sheet.title(at)}: {why}"))
    return found


def _measured(
    sheet: Sheet, roles: Roles, mapping: Mapping, units: dict[int, str]
) -> list[tuple[str, str, int, dict[Role, int]]]:
    """Device, title, direction and columns of each trace, in the order in which the readings were taken."""
    kind_of: dict[str, Role] = {"A": "current", "ohm": "resistance"}
    devices = mapping.columns_are == "devices"
    ups, downs = roles.of.get("up", []), roles.of.get("down", [])
    if ups or downs:
        pairs = [(1, at) for at in ups], [(-1, at) for at in downs]
        listed = [one for n in range(max(len(ups), len(downs))) for side in pairs for one in side[n : n + 1]]
        order = {at: n for side in (ups, downs) for n, at in enumerate(side)}
        found: list[tuple[str, str, int, dict[Role, int]]] = []
        for sign, at in listed:
            kind: Role = kind_of.get(units[at], "conductance")
            found.append((f"device {order[at] + 1}" if devices else "", sheet.title(at), sign, {kind: at}))
        return found
    kinds: list[Role] = [role for role in MEASURED if role in roles.of]
    most = max((len(roles.of[role]) for role in kinds), default=0)
    taken: list[dict[Role, int]] = [
        {role: roles.of[role][min(n, len(roles.of[role]) - 1)] for role in kinds} for n in range(most)
    ]
    lead = max(kinds, key=lambda role: len(roles.of[role]), default=None)
    return [
        (sheet.names[one[lead]] if devices else "", sheet.title(one[lead]), 0, one) for one in taken if lead is not None
    ]


def _without_padding(trace: Trace) -> Trace:
    """Without the rows below the last reading: columns beside each other are not of one length."""
    kinds: list[Role] = [role for role in MEASURED if role in trace.values]
    there = np.any([np.isfinite(trace.values[role]) for role in kinds], axis=0)
    end = int(np.flatnonzero(there)[-1]) + 1 if np.any(there) else 0
    return trace.part(np.arange(end))


def by_device(trace: Trace, problems: Problems, sheet: Sheet) -> list[Trace]:
    """One trace for each device that a column of names, or of wordlines and bitlines, tells apart."""
    if "wordline" in trace.words and "bitline" in trace.words:
        keys = list(zip(trace.words["wordline"], trace.words["bitline"], strict=True))
        for line, key in zip(trace.lines.tolist(), keys, strict=True):
            if not all(part.removesuffix(".0").isdigit() for part in key):
                problems.add(sheet.path, line, sheet.told(f"wordline and bitline are {key}; whole numbers are needed"))
                return []
        places = [(int(float(word)), int(float(bit))) for word, bit in keys]
        return [
            replace(trace.part(at), device=f"W{word:02d}B{bit:02d}", place=(word, bit))
            for (word, bit), at in _groups(places).items()
        ]
    if "device" in trace.words:
        named = trace.words["device"]
        empty = [line for line, name in zip(trace.lines.tolist(), named, strict=True) if not name]
        for line in empty:
            problems.add(sheet.path, line, sheet.told("the name of the device is empty; write it in every row"))
        return [replace(trace.part(at), device=name) for name, at in _groups(named).items()]
    return [trace]


def _groups(keys: list[str] | list[tuple[int, int]]) -> dict[Any, NDArray[np.int64]]:
    places: dict[Any, list[int]] = {}
    for at, key in enumerate(keys):
        places.setdefault(key, []).append(at)
    return {key: np.asarray(listed, dtype=np.int64) for key, listed in places.items()}
