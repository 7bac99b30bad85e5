"""The wiring as data: kind of device, instruments on matrix rows, electrodes on matrix columns.

Three-terminal (ECRAM): the generator pulses the gate against a grounded channel; the source-measure unit reads the
channel. Two-terminal (RRAM): both are switched onto the top electrode, the bottom is grounded. 1T1R: a transistor in
series, whose gate a further source holds. Crossbar: devices between shared row and column lines. Who is driven,
grounded, held or floating in each phase follows from this in `instruments.bench.phases`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a crosspoint is, seen from its terminals."""

    THREE_TERMINAL = "three-terminal"
    TWO_TERMINAL = "two-terminal"
    ONE_TRANSISTOR = "1t1r"
    CROSSBAR = "crossbar"


class Terminal(StrEnum):
    """An electrode or line of a crosspoint that a column of the matrix can carry."""

    GATE = "gate"  # of an ECRAM, or of the transistor of a 1T1R cell: its word line
    CHANNEL = "channel"
    TOP = "top"
    SOURCE = "source"  # the source line of a 1T1R cell
    ROW = "row"  # the lines of a crossbar
    COLUMN = "column"


TERMINALS = {
    Kind.THREE_TERMINAL: (Terminal.GATE, Terminal.CHANNEL),
    Kind.TWO_TERMINAL: (Terminal.TOP,),
    Kind.ONE_TRANSISTOR: (Terminal.TOP, Terminal.GATE),
    Kind.CROSSBAR: (Terminal.ROW, Terminal.COLUMN),
}
OPTIONAL = {Kind.ONE_TRANSISTOR: (Terminal.SOURCE,)}  # grounded for good where no column carries it
GROUNDED_FOR_GOOD = {
    Kind.THREE_TERMINAL: "source",
    Kind.TWO_TERMINAL: "bottom",
    Kind.ONE_TRANSISTOR: "source",
}


class Source(StrEnum):
    """What can be switched onto an electrode."""

    GENERATOR = "generator"
    INVERSE = "inverse"  # the generator's second output, which gives the other half of a pulse with the other sign
    SMU = "smu"
    BIAS = "bias"  # the source that holds a word line, a gate, or the row of a crossbar that is read
    GROUND = "ground"


class ReadGate(StrEnum):
    """What a three-terminal device's gate does while its channel is read."""

    FLOATING = "floating"
    GROUNDED = "grounded"
    HELD = "held"


class Scheme(StrEnum):
    """What the lines of a crossbar that are not selected do while a crosspoint is pulsed.

    V/2: +V/2 on the row and -V/2 on the column of the selected crosspoint, every other line at ground.
    Floating: V on the row, the column at ground, every other line open.
    """

    HALF = "V/2"
    FLOATING = "floating"


class Column(NamedTuple):
    """One column of the matrix: the `slot` of its card and its `number` on the card, from 1."""

    slot: int
    number: int

    def __str__(self) -> str:
        return f"{self.slot}:{self.number}"


@dataclass(frozen=True)
class Relay:
    """One crosspoint relay of the matrix: `slot`, `row` letter, `column` number from 1."""

    slot: int
    row: str
    column: int


@dataclass(frozen=True)
class MatrixCabling:
    """What is plugged into the matrix: instruments on rows, electrodes on columns.

    `generator`, `smu`, `ground`, `bias` and `inverse` are row letters; a row is one line through all slots that are
    used, by the backplane or by cables. `columns` maps (crosspoint, terminal) to a `Column`, or to a column number on
    the card in `slot`. Crosspoints of a crossbar share the columns of their lines.
    """

    slot: int
    generator: str
    smu: str
    ground: str | None
    columns: dict[tuple[str, Terminal], int | Column]
    bias: str | None = None
    inverse: str | None = None

    def column(self, crosspoint: str, terminal: Terminal) -> Column:
        """Where an electrode is; `KeyError` where it is not wired."""
        place = self.columns[crosspoint, terminal]
        return place if isinstance(place, Column) else Column(self.slot, place)

    def has(self, crosspoint: str, terminal: Terminal) -> bool:
        """Whether a column carries this electrode."""
        return (crosspoint, terminal) in self.columns

    def relay(self, row: str, crosspoint: str, terminal: Terminal) -> Relay:
        """The relay that joins a row with an electrode."""
        slot, number = self.column(crosspoint, terminal)
        return Relay(slot, row, number)

    def rows(self) -> dict[Source, str]:
        """Row letter of every instrument that is cabled."""
        each = {
            Source.GENERATOR: self.generator,
            Source.INVERSE: self.inverse,
            Source.SMU: self.smu,
            Source.BIAS: self.bias,
            Source.GROUND: self.ground,
        }
        return {source: row for source, row in each.items() if row is not None}

    def slots(self) -> tuple[int, ...]:
        """Slots that are used."""
        return tuple(sorted({self.column(*electrode).slot for electrode in self.columns}))


@dataclass(frozen=True)
class BiasLevels:
    """What the bias source holds [V]: while conductance is set, reset and read; None where it is off then.

    `compliance` [A] limits its current.
    """

    set: float | None
    reset: float | None
    read: float | None
    compliance: float


@dataclass(frozen=True)
class Wiring:
    """Kind of device and cabling; `matrix` is None for one device wired to the instruments for good.

    Attributes
    ----------
    settle
        [s] to wait after relays have moved, beside what the matrix itself waits.
    read_gate
        Of a three-terminal device. None: floating behind a matrix; without one the generator rests on it at 0 V.
    bias
        Levels of the bias source; None where there is none.
    scheme
        Of a crossbar.
    trigger
        A cable leads from the trigger output of the source-measure unit to the trigger input of the generator.
    one_output
        Generator and source-measure unit are one output of one box, which is one or the other.
    """

    kind: Kind
    matrix: MatrixCabling | None
    settle: float = 0.0
    read_gate: ReadGate | None = None
    bias: BiasLevels | None = None
    scheme: Scheme = Scheme.HALF
    one_output: bool = False
    trigger: bool = False

    def gate_while_read(self) -> ReadGate:
        """`read_gate`, or what it is where nothing is said."""
        if self.read_gate is not None:
            return self.read_gate
        return ReadGate.GROUNDED if self.matrix is None else ReadGate.FLOATING
