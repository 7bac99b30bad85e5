"""Describes the wiring of a station in words: rows, columns, and who does what in each phase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from instruments.bench.phases import Condition, Joined, Phase, Setup, setup
from instruments.bench.wiring import GROUNDED_FOR_GOOD, Kind, Source, Wiring
from instruments.drivers import known
from instruments.units import text
from labshd.station.boxes import named_roles
from labshd.station.schema import BenchFile

PHASES = (Phase.UP, Phase.DOWN, Phase.READ)
TITLES = {
    Source.GENERATOR: "generator",
    Source.INVERSE: "generator, output 2",
    Source.SMU: "source-measure unit",
    Source.BIAS: "bias source",
    Source.GROUND: "ground",
}


@dataclass(frozen=True)
class Cell:
    """One electrode in one phase: what it is, and in words."""

    condition: Condition
    words: str


def setups(file: BenchFile, crosspoint: str) -> list[Setup]:
    """The three phases of a crosspoint."""
    wiring = file.bench_wiring()
    return [setup(wiring, crosspoint, phase) for phase in PHASES]


def phase_table(file: BenchFile, crosspoint: str) -> tuple[list[str], list[list[Cell]]]:
    """Electrodes of a crosspoint, and for each of them a cell for every phase."""
    each = setups(file, crosspoint)
    electrodes = [one.terminal for one in each[0].terminals]
    by_phase = [{one.terminal: one for one in each_setup.terminals} for each_setup in each]
    cells = [
        [
            _cell(file, phase, joined[electrode], each_setup.sign)
            for phase, joined, each_setup in zip(PHASES, by_phase, each, strict=True)
        ]
        for electrode in electrodes
    ]
    return electrodes, cells


def _cell(file: BenchFile, phase: Phase, one: Joined, sign: int) -> Cell:
    words = one.words
    if one.condition is Condition.DRIVEN and phase is not Phase.READ:
        words = f"{words}: {_pulse(file, phase, one, sign)}"
    elif one.condition is Condition.DRIVEN and words == "read":
        words = f"read: {text(file.read.voltage, 'V')}"
    by = f" ({TITLES[one.by]})" if one.by not in (None, Source.GROUND) else ""
    return Cell(one.condition, words + by)


def _pulse(file: BenchFile, phase: Phase, one: Joined, sign: int) -> str:
    """Voltage and width at this electrode."""
    entry = file.pulses.up if phase is Phase.UP else file.pulses.down
    share = 0.5 if one.words.startswith("half") else 1.0
    volts = sign * share * entry.voltage * (-1 if one.by is Source.INVERSE else 1)
    return f"{text(volts, 'V')} for {text(entry.width, 's')}"


def cabling_lines(file: BenchFile) -> Iterator[str]:
    """Who is on which row, which electrode is on which column."""
    wiring, roles = file.bench_wiring(), named_roles(file.instruments)
    for role, entry in roles.items():
        title = known()[entry.driver].title if entry.driver in known() else entry.driver
        yield f"{role:<10} {title}, {entry.resource}"
    if wiring.matrix is None:
        yield "no matrix: one device is cabled to the instruments for good"
        return
    rows = ", ".join(f"{row} {TITLES[source]}" for source, row in wiring.matrix.rows().items())
    yield f"rows       {rows}"
    slots = wiring.matrix.slots()
    if len(slots) > 1:
        listed = f"{slots[0]} to {slots[-1]}" if len(slots) > 2 else f"{slots[0]} and {slots[1]}"
        yield f"           each one line through slots {listed}: by the backplane, or by cables"


def column_lines(file: BenchFile) -> Iterator[str]:
    """Columns of every crosspoint."""
    matrix = file.bench_wiring().matrix
    if matrix is None:
        return
    for name in file.crosspoints:
        each = [f"{terminal.value} {matrix.column(name, terminal)}" for who, terminal in matrix.columns if who == name]
        yield f"{name:<10} {', '.join(each)}"


def remarks(file: BenchFile) -> Iterator[str]:
    """What holds in every phase."""
    wiring = file.bench_wiring()
    if wiring.matrix is not None:
        yield "outputs are off before relays move" + (
            f"; {text(wiring.settle, 's')} to settle after" if wiring.settle else ""
        )
    if wiring.bias is not None:
        yield f"the bias source goes on first and off last, limited to {text(wiring.bias.compliance, 'A')}"
    if wiring.kind is Kind.CROSSBAR:
        yield "while reading, no line but the selected row has a voltage: there are no sneak paths"
    elif wiring.kind in GROUNDED_FOR_GOOD and _has_floating(wiring, next(iter(file.crosspoints))):
        yield "a floating gate keeps its charge only as long as relays and cables leak little"
    yield f"read {text(file.pulses.settle, 's')} after the last pulse at the earliest"


def _has_floating(wiring: Wiring, crosspoint: str) -> bool:
    return any(one.condition is Condition.FLOATING for one in setup(wiring, crosspoint, Phase.READ).terminals)


def wiring_text(file: BenchFile) -> str:
    """All of it, for a terminal."""
    first = next(iter(file.crosspoints))
    electrodes, cells = phase_table(file, first)
    head = [f"{first}", *PHASES]
    rows = [[electrode, *(cell.words for cell in row)] for electrode, row in zip(electrodes, cells, strict=True)]
    closed = ["relays", *(_relays(one) for one in setups(file, first))]
    table = _aligned([head, *rows, closed] if file.bench_wiring().matrix else [head, *rows])
    parts = [cabling_lines(file), column_lines(file), table, remarks(file)]
    return f"{file.name}: {file.wiring.kind}\n\n" + "\n\n".join("\n".join(part) for part in map(list, parts) if part)


def wiring_json(file: BenchFile) -> dict[str, Any]:
    """Phases of every crosspoint: closed relays, level of the bias source, condition of each electrode."""

    def phase(one: Setup) -> dict[str, Any]:
        return {
            "relays": [f"{relay.slot}{relay.row}{relay.column:02d}" for relay in one.relays],
            "bias_V": one.bias,
            "electrodes": {
                joined.terminal: {"condition": joined.condition.value, "by": joined.by and joined.by.value}
                for joined in one.terminals
            },
        }

    each = {name: {one.phase.value: phase(one) for one in setups(file, name)} for name in file.crosspoints}
    return {"kind": file.wiring.kind.value, "crosspoints": each}


def _relays(one: Setup) -> str:
    names = [f"{relay.slot}{relay.row}{relay.column:02d}" for relay in one.relays]
    return " ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)
