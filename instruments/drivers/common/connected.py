"""What all drivers share: a clock, numbers sent exactly, errors that name the command."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from instruments.clock import Clock, RealClock
from instruments.crosspoints import FloatArray
from instruments.errors import CommandRefused, InstrumentError, NotAnswering
from instruments.limits import Limits

MOST_ERRORS = 32  # entries read from an error queue before giving up on it


def si(value: float) -> str:
    """A number for an instrument: 7 significant digits, so that 5 nA never becomes 0."""
    return f"{value:.6e}"


def date_of(year: int, month: int, day: int) -> date | None:
    """A date that an instrument tells; None where it has none, such as 0,0,0."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


class Connected(Instrument):
    """A PyMeasure instrument with limits, waiting on the clock of its wire.

    Parameters
    ----------
    adapter
        An open `instruments.wire.Wire` (or a PyMeasure adapter in tests).
    limits
        Of the station.
    """

    limits: Limits

    # PyMeasure guards the names of dynamic properties on every access. These drivers have none, and a cycle of pulse
    # and read is made of such accesses.
    __getattribute__ = object.__getattribute__  # type: ignore[assignment] - differs in names of parameters only

    def __init__(self, adapter: Adapter, limits: Limits, name: str, **kwargs: Any) -> None:
        super().__init__(adapter, name, includeSCPI=False, **kwargs)
        self.limits = limits
        self.clock: Clock = getattr(adapter, "clock", None) or RealClock()

    def ask(self, command: str, query_delay: float | None = None) -> str:
        """Send a query and give its reply, by the shortest way: this is what a cycle of pulse and read is made of."""
        adapter = self.adapter
        adapter.write(command)
        if query_delay:
            self.clock.wait(query_delay)
        return adapter.read()

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command."""
        self.adapter.write(command, **kwargs)

    def switch_off(self, command: str) -> None:
        """Send what switches off; once more if the connection was lost and could be opened anew: off is off.

        The loss is raised all the same: the instrument may have restarted, and its settings may be gone.
        """
        try:
            self.write(command)
        except NotAnswering:
            self.write(command)
            raise

    def identity(self) -> str:
        """Answer of the identity query."""
        return self.ask("*IDN?").strip()

    def disconnect(self) -> None:
        """Close the connection; idempotent."""
        self.adapter.close()

    def numbers(self, command: str, count: int) -> list[float]:
        """`count` numbers that a query answers; `InstrumentError` names the query where it answers anything else."""
        reply = self.ask(command)
        try:
            values = [float(part) for part in reply.split(",")]
        except ValueError:
            values = []
        if len(values) != count or any(math.isnan(value) for value in values):
            raise InstrumentError(
                f"{self.name} answered {command!r} with {reply!r}, where {count} numbers were expected"
            )
        return values

    def table(self, command: str, rows: int, columns: int) -> FloatArray:
        """Numbers that a query answers, row by row: shape (rows, columns). `InstrumentError` where they are others."""
        reply = self.ask(command)
        try:
            values = np.array([float(part) for part in reply.split(",")])
        except ValueError:
            values = np.empty(0)
        if len(values) != rows * columns:
            raise InstrumentError(
                f"{self.name} answered {command!r} with {reply[:60]!r} ..., where {rows} times {columns} numbers were "
                "expected"
            )
        return values.reshape(rows, columns)

    def completed(self) -> None:
        """Wait until the instrument says that what was begun is over; `InstrumentError` where it says anything else."""
        done = self.ask("*OPC?").strip()
        if done not in ("1", "+1"):
            raise InstrumentError(f"{self.name} answered '*OPC?' with {done!r}: whether it is done is unknown")

    def refused(self, errors: list[str], command: str) -> CommandRefused:
        """The error that says what an instrument did not take."""
        return CommandRefused(f"{self.name} refused {command!r}: {'; '.join(errors)}")
