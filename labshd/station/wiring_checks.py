"""Checks of the wiring in a station file: rows for instruments, columns for electrodes, bias levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from instruments.bench.wiring import OPTIONAL, TERMINALS, Column, Kind, ReadGate, Scheme, Terminal
from instruments.drivers import TAKES_TURNS, MatrixSize, known
from instruments.errors import InputError
from instruments.limits import Limits
from labshd.common.toml_file import Key, Problem
from labshd.station.schema import BiasEntry, CrosspointEntry, InstrumentsEntry, ReadEntry, WiringEntry

ROWS: Final = ("generator", "inverse", "smu", "bias", "ground")
HALVES: Final = "-halves"  # names of drivers that give half a pulse at one output and half, inverted, at another
TRIGGERED: Final = {("keysight-33500b", "keysight-b2902b"), ("keysight-33600a", "keysight-b2902b")}
"""Generators and source-measure units that are known to work together over a trigger cable."""
LEVELS: Final = ("set", "reset", "read")


@dataclass(frozen=True)
class _Sections:
    """The sections that the wiring is about; those that may be missing are None."""

    wiring: WiringEntry
    instruments: InstrumentsEntry
    crosspoints: Mapping[str, CrosspointEntry]
    bias: BiasEntry | None
    limits: Limits | None
    read: ReadEntry | None

    @property
    def half_select(self) -> bool:
        return self.wiring.kind is Kind.CROSSBAR and self.wiring.scheme is not Scheme.FLOATING

    @property
    def one_box(self) -> bool:
        return self.instruments.generator.resource == self.instruments.smu.resource

    @property
    def one_electrode(self) -> bool:
        """Generator and source-measure unit are cabled to one row of the matrix, or to one electrode for good."""
        if self.instruments.matrix is None:
            return self.wiring.kind is not Kind.THREE_TERMINAL
        return self.wiring.generator == self.wiring.smu

    @property
    def holds_gate(self) -> bool:
        return self.wiring.kind is Kind.ONE_TRANSISTOR or self.wiring.read_gate is ReadGate.HELD

    @property
    def needs_bias(self) -> bool:
        return self.holds_gate or self.wiring.kind is Kind.CROSSBAR


def wiring_checks(sections: dict[str, Any]) -> Iterator[Problem]:
    """Every rule, each only where the sections that it is about are right in themselves."""
    names = ("wiring", "instruments", "crosspoints")
    if any(sections.get(name) is None for name in names):
        return
    given = _Sections(*(sections.get(name) for name in (*names, "bias", "limits", "read")))  # type: ignore[arg-type]
    yield from _kind(given)
    yield from _bias(given)
    if given.instruments.matrix is None:
        yield from _fixed(given)
        return
    yield from _rows(given)
    yield from _columns(given)


def _kind(given: _Sections) -> Iterator[Problem]:
    """Settings that belong to another kind of device, and a generator that does not fit the scheme."""
    entry, driver = given.wiring, given.instruments.generator.driver
    if entry.read_gate is not None and entry.kind is not Kind.THREE_TERMINAL:
        yield Problem(("wiring", "read_gate"), entry.read_gate.value, f"a {entry.kind.value} device has no such choice")
    if entry.scheme is not None and entry.kind is not Kind.CROSSBAR:
        yield Problem(("wiring", "scheme"), entry.scheme.value, "only the lines of a crossbar have one; remove it")
    key = ("instruments", "generator", "driver")
    if given.half_select and not driver.endswith(HALVES):
        halves = ", ".join(sorted(name for name in known() if name.endswith(HALVES)))
        rule = (
            f'half-select voltages come from two outputs of one generator: use one of {halves}, or scheme = "floating"'
        )
        yield Problem(key, driver, rule)
    unit = given.instruments.smu.driver
    if given.one_box and driver == unit + TAKES_TURNS and not given.one_electrode:
        rule = "is one output of one box with the source-measure unit, which cannot be on two electrodes at once"
        yield Problem(("instruments", "generator"), driver, rule)
    if entry.trigger:
        yield from _trigger(given, driver, unit)
    if driver.endswith(HALVES) and not given.half_select:
        rule = 'it gives half of every pulse at each of two outputs, which only a crossbar with the scheme "V/2" needs'
        yield Problem(key, driver, rule)


def _trigger(given: _Sections, driver: str, unit: str) -> Iterator[Problem]:
    """A trigger cable is of use where nothing moves between a pulse and a reading, and both boxes know its language."""
    key = ("wiring", "trigger")
    if given.instruments.matrix is not None or given.wiring.kind is not Kind.THREE_TERMINAL:
        rule = "is of use for one three-terminal device without a matrix: relays move between a pulse and a reading"
        yield Problem(key, True, rule)
    elif (driver, unit) not in TRIGGERED:
        known_pairs = ", ".join(sorted(f"{one} with {other}" for one, other in TRIGGERED))
        yield Problem(key, True, f"{driver} and {unit} have no trigger that is known here; known are {known_pairs}")


def _bias(given: _Sections) -> Iterator[Problem]:
    """A bias source where the wiring needs one, with its levels within the limits; none where it does not."""
    entry, instrument = given.bias, given.instruments.bias
    if not given.needs_bias:
        for key, what in ((("instruments", "bias"), instrument), (("bias",), entry)):
            if what is not None:
                yield Problem(key, None, f"a {given.wiring.kind.value} wiring like this has no use for it; remove it")
        return
    if instrument is None:
        what = "holds the gate" if given.holds_gate else "drives the row that is read"
        yield Problem(("instruments", "bias"), None, f"is missing: a further source-measure unit {what}")
    if entry is None:
        yield Problem(("bias",), None, 'is missing: the levels that the bias source holds, and its compliance = "1 uA"')
        return
    yield from _levels(given, entry)


def _levels(given: _Sections, entry: BiasEntry) -> Iterator[Problem]:
    needed = _levels_needed(given)
    for name in LEVELS:
        level: float | None = getattr(entry, name)
        if level is None and name in needed:
            yield Problem(("bias", name), None, 'is missing: the voltage that is held then, such as "1.2 V"')
        elif level is not None and name not in needed:
            rule = "nothing is held then" if given.holds_gate else "a crossbar's row is read at read.voltage"
            yield Problem(("bias", name), f"{level:g} V", f"{rule}; remove it")
        elif level is not None and given.limits is not None:
            yield from _allowed(("bias", name), given.limits.check_gate, level, entry.compliance)
    if given.limits is not None and given.read is not None and not given.holds_gate:
        yield from _allowed(("bias",), given.limits.check_bias, given.read.voltage, entry.compliance)


def _levels_needed(given: _Sections) -> tuple[str, ...]:
    if given.wiring.kind is Kind.ONE_TRANSISTOR:
        return LEVELS
    return ("read",) if given.holds_gate else ()


def _allowed(key: Key, check: Any, level: float, compliance: float) -> Iterator[Problem]:
    try:
        check(level, compliance)
    except InputError as error:
        yield Problem(key, None, str(error))


def _fixed(given: _Sections) -> Iterator[Problem]:
    """Without a matrix: one device, each electrode on one output for good."""
    entry = given.wiring
    for name in ROWS:
        if row := getattr(entry, name):
            yield Problem(("wiring", name), row, "a row of a matrix, but instruments.matrix names none")
    if len(given.crosspoints) > 1:
        listed = ", ".join(given.crosspoints)
        yield Problem(("crosspoints",), listed, "without a matrix one device can be wired, not more")
    if entry.read_gate is ReadGate.HELD:
        rule = "without a matrix the generator stays on the gate, which no other source can hold"
        yield Problem(("wiring", "read_gate"), entry.read_gate.value, rule)
    two_outputs = entry.kind in (Kind.TWO_TERMINAL, Kind.ONE_TRANSISTOR) and not given.one_box
    if two_outputs or entry.kind is Kind.CROSSBAR:
        rule = "needs a switch matrix: name one in instruments.matrix"
        if two_outputs:
            rule += ", or let one instrument be generator and source-measure unit (the same resource for both)"
        yield Problem(("wiring", "kind"), entry.kind.value, rule)


def _rows(given: _Sections) -> Iterator[Problem]:
    entry, size = given.wiring, _size(given)
    rows: dict[str, str] = {name: row for name in ROWS if (row := getattr(entry, name))}
    for name, why in _rows_needed(given).items():
        if name not in rows:
            yield Problem(("wiring", name), None, f'is missing: the row of the matrix, such as "A"{why}')
    if "inverse" in rows and not given.half_select:
        yield Problem(
            ("wiring", "inverse"), rows["inverse"], "only half-select voltages have a second output; remove it"
        )
    for name, row in rows.items():
        if size and row not in size.rows:
            rule = f"this matrix has rows {size.rows[0]} to {size.rows[-1]}; {len(rows)} of them are needed"
            yield Problem(("wiring", name), row, rule)
    used = [row for name, row in rows.items() if not (name == "generator" and given.one_box and row == rows.get("smu"))]
    for row in sorted({row for row in used if used.count(row) > 1}):
        both = " and ".join(name for name, its in rows.items() if its == row)
        rule = f"one row of the matrix for {both}; give each of generator, smu, ground and the others its own"
        yield Problem(("wiring",), row, rule)


def _rows_needed(given: _Sections) -> dict[str, str]:
    """Names of rows that must be there, each with why, if it is not plain."""
    entry = given.wiring
    needed = {"generator": "", "smu": ""}
    if given.needs_bias:
        needed["bias"] = ", for the bias source"
    if given.half_select:
        needed["inverse"] = ", for the generator's second output"
    source_line = any(one.source is not None for one in given.crosspoints.values())
    if entry.kind is Kind.CROSSBAR:
        needed["ground"] = ", for the lines that are not selected"
    elif entry.read_gate is ReadGate.GROUNDED:
        needed["ground"] = ", to ground the gate while reading"
    elif entry.kind is Kind.ONE_TRANSISTOR and source_line:
        needed["ground"] = ", for the end of the cell that is not driven"
    return needed


def _columns(given: _Sections) -> Iterator[Problem]:
    """Every electrode has a column that the matrix has, and shares it only with the same line."""
    kind, size = given.wiring.kind, _size(given)
    owner: dict[Column, tuple[str, Terminal]] = {}
    pairs: dict[tuple[Column, ...], str] = {}
    for name, crosspoint in given.crosspoints.items():
        for terminal in Terminal:
            key: Key = ("crosspoints", name, terminal.value)
            place = crosspoint.place(terminal, given.wiring.slot)
            yield from _right_terminal(kind, key, terminal, getattr(crosspoint, terminal.value))
            if place is not None:
                said = getattr(crosspoint, terminal.value)
                yield from _on_the_card(size, key, place, said)
                yield from _own_column(kind, key, place, said, owner.setdefault(place, (name, terminal)))
        if kind is Kind.CROSSBAR:
            pair = tuple(p for t in TERMINALS[kind] if (p := crosspoint.place(t, given.wiring.slot)) is not None)
            if len(pair) == 2 and (first := pairs.setdefault(pair, name)) != name:
                yield Problem(("crosspoints", name), None, f"{first} is between these two lines already")


def _right_terminal(kind: Kind, key: Key, terminal: Terminal, said: int | str | None) -> Iterator[Problem]:
    needed = terminal in TERMINALS[kind]
    if needed and said is None:
        yield Problem(key, None, f"is missing: the column of the matrix; a {kind.value} device needs it")
    elif said is not None and not needed and terminal not in OPTIONAL.get(kind, ()):
        yield Problem(key, said, f"a {kind.value} device has no {terminal.value}; remove it")


def _own_column(kind: Kind, key: Key, place: Column, said: int | str, first: tuple[str, Terminal]) -> Iterator[Problem]:
    name, its = first
    if key[1:] == (name, its.value):
        return
    shared = {Kind.CROSSBAR: TERMINALS[kind], Kind.ONE_TRANSISTOR: (Terminal.GATE, Terminal.SOURCE)}.get(kind, ())
    if its in shared and key[2] == its.value:
        return
    rule = f"column {place.number} of slot {place.slot} is {name}.{its.value} already: two names for one electrode"
    yield Problem(key, said, rule + "; give each its own column")


def _on_the_card(size: MatrixSize | None, key: Key, place: Column, said: int | str) -> Iterator[Problem]:
    if size is None or (place.slot <= size.slots and place.number <= size.columns):
        return
    rule = f"this matrix has slots 1 to {size.slots} with columns 1 to {size.columns} each"
    beyond = (place.slot - 1) * size.columns + place.number - 1
    if place.number > size.columns and beyond < size.slots * size.columns:
        slot, number = divmod(beyond, size.columns)
        rule += f'; counted through, this is "{slot + 1}:{number + 1}"'
    yield Problem(key, said, rule)


def _size(given: _Sections) -> MatrixSize | None:
    entry = given.instruments.matrix
    info = known().get(entry.driver) if entry is not None else None
    return info.size if info is not None else None
