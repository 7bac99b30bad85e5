"""Twin of the Keithley 7001 switch system with 7012 matrix cards (4 x 10).

Source: Model 7001 Instruction Manual, 7001-901-01, section 5 (:ROUTe subsystem) and the 7012 card's actuation time.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from instruments.bench.wiring import Relay
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_tree import Arguments, CommandTree, Entry, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, is_form_of

ROWS: Final = "ABCD"
COLUMNS: Final = 10
SLOTS: Final = 2
SETTLING: Final = 3e-3  # [s] actuation of a 7012 card
_ONE: Final = re.compile(r"\s*(\d+)\s*!\s*(\d+)\s*!\s*(\d+)\s*$")


class Keithley7001Twin(ScpiTwin):
    """A Keithley 7001 around a circuit."""

    colon_before_common = True
    tree: ClassVar[CommandTree] = common_commands()

    def __init__(self, circuit: Circuit, serial: str = "0654321") -> None:
        self.circuit = circuit
        self.identity = f"KEITHLEY INSTRUMENTS INC.,MODEL 7001,{serial},B02  /A01"
        self.closed: frozenset[Relay] = frozenset()
        super().__init__()

    def reset(self) -> None:
        """All channels open."""
        self.move(frozenset())

    def move(self, closed: frozenset[Relay]) -> None:
        """Move the relays, which takes its time."""
        if closed != self.closed:
            self.closed = closed
            self.circuit.matrix_closes(closed)
            self.circuit.clock.wait(SETTLING)


def _listed(arguments: Arguments) -> list[Relay]:
    """Relays of ``(@1!1!2,1!3!4:1!3!6)``, in order."""
    if len(arguments) != 1:
        raise ScpiError(-109, "Missing parameter")
    match = re.fullmatch(r"\(@(.*)\)", arguments[0].strip())
    if match is None:
        raise ScpiError(-171, "Invalid expression")
    relays: list[Relay] = []
    for part in match.group(1).split(","):
        first, colon, last = part.partition(":")
        start = _one(first)
        end = _one(last) if colon else start
        if (start.slot, start.row) != (end.slot, end.row) or end.column < start.column:
            raise ScpiError(-171, "Invalid expression")
        relays += [Relay(start.slot, start.row, column) for column in range(start.column, end.column + 1)]
    return relays


def _one(text: str) -> Relay:
    match = _ONE.match(text)
    if match is None:
        raise ScpiError(-171, "Invalid expression")
    slot, row, column = (int(number) for number in match.groups())
    if not (1 <= slot <= SLOTS and 1 <= row <= len(ROWS) and 1 <= column <= COLUMNS):
        raise ScpiError(-222, "Parameter data out of range")
    return Relay(slot, ROWS[row - 1], column)


def _close(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keithley7001Twin)
    twin.move(twin.closed | frozenset(_listed(arguments)))


def _open(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keithley7001Twin)
    if len(arguments) == 1 and is_form_of(arguments[0], "ALL"):
        twin.move(frozenset())
    else:
        twin.move(twin.closed - frozenset(_listed(arguments)))


def _open_all(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
    _open(twin, (), ("ALL", *arguments))


def _states(value: str) -> Entry:
    """``CLOSe? <list>`` answers 1 where closed, ``OPEN? <list>`` where open."""

    def query(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str:
        assert isinstance(twin, Keithley7001Twin)
        return ",".join(value if relay in twin.closed else str(1 - int(value)) for relay in _listed(arguments))

    return Entry(set=_close if value == "1" else _open, query=query)


def _closed(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str:
    assert isinstance(twin, Keithley7001Twin)
    if arguments:
        raise ScpiError(-108, "Parameter not allowed")
    relays = sorted(twin.closed, key=lambda relay: (relay.slot, relay.row, relay.column))
    return f"(@{','.join(f'{r.slot}!{ROWS.index(r.row) + 1}!{r.column}' for r in relays)})"


def _complete() -> None:
    tree = Keithley7001Twin.tree
    tree.add("[:ROUTe]:CLOSe", _states("1"))
    tree.add("[:ROUTe]:OPEN", _states("0"))
    tree.add("[:ROUTe]:OPEN:ALL", Entry(set=_open_all))
    tree.add("[:ROUTe]:CLOSe:STATe", Entry(query=_closed))


_complete()


TWINS = {
    "keithley-7001": "Keithley7001Twin",
}
