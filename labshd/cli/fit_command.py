"""``labshd fit RUN``: fit a device model; parameters with errors, a verdict, the device as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    help="soft-bounds, linear-step, exponential-step, power-step, constant-step, table, measured (any steps, with what "
    "else a real device does), or best (the plainest that holds).",
)
@click.option("--array", default="", help='For a training: which array, "auxiliary" or "core".')
@click.option(
    "--prior",
    type=click.Path(path_type=Path),
    help="Prior knowledge: an earlier fit of this device (file), or a folder of fitted devices of its array.",
)
@click.option("--row", type=int, default=0, show_default=True, help="Row of the crosspoint in the run's block.")
@click.option("--column", type=int, default=0, show_default=True, help="Column of the crosspoint in the run's block.")
@click.option(
    "--out", type=common.FILE, help="Where the fitted device goes  [default: fitted.json in the run's folder]."
)
@click.option("--outlook", is_flag=True, help="Say what SHD would do with this device, beside plain SGD; keep it.")
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
    outlook: bool,
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
    told = _outlook(fitted) if outlook else None
    fitted.keep(told)
    path, why_none = _saved(fitted, out)
    if as_json:
        more = {"outlook": told} if told else {}
        common.print_json({**fitted.json(), **more, "device": path, "why_no_device": why_none})
        return
    _print(fitted)
    if told:
        click.echo(f"  {told['sentence']}")
    click.echo(f"  {why_none}" if path is None else f"the device is kept in {path}")
    click.echo(f"next:  {_advice(fitted, path)}")


def _outlook(fitted: FittedRun) -> dict[str, Any]:
    """What SHD would do with the fitted device; a bar where that takes long."""
    from labshd.analysis.outlook import TITLE, told_of
    from labshd.common.progress import progress

    return told_of(lambda: fitted.device, progress(TITLE))


def _saved(fitted: FittedRun, out: Path | None) -> tuple[Path | None, str | None]:
    """Where the fitted device was written; or None and why the data make no device. The fit stands all the same."""
    from instruments.errors import InputError

    try:
        _ = fitted.device
    except InputError as error:
        return None, str(error)
    return fitted.save(out), None


def _advice(fitted: FittedRun, path: Path | None) -> str:
    """What to do next, by the verdict: no training on a device that was rejected, or that SHD cannot use."""
    fit, run = fitted.fit, fitted.run.folder
    if fit.abrupt:
        return f"pulses of lower voltage or width, for smaller steps (labshd run pulse-window); {fit.abrupt}"
    if not fit.accepted and fitted.asked["model"] != "best":
        return f"labshd fit {run} --model best   (other kinds of steps)   |   labshd report {run}"
    if not fit.accepted or path is None:
        return f"labshd report {run}   (the steps as they are; no model holds, so no training is advised)"
    if fit.unfit_for_auxiliary:
        return f"labshd train one-parameter --algorithm sgd --device {path}   (not shd: {fit.unfit_for_auxiliary})"
    return f"labshd train one-parameter --device {path}"


def _print(fitted: FittedRun) -> None:
    from instruments.value_text import value_text
    from labshd.report.fit_sentences import evidence_sentences
    from labshd.report.sections import fit_rows
    from protocols.analysis.update import merits_of_fit as merits
    from protocols.analysis.update.model_free import rows
    from sim_device.fit.predictive import COLUMNS

    fit = fitted.fit
    click.echo(f"{fit.model_name}: {'accepted' if fit.accepted else 'REJECTED'}. {fit.why}")
    common.print_facts(fit_rows(fit))
    for sentence in evidence_sentences(fit):
        click.echo(f"  {sentence}")
    for point in fit.symmetry_points:
        kind = ("stable" if point.stable else "unstable") + ("" if point.clear else ", but not well known")
        at = value_text(point.conductance, point.std, fit.unit, interval=point.interval)
        click.echo(f"  symmetry point  {at}, {kind}")
    if fit.balance is not None and fit.balance.settling is not None:
        settled = fit.balance.settling
        at = value_text(settled.value, settled.std, fit.unit, interval=settled.interval)
        click.echo(f"  random pulsing settles at  {at}")
    if fit.prediction is not None and fit.prediction.horizons:
        click.echo("readings that were not fitted, predicted from the others:")
        common.print_table(COLUMNS, fit.prediction.rows())
    if fitted.merits:
        click.echo("figures of merit:")
        common.print_facts((merits.TITLES[name], value_text(m.value, m.std)) for name, m in fitted.merits.items())
    if free := fitted.model_free:
        click.echo("figures that need no model:")
        common.print_facts(rows(free, fit.unit))
    if fit.before is not None:
        click.echo(f"  {fit.before.told}")
    for sentence in fit.not_identified:
        click.echo(f"  not identified: {sentence}")
    if fitted.left_out:
        click.echo(f"  {fitted.left_out} readings were left out (compliance, over range, or no number)")
