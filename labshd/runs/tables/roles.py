"""Which column is what: as a person says, as the program's layout says, or as only its header can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labshd.common.toml_file import nearest
from labshd.runs.tables.mapping import SI_OF, Mapping, Role
from labshd.runs.tables.of_instruments import ROLES_OF
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.units_of_columns import split_header, unit_of

_WORDS: dict[Role, str] = {
    "time": "time|t|elapsed time|elapsed|zeit",
    "current": "current|i|id|ids|i read|iread|read current|drain current|channel current",
    "voltage": "read voltage|vread|v read|voltage|v|u|vd|vds",
    "conductance": "conductance|g|gread|g read|channel conductance",
    "resistance": "resistance|r|rread|r read",
    "up": "up|potentiation|ltp|pot|set",
    "down": "down|depression|ltd|dep|reset",
    "pulses": "pulses|pulse|number of pulses|n pulses|pulse count|n|count",
    "pulse_number": "pulse number|pulse no|pulse nr|pulse index|pulse id|pulse|number of pulses|n pulses|pulse count|n",
    "pulse_sign": "pulse sign|sign|polarity|pulse polarity|pulse direction|direction",
    "pulse_voltage": "pulse voltage|vpulse|v pulse|pulse amplitude|amplitude|vp|vwrite|write voltage"
    "|programming voltage|voltage|v|u|vd|vds",
    "pulse_width": "pulse width|width|pulse duration|tpulse|t pulse|pw",
    "cycle": "cycle|cycle number|cycle no|loop",
    "device": "device|device id|device name|dut|crosspoint",
    "wordline": "wordline|word line|wl",
    "bitline": "bitline|bit line|bl",
}
_ROLES_OF_WORD: dict[str, list[Role]] = {}
for _role, _listed in _WORDS.items():
    for _word in _listed.split("|"):
        _ROLES_OF_WORD.setdefault(_word, []).append(_role)
_BY_UNIT: dict[str, Role] = {"A": "current", "S": "conductance", "ohm": "resistance"}
MEASURED: tuple[Role, ...] = ("conductance", "current", "resistance", "up", "down")
"""Roles that several columns may have: cycles or devices."""


@dataclass(frozen=True)
class Roles:
    """Columns of each role, in their order, and what is wrong, in words."""

    of: dict[Role, list[int]]
    problems: list[str]

    def one(self, role: Role) -> int | None:
        """The column of a role; None where there is none."""
        return self.of[role][0] if self.of.get(role) else None

    def ignored(self, sheet: Sheet) -> list[str]:
        """Columns that are nothing."""
        taken = {at for columns in self.of.values() for at in columns}
        return [sheet.title(at) for at in range(len(sheet.header)) if at not in taken]


def roles_of(sheet: Sheet, mapping: Mapping) -> Roles:
    """The role of each column. What is ambiguous is a problem that names the flag which decides."""
    problems: list[str] = []
    found: dict[Role, list[int]] = {}
    for role, said in mapping.columns.items():
        found[role] = [at for one in said for at in _columns(sheet, one, role, problems)]
    if sheet.program in ROLES_OF:
        for title, role in ROLES_OF[sheet.program].items():
            if title in sheet.header:
                found.setdefault(role, [sheet.header.index(title)])
    else:
        _by_header(sheet, mapping, found, problems)
    taken = [at for columns in found.values() for at in columns]
    for at in sorted({at for at in taken if taken.count(at) > 1}):
        several = [role for role, columns in found.items() if at in columns]
        problems.append(f"column {sheet.title(at)!r} is given twice: {', '.join(several)}")
    for role, columns in found.items():
        if len(columns) > 1 and (role not in MEASURED or mapping.columns_are is None):
            problems.append(_several(sheet, role, columns))
    return Roles({role: columns for role, columns in found.items() if columns}, problems)


def _several(sheet: Sheet, role: Role, columns: list[int]) -> str:
    listed = ", ".join(repr(sheet.title(at)) for at in columns[:6]) + (", ..." if len(columns) > 6 else "")
    one = f'take one with --column {role}="{sheet.title(columns[0])}"'
    if role in MEASURED:
        return f"columns {listed} are all {role}; {one}, or all with --columns-are cycles or --columns-are devices"
    return f"columns {listed} are all {role}; {one}"


def _columns(sheet: Sheet, said: str, role: Role, problems: list[str]) -> list[int]:
    """Columns that a person means: by header, by name without unit, by number (#3, #2-#5), or with a star."""
    numbered = re.fullmatch(r"#(\d+)(?:-#?(\d+))?", said)
    if numbered and said not in sheet.header:
        first, last = int(numbered[1]), int(numbered[2] or numbered[1])
        if 1 <= first <= last <= len(sheet.header):
            return list(range(first - 1, last))
        problems.append(f"--column {role}={said}: columns are #1 to #{len(sheet.header)}")
        return []
    plain = " ".join(said.split())
    exact = [at for at, text in enumerate(sheet.header) if text and " ".join(text.split()) == plain]
    named = [at for at, name in enumerate(sheet.names) if name.lower() == split_header(plain)[0].lower()]
    star = re.compile(".*".join(map(re.escape, plain.split("*"))), re.IGNORECASE)
    found = exact or named or [at for at, text in enumerate(sheet.header) if "*" in plain and star.fullmatch(text)]
    if not found:
        guess = nearest(said, filter(None, sheet.header))
        problems.append(
            f"--column {role}={said}: no such column; they are {sheet.titles}{guess if '?' in guess else ''}"
        )
    elif len(found) > 1 and "*" not in plain:
        places = ", ".join(f"#{at + 1}" for at in found)
        problems.append(f"--column {role}={said}: {len(found)} columns have that name; give the number, {places}")
    return found


def _by_header(sheet: Sheet, mapping: Mapping, found: dict[Role, list[int]], problems: list[str]) -> None:
    """Roles that headers tell, of columns and roles that nobody spoke of."""
    taken = {at for columns in found.values() for at in columns}
    said = set(found)
    candidates = {at: _candidates(sheet, at, said) for at in range(len(sheet.header)) if at not in taken}
    for at, roles in candidates.items():
        if len(roles) == 1:
            found.setdefault(roles[0], []).append(at)
    for at, roles in candidates.items():
        if len(roles) < 2:
            continue
        if {"up", "down"} & found.keys():  # their direction is told: a signed count beside them would contradict it
            roles = [role for role in roles if role != "pulses"]
        # A column whose other meaning another one has beyond doubt: "Voltage (V)" beside "Pulse voltage (V)".
        left = [role for role in roles if role not in found and not (role == "voltage" and mapping.read_voltage)]
        if len(left) == 1:
            found[left[0]] = [at]
        elif left:
            flags = " or ".join(f'--column {role}="{sheet.title(at)}"' for role in left)
            problems.append(f"column {sheet.title(at)!r} may be {' or '.join(left)}; choose one: {flags}")


def _candidates(sheet: Sheet, at: int, said: set[Role]) -> list[Role]:
    name = " ".join(re.sub(r"[^a-z0-9]+", " ", sheet.names[at].lower()).split())
    unit = unit_of(sheet.units[at])
    roles = _ROLES_OF_WORD.get(name) or _ROLES_OF_WORD.get(re.sub(r" ?\d+$", "", name)) or []
    if unit:
        roles = [role for role in roles if unit.si in SI_OF.get(role, ())] or (
            [_BY_UNIT[unit.si]] if unit.si in _BY_UNIT else []
        )
    if any(role in said for role in MEASURED):  # a person said what was measured: other readings are not asked for
        roles = [role for role in roles if role not in MEASURED]
    return [role for role in roles if role not in said]
