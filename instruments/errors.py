"""Errors for people: each states the value, the rule and what to try.

    LabshdError                     everything that labshd raises on purpose
    ├── InputError                  wrong input: a file, a flag, a setting             (exit code 2)
    │   └── LimitError              a pulse, bias or count beyond the station's limits
    └── RunError                    the input was right, the run failed                (exit code 1)
        ├── BenchInUse              another process has the instruments
        └── InstrumentError         an instrument did not do as it was told
            ├── NotAnswering        no reply in time, or the connection is gone
            ├── WrongInstrument     another identity than the station file expects
            └── CommandRefused      the instrument's error queue was not empty

Scenarios: a station file with ``width = "500"`` is an `InputError`; a protocol that asks for 6 V where the station
allows 5 V is a `LimitError` and no byte was sent; a generator unplugged in the night is `NotAnswering`, the outputs
of the other instruments are off and every reading taken is in the run.
"""

from __future__ import annotations

from collections.abc import Iterable


class LabshdError(Exception):
    """Everything that labshd raises on purpose; its text is fit to be shown without a traceback."""

    exit_code = 1


class InputError(LabshdError):
    """Wrong input: a file, a flag or a setting. Nothing was opened or driven because of it."""

    exit_code = 2


class LimitError(InputError):
    """A pulse, bias or pulse count beyond the limits of the station. Not a byte of it was sent."""


class RunError(LabshdError):
    """The input was right, but the run failed."""


class BenchInUse(RunError):  # noqa: N818 - reads as a statement where it is caught
    """Another process has the instruments. Nothing was opened."""


class InstrumentError(RunError):
    """An instrument did not do as it was told."""


class NotAnswering(InstrumentError):  # noqa: N818 - reads as a statement where it is caught
    """No reply in time, or the connection is gone."""


class WrongInstrument(InstrumentError):  # noqa: N818
    """The instrument at an address is not the one that the station file expects."""


class CommandRefused(InstrumentError):  # noqa: N818
    """The error queue of an instrument was not empty after a command."""


def all_at_once(heading: str, problems: Iterable[str]) -> str:
    """One message that lists every problem, so that a file is mended in one go."""
    listed = list(problems)
    if len(listed) == 1:
        return f"{heading}: {listed[0]}"
    return "\n".join([f"{heading}: {len(listed)} problems", *(f"  - {problem}" for problem in listed)])
