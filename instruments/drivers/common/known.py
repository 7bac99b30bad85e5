"""What a driver's module says about it, in its `DRIVERS`: that is how it is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatrixSize:
    """What a matrix has: slots, and on the card in each, row letters and columns counted from 1."""

    slots: int
    rows: str
    columns: int


@dataclass(frozen=True)
class Known:
    """A driver: its class, as "Class" of the module that says so or "module:Class" of the package that does, and more.

    What a station needs to know before the class is imported.

    Attributes
    ----------
    role
        What it is on a bench: "generator", "smu" or "matrix".
    identity
        Text that the answer to ``*IDN?`` must contain, in any case.
    title
        The instrument as a person calls it.
    size
        Of a matrix.
    box
        Drivers that say the same here play roles of one box, whose resource two roles may name; "" for a box alone.
    channels
        Numbers of `InstrumentEntry.channel`, the first of them where none is given; empty where there is no choice.
    part
        Of its box, where there is no choice.
    """

    place: str
    role: str
    identity: str
    title: str
    size: MatrixSize | None = None
    box: str = ""
    channels: tuple[int, ...] = ()
    part: int = 0

    def place_in_box(self, channel: int | None) -> int:
        """Which part of the box a role takes: two roles never share one. A B1500A's 101 is a part of slot 1."""
        number = channel or (self.channels[0] if self.channels else self.part)
        return number // 100 if number > 100 else number
