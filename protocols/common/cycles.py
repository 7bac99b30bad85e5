"""Which of what repeats in a run is taken, counted from 1: one cycle, from one to another, or all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from instruments.errors import InputError

Repeated = TypeVar("Repeated")


@dataclass(frozen=True)
class Cycles:
    """From `first` to `last`, both included, counted from 1."""

    first: int
    last: int

    @staticmethod
    def of(said: str) -> Cycles:
        """From "2", or "2-5"; `InputError` for anything else."""
        found = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", said)
        if found is None:
            raise InputError(f'cycle {said!r} is none; give a number from 1, such as "2", or some in a row, "2-5"')
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last:
            raise InputError(f'cycle {said!r} is none; they count from 1, the smaller number first, such as "2-5"')
        return Cycles(first, last)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    def pick(self, found: Sequence[Repeated], what: str) -> list[Repeated]:
        """Those of `found` that are meant; `InputError` where there are not so many of `what` (plural)."""
        if self.last > len(found):
            raise InputError(f"cycle {self}: {what} here: {len(found)}; give 1{_to(len(found))}, or leave it out")
        return list(found[self.first - 1 : self.last])

    def one(self, found: Sequence[Repeated], what: str) -> Repeated:
        """The one that is meant; `InputError` where several are, or there is no such one."""
        if self.first != self.last:
            raise InputError(f"cycle {self}: {what} are analysed one at a time; give one number")
        return self.pick(found, what)[0]


def _to(count: int) -> str:
    return f" to {count}" if count > 1 else ""
