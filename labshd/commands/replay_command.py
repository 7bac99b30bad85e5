"""``labshd replay RUN``: repeat a recorded run against its own record of the wire."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.commands import common


@click.command(short_help="Repeat a recorded run against its own record, byte by byte.")
@click.argument("run")
@common.runs_option
@common.as_json
def command(run: str, runs: Path | None, as_json: bool) -> int:
    """Repeat RUN (its folder, its id, or "last") with instruments that answer what they answered then.

    Nothing is driven. Tells whether every byte to the instruments and every reading is as recorded, or the first that
    is not: after a change of a driver, a protocol or a version. Exit 0 when all is the same, 1 otherwise.
    """
    from labshd.replaying import replay
    from labshd.runs import open_run

    found = replay(open_run(run, runs))
    if as_json:
        common.print_json(found.json())
    else:
        click.echo("the same, byte by byte" if found.identical else f"differs: {found.difference}")
        common.print_facts(
            [
                ("messages", f"{found.messages} of {found.messages_recorded}"),
                ("readings", f"{found.readings} of {found.readings_recorded}"),
                ("largest difference in time", f"{found.time_difference_s:g} s"),
            ]
        )
    return int(not found.identical)
