"""A window on an array: rows and columns of a view, and the box around them for compiled loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import Index, index_pair

Box: TypeAlias = tuple[int, int, int]  # first row, first column, columns


@dataclass(frozen=True)
class Window:
    """Rows and columns of an array, in the order of a view; steps of any size and direction."""

    rows: range
    columns: range

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the view."""
        return len(self.rows), len(self.columns)

    @property
    def box(self) -> Box:
        """The smallest box of the array that holds the view."""
        first, last = sorted((self.columns[0], self.columns[-1]))
        return min(self.rows[0], self.rows[-1]), first, last - first + 1

    @property
    def dense(self) -> bool:
        """Whether the view is its box: neither gaps nor turned round."""
        return (self.rows.step, self.columns.step) == (1, 1)

    def covers(self, shape: tuple[int, ...]) -> bool:
        """Whether the view is the whole of an array of `shape`, in its order."""
        return (self.rows, self.columns) == tuple(range(n) for n in shape)

    def of(self, index: Index) -> Window:
        """The window of an index of this one."""
        row, column = index_pair(index)
        return Window(self.rows[row], self.columns[column])

    def cut(self, array: NDArray[Any]) -> NDArray[Any]:
        """What the view sees of an array (rows, columns): a copy."""
        return array[np.ix_(self.rows, self.columns)]

    def boxed(self, counts: NDArray[Any]) -> NDArray[np.int32]:
        """Counts (..., rows, columns) of the view as counts of its box: 0 between its rows and columns."""
        if self.dense:
            return np.broadcast_to(distinct(counts).astype(np.int32), counts.shape)
        height = max(self.rows) - min(self.rows) + 1
        boxed = np.zeros((*counts.shape[:-2], height, self.box[2]), dtype=np.int32)
        boxed[(..., *self._within())] = counts
        return boxed

    def unboxed(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array of the box, (..., rows, columns), as the view sees it."""
        return array if self.dense else array[(..., *self._within())]

    def _within(self) -> tuple[Any, ...]:
        first_row, first_column, _ = self.box
        return np.ix_(np.array(self.rows) - first_row, np.array(self.columns) - first_column)


def distinct(array: NDArray[Any]) -> NDArray[Any]:
    """`array` without what broadcasting repeated: of length 1 along such axes."""
    return array[tuple(slice(None) if step else slice(1) for step in array.strides)]
