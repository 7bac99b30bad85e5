"""``labshd runs``: what has been recorded."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common


@click.command(short_help="List the recorded runs.")
@common.runs_option
@common.as_json
def command(runs: Path | None, as_json: bool) -> None:
    """List the recorded runs, the newest last."""
    from labshd.runs import list_runs, runs_folder

    folder = runs_folder(runs)
    found = list_runs(folder)
    if as_json:
        common.print_json({"runs": [{"run": str(one.folder), **one.summary()} for one in found]})
        return
    if not found:
        click.echo(f"no runs in {folder}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("run", "what", "crosspoint", "status", "readings", "why stopped", box=None, pad_edge=False)
    for one in found:
        s = one.summary()
        cells = (one.folder.name, s["what"], s["crosspoint"], s["status"], s["readings"], s["why_stopped"])
        table.add_row(*(str(cell) if cell is not None else "" for cell in cells))
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
