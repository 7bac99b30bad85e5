"""``labshd train TASK``: the same training on a bench, in a rehearsal, or on a fitted device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.runs.run import Run
    from labshd.training import Task


@click.command(short_help="Train a task on a bench or on a fitted device.")
@click.argument("task")
@common.station_option
@click.option("--device", help="A fitted device (its file, or the run it was fitted to), or a preset such as li-ecram.")
@click.option("--algorithm", default="shd", show_default=True, help="sgd, shd, residual, ttv2, c-ttv2 or agad.")
@common.rehearse_option
@click.option(
    "--target", type=float, default=0.5, show_default=True, help="Target weight; 1 is half the range of the device."
)
@click.option("--stiffness", type=float, default=1.0, show_default=True, help="Stiffness k in E = k (w - w0)^2 / 2.")
@click.option("--noise", type=float, default=0.5, show_default=True, help="Standard deviation of a gradient sample.")
@click.option("--targets", help='linear-regression: target weights, such as "0.4,-0.3,0.2,-0.1"; one for each input.')
@click.option("--pixels", help='digits: rows and columns of the images, such as "2x3" for six weights  [default: 8x8].')
@click.option("--steps", type=int, help="Number of training steps.")
@click.option("--rate", type=float, help="Learning rate (of A, for shd).")
@click.option("--transfer-rate", type=float, help="shd: rate at which C learns from A.")
@click.option("--every", type=int, help="shd: updates of A between two transfers to C.")
@click.option("--seed", type=int, help="Seed of gradient noise and pulse trains.")
@click.option(
    "--ramp", type=int, default=200, show_default=True, help="Pulses in each direction to calibrate a crosspoint."
)
@click.option(
    "--symmetry-pulses",
    type=int,
    default=4000,
    show_default=True,
    help="Most pulses for each symmetry point.",
)
@click.option("--resume", type=click.Path(path_type=Path), help="Training run to resume, with the same options.")
@common.runs_option
@common.as_json
def command(
    task: str,
    station: Path | None,
    device: str | None,
    algorithm: str,
    rehearse: bool,
    target: float,
    stiffness: float,
    noise: float,
    targets: str | None,
    pixels: str | None,
    ramp: int,
    symmetry_pulses: int,
    resume: Path | None,
    runs: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Train TASK on the crosspoints A and C that a station file names, or on arrays of a fitted device.

    Tasks: one-parameter, linear-regression, digits-0-1, digits, digits-network. On a station every crosspoint is
    calibrated first, and the training is done on the fitted devices, which tells what to expect and what it will cost.

    \b
    labshd train one-parameter --station bench.toml --rehearse
    labshd train linear-regression --station row.toml --rehearse
    labshd train one-parameter --device data/runs/.../fitted.json --algorithm sgd
    """
    from instruments.errors import InputError
    from labshd.common.toml_file import nearest
    from labshd.station_training.trainer import ALGORITHMS, TASKS

    if task not in TASKS:
        raise InputError(f"no task {task!r}{nearest(task, TASKS)}")
    if algorithm not in ALGORITHMS:
        raise InputError(f"no algorithm {algorithm!r}{nearest(algorithm, ALGORITHMS)}")
    if (station is None) == (device is None):
        raise click.UsageError("give one of --station FILE and --device FITTED: where shall it be trained?")
    made = _task(task, {"target": target, "stiffness": stiffness, "noise": noise}, targets, pixels)
    where = (station, device, rehearse)
    measured = {"ramp": ramp, "symmetry_pulses": symmetry_pulses}
    try:
        run = _train(
            made, algorithm, where, (runs, resume), {k: v for k, v in given.items() if v is not None}, measured
        )
    except BaseException as error:
        if as_json and (failed := getattr(error, "run", None)):
            common.print_json(_answer(failed))
        raise
    if as_json:
        common.print_json(_answer(run))
        return
    _echo(run, f"{algorithm} on {task}")


