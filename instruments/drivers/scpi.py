"""What drivers of SCPI instruments share: settings sent and verified in one round trip, the error queue drained."""

from __future__ import annotations

from instruments.drivers.connected import MOST_ERRORS, Connected


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
