"""Twin of the Keithley 707B switching matrix with 8 x 12 cards: channels by TSP, relays that take time to settle.

Source: Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01, section 2 (channel lists) and section 7
(commands).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from instruments.bench.wiring import Relay
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.tsp import Attribute, TspTwin
from sim_device.virtual_bench.languages.tsp_parser import TspError, Value

SLOTS: Final = 6
ROWS: Final = "ABCDEFGH"
COLUMNS: Final = 12
SETTLING: Final = 15e-3  # [s] actuation of a 7072 card
_CHANNEL: Final = re.compile(r"\s*([1-6])([A-H])(\d\d)\s*$", re.IGNORECASE)
_REMEMBERED: Final = 4096  # channel lists
_RULES: Final = {"channel.OFF": 0.0, "channel.BREAK_BEFORE_MAKE": 1.0, "channel.MAKE_BEFORE_BREAK": 2.0}


def _name(relay: Relay) -> str:
    return f"{relay.slot}{relay.row}{relay.column:02d}"


class Keithley707BTwin(TspTwin):
    """A Keithley 707B around a circuit; `cards` tells which slots hold a card."""

    model = "707B"

    def __init__(
        self, circuit: Circuit, serial: str = "01234567", cards: tuple[int, ...] = tuple(range(1, SLOTS + 1))
    ) -> None:
        self.circuit = circuit
        self.identity = f"Keithley Instruments Inc., Model 707B, {serial}, 01.20"
        self.cards = cards
        self.closed: frozenset[Relay] = frozenset()
        self._rule = _RULES["channel.BREAK_BEFORE_MAKE"]
        self._lists: dict[Value, frozenset[Relay]] = {}
        super().__init__()

    def _own_functions(self) -> Mapping[str, Callable[..., Value]]:
        return {
            "channel.close": self._close,
            "channel.open": self._open,
            "channel.exclusiveclose": self._exclusive_close,
            "channel.getclose": self._get_closed,
            "channel.getstate": self._get_state,
        }

    def _own_attributes(self) -> Mapping[str, Attribute]:
        constants = {name: Attribute(lambda value=value: value) for name, value in _RULES.items()}
        cards = {f"slot[{slot}].idn": Attribute(lambda: "7072,8x12 Semi Matrix") for slot in self.cards}
        return {"channel.connectrule": Attribute(lambda: self._rule, self._set_rule), **constants, **cards}

    def reset(self) -> None:
        """All channels open, break before make."""
        self._rule = _RULES["channel.BREAK_BEFORE_MAKE"]
        self._move(frozenset())

    def _set_rule(self, value: Value) -> None:
        if value not in _RULES.values():
            raise TspError(1114, "Settings conflict: channel.connectrule")
        self._rule = float(value)  # type: ignore[arg-type] - it is one of the rules

    def _move(self, closed: frozenset[Relay]) -> None:
        if closed == self.closed:
            return
        self.closed = closed
        self.circuit.matrix_closes(closed)
        self.circuit.clock.wait(SETTLING)

    def _close(self, text: Value) -> None:
        self._move(self.closed | self._listed(text))

    def _exclusive_close(self, text: Value) -> None:
        self._move(self._listed(text) if text else frozenset())

    def _open(self, text: Value) -> None:
        scope = self._scope(text)
        self._move(frozenset() if scope is None else self.closed - scope)

    def _get_closed(self, text: Value) -> Value:
        scope = self._scope(text)
        closed = self.closed if scope is None else self.closed & scope
        return ";".join(sorted(_name(relay) for relay in closed)) or None

    def _get_state(self, text: Value) -> Value:
        return ";".join("1" if relay in self.closed else "0" for relay in self._ordered(text))

    # -- channel lists -----------------------------------------------------------------------------------------------

    def _scope(self, text: Value) -> frozenset[Relay] | None:
        """Relays of a list that may name slots; None for all of them."""
        if isinstance(text, str) and text.strip().lower() == "allslots":
            return None
        if isinstance(text, str) and (match := re.fullmatch(r"\s*slot([1-6])\s*", text, re.IGNORECASE)):
            slot = int(match.group(1))
            return frozenset(Relay(slot, row, column) for row in ROWS for column in range(1, COLUMNS + 1))
        return self._listed(text)

    def _listed(self, text: Value) -> frozenset[Relay]:
        listed = self._lists.get(text)
        if listed is None:
            if len(self._lists) > _REMEMBERED:
                self._lists.clear()
            listed = self._lists[text] = frozenset(self._ordered(text))
        return listed

    def _ordered(self, text: Value) -> list[Relay]:
        if not isinstance(text, str) or not text.strip():
            raise TspError(1107, "Parameter error: channel list expected")
        relays: list[Relay] = []
        for part in re.split("[,;]", text):
            first, colon, last = part.partition(":")
            start = self._one(first)
            end = self._one(last) if colon else start
            if (start.slot, start.row) != (end.slot, end.row) or end.column < start.column:
                raise TspError(1107, f"Parameter error: invalid channel range {part.strip()}")
            relays += [Relay(start.slot, start.row, column) for column in range(start.column, end.column + 1)]
        return relays

    def _one(self, text: str) -> Relay:
        match = _CHANNEL.match(text)
        if match is None or not 1 <= int(match.group(3)) <= COLUMNS:
            raise TspError(1107, f"Parameter error: invalid channel {text.strip()}")
        relay = Relay(int(match.group(1)), match.group(2).upper(), int(match.group(3)))
        if relay.slot not in self.cards:
            raise TspError(1107, f"Parameter error: slot {relay.slot} is empty")
        return relay


TWINS = {
    "keithley-707b": "Keithley707BTwin",
}
