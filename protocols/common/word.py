"""How the number of a result is shown: its label, and why it has no error where it has none."""

from __future__ import annotations

from dataclasses import dataclass

SET = "exact: set by the user"
COUNTED = "exact: counted"
MEASURED = "one reading"
COMPUTED = "computed from the numbers above"
OF_SPREAD = "a rank of what was measured"
BOUND = "a bound"


@dataclass(frozen=True)
class Word:
    """How a number is shown.

    Attributes
    ----------
    label
        In words, without its unit.
    no_error
        Why it has no error, where it has none.
    absent
        What it means that there is none: the default for estimates; "" leaves the line out.
    share
        Whether it is a share of one, shown in percent.
    std, factor
        Key of its standard error where that is not its own name with "std", and what to multiply that with.
    """

    label: str
    no_error: str = ""
    absent: str = "not identified"
    share: bool = False
    std: str = ""
    factor: float = 1.0
