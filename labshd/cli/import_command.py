"""``labshd import FILE...``: turn data measured elsewhere into a run."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common


@click.command(short_help="Import data measured elsewhere as a run.")
@click.argument("files", type=common.FILE, nargs=-1)
@click.option(
    "--layout",
    type=click.Choice(["trace", "columns", "ramps"]),
    default="trace",
    show_default=True,
    help="trace: CSV with columns pulses (signed count since the last reading) and conductance_S; "
    "columns: conductance after each UP pulse, then after each DOWN pulse, without header, normalised; "
    "ramps: --up FILE --down FILE, each column one ramp, in time order up 1, down 1, up 2, ...",
)
@click.option("--up", type=common.FILE, help="ramps: the file of the up ramps.")
@click.option("--down", type=common.FILE, help="ramps: the file of the down ramps.")
@click.option("--quantity", type=click.Choice(["current", "conductance"]), help="ramps: what the files hold.")
@click.option(
    "--read-voltage", help='Read voltage: "100 mV", or a number in volts; conductance = current / read voltage.'
)
@common.runs_option
@common.as_json
def command(
    files: tuple[Path, ...],
    layout: str,
    up: Path | None,
    down: Path | None,
    quantity: str | None,
    read_voltage: str | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Make a run of measured data.

    \b
    labshd import trace.csv
    labshd import gong_et_al.csv --layout columns
    labshd import --layout ramps --up set.csv --down reset.csv --quantity current --read-voltage "100 mV"
    """
    from labshd.runs.importing import import_files

    volts = None if read_voltage is None else _volts(read_voltage)
    run = import_files(list(files), layout=layout, up=up, down=down, quantity=quantity, read_voltage=volts, runs=runs)
    if as_json:
        info = run.info
        keys = ("status", "pulses", "readings", "unit", "result")
        common.print_json({"run": str(run.folder), "layout": layout, **{key: info.get(key) for key in keys}})
        return
    click.echo(f"{run.info['readings']} readings kept in {run.folder}")
    if missing := (run.result or {}).get("missing_readings"):
        click.echo(f"{missing} of them are missing in the file; they are kept as such")
    if run.info["unit"] != "S":
        click.echo("conductance is in normalised units: no number of this run is in siemens")
    click.echo("next:  labshd fit last   |   labshd report last")


def _volts(given: str) -> float:
    """A voltage; a plain number is volts here, as the option says."""
    from instruments.errors import InputError
    from instruments.units import quantity

    try:
        return float(given)
    except ValueError:
        pass
    try:
        return quantity(given, "V")
    except ValueError as error:
        raise InputError(f"--read-voltage {error}") from None
