"""What SCPI drivers share: settings sent and verified in one round trip, error queue drained."""

from __future__ import annotations

from typing import Final

from instruments.drivers.common.connected import MOST_ERRORS, Connected
from instruments.errors import InstrumentError

POWER_ON: Final = 128  # event status: switched on since `*CLS` of `prepare` (IEEE 488.2, 11.5.1.1.2)


class Scpi(Connected):
    """An instrument with IEEE 488.2 common commands and ``SYSTem:ERRor?``."""

    def settle(self, commands: str) -> None:
        """Send settings and ask for errors in the same message; `CommandRefused` names them."""
        first = self.ask(f"{commands};:SYST:ERR?").strip()
        if not _is_none(first):
            raise self.refused([first, *self._errors()], commands)

    def check_errors(self) -> None:  # type: ignore[override] - PyMeasure's logs errors and returns them
        """Drain the error queue; `CommandRefused` names every entry."""
        errors = self._errors()
        if errors:
            raise self.refused(errors, "what was sent before")

    def end_block(self) -> None:
        """Event status and error queue in one message."""
        status, _, first = self.ask("*ESR?;:SYST:ERR?").strip().partition(";")
        errors = [] if _is_none(first) else [first, *self._errors()]
        try:
            restarted = bool(int(float(status)) & POWER_ON)
        except ValueError:
            raise InstrumentError(f"{self.name} answered '*ESR?' with {status!r}, where a number belongs") from None
        if restarted:
            raise InstrumentError(
                f"{self.name} was switched off and on again: its settings are gone, and what was done since the last "
                "block is doubtful; open the station again"
            )
        if errors:
            raise self.refused(errors, "what was sent before")

    def _errors(self) -> list[str]:
        errors: list[str] = []
        while len(errors) < MOST_ERRORS:
            entry = self.ask(":SYST:ERR?").strip()
            if _is_none(entry):
                break
            errors.append(entry)
        return errors


def _is_none(entry: str) -> bool:
    return entry.split(",", 1)[0] in ("0", "+0")
