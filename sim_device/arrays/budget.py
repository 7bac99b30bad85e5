"""Pulses of simulated crosspoints against their budget, asked for now or foreseen."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import IntArray
from instruments.errors import LimitError
from instruments.foreseen import Foreseen
from instruments.limits import Limits

COUNTED = 2**32 - 1  # pulses in the life of a simulated crosspoint: they number its random draws, 32 bits


def check_budget(more: IntArray, applied: IntArray, limits: Limits, name: str) -> None:
    """Refuse `more` pulses after those that were `applied`, both (rows, columns), beyond the budget of a crosspoint."""
    spent = np.where(more > 0, applied, 0)
    row, column = np.unravel_index(np.argmax(spent + more), more.shape)
    place, asked, before = f"{name}[{row}, {column}]", int(more[row, column]), int(spent[row, column])
    if before + asked > COUNTED:
        raise LimitError(
            f"{asked} more pulses on {place} after {before} are beyond {COUNTED}, as many as a simulated crosspoint "
            "counts; make the crosspoints anew"
        )
    limits.check_budget(before, asked, place)


def foresee(foreseen: Foreseen, limits: Limits, applied: IntArray, name: str) -> None:
    """Refuse what a protocol will ask for at most, where limits or budget forbid it."""
    for pulse in foreseen.shapes:
        limits.check_pulse(pulse)
    foreseen.check_levels(limits)
    most = foreseen.at_most(limits, applied.shape)
    for row, column in np.ndindex(*applied.shape):
        place = name if applied.shape == (1, 1) else f"{name}[{row}, {column}]"
        foreseen.check_budget(limits, place, int(most[row, column]), int(applied[row, column]))