def _echo(run: Run, what: str) -> None:
    """What it came to, in a few lines."""
    from instruments.value_text import count_text, percent_text, value_text
    from labshd.runs.durations import took

    numbers = run.result or {}
    click.echo(f"{what}: {run.status}, {run.why_stopped}")
    if "target" in numbers:
        click.echo(f"  target {numbers['target']:.4g}, reached {value_text(numbers['final'], numbers['final_std'])}")
    if "accuracy" in numbers:
        click.echo(f"  accuracy {percent_text(numbers['accuracy'], numbers['accuracy_std'])} of the test images")
    if "rms_error" in numbers:
        said = f"{numbers['rms_error']:.4f}, largest {numbers['largest_error']:.4f} (one set of weights, no error)"
        click.echo(f"  rms error of the weights {said}")
    _echo_beside(numbers)
    for warning in numbers.get("warnings", ()):
        click.echo(f"  note: {warning}")
    click.echo(f"  {count_text(numbers['steps'])} steps, {count_text(numbers['pulses'])} pulses; {took(run)}")
    click.echo(f"kept in {run.folder}")


def _task(task: str, of_one: dict[str, float], targets: str | None, pixels: str | None) -> Task:
    from instruments.errors import InputError
    from labshd.station_training.trainer import TASKS

    if targets is not None and task != "linear-regression":
        raise InputError(f"--targets are the weights of linear-regression; {task} has none")
    if pixels is not None and not task.startswith("digits"):
        raise InputError(f"--pixels are those of the digits; {task} has none")
    more: dict[str, Any] = of_one if task == "one-parameter" else {}
    if targets is not None:
        more = {
            "targets": _numbers(targets, ",", float, '--targets are numbers with commas between, such as "0.4,-0.3"')
        }
    if pixels is not None:
        more = {"pixels": _numbers(pixels, "x", int, '--pixels are rows and columns, such as "2x3"')}
    return TASKS[task](**more)


def _numbers(said: str, between: str, kind: type[float] | type[int], rule: str) -> tuple[float, ...]:
    from instruments.errors import InputError

    try:
        return tuple(kind(part) for part in said.split(between))
    except ValueError:
        raise InputError(f"{rule}, not {said!r}") from None


def _echo_beside(numbers: dict[str, Any]) -> None:
    """The same number on the fitted devices and in floating point, where they were trained as well."""
    from instruments.value_text import percent_text, value_text

    for key, where in (("on_fitted_devices", "simulated on the fitted devices"), ("floating_point", "floating point")):
        other: dict[str, Any] = numbers.get(key) or {}
        if "accuracy" in other:
            click.echo(f"    {where}: {percent_text(other['accuracy'], other['accuracy_std'])}")
        elif "rms_error" in other:
            click.echo(f"    {where}: rms error {other['rms_error']:.4f}")
        elif "final" in other:
            click.echo(f"    {where}: {value_text(other['final'], other['final_std'])}")


def _train(
    task: Task,
    algorithm: str,
    where: tuple[Path | None, str | None, bool],
    folders: tuple[Path | None, Path | None],
    given: dict[str, Any],
    measured: dict[str, int],
) -> Run:
    from labshd.common.progress import progress
    from labshd.station.station import open_station
    from labshd.station_training.trainer import Bench, Measuring, train_on_device, train_on_station
    from labshd.training import Settings
    from protocols.symmetry_point import SymmetryPoint

    bench = Bench(folders[0], progress, folders[1])
    file, device, rehearse = where
    if file is None:
        return train_on_device(str(device), task, algorithm, settings=Settings(**given), bench=bench)
    measuring = Measuring(measured["ramp"], SymmetryPoint(budget=measured["symmetry_pulses"]))
    with open_station(file, rehearse=rehearse) as station:
        return train_on_station(station, task, algorithm, settings=Settings(**given), measuring=measuring, bench=bench)


def _answer(run: Run) -> dict[str, Any]:
    numbers = run.result or {}
    keys = ("task", "algorithm", "target", "final", "error", "steps", "pulses")
    return {
        "run": str(run.folder),
        **{key: numbers.get(key) for key in keys},
        "status": run.status,
        "why_stopped": run.why_stopped,
        **{key: value for key, value in numbers.items() if key not in keys and key != "why_stopped"},
    }
