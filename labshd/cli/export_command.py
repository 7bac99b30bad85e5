"""``labshd export WHAT --to FORMAT``: write a run or a fitted device for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common

_OF_RUNS = ("csv", "parquet", "netcdf")
_OF_DEVICES = ("aihwkit", "crosssim", "json")


@click.command(short_help="Write a run, or a fitted device, for other programs.")
@click.argument("what", default="last")
@click.option("--to", required=True, metavar="FORMAT", help=", ".join((*_OF_RUNS, *_OF_DEVICES)) + ".")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file, or for a device the folder  [default: the run's]."
)
@common.runs_option
@common.as_json
def command(what: str, to: str, out: Path | None, runs: Path | None, as_json: bool) -> None:
    """Export WHAT: a run (its folder, its name, or "last"), or the file of a fitted device.

    csv, parquet and netcdf hold the readings of a run; aihwkit, crosssim and json the device that was fitted to it.

    \b
    labshd export last --to parquet
    labshd export data/runs/2026-... --to netcdf --out a1.nc
    labshd export last --to aihwkit                          after labshd fit last
    labshd export device.json --to crosssim --out tables/
    """
    from instruments.errors import InputError
    from labshd.common.toml_file import nearest

    left_out: tuple[str, ...] = ()
    if to in _OF_RUNS:
        written = _run(what, to, out, runs)
    elif to in _OF_DEVICES:
        written, left_out = _device(what, to, out, runs)
    else:
        raise InputError(f"no format {to!r}{nearest(to, (*_OF_RUNS, *_OF_DEVICES))}")
    if as_json:
        common.print_json({"what": what, "to": to, "files": [str(path) for path in written], "left_out": left_out})
        return
    for path in written:
        click.echo(str(path))
    for part in left_out:
        click.echo(f"  not in it: {part}")


def _run(what: str, to: str, out: Path | None, runs: Path | None) -> list[Path]:
    from labshd.runs.export import export_run
    from labshd.runs.run import open_run

    return export_run(open_run(what, runs), to, out)


def _device(what: str, to: str, out: Path | None, runs: Path | None) -> tuple[list[Path], tuple[str, ...]]:
    """Files written, and what of the device the format cannot hold."""
    from instruments.errors import InputError
    from labshd.runs.run import open_run
    from labshd.station.devices import FITTED
    from sim_device.models.cannot_hold import cannot_hold
    from sim_device.models.export import export
    from sim_device.models.fitted import FittedDevice

    path = Path(what) if what.endswith(".json") else open_run(what, runs).folder / FITTED
    if not path.exists():
        raise InputError(f"{path} is missing; no device was fitted to this run yet: labshd fit {what}")
    folder = out or path.parent
    try:
        device = FittedDevice.load(path)
        return export(device, to, folder), cannot_hold(device, to)
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another place with --out"
        ) from None
