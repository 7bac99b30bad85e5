"""Checks for relays that do not move, made before a reading is handed out.

A matrix says what it was told, not what its relays do. Two things show in the current. A relay stuck open leaves no
current where there should be one. A relay stuck closed leaves one when every relay of the source-measure unit is told
to be open: that is measured at the first reading of a session, and whenever more than one crosspoint was read since,
before any of these readings is handed out. A single stuck relay on the way of the reading is always noticed; one on
the way of the pulses is not, it shows as a crosspoint that does not move, or as two that move together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from instruments.crosspoints import Status
from instruments.errors import InstrumentError
from instruments.roles import Measurement
from instruments.units import text

# Of the compliance, which is near the full scale of the current range. Below it a source-measure unit does not tell a
# device from an open circuit: offsets in data sheets are some 1e-4 of range (2450: 6 nA on 100 uA), those of a warm and
# zeroed instrument a tenth of that; its noise is 10 times less.
NO_CURRENT: Final = 5e-5
LEAK: Final = 1e-4  # of the compliance: what may flow with every relay open, offsets of the instrument included
SHARE: Final = 0.01  # of the smallest current that was read: less than this beside it does no harm


class RelayCheck:
    """What was read since relays were last found to open, and what crosspoints have conducted."""

    def __init__(self, compliance: float) -> None:
        self._compliance = compliance
        self._conducted: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """Relays were left: the next reading is the first again."""
        self._read: dict[str, float] = {}  # smallest current [A] by crosspoint, since relays were found to open
        self._passed = False

    def seen(self, name: str, measured: list[Measurement]) -> list[Measurement]:
        """Readings of a crosspoint, marked where no current came; no number where one came before."""
        floor = NO_CURRENT * self._compliance
        known = [abs(one.current) for one in measured if abs(one.current) < float("inf")]
        smallest = min(known, default=0.0)
        self._read[name] = min(smallest, self._read.get(name, smallest))
        if smallest >= floor:
            self._conducted.add(name)
            return measured
        return [self._marked(name, one, floor) for one in measured]

    def _marked(self, name: str, one: Measurement, floor: float) -> Measurement:
        if not abs(one.current) < floor or one.status & Status.INVALID:
            return one
        lost = Status.INVALID if name in self._conducted else Status.OK
        return replace(one, status=one.status | Status.NO_CURRENT | lost)

    def due(self) -> Sequence[str]:
        """Crosspoints whose relays must be found to open before their readings are handed out; none if all is well."""
        return tuple(self._read) if len(self._read) > 1 or not self._passed else ()

    def found(self, measured: Measurement) -> None:
        """What was measured with those relays open; raises `InstrumentError` where a current flows."""
        allowed = max(LEAK * self._compliance, SHARE * min(self._read.values()))
        if not abs(measured.current) <= allowed or measured.status & Status.COMPLIANCE:
            listed = ", ".join(self._read)
            raise InstrumentError(
                f"{text(measured.current, 'A')} flow at {text(measured.voltage, 'V')} while relays are told to leave "
                f"no way for a current through the crosspoints, {text(allowed, 'A')} at most were expected: "
                f"a relay is stuck closed, or a cable leaks. Readings of {listed} are not kept; "
                "try: open all relays by hand and measure the row of the source-measure unit against each column"
            )

    def passed(self) -> None:
        """All of it was found to be as it should."""
        self._read = {}
        self._passed = True
