"""``labshd safe STATION``: switch everything off, whoever left it on."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common


@click.command(short_help="Switch everything of a station off.")
@click.argument("station", type=common.FILE)
@common.rehearse_option
@common.as_json
def command(station: Path, rehearse: bool, as_json: bool) -> int:
    """Switch every output of STATION off and open every relay: write-only first, then ask each whether it is off.

    It works while another labshd runs on the bench: that one is asked to end its run, and does before its next pulse.
    """
    from labshd.station.make_safe import make_safe

    made = make_safe(station, rehearse=rehearse)
    if as_json:
        common.print_json({"station": str(station), **made.json()})
        return int(not made.ok)
    for one in made.instruments:
        click.echo(f"{'off ' if one.ok else 'FAIL'}  {one.role} at {one.resource}: {one.state or one.problem}")
    for who in made.asked:
        if who not in made.left:
            click.echo(f"note: asked to end its run, which it did: {who}")
    for who in made.left:
        click.echo(f"FAIL  has been asked to end and has not yet: {who}; end it, then do this once more")
    return int(not made.ok)
