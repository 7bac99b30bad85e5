"""``labshd analyse RUN --as PROTOCOL``: any protocol's analysis on any run that has the points it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.analysis.as_protocol import Analysed


@click.command(short_help="Apply the analysis of a protocol to any run.")
@click.argument("run", default="last")
@click.option("--as", "protocol", help="The protocol, such as read-noise  [default: the one that recorded the run].")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the analysis; may be given repeatedly."
)
@click.option(
    "--cycle", metavar="N[-M]", help='Which repetitions (ramps, sweeps, stretches) to use, counted from 1: "2", "2-5".'
)
@click.option(
    "--crosspoint", help='Which crosspoint of a block: its name, or row and column from 0, "0,1"  [default: all].'
)
@click.option("--array", default="", help='Which array of a training, "auxiliary" or "core".')
@click.option("--out", type=common.FOLDER, help="Folder for numbers and figures  [default: the run's folder].")
@common.runs_option
@common.as_json
def command(
    run: str,
    protocol: str | None,
    settings: tuple[str, ...],
    cycle: str | None,
    crosspoint: str | None,
    array: str,
    out: Path | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Apply the analysis of a protocol to RUN (a folder, an id, or "last"), whichever protocol or program recorded it.

    Tells which readings are used as what, or which are missing. The run itself is not changed.

    \b
    labshd analyse last --as read-noise
    labshd analyse last --as retention --set horizon="1e8 s" --out kept/
    labshd analyse last --as update-response --cycle 2-5 --set bins=40 --json
    labshd analyse last --as relaxation --crosspoint A1
    """
    from labshd.analysis import kept_analyses
    from labshd.analysis.as_protocol import analyse
    from labshd.runs.run import open_run

    opened, given = open_run(run, runs), _settings(settings)
    name = protocol or (opened.name if opened.kind == "protocol" else None)
    if name is None:
        raise click.UsageError(
            f"--as PROTOCOL is missing: {opened.id} was not recorded by a protocol; try --as read-noise"
        )
    analysed = analyse(opened, name, given, cycles=cycle, crosspoint=crosspoint, array=array)
    files, not_drawn = kept_analyses.keep(analysed, out)
    if as_json:
        common.print_json({**analysed.json(), "files": files, "not_drawn": not_drawn or None})
        return
    _tell(analysed)
    _tell_files(files, not_drawn)
    click.echo(f"next:  labshd report {opened.folder}" if out is None else f"next:  figures and numbers are in {out}")


def _tell_files(files: list[Path], not_drawn: list[str]) -> None:
    pictures = len(files) - 1
    beside = f", with {pictures} figure{'s' * (pictures > 1)} beside it" if pictures else ""
    click.echo(f"kept in {files[0]}{beside}")
    for problem in not_drawn:
        click.echo(f"figures could not be drawn: {problem}")


def _settings(said: tuple[str, ...]) -> dict[str, str]:
    from instruments.errors import InputError, all_at_once

    pairs = [one.partition("=") for one in said]
    wrong = [
        f"{name}{sign}{value!r} is not NAME=VALUE, such as bins=40" if sign else f"{name!r} is not NAME=VALUE"
        for name, sign, value in pairs
        if not (name.strip() and sign and value.strip())
    ]
    if wrong:
        raise InputError(all_at_once("--set", wrong))
    return {name.strip().replace("-", "_"): value.strip() for name, _, value in pairs}


def _tell(analysed: Analysed) -> None:
    run = analysed.run
    source = "its own points" if analysed.own else f"points of {run.kind} {run.name}"
    click.echo(f"{analysed.protocol.name} on {run.crosspoint}, from {source}")
    for line in analysed.said:
        click.echo(f"  {line}")
    result = analysed.result
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    for one in each or [result]:
        if each:
            click.echo(f"row {one['row']}, column {one['column']}:")
        _print({key: value for key, value in one.items() if key not in ("row", "column") or not each}, analysed)
    for part in analysed.parts:
        if part.why_not:
            click.echo(f"row {part.cell[0]}, column {part.cell[1]} could not be analysed: {part.why_not}")
    if block := result.get("block"):
        _print({"block": block}, analysed)


def _print(result: dict[str, Any], analysed: Analysed) -> None:
    from labshd.common.numbers import facts_of

    common.print_facts(facts_of(result, analysed.protocol.name))
