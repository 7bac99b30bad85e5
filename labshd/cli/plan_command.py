"""``labshd plan WHAT``: what a protocol or a campaign would do to each crosspoint; touches no instrument."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common
from labshd.cli.run_command import ProtocolGroup

if TYPE_CHECKING:
    from labshd.campaign.plan import Plan
    from protocols.common.protocol import Protocol


class PlanGroup(ProtocolGroup):
    """The protocols, as for ``labshd run``, and campaigns by the path of their file."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command whose flags are the settings of the protocol; of a campaign file, one without."""
        from protocols.common import catalogue

        return _campaign(cmd_name) if cmd_name.endswith(".toml") else _protocol(catalogue.find(cmd_name))


@click.command(cls=PlanGroup, short_help="Show what a protocol or campaign would do.", no_args_is_help=True)
def command() -> None:
    """Tell for each crosspoint the pulses, the highest voltage, the time, the share of its endurance budget, and what
    earlier runs have used of that.

    It is rehearsed on virtual instruments, whatever the station; exit 1 where a limit would be passed.

    \b
    labshd plan symmetry-point --station bench.toml --crosspoint "A*" --budget 2000
    labshd plan night.toml
    """


def _protocol(protocol: type[Protocol]) -> click.Command:
    from labshd.cli.settings import options_of, settings_from

    @common.station_option
    @click.option("--crosspoint", default="", help="Names, a block A1:B4, wildcards, all  [default: the first].")
    @common.runs_option
    @common.as_json
    def callback(station: Path | None, crosspoint: str, runs: Path | None, as_json: bool, **given: Any) -> int:
        from labshd.campaign.plan import plan_protocol

        settings = settings_from(protocol, given)
        if station is None:
            raise click.UsageError("--station FILE is missing; an example is data/stations/ecram.toml")
        return _show(plan_protocol(settings, station, crosspoint, runs), as_json)

    made = click.command(name=protocol.name, help=f"Plan: {protocol.title}")(callback)
    made.params.extend(options_of(protocol))
    return made


def _campaign(path: str) -> click.Command:
    @common.runs_option
    @common.as_json
    def callback(runs: Path | None, as_json: bool) -> int:
        from labshd.campaign.plan import plan_campaign
        from labshd.common.progress import progress

        return _show(plan_campaign(path, progress("plan"), runs), as_json)

    return click.command(name=path, help="Plan a campaign by rehearsing it whole.")(callback)


def _show(plan: Plan, as_json: bool) -> int:
    from instruments.value_text import count_text, duration_text

    if as_json:
        common.print_json(plan.json())
        return int(not plan.ok)
    click.echo(plan.title)
    columns = [
        "crosspoint",
        "runs",
        "pulses",
        "highest voltage",
        "longest pulse",
        "bench time",
        "of the budget",
        "used before",
    ]
    common.print_table(columns, [_row(one.json()) for one in plan.demands])
    most = f", {plan.at_most} readings at most" if plan.at_most is not None else ""
    pulses = count_text(sum(one.pulses for one in plan.demands))
    click.echo(f"in all {pulses} pulses, bench time {duration_text(plan.time_s)}{most}")
    for note in plan.notes:
        click.echo(f"note: {note}")
    for why in plan.refused:
        click.echo(f"REFUSED: {why}")
    return int(not plan.ok)


def _row(demand: dict[str, Any]) -> list[str]:
    from instruments.units import text
    from instruments.value_text import duration_text

    voltage, width, share = (demand[key] for key in ("highest_voltage_V", "longest_pulse_s", "share_of_budget"))
    return [
        demand["crosspoint"],
        str(demand["runs"]),
        str(demand["pulses"]),
        "" if voltage is None else text(voltage, "V"),
        "" if width is None else text(width, "s"),
        duration_text(demand["time_s"]),
        "" if share is None else f"{share:.2%}",
        "" if demand["budget"] is None else f"{demand['pulses_used']} of {demand['budget']}",
    ]
