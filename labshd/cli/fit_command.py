"""``labshd fit RUN``: parameters with uncertainties and a verdict; the fitted device as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.analysis.fit import FittedRun


@click.command(short_help="Fit a device model to a run.")
@click.argument("run", default="last")
@click.option(
    "--model",
    default="soft-bounds",
    show_default=True,
    help="soft-bounds, linear-step, exponential-step, power-step, constant-step, table, or best.",
)
@click.option("--array", default="", help='Of a training: "auxiliary" or "core".')
@click.option(
    "--prior",
    type=click.Path(path_type=Path),
    help="What is known before: an earlier fit of this device (file), or a folder of fitted devices of its array.",
)
@click.option("--row", type=int, default=0, show_default=True, help="Of the crosspoint in the block of the run.")
@click.option("--column", type=int, default=0, show_default=True, help="Of the crosspoint in the block of the run.")
@click.option(
    "--out", type=common.FILE, help="Where the fitted device goes  [default: fitted.json in the run's folder]."
)
@common.runs_option
@common.as_json
def command(
    run: str,
    model: str,
    array: str,
    prior: Path | None,
    row: int,
    column: int,
    out: Path | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Fit RUN: the folder of a run, its name, or "last". Writes the fitted device, which a station can name.

    \b
    labshd fit last
    labshd fit data/runs/2026-... --json
    labshd fit last --prior fitted-devices-of-the-array/
    """
    from labshd.analysis.fit import fit_run
    from labshd.runs.run import open_run

    fitted = fit_run(open_run(run, runs), model=model, array=array, crosspoint=(row, column), prior=prior)
    fitted.keep()
    path, why_none = _saved(fitted, out)
    if as_json:
        common.print_json({**fitted.json(), "device": path, "why_no_device": why_none})
        return
    _print(fitted)
    if path is None:
        click.echo(f"  {why_none}")
        return
    click.echo(f"the device is kept in {path}")
    click.echo(f"next:  labshd train one-parameter --device {path}")


def _saved(fitted: FittedRun, out: Path | None) -> tuple[Path | None, str | None]:
    """Where the fitted device was written; or None and why the data make no device. The fit stands all the same."""
    from instruments.errors import InputError

    try:
        _ = fitted.device
    except InputError as error:
        return None, str(error)
    return fitted.save(out), None


def _print(fitted: FittedRun) -> None:
    from protocols.analysis.update import merits_of_fit as merits

    fit = fitted.fit
    click.echo(f"{fit.model_name}: {'accepted' if fit.accepted else 'REJECTED'}. {fit.why}")
    intervals = fit.interval95
    common.print_facts(
        (name, _with_error(value, fit.std.get(name)) + _interval(intervals.get(name)))
        for name, value in fit.parameters.items()
    )
    noise = fitted.json()["noise"]
    common.print_facts(
        (name, _with_error(value, noise.get(_std_of(name))) + _interval(intervals.get(name)))
        for name, value in noise.items()
        if "std" not in name
    )
    for point in fit.symmetry_points:
        kind = ("stable" if point.stable else "unstable") + ("" if point.clear else ", but not well known")
        at = _with_error(point.conductance, point.std)
        click.echo(f"  symmetry point  {at} {fit.unit}, {kind}{_interval(point.interval)}")
    if fitted.merits:
        click.echo("figures of merit:")
        common.print_facts((merits.TITLES[name], f"{m.value:.4g} ± {m.std:.2g}") for name, m in fitted.merits.items())
    if fit.before is not None:
        click.echo(f"  {fit.before.told}")
    for sentence in fit.not_identified:
        click.echo(f"  not identified: {sentence}")
    if fitted.left_out:
        click.echo(f"  {fitted.left_out} readings were left out (compliance, over range, or no number)")


def _std_of(name: str) -> str:
    """Of a noise: "read_S" has "read_std_S", "cycle_to_cycle" has "cycle_to_cycle_std"."""
    quantity, _, unit = name.partition("_")
    return f"{quantity}_std_{unit}" if quantity in ("read", "write", "drift") else f"{name}_std"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"   (95 %: {interval[0]:.5g} to {interval[1]:.5g})"


def _with_error(value: float | None, std: float | None) -> str:
    if value is None:
        return "not identified"
    return f"{value:.5g} ± {std:.2g}" if std is not None else f"{value:.5g} (error not identified)"
