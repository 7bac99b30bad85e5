"""Selects crosspoints by name, wildcard or block, and gives blocks of a station as crosspoints."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from labshd.common.station_of import belongs
from labshd.common.toml_file import nearest

if TYPE_CHECKING:
    from instruments.crosspoints import Crosspoints
    from labshd.station.station import Station

ALL = "all"


def names_of(grid: NDArray[np.str_], said: str | Sequence[str]) -> list[str]:
    """Names of the crosspoints that are meant, each once, in the order in which they are named.

    `grid` holds the names by row and column. `said` is a name ("A1"), a block from corner to corner ("A1:B4"), a
    wildcard ("A*"), "all", several of these with commas between, or a list of them. `InputError` where one means none.
    """
    items = [part.strip() for item in ([said] if isinstance(said, str) else said) for part in item.split(",")]
    found = [name for item in items for name in _of_one(grid, item)]
    if not found:
        raise InputError(f'no crosspoint is named by {said!r}; try "A1", "A1:B4", "A*" or "all"')
    return list(dict.fromkeys(found))


def _of_one(grid: NDArray[np.str_], item: str) -> list[str]:
    names = [str(name) for name in grid.flat]
    if item in names:
        return [item]
    if item == ALL:
        return names
    if ":" in item:
        return _rectangle(grid, *_corners(grid, item, names))
    found = [name for name in names if fnmatchcase(name, item)]
    if not found:
        raise InputError(f"no crosspoint {item!r}{nearest(item, names)}")
    return found


def _corners(grid: NDArray[np.str_], item: str, names: list[str]) -> tuple[tuple[int, int], tuple[int, int]]:
    first, _, last = (part.strip() for part in item.partition(":"))
    for name in (first, last):
        if name not in names:
            raise InputError(f"no crosspoint {name!r} to begin or end the block {item!r}{nearest(name, names)}")
    return _place(grid, first), _place(grid, last)


def _place(grid: NDArray[np.str_], name: str) -> tuple[int, int]:
    row, column = (int(where[0]) for where in np.nonzero(grid == name))
    return row, column


def _rectangle(grid: NDArray[np.str_], one: tuple[int, int], other: tuple[int, int]) -> list[str]:
    (top, left), (bottom, right) = np.minimum(one, other), np.maximum(one, other)
    return [str(name) for name in grid[top : bottom + 1, left : right + 1].flat]


def corners_of(grid: NDArray[np.str_], names: Sequence[str]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last (row, column) of the rectangle that these names fill; `InputError` where they do not."""
    places = np.array([_place(grid, name) for name in names])
    (top, left), (bottom, right) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    if (bottom - top + 1) * (right - left + 1) != len(names):
        raise InputError(
            f"{', '.join(names[:6])}{' ...' if len(names) > 6 else ''} do not fill a rectangle, so they are no block; "
            'take them one by one, or name a block such as "A1:B4"'
        )
    return (top, left), (bottom, right)


def block_name(names: Sequence[str]) -> str:
    """How a block is called in lists and run folders."""
    return names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"


def block_of(station: Station, names: Sequence[str]) -> Crosspoints:
    """The crosspoints of these names as one block; `InputError` unless they fill a rectangle of the station."""
    if len(names) == 1:
        return station[names[0]]
    (top, left), (bottom, right) = corners_of(station.grid, names)
    block = station.all[top : bottom + 1, left : right + 1]
    block.name = block_name(names)
    belongs(block, station)
    return block
