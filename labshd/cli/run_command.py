"""``labshd run PROTOCOL``: run a protocol; each is a subcommand with its settings as flags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.runs.run import Run
    from protocols.common.protocol import Protocol


class ProtocolGroup(click.Group):
    """The protocols of the catalogue, and a user's own by the path of its file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the protocols that ship with labshd."""
        from protocols.common import catalogue

        return list(catalogue.names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command whose flags are the settings of the protocol."""
        from protocols.common import catalogue

        return _command(catalogue.find(cmd_name))


@click.command(cls=ProtocolGroup, short_help="Run a protocol on a crosspoint and record it.", no_args_is_help=True)
def command() -> None:
    """Run a protocol on a crosspoint of a station and record it.

    \b
    labshd run update-response --station bench.toml --pulses 500 --cycles 3
    labshd run symmetry-point --station bench.toml --crosspoint A1 --rehearse --json
    labshd run ./my_protocol.py --station bench.toml
    """


def _command(protocol: type[Protocol]) -> click.Command:
    from labshd.cli.settings import options_of, settings_from

    @common.station_option
    @click.option("--crosspoint", help='A name, or a block such as "A1:B4", "A*", all  [default: the first].')
    @common.rehearse_option
    @common.runs_option
    @common.as_json
    def callback(
        station: Path | None,
        crosspoint: str | None,
        rehearse: bool,
        runs: Path | None,
        as_json: bool,
        **given: Any,
    ) -> None:
        settings = settings_from(protocol, given)
        if station is None:
            raise click.UsageError("--station FILE is missing; an example is data/stations/ecram.toml")
        _run(settings, station, crosspoint, rehearse=rehearse, runs=runs, as_json=as_json)

    made = click.command(name=protocol.name, help=protocol.title)(callback)
    made.params.extend(options_of(protocol))
    return made


def _run(
    protocol: Protocol, file: Path, crosspoint: str | None, *, rehearse: bool, runs: Path | None, as_json: bool
) -> None:
    from labshd.common.progress import progress
    from labshd.recording.recorder import record
    from labshd.station.selection import block_of, names_of
    from labshd.station.station import open_station

    with open_station(file, rehearse=rehearse) as station:
        chosen = block_of(station, names_of(station.grid, crosspoint)) if crosspoint else station.first
        try:
            run = record(protocol, chosen, runs=runs, station=station, progress=progress(protocol.title))
        except BaseException as error:
            if (failed := getattr(error, "run", None)) is not None:
                _tell_failed(failed, as_json)
            raise
    if as_json:
        common.print_json(_answer(run))
        return
    click.echo(f"{run.info['protocol']} on {run.info['crosspoint']}: {run.status}, {run.info['why_stopped']}")
    if problem := run.info.get("analysis_error"):
        click.echo(f"the readings are kept, but could not be analysed: {problem}")
    common.print_facts(_facts(run))
    click.echo(f"kept in {run.folder}")
    click.echo("next:  labshd report last   |   labshd fit last")


def _tell_failed(run: Run, as_json: bool) -> None:
    """What is known of a run that did not end by itself, before the error is shown."""
    if as_json:
        common.print_json(_answer(run))
    uncertain: dict[str, int] = run.info.get("pulses_uncertain") or {}
    for name, count in uncertain.items():
        click.echo(f"{count} of the pulses on {name} may or may not have been delivered; they count as spent", err=True)


def _answer(run: Run) -> dict[str, Any]:
    info = run.info
    keys = ("protocol", "crosspoint", "status", "why_stopped", "pulses", "pulses_uncertain", "readings", "result")
    return {"run": str(run.folder), **{key: info.get(key) for key in keys}}


def _facts(run: Run) -> list[tuple[str, str]]:
    """The verdict, the main numbers of the protocol first, then the other plain ones; tables are in the report."""
    from labshd.common.numbers import facts_of
    from labshd.runs.durations import took

    facts = facts_of(run.result or {}, run.name)
    return [*facts, *([("took", said)] if (said := took(run)) else [])]
