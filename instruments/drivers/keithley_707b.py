"""Keithley 707B switching matrix by TSP.

Commands: Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01, section 7. Closing reads back in the same
message what is closed, so that a relay that did not move is noticed before anything is driven. Never tried on the real
instrument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.known import Known, MatrixSize
from instruments.drivers.common.tsp import Tsp
from instruments.errors import InputError, InstrumentError
from instruments.limits import Limits
from instruments.roles import SwitchMatrix

SLOTS: Final = 6
ROWS: Final = "ABCDEFGH"
COLUMNS: Final = 12  # of an 8 x 12 card
_CHANNEL: Final = re.compile(r"[1-6][A-H]\d\d")


class Keithley707B(Tsp, SwitchMatrix):
    """Six slots of 8 x 12 relays, named like 1A02: slot, row, column."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 707B", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def prepare(self) -> None:
        """Reset: all relays open, break before make; then verify the error queue."""
        self.write("reset() errorqueue.clear()")
        self.write("channel.connectrule = channel.BREAK_BEFORE_MAKE")
        self.check_errors()

    def off(self) -> None:
        """All relays open."""
        self.switch_off('channel.open("allslots")')

    def is_off(self) -> bool:
        """Whether the instrument says that no relay is closed."""
        return not self.closed()

    def close(self, channels: Iterable[str]) -> None:
        """Close exactly these; the instrument answers when the relays have settled, with what it has closed."""
        wanted = frozenset(channels)
        move = _move(wanted)
        reply = self.ask(f'{move} print(channel.getclose("allslots"), errorqueue.count)')
        listed, _, count = reply.strip().partition("\t")
        if self.number(count) != 0:
            raise self.refused(self.errors(), move)
        if _channels(listed) != wanted:
            raise InstrumentError(
                f"{self.name} has closed {listed}, where {', '.join(sorted(wanted)) or 'nothing'} was asked for; "
                "a relay may be stuck"
            )

    def closed(self) -> frozenset[str]:
        """Relays that the instrument says are closed."""
        return _channels(self.ask('print(channel.getclose("allslots"))').strip())

    def channel(self, slot: int, row: str, column: int) -> str:
        """Name of a relay, such as 1A02; `InputError` where the matrix has none."""
        if not 1 <= slot <= SLOTS or row not in tuple(ROWS) or not 1 <= column <= COLUMNS:
            raise InputError(
                f"slot {slot}, row {row!r}, column {column} is not in this matrix: slots 1 to {SLOTS}, "
                f"rows {ROWS[0]} to {ROWS[-1]}, columns 1 to {COLUMNS}"
            )
        return f"{slot}{row}{column:02d}"


@lru_cache(maxsize=4096)
def _move(wanted: frozenset[str]) -> str:
    for channel in wanted:
        if not _CHANNEL.fullmatch(channel):
            raise InputError(f"{channel!r} is not a relay of this matrix; they are written like 1A02")
    return f'channel.exclusiveclose("{",".join(sorted(wanted))}")' if wanted else 'channel.open("allslots")'


@lru_cache(maxsize=4096)
def _channels(listed: str) -> frozenset[str]:
    return frozenset() if listed in ("nil", "") else frozenset(re.split("[;,]", listed))


DRIVERS = {
    "keithley-707b": Known(
        "Keithley707B", "matrix", "707B", "Keithley 707B switching matrix", MatrixSize(6, "ABCDEFGH", 12)
    ),
}
