"""``labshd safe STATION``: everything off, whoever left it on."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common


@click.command(short_help="Switch everything of a station off.")
@click.argument("station", type=common.FILE)
@common.rehearse_option
@common.as_json
def command(station: Path, rehearse: bool, as_json: bool) -> int:
    """Switch every output of STATION off and open every relay: write-only first, then ask each whether it is off."""
    from labshd.station import make_safe

    found = make_safe(station, rehearse=rehearse)
    good = all(one.ok for one in found)
    if as_json:
        common.print_json({"station": str(station), "ok": good, "instruments": [one.json() for one in found]})
    else:
        for one in found:
            click.echo(f"{'off ' if one.ok else 'FAIL'}  {one.role} at {one.resource}: {one.state or one.problem}")
    return int(not good)
