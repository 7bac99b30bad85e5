"""``labshd report WHAT``: a run or a campaign as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common


@click.command(short_help="Show a run or a campaign as one self-contained HTML file.")
@click.argument("run", default="last")
@click.option("--out", type=common.FILE, help="The file to write  [default: report.html in the run's folder].")
@click.option("--open", "show", is_flag=True, help="Show it in the web browser.")
@common.runs_option
@common.as_json
def command(run: str, out: Path | None, show: bool, runs: Path | None, as_json: bool) -> None:
    """Write the report of RUN: the folder or the id of a run or of a campaign, or "last" (of the runs)."""
    from labshd.campaign.store import is_campaign

    folder, path = (_campaign if is_campaign(run, runs) else _run)(run, runs, out)
    if as_json:
        common.print_json({"run": str(folder), "report": str(path)})
    else:
        click.echo(f"{path}")
    if show:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


def _run(which: str, runs: Path | None, out: Path | None) -> tuple[Path, Path]:
    from labshd.report import write_report
    from labshd.runs.run import open_run

    opened = open_run(which, runs)
    return opened.folder, write_report(opened, out)


def _campaign(which: str, runs: Path | None, out: Path | None) -> tuple[Path, Path]:
    from labshd.campaign.store import open_campaign
    from labshd.report.campaign_report import write_campaign_report

    opened = open_campaign(which, runs)
    return opened.folder, write_campaign_report(opened, out)
