"""``labshd report RUN``: a run as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common


@click.command(short_help="Show a run as one self-contained HTML file.")
@click.argument("run", default="last")
@click.option("--out", type=common.FILE, help="The file to write  [default: report.html in the run's folder].")
@click.option("--open", "show", is_flag=True, help="Show it in the web browser.")
@common.runs_option
@common.as_json
def command(run: str, out: Path | None, show: bool, runs: Path | None, as_json: bool) -> None:
    """Write the report of RUN: the folder of a run, its name, or "last"."""
    from labshd.report import write_report
    from labshd.runs import open_run

    opened = open_run(run, runs)
    path = write_report(opened, out)
    if as_json:
        common.print_json({"run": str(opened.folder), "report": str(path)})
    else:
        click.echo(f"{path}")
    if show:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
