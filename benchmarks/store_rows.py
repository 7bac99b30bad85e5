"""How fast the run store takes and gives rows: appended, durable against a killed process, and opened again.

Figures are rows a second and seconds on this machine, each beside a bare baseline of the same run: Python's csv writer
for writing, a bare pandas.read_csv for reading. Medians of five.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from instruments.crosspoints import Pulse, PulsePair, Readings
from labshd.common.provenance import What, Where
from labshd.runs.files import points_rows
from labshd.runs.run import list_runs, open_run
from labshd.runs.writer import RunWriter
from protocols.common.protocol import Points

ROWS = 100_000
SINGLE = 5_000
RUNS = 500
PAIR = PulsePair(Pulse(1.0, 1e-6), Pulse(-1.0, 1e-6))


def points(count: int) -> Points:
    """A block of readings with all digits a float has."""
    rng = np.random.default_rng(1)
    values = [rng.normal(1e-5, 1e-6, (count, 1, 1)) for _ in range(4)]
    return Points(
        "up", np.ones((count, 1, 1), dtype=np.int64), Readings(*values, np.zeros((count, 1, 1), np.uint8)), PAIR
    )


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median duration [s] of `work`."""
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def writer(folder: Path) -> RunWriter:
    """A new run."""
    return RunWriter(folder, What("protocol", "benchmark"), Where("A1"))


def writing(folder: Path) -> None:
    """Rows a second in one block, one by one, and by a csv writer that keeps them in its buffer."""
    block, one = points(ROWS), points(1)
    run = writer(folder)
    in_block = ROWS / seconds(lambda: run.points(block))
    one_by_one = SINGLE / seconds(lambda: [run.points(one) for _ in range(SINGLE)])
    run.close("finished", "measured")
    rows = [line.split(",") for line in points_rows(block, 0).decode().splitlines()]
    cells = [[float(cell) if "." in cell else cell for cell in row] for row in rows]

    def bare() -> None:
        with (folder / "bare.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(cells)

    plain = ROWS / seconds(bare)
    print(
        f"rows a second, one block of {ROWS}:        {in_block:10,.0f}   "
        f"(csv.writer, buffered: {plain:,.0f}, ratio {in_block / plain:.2f})"
    )
    print(f"rows a second, each durable by itself:     {one_by_one:10,.0f}")


def reading(folder: Path) -> None:
    """Seconds to open a run with `ROWS` readings as a series, beside a bare pandas.read_csv."""
    run = writer(folder)
    run.points(points(ROWS))
    run.close("finished", "measured")
    ours = seconds(lambda: open_run(run.folder).series())
    bare = seconds(lambda: pd.read_csv(run.folder / "points.csv"))
    print(
        f"seconds to open {ROWS} readings:           {ours:10.3f}   "
        f"(pandas.read_csv alone: {bare:.3f}, ratio {ours / bare:.2f})"
    )


def listing(folder: Path) -> None:
    """Seconds to list runs."""
    for _ in range(RUNS):
        writer(folder).close("finished", "measured")
    taken = seconds(lambda: list_runs(folder))
    print(f"seconds to list {RUNS} runs:               {taken:10.3f}   ({5000 * taken / RUNS:.2f} s for 5000)")


def main() -> None:
    """Print all figures."""
    for work in (writing, reading, listing):
        with tempfile.TemporaryDirectory() as folder:
            work(Path(folder))


if __name__ == "__main__":
    main()
