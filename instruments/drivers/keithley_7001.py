"""Keithley 7001 switch system with 7012 matrix cards (4 x 10).

Commands: Model 7001 Instruction Manual, 7001-901-01, section 5: ``:ROUTe:CLOSe``, ``:OPEN``, ``:CLOSe:STATe?``; a
matrix channel is written slot!row!column. What is closed is read back after every change. Never tried on the real
instrument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.known import Known, MatrixSize
from instruments.drivers.common.scpi import Scpi
from instruments.errors import InputError, InstrumentError
from instruments.limits import Limits
from instruments.roles import SwitchMatrix

SLOTS: Final = 2
ROWS: Final = "ABCD"  # 1 to 4 on the instrument
COLUMNS: Final = 10
_CHANNEL: Final = re.compile(r"[12]![1-4]!(?:[1-9]|10)")


class Keithley7001(Scpi, SwitchMatrix):
    """Two slots of 4 x 10 relays, named like 1!1!2: slot, row, column."""

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 7001", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def prepare(self) -> None:
        """Reset, all relays open; then verify the error queue."""
        self.write("*RST;*CLS")
        self.settle(":ROUT:OPEN ALL")

    def off(self) -> None:
        """All relays open."""
        self.switch_off(":ROUT:OPEN ALL")

    def is_off(self) -> bool:
        """Whether the instrument says that no relay is closed."""
        return not self.closed()

    def close(self, channels: Iterable[str]) -> None:
        """Open everything, then close these; answers when the relays have settled, and what is closed is verified."""
        wanted = frozenset(channels)
        for channel in wanted:
            if not _CHANNEL.fullmatch(channel):
                raise InputError(f"{channel!r} is not a relay of this matrix; they are written like 1!1!2")
        # Opened first and by itself: break before make.
        move = ":ROUT:OPEN ALL"
        if wanted:
            move += f";:ROUT:CLOS (@{','.join(sorted(wanted))})"
        done, _, reply = self.ask(f"{move};*OPC?;:ROUT:CLOS:STAT?").strip().partition(";")
        if done != "1" or _channels(reply) != wanted:
            self.check_errors()
            raise InstrumentError(
                f"{self.name} has closed {reply or 'nothing'}, where {', '.join(sorted(wanted)) or 'nothing'} "
                "was asked for; a relay may be stuck"
            )

    def closed(self) -> frozenset[str]:
        """Relays that the instrument says are closed."""
        return _channels(self.ask(":ROUT:CLOS:STAT?").strip())

    def channel(self, slot: int, row: str, column: int) -> str:
        """Name of a relay, such as 1!1!2 for row A; `InputError` where the matrix has none."""
        if not 1 <= slot <= SLOTS or row not in tuple(ROWS) or not 1 <= column <= COLUMNS:
            raise InputError(
                f"slot {slot}, row {row!r}, column {column} is not in this matrix: slots 1 to {SLOTS}, "
                f"rows {ROWS[0]} to {ROWS[-1]}, columns 1 to {COLUMNS}"
            )
        return f"{slot}!{ROWS.index(row) + 1}!{column}"


def _channels(listed: str) -> frozenset[str]:
    """Channels of a list such as ``(@1!1!2,1!3!4)``."""
    inside = listed.strip().removeprefix("(@").removesuffix(")")
    return frozenset(part.strip() for part in inside.split(",") if part.strip())


DRIVERS = {
    "keithley-7001": Known(
        "Keithley7001", "matrix", "MODEL 7001", "Keithley 7001 switch system", MatrixSize(2, "ABCD", 10)
    ),
}
