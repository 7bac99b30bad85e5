"""Mutation run: small faults in lines that keep devices safe and readings whole; every one must be noticed by a test.

    python benchmarks/mutation [--only TEXT] [--list] [--jobs N] [--patience SECONDS]

Copies the tree to a folder of its own, makes one fault there after the other, and runs the tests that must notice it.
Prints what noticed each; the exit status is 1 where one survived. `lists` beside this file says which faults.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from mutants import ListError, Mutant, mutants
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from trials import Outcome, TrialError, trials

PATIENCE = 90.0  # [s] that the tests of one mutant may take; a fault that hangs them is noticed, too


def run(chosen: Sequence[Mutant], jobs: int, patience: float, console: Console) -> list[Outcome]:
    """Try all of them, with a bar on stderr; outcomes in the order of the lists."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    found: dict[str, Outcome] = {}
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("tests without a fault", total=len(chosen))

        def tell(what: str, done: int) -> None:
            bar.update(task, description=f"{what[:60]:<60}", advance=done)

        for outcome in trials(chosen, jobs, patience, tell):
            found[outcome.mutant.name] = outcome
            if not outcome.noticed:
                bar.console.print(f"SURVIVED: {outcome.mutant.name}", markup=False, highlight=False)
    return [found[one.name] for one in chosen]


def table(outcomes: Sequence[Outcome]) -> Table:
    """Mutant, what it breaks, and what noticed it."""
    shown = Table("fault", "what it breaks", "noticed by", show_lines=True)
    for one in outcomes:
        shown.add_row(one.mutant.name, one.mutant.breaks, one.noticed or "SURVIVED", style="" if one.noticed else "red")
    return shown


def listed(chosen: Sequence[Mutant]) -> Table:
    """What would be tried, and what never is."""
    shown = Table("fault", "what it breaks", "tests that must notice", show_lines=True)
    for one in chosen:
        tests = f"none can: {one.equivalent}" if one.equivalent else "\n".join(one.tests)
        shown.add_row(one.name, one.breaks, tests)
    return shown


def main() -> int:
    """Run it; the exit status."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="only faults with it in their name or file"
    )
    asked.add_argument("--list", action="store_true", help="show the faults, try none")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at a time (one a core)")
    asked.add_argument("--patience", type=float, default=PATIENCE, help="seconds for the tests of one fault")
    told = asked.parse_args()
    console, out = Console(stderr=True), Console()
    try:
        known = mutants()
    except ListError as error:
        console.print(str(error), markup=False)
        return 2
    wanted = told.only or [""]
    chosen = [one for one in known if any(text in one.name or text in one.file for text in wanted)]
    if told.list:
        out.print(listed(chosen))
        return 0
    tried = [one for one in chosen if not one.equivalent]
    if not tried:
        console.print("no fault has such a name; see --list", markup=False)
        return 2
    begun = time.monotonic()
    try:
        outcomes = run(tried, max(1, told.jobs), told.patience, console)
    except TrialError as error:
        console.print(str(error), markup=False)
        return 2
    out.print(table(outcomes))
    survived = sum(not one.noticed for one in outcomes)
    left_out = len(chosen) - len(tried)
    out.print(
        f"{len(tried)} faults, {len(tried) - survived} noticed, {survived} survived; {left_out} cannot be noticed "
        f"(reasons in the lists); {(time.monotonic() - begun) / 60:.0f} min with {told.jobs} at a time"
    )
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
