"""Which crosspoints of a station a training uses, and the arrays assembled from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.bench.assembled import Assembled
from instruments.bench.block import BenchCrosspoints
from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from labshd.common.station_of import belongs

if TYPE_CHECKING:
    from labshd.station.station import Station
    from labshd.training import Task

Grid = NDArray[np.str_]
"""Names of crosspoints, (rows, columns)."""


def auxiliary_and_core(station: Station, task: Task) -> tuple[Grid, Grid]:
    """Names of the crosspoints of A and C for a task: as the station file says; else, for one weight, the first two.

    `InputError` where they do not fit the weights of the task, with what would.
    """
    if len(task.shapes) != 1:
        raise InputError(
            f"{task.name} has {len(task.shapes)} layers of weights; on a station tasks of one layer are trained, "
            "deeper ones on a fitted device (--device)"
        )
    rows, columns = task.shapes[0]
    training = station.file.training
    if training is not None:
        a, c = np.array(training.auxiliary), np.array(training.core)
    elif len(station.names) >= 2 and (rows, columns) == (1, 1):
        a, c = np.array([station.names[:1]]), np.array([station.names[1:2]])
    else:
        raise InputError(
            f"{station.toml.path} does not say which crosspoints are the arrays A and C of {rows} x {columns}"
            f"{_too_few(station, 2 * rows * columns)}; write\n{_example(station, rows, columns)}"
        )
    if a.shape != (rows, columns):
        raise InputError(
            f"{task.name} has {rows} x {columns} weights (outputs x inputs), but [training] of {station.toml.path} "
            f"names {a.shape[0]} x {a.shape[1]} crosspoints for A and for C{_too_few(station, 2 * rows * columns)}; "
            f"choose a task that fits (options --targets, --pixels), or name as many, such as\n"
            f"{_example(station, rows, columns)}"
        )
    return a, c


def _too_few(station: Station, needed: int) -> str:
    have = len(station.names)
    return f" ({needed} crosspoints are needed, it has {have})" if have < needed else ""


def _example(station: Station, rows: int, columns: int) -> str:
    """A section that would do, with the names that are there as far as they go."""
    number = rows * columns
    spare = [name for name in (f"X{k}" for k in range(1, 2 * number + 1)) if name not in station.names]
    names = [*station.names, *spare][: 2 * number]

    def shown(part: list[str]) -> str:
        quoted = [[f'"{name}"' for name in part[row * columns : (row + 1) * columns]] for row in range(rows)]
        lines = [f"[{', '.join(row)}]" for row in quoted]
        return lines[0] if rows == 1 else f"[{', '.join(lines)}]"

    return f"[training]\nauxiliary = {shown(names[:number])}\ncore = {shown(names[number:])}"


def arranged(station: Station, names: Grid) -> Crosspoints:
    """The crosspoints of these names as one block, in the rows and columns that the names are in."""
    singles = [[station[str(name)] for name in row] for row in names]
    if names.size == 1:
        return singles[0][0]
    whole = station.all
    made = (
        BenchCrosspoints(whole.bench, names) if isinstance(whole, BenchCrosspoints) else Assembled(singles, "", whole)
    )
    belongs(made, station)
    return made


def left_of_budget(station: Station, names: Grid) -> dict[str, int] | None:
    """Pulses that each crosspoint may still see; None where there is no budget (simulated crosspoints)."""
    if not isinstance(station.all, BenchCrosspoints):
        return None
    bench = station.all.bench
    most = bench.limits.pulses_per_crosspoint
    return {str(name): most - bench.pulses_applied.get(str(name), 0) for name in names.flat}
