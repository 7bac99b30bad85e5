"""``labshd export WHAT --to FORMAT``: a run, or a fitted device, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common

_RUN_FORMATS = ("csv", "parquet", "netcdf")


@click.command(short_help="Write a run for other programs.")
@click.argument("what", default="last")
@click.option("--to", required=True, metavar="FORMAT", help="csv, parquet or netcdf.")
@click.option("--out", type=common.FILE, help="The file to write  [default: in the run's folder].")
@common.runs_option
@common.as_json
def command(what: str, to: str, out: Path | None, runs: Path | None, as_json: bool) -> None:
    """Export WHAT: the readings of a run (its folder, its name, or "last").

    \b
    labshd export last --to parquet
    labshd export data/runs/2026-... --to netcdf --out a1.nc
    """
    from labshd.exporting import export_run
    from labshd.runs import open_run

    run = open_run(what, runs)
    written = export_run(run, to, out)
    if as_json:
        common.print_json({"run": str(run.folder), "to": to, "files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))
