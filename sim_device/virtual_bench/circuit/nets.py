"""Which electrodes each source reaches, followed through closed relays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from instruments.bench.wiring import TERMINALS, Column, Kind, MatrixCabling, Relay, Source, Terminal, Wiring

Electrode: TypeAlias = tuple[str, Terminal]
NAMES: Final = {
    Source.GENERATOR: "generator",
    Source.INVERSE: "the generator's second output",
    Source.SMU: "source-measure unit",
    Source.BIAS: "bias source",
    Source.GROUND: "ground",
}


@dataclass(frozen=True)
class Reach:
    """What each source touches with one set of closed relays.

    Attributes
    ----------
    at
        Electrodes by source; every source is there.
    grounded
        Electrodes at ground, by a relay or for good.
    meeting
        Pairs of sources that are on one line.
    """

    at: Mapping[Source, tuple[Electrode, ...]]
    grounded: frozenset[Electrode]
    meeting: tuple[tuple[Source, Source], ...] = ()

    def shorted(self, source: Source) -> bool:
        """Whether a source is on the ground line."""
        return any(source in pair and Source.GROUND in pair for pair in self.meeting)


class Relays:
    """Relays as they are: what the matrix was told, but for those that stick, of which it knows nothing."""

    def __init__(self) -> None:
        self.told: frozenset[Relay] = frozenset()
        self.closed: frozenset[Relay] = frozenset()
        self._stuck_open: frozenset[Relay] = frozenset()
        self._welded: frozenset[Relay] = frozenset()  # of these, the ones that have closed since stay closed

    def tell(self, relays: frozenset[Relay]) -> None:
        """Close these and open all others, as far as they move."""
        self.told = relays
        self.closed = (relays | self._welded & self.closed) - self._stuck_open

    def stick(self, relay: Relay, *, closed: bool, at_once: bool) -> None:
        """From now on this relay does not close, or once closed does not open again; `at_once` closes it, too."""
        if closed:
            self._welded |= {relay}
            self.closed |= {relay} if at_once else frozenset()
        else:
            self._stuck_open |= {relay}
        self.tell(self.told)


def fixed(wiring: Wiring, crosspoint: str) -> Reach:
    """Without a matrix: generator on the gate, source-measure unit on the channel; or both on the top electrode."""
    at: dict[Source, tuple[Electrode, ...]] = dict.fromkeys(Source, ())
    if wiring.kind is Kind.THREE_TERMINAL:
        channel = (crosspoint, Terminal.CHANNEL)
        at |= {Source.GENERATOR: ((crosspoint, Terminal.GATE),), Source.SMU: (channel,)}
        return Reach(at, frozenset({channel}))
    at |= dict.fromkeys((Source.GENERATOR, Source.SMU), ((crosspoint, Terminal.TOP),))
    grounded: frozenset[Electrode] = frozenset()
    if wiring.kind is Kind.ONE_TRANSISTOR:
        at[Source.BIAS] = ((crosspoint, Terminal.GATE),)
        grounded = frozenset({(crosspoint, Terminal.SOURCE)})
    meeting = () if wiring.one_output else ((Source.GENERATOR, Source.SMU),)
    return Reach(at, grounded, meeting)


def switched(wiring: Wiring, matrix: MatrixCabling, relays: Iterable[Relay]) -> Reach:
    """Through closed relays; a row is one line through all slots."""
    closed = [(relay.row, Column(relay.slot, relay.column)) for relay in relays]
    rows = matrix.rows()
    lines = {source: _joined_with(row, closed) for source, row in rows.items()}
    at: dict[Source, tuple[Electrode, ...]] = dict.fromkeys(Source, ())
    for source, (_, columns) in lines.items():
        at[source] = tuple(electrode for electrode in matrix.columns if matrix.column(*electrode) in columns)
    meeting = tuple(
        (one, other)
        for one, other in combinations(rows, 2)
        if rows[other] in lines[one][0] and not (wiring.one_output and {one, other} == {Source.GENERATOR, Source.SMU})
    )
    return Reach(at, frozenset(at[Source.GROUND]) | _grounded_for_good(wiring, matrix), meeting)


def _grounded_for_good(wiring: Wiring, matrix: MatrixCabling) -> frozenset[Electrode]:
    names = {name for name, _ in matrix.columns}
    if wiring.kind is Kind.THREE_TERMINAL and matrix.ground is None:
        return frozenset((name, Terminal.CHANNEL) for name in names)
    if wiring.kind is Kind.ONE_TRANSISTOR:
        return frozenset((name, Terminal.SOURCE) for name in names if not matrix.has(name, Terminal.SOURCE))
    return frozenset()


def _joined_with(row: str, closed: list[tuple[str, Column]]) -> tuple[set[str], set[Column]]:
    rows, columns = {row}, set[Column]()
    while True:
        new_columns = {c for r, c in closed if r in rows}
        new_rows = rows | {r for r, c in closed if c in new_columns}
        if new_columns == columns and new_rows == rows:
            return rows, columns
        rows, columns = new_rows, new_columns


def read_terminals(kind: Kind) -> tuple[Terminal, ...]:
    """Terminals at which a source-measure unit finds the conductance of a device."""
    return tuple(one for one in TERMINALS[kind] if one is not Terminal.GATE)
