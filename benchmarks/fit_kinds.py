"""The table of kinds of devices that a fit must survive: verdict, and the interval of the symmetry point, of each kind.

    python benchmarks/fit_kinds.py [seeds] [--only KIND] [--estimator best|measured] [--jobs N]

The kinds are those of `device_kinds`, the estimators those of `kind_estimators`. Columns: per cent of fits accepted;
how many give no symmetry point; per cent of the 95 % intervals that hold the true one, of all fits that give one,
accepted or not; per cent with the right verdict; median width of the interval and root mean square error, both in per
cent of the range; median of the width by that of the fit that is told the true kind of steps, on the same trace, "-"
where there is none; median time of a fit; how many values and how many intervals pass the range of the readings
(dropouts left out); errors. Below: what the wrong verdicts were, and the first error of each kind.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from device_kinds import KINDS, Case, case_of
from fit_simulated import table
from kind_estimators import ESTIMATORS, Judged, judged, told

HEADING = [
    "kind", "accepted %", "no point", "coverage %", "verdict %", "width %", "rms error %", "width/told", "time",
    "beyond: value, interval", "errors",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One trace: what is true, what was said, and the width of the interval of the fit told the true kind."""

    case: Case
    said: Judged
    told_width: float | None

    @property
    def width(self) -> float | None:
        """Of the interval [of the range]."""
        return width_of(self.said, self.case.span)

    @property
    def held(self) -> bool:
        """Whether the interval holds the true symmetry point."""
        low, high, truth = self.said.low, self.said.high, self.case.truth
        return low is not None and high is not None and truth is not None and low <= truth <= high

    @property
    def beyond(self) -> tuple[bool, bool]:
        """Whether the value, and an end of the interval, pass the range of the readings."""
        said = self.said
        return self.outside(said.value), self.outside(said.low) or self.outside(said.high)

    def outside(self, end: float | None) -> bool:
        """Whether a conductance passes the range of the readings."""
        low, high = self.case.measured
        return end is not None and not low <= end <= high


def width_of(said: Judged, span: float) -> float | None:
    """Width of an interval [of the range]."""
    return None if said.low is None or said.high is None else (said.high - said.low) / span


def row(kind: str, seed: int, estimator: str) -> Row:
    """One trace of one kind."""
    case = case_of(kind, seed)
    said, true = judged(case, estimator), told(case)
    return Row(case, said, None if true is None else width_of(true, case.span))


def compiled(estimator: str) -> None:
    """Fit once, so that no time in the table is that of a compiler."""
    judged(case_of("plain", 0), estimator)


def line(kind: str, rows: list[Row]) -> list[str]:
    """One line of the table."""
    given = [row for row in rows if row.said.value is not None]
    widths = [row.width for row in given if row.width is not None]
    errors = [
        (row.said.value - row.case.truth) / row.case.span
        for row in given
        if row.said.value is not None and row.case.truth is not None
    ]
    ratios = [row.width / row.told_width for row in given if row.width is not None and row.told_width]
    right = np.mean([row.said.verdict == row.case.verdict for row in rows])
    return [
        kind,
        f"{100 * np.mean([row.said.accepted for row in rows]):.0f}",
        f"{len(rows) - len(given)}",
        f"{100 * np.mean([row.held for row in given]):.0f}" if errors else "-",
        f"{100 * right:.0f}",
        f"{100 * np.median(widths):.2f}" if widths else "-",
        f"{100 * np.sqrt(np.mean(np.square(errors))):.2f}" if errors else "-",
        f"{np.median(ratios):.2f}" if ratios else "-",
        f"{1e3 * np.median([row.said.seconds for row in rows]):.0f} ms",
        f"{sum(row.beyond[0] for row in rows)}, {sum(row.beyond[1] for row in rows)}",
        f"{sum(bool(row.said.error) for row in rows)}",
    ]


def remarks(kind: str, rows: list[Row]) -> list[str]:
    """Wrong verdicts of this kind, and its first error."""
    wrong = Counter(row.said.verdict for row in rows if row.said.verdict != row.case.verdict)
    first = next((row.said.error for row in rows if row.said.error), "")
    found = [f"{kind}: {', '.join(f'{count} x {name}' for name, count in wrong.most_common())}"] if wrong else []
    return [*found, f"{kind}, first error: {first}"] if first else found


def measured_rows(kinds: list[str], seeds: int, estimator: str, jobs: int) -> dict[str, list[Row]]:
    """All traces of all kinds, with a line of progress."""
    found: dict[str, list[Row]] = {kind: [] for kind in kinds}
    tasks = [(kind, seed) for kind in kinds for seed in range(seeds)]
    with ProcessPoolExecutor(jobs, initializer=compiled, initargs=(estimator,)) as pool:
        names, numbers = zip(*tasks, strict=True)
        for done, one in enumerate(pool.map(row, names, numbers, repeat(estimator))):
            found[names[done]].append(one)
            print(f"\r{done + 1} of {len(tasks)} fits: {names[done]:<20}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def main() -> None:
    """Print the table, and below it what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="?", default=40, help="traces of each kind")
    parser.add_argument("--only", choices=list(KINDS), action="append", help="this kind (may be given again)")
    parser.add_argument("--estimator", choices=list(ESTIMATORS), default="best")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    found = measured_rows(options.only or list(KINDS), options.seeds, options.estimator, options.jobs)
    print(table(HEADING, [line(kind, rows) for kind, rows in found.items()]))
    print(f"\n{options.seeds} traces of each kind, estimator: {options.estimator}. Wrong verdicts and errors:")
    print("\n".join(remark for kind, rows in found.items() for remark in remarks(kind, rows)) or "none")


if __name__ == "__main__":
    main()
