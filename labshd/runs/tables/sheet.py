"""One table as it was found in a file: columns of cells with their headers, and what was recognised of its form."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labshd.runs.tables.cells import Decimal
from labshd.runs.tables.units_of_columns import split_header


@dataclass(frozen=True)
class Sheet:
    """A table: `columns` of cells as text, each as long as `lines`, which are line numbers in the file from 1.

    Attributes
    ----------
    header
        Text above each column; empty where there is none.
    unit_row
        Units from a line of units below the header; empty where there is none.
    form
        What was recognised, in words: delimiter, header line, comments, decimal sign.
    program
        Which program's layout this is ("EasyEXPERT", "ArC ONE", "ArC TWO", "Clarius"); empty for any other table.
    """

    path: Path
    name: str
    header: list[str]
    columns: list[list[str]]
    lines: list[int]
    decimal: Decimal = "point"
    unit_row: list[str] = field(default_factory=list[str])
    form: dict[str, str] = field(default_factory=dict[str, str])
    program: str = ""

    @cached_property
    def names(self) -> list[str]:
        """Name of each column: its header without the unit, "#3" where it has none."""
        return [split_header(text)[0] or f"#{at + 1}" for at, text in enumerate(self.header)]

    @cached_property
    def units(self) -> list[str]:
        """Unit of each column as it is written, in the header or in a line of units; empty where it is not."""
        below = self.unit_row or [""] * len(self.header)
        return [split_header(text)[1] or under for text, under in zip(self.header, below, strict=True)]

    def title(self, column: int) -> str:
        """What a person calls a column: its header, or "#3"."""
        return self.header[column] or f"#{column + 1}"

    @property
    def titles(self) -> str:
        """All of them, for an error."""
        listed = ", ".join(repr(self.title(at)) for at in range(len(self.header)))
        return listed if len(listed) <= 300 else listed[:297] + "..."

    def told(self, text: str) -> str:
        """A problem of this table: the sheet is named where the file has several."""
        return f"sheet {self.name!r}: {text}" if self.name else text
