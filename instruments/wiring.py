"""Wiring as data: which instrument is on which row of the matrix, which electrode on which column, who is driven when.

Three-terminal (ECRAM): the generator drives the gate against the grounded source; the source-measure unit reads the
channel. While pulsing, the channel is tied to ground; while reading, the gate floats (its relay is open).
Two-terminal (RRAM): generator and source-measure unit are switched onto the same top electrode, the bottom is
grounded. Without a matrix the generator stays on the gate and the source-measure unit on the channel of one
three-terminal device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How many terminals a device has."""

    THREE_TERMINAL = "three-terminal"
    TWO_TERMINAL = "two-terminal"


class Terminal(StrEnum):
    """An electrode of a crosspoint that a column of the matrix can carry."""

    GATE = "gate"
    CHANNEL = "channel"
    TOP = "top"


TERMINALS = {
    Kind.THREE_TERMINAL: (Terminal.GATE, Terminal.CHANNEL),
    Kind.TWO_TERMINAL: (Terminal.TOP,),
}


@dataclass(frozen=True)
class Relay:
    """One crosspoint relay of the matrix: `slot`, `row` letter, `column` number from 1."""

    slot: int
    row: str
    column: int


@dataclass(frozen=True)
class MatrixCabling:
    """What is plugged into the matrix: instruments on rows, electrodes on columns.

    `generator`, `smu` and `ground` are row letters; `columns` maps (crosspoint, terminal) to a column number.
    """

    slot: int
    generator: str
    smu: str
    ground: str | None
    columns: dict[tuple[str, Terminal], int]

    def relay(self, row: str, crosspoint: str, terminal: Terminal) -> Relay:
        """The relay that joins a row with an electrode."""
        return Relay(self.slot, row, self.columns[crosspoint, terminal])


@dataclass(frozen=True)
class Wiring:
    """Kind of device and cabling; `matrix` is None for one device wired to the instruments for good."""

    kind: Kind
    matrix: MatrixCabling | None

    def pulse_relays(self, crosspoint: str) -> tuple[Relay, ...]:
        """Relays closed while `crosspoint` is pulsed."""
        if self.matrix is None:
            return ()
        if self.kind is Kind.TWO_TERMINAL:
            return (self.matrix.relay(self.matrix.generator, crosspoint, Terminal.TOP),)
        driven = self.matrix.relay(self.matrix.generator, crosspoint, Terminal.GATE)
        if self.matrix.ground is None:
            return (driven,)
        return (driven, self.matrix.relay(self.matrix.ground, crosspoint, Terminal.CHANNEL))

    def read_relays(self, crosspoint: str) -> tuple[Relay, ...]:
        """Relays closed while `crosspoint` is read."""
        if self.matrix is None:
            return ()
        terminal = Terminal.TOP if self.kind is Kind.TWO_TERMINAL else Terminal.CHANNEL
        return (self.matrix.relay(self.matrix.smu, crosspoint, terminal),)
