"""Lines that crosspoints share: which neighbours see part of a pulse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from instruments.bench.wiring import Kind, Terminal, Wiring


def neighbours(wiring: Wiring) -> dict[str, tuple[str, ...]]:
    """For each crosspoint of a crossbar the others on its row or column line; empty where no lines are shared.

    With the scheme "V/2" these see half of every pulse on it; with floating lines they see what the array leaves them.
    """
    lines = _lines(wiring)
    return {
        name: tuple(other for other, at in lines.items() if (at[0] == own[0]) != (at[1] == own[1]))
        for name, own in lines.items()
    }


def half_selected(wiring: Wiring, pulses: Mapping[str, int]) -> dict[str, int]:
    """Of `pulses` by name of crosspoint, how many each other one saw a part of on either line."""
    seen: dict[str, int] = {}
    others = neighbours(wiring)
    for name, count in pulses.items():
        for other in others.get(name, ()) if count else ():
            seen[other] = seen.get(other, 0) + count
    return seen


def lies_on_lines(wiring: Wiring, names: NDArray[np.str_]) -> bool:
    """Whether each row of a block of more than one crosspoint is one row line, and each column one column line."""
    lines = _lines(wiring)
    if not lines or names.size < 2:
        return False
    at = np.array([[lines[str(name)] for name in row] for row in names], dtype=object)
    rows, columns = at[:, 0, 0].tolist(), at[0, :, 1].tolist()
    expected = [[[row, column] for column in columns] for row in rows]
    return bool(at.tolist() == expected and len(set(rows)) == len(rows) and len(set(columns)) == len(columns))


def _lines(wiring: Wiring) -> dict[str, tuple[str, str]]:
    """(row line, column line) of each crosspoint of a crossbar, by the columns of the matrix that carry them."""
    matrix = wiring.matrix
    if wiring.kind is not Kind.CROSSBAR or matrix is None:
        return {}
    names = dict.fromkeys(name for name, _ in matrix.columns)
    return {name: (str(matrix.column(name, Terminal.ROW)), str(matrix.column(name, Terminal.COLUMN))) for name in names}
