"""What TSP drivers share: statements sent and verified in one round trip, error queue drained."""

from __future__ import annotations

import math

from instruments.drivers.common.connected import MOST_ERRORS, Connected
from instruments.errors import InstrumentError


class Tsp(Connected):
    """An instrument that runs TSP and keeps an ``errorqueue``."""

    def settle(self, statements: str) -> None:
        """Send settings and ask for errors in the same message; `CommandRefused` names them."""
        reply = self.ask(f"{statements} waitcomplete() print(errorqueue.count)").strip()
        if self.number(reply) != 0:
            raise self.refused(self.errors(), statements)

    def values_of(self, expression: str, before: str = "") -> list[float]:
        """Numbers that ``print(expression)`` answers, after the statements `before` in the same message."""
        return [self.number(part) for part in self.ask(f"{before}print({expression})").strip().split("\t")]

    def number(self, text: str) -> float:
        """A number; `InstrumentError` where the answer is none."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise InstrumentError(f"{self.name} answered {text!r}, where a number was expected")
        return value

    def check_errors(self) -> None:  # type: ignore[override] - PyMeasure's logs errors and returns them
        """Drain the error queue; `CommandRefused` names every entry."""
        errors = self.errors()
        if errors:
            raise self.refused(errors, "what was sent before")

    def errors(self) -> list[str]:
        """Drain the error queue; what it held."""
        errors: list[str] = []
        while len(errors) < MOST_ERRORS:
            code, _, rest = self.ask("print(errorqueue.next())").strip().partition("\t")
            if self.number(code) == 0:
                break
            errors.append(f"{float(code):g} {rest}".replace("\t", " "))
        return errors
