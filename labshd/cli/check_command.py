"""``labshd check STATION``: ask every instrument, and list all problems of a bench at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.station.check import BenchCheck
    from labshd.station.opening import InstrumentReport


@click.command(short_help="Ask every instrument of a station what there is to know, and list all problems.")
@click.argument("station", type=common.FILE)
@common.rehearse_option
@common.runs_option
@click.option("--drawing", is_flag=True, help="Draw the wiring and the phases instead; no instrument is asked.")
@click.option("--out", type=click.Path(path_type=Path), help="The drawing: .svg, .png or .pdf  [default: STATION.svg].")
@common.as_json
def command(station: Path, rehearse: bool, runs: Path | None, drawing: bool, out: Path | None, as_json: bool) -> int:
    """Check STATION: the file, then every instrument: who it is, calibration, interlock, errors, whether it is off.

    With --drawing: who is cabled to what, and who is driven, grounded, held or floating in each phase.

    Tells the pulses that each crosspoint got in all runs. A resistor that [check] names is measured, within the limits
    of the station; nothing is driven else. Exit 0 when there is no problem, 1 otherwise, 2 when the file is wrong.
    """
    if drawing or out is not None:
        return _draw(station, out or Path(f"{station.stem}.svg"), as_json)
    from labshd.station.check import check_bench

    found = check_bench(station, rehearse=rehearse, runs=runs)
    if as_json:
        common.print_json({"station": str(station), **found.json()})
        return int(not found.ok)
    for one in found.instruments:
        _print_instrument(one)
    _print_more(found)
    for problem in found.problems:
        click.echo(f"FAIL  {problem}")
    return int(not found.ok)


def _draw(station: Path, out: Path, as_json: bool) -> int:
    """The wiring in words, and as a drawing in a file."""
    from labshd.station.schema import BenchFile
    from labshd.station.station_file import read_station_file
    from labshd.station.wiring_drawing import save_drawing
    from labshd.station.wiring_text import wiring_json, wiring_text

    file, _ = read_station_file(station)
    if not isinstance(file, BenchFile):
        raise click.UsageError(f"{station} is simulated: it has no wiring to draw")
    written = save_drawing(file, out)
    if as_json:
        common.print_json({"station": str(station), "drawing": str(written), **wiring_json(file)})
    else:
        click.echo(wiring_text(file))
        click.echo(f"\ndrawn in {written}")
    return 0


def _print_instrument(one: InstrumentReport) -> None:
    click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {one.role}: {one.driver} at {one.resource}")
    calibrated = f"calibrated {one.calibrated}" if one.calibrated else None
    known = [one.identity, ", ".join(filter(None, (one.state, one.interlock, calibrated)))]
    for line in filter(None, known):
        click.echo(f"      {line}")


def _print_more(found: BenchCheck) -> None:
    from instruments.units import text

    if not found.instruments:
        click.echo("ok    simulated: no instruments to ask")
    for one in (used := [one for one in found.budgets if one.used]):
        click.echo(f"      {one.crosspoint}: {one.used} of {one.budget} pulses used")
    if found.budgets and not used:
        click.echo(f"      no pulses in earlier runs; {found.budgets[0].budget} are allowed to each crosspoint")
    if (resistor := found.resistor) is not None:
        measured = f"{text(resistor.measured, 'ohm', 6)} ± {text(resistor.std, 'ohm', 2)}"
        click.echo(f"{'FAIL' if resistor.problem else 'ok  '}  resistor on {resistor.crosspoint}: {measured}")
