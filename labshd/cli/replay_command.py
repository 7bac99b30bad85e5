"""``labshd replay RUN``: repeat a run against its own recorded traffic, or on a simulated device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.runs.run import Run


@click.command(short_help="Repeat a recorded run, byte by byte, or pulse for pulse on a simulated device.")
@click.argument("run")
@common.runs_option
@click.option(
    "--device",
    help="Repeat it on simulations of this device: a fitted one (its file, or the run it was fitted to), a preset, or "
    "a training on a station, which holds a fitted device for every crosspoint.",
)
@click.option(
    "--simulations",
    type=int,
    default=399,
    show_default=True,
    help="With --device: simulations, 39, 79, ... 399.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="With --device: seed of the simulations.")
@click.option(
    "--out", type=common.FOLDER, help="With --device: where to put tables and figures  [default: the run's folder]."
)
@click.option("--protocol", metavar="FILE", help="The Python file of your own protocol, where the run is of one.")
@common.as_json
def command(
    run: str,
    runs: Path | None,
    device: str | None,
    simulations: int,
    seed: int,
    out: Path | None,
    protocol: str | None,
    as_json: bool,
) -> int:
    """Repeat RUN (its folder, its id, or "last"). Nothing is driven.

    Without --device: with instruments that answer what they answered then. Tells whether every byte to the instruments
    and every reading is as recorded, or the first that is not: after a change of a driver, a protocol or a version.
    Exit 0 when all is the same, 1 otherwise.

    With --device: the same pulses on simulated devices. Tells how many of the recorded readings lie within the 95 %
    prediction band, how many should, and draws both.
    """
    from labshd.runs.run import open_run

    opened = open_run(run, runs)
    if device is not None:
        _predicted(opened, device, simulations, seed, out, as_json=as_json)
        return 0
    return _repeated(opened, protocol, as_json=as_json)


def _repeated(run: Run, protocol: str | None, *, as_json: bool) -> int:
    from labshd.replay.byte_by_byte import replay

    found = replay(run, protocol)
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


def _predicted(run: Run, device: str, simulations: int, seed: int, out: Path | None, *, as_json: bool) -> None:
    from labshd.analysis.prediction import predict
    from labshd.report.replay_report import replay_page, write_pictures

    found = predict(run, device, simulations=simulations, seed=seed)
    folder = found.keep(out)
    files = [replay_page(run, folder).write(folder / "replayed.html"), *write_pictures(folder, run.unit)]
    answer: dict[str, Any] = {**found.json(), "files": [str(path) for path in files]}
    if as_json:
        common.print_json(answer)
        return
    click.echo(answer["verdict"])
    for note in answer["notes"]:
        click.echo(f"  note: {note}")
    common.print_table(
        ("array", "crosspoint", "readings", "inside", "expected", "as few inside"),
        (
            (one["array"], one["crosspoint"], str(one["readings"]), f"{100 * one['inside']:.1f} %",
             f"95 ± {100 * one['inside_std']:.1f} %", f"{100 * one['as_few_inside']:.0f} % of simulations")
            for one in answer["crosspoints"]
        ),
    )  # fmt: skip
    for path in files:
        click.echo(str(path))
