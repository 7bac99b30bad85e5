"""``labshd check STATION``: every instrument, its identity and state; all that are unreachable at once."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common


@click.command(short_help="Open every instrument of a station, print identities and states.")
@click.argument("station", type=common.FILE)
@common.rehearse_option
@common.as_json
def command(station: Path, rehearse: bool, as_json: bool) -> int:
    """Check STATION: read the file, open every instrument, print its identity and whether its outputs are off.

    Nothing is driven. Exit 0 when all answer and all outputs are off, 1 otherwise, 2 when the file is wrong.
    """
    from labshd.checking import check_station
    from labshd.environment import conflicts

    problems = conflicts()
    found = check_station(station, rehearse=rehearse)
    good = all(one.ok for one in found) and not problems
    if as_json:
        instruments = [one.json() for one in found]
        common.print_json({"station": str(station), "ok": good, "instruments": instruments, "environment": problems})
        return int(not good)
    for problem in problems:
        click.echo(f"FAIL  {problem}")
    for one in found:
        click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {one.role}: {one.driver} at {one.resource}")
        click.echo(f"      {one.identity or one.problem}")
        if one.identity:
            click.echo(f"      {one.state}" + (f"; {one.problem}" if one.problem else ""))
    if not found:
        click.echo("ok    simulated: no instruments to ask")
    return int(not good)
