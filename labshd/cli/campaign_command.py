"""``labshd campaign FILE``: run steps over many crosspoints from one file, and resume them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.campaign.store import Campaign


@click.command(short_help="Run a campaign: steps over many crosspoints.")
@click.argument("what")
@common.rehearse_option
@click.option("--resume", is_flag=True, help="Resume a campaign that ended early; WHAT may be its id, or last.")
@common.runs_option
@common.as_json
def command(what: str, rehearse: bool, resume: bool, runs: Path | None, as_json: bool) -> None:
    """Run the campaign of the file WHAT.

    A crosspoint that fails is noted and left out of the steps that follow. No finished run and no pulse is repeated
    when a campaign is resumed.

    \b
    labshd plan night.toml                   what it would do to each crosspoint, and how long that takes
    labshd campaign night.toml --rehearse    all of it on virtual instruments
    labshd campaign night.toml
    labshd campaign night.toml --resume      after a crash, a stop or a power cut
    """
    from labshd.campaign.runner import resume_campaign, run_campaign
    from labshd.common.progress import progress

    if resume and rehearse:
        raise click.UsageError("--resume goes on as the campaign began, rehearsed or not: leave --rehearse away")
    try:
        if resume:
            done = resume_campaign(what, runs=runs, progress=progress("campaign"))
        else:
            done = run_campaign(what, rehearse=rehearse, runs=runs, progress=progress("campaign"))
    except KeyboardInterrupt as error:
        error.add_note(f"go on with: labshd campaign {what} --resume")
        raise
    if as_json:
        common.print_json(_answer(done))
        return
    _print(done)


def _answer(done: Campaign) -> dict[str, Any]:
    return {"campaign": str(done.folder), "status": done.status, "why_stopped": done.why_stopped, **done.summary()}


def _print(done: Campaign) -> None:
    counts = done.summary()
    click.echo(f"{done.info['name']}: {done.status}, {done.why_stopped}")
    click.echo(
        f"{counts['finished']} of {counts['units']} runs finished, {counts['failed']} failed, "
        f"{counts['skipped']} skipped; {counts['pulses']} pulses"
    )
    from labshd.campaign.summary import by_step

    common.print_table(*by_step(done))
    click.echo(f"kept in {done.folder}")
    click.echo(f"next:  labshd report {done.id}   |   labshd runs --campaign {done.id}")
