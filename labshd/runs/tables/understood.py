"""What was understood of a file, shown before it is used and kept with the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instruments.units import text
from labshd.runs.tables.blocks import Block
from labshd.runs.tables.joining import TIME_LEFT_OUT, conductance_words
from labshd.runs.tables.mapping import SI_OF, Mapping, Role
from labshd.runs.tables.roles import Roles
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.traces import Trace, unit_for
from labshd.runs.tables.units_of_columns import Unit
from protocols.common.protocol import known_counts

_FIRST = 3  # values of a column that are shown


@dataclass(frozen=True)
class Understood:
    """A file as it was understood: its tables with their columns, the devices, and the blocks that will be written.

    `described` says which file it was when it was read: name, size, SHA-256.
    """

    path: Path
    described: dict[str, Any]
    mapping: Mapping
    sheets: list[tuple[Sheet, Roles]]
    devices: list[Trace]
    blocks: list[Block]
    why_several: str

    @property
    def unit(self) -> str:
        """Unit of conductance: "S", or "normalised"."""
        return self.devices[0].unit

    @property
    def ignored(self) -> list[str]:
        """Columns that are nothing to this import."""
        return list(dict.fromkeys(name for sheet, roles in self.sheets for name in roles.ignored(sheet)))

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what was recognised, as a person reads it."""
        sheet, _ = self.sheets[0]
        form = [(key, value) for key, value in sheet.form.items() if key != "record"]
        program = [("written by", sheet.program)] if sheet.program else []
        named = [one.name for one, _ in self.sheets if one.name]
        tables = [("tables", ", ".join(named))] if named else []
        return [*program, *form, *tables, *self._columns(), *self._readings()]

    def _columns(self) -> list[tuple[str, str]]:
        sheet, roles = self.sheets[0]
        of: dict[int, Role] = {at: role for role, columns in roles.of.items() for at in columns}
        shown: list[tuple[str, str]] = []
        for at in range(len(sheet.header)):
            role = of.get(at)
            first = "  ".join(one or "(empty)" for one in sheet.columns[at][:_FIRST])
            unit = unit_for(sheet, at, role, self.mapping) if role else None
            what = (
                f"{role or 'left out'}{f' [{self._unit(sheet, at, role)}]' if isinstance(unit, Unit) and role else ''}"
            )
            shown.append((f"column {sheet.title(at)!r}", f"{what}: {first} ..."))
        return shown

    def _unit(self, sheet: Sheet, at: int, role: Any) -> str:
        return self.mapping.units.get(role) or sheet.units[at] or SI_OF[role][0]

    def _readings(self) -> list[tuple[str, str]]:
        g = np.concatenate([one.values["conductance"] for one in self.devices])
        counts = known_counts(np.concatenate([one.counts for one in self.devices if one.counts is not None]))
        missing = int(np.isnan(g).sum())
        ends = [
            f"{value:.4g}" if self.unit != "S" else text(float(value), "S") for value in (np.nanmin(g), np.nanmax(g))
        ]
        up, down = int(counts[counts > 0].sum()), int(-counts[counts < 0].sum())
        cycles = {word for one in self.devices for word in one.words.get("cycle", [])}
        listed = ", ".join(one.device for one in self.devices[:8]) + (", ..." if len(self.devices) > 8 else "")
        how = conductance_words(self.sheets, self.devices, self.mapping)
        facts = [
            ("readings", f"{len(g)}" + (f", {missing} of them missing" if missing else "")),
            ("conductance", f"{ends[0]} to {ends[1]}{' (normalised)' if self.unit != 'S' else ''}, {how}"),
            ("pulses", f"{up} up, {down} down" if up or down else "none: readings at rest"),
            ("devices", f"{len(self.devices)}: {listed}" if len(self.devices) > 1 else "1"),
            ("cycles", str(len(cycles)) if cycles else "not told apart"),
        ]
        if self.time_left_out:
            facts.append(("time", TIME_LEFT_OUT))
        if self.why_several:
            facts.append(("runs", f"{len(self.blocks)}, one for each device: {self.why_several}"))
        return facts

    @property
    def time_left_out(self) -> bool:
        """Whether the time of later cycles could not be kept."""
        given = any("time" in roles.of for _, roles in self.sheets)
        return given and any(np.isnan(one.values["time"][-1]) for one in self.devices if "time" in one.values)

    def settings(self) -> dict[str, Any]:
        """The same for run.json."""
        volts = self.mapping.read_voltage
        return {
            "files": [self.described],
            "understood": dict(self.facts()),
            "mapping": self.mapping.model_dump(exclude_defaults=True),
            "read_voltage_V": volts,
            "ignored_columns": self.ignored,
        }
