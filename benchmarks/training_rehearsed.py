"""Training on a rehearsed bench, through drivers and VISA: one weight, four weights, and 0 against 1 on six weights.

Every crosspoint is calibrated on the bench first (ramp, symmetry point), as a real one would be. Printed: where SGD and
SHD settle with one weight, on the bench and on the simulated devices fitted to it, and as predicted; the error of a
regression with four weights (A and C of four crosspoints each); the accuracy of telling 0 from 1 in images of 2 x 3
pixels (A and C of six), beside the fitted devices and floating-point weights; how many readings of each training lie in
the band that is predicted for its pulses. `--short` takes a tenth of the steps.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from training_common import BLACK, BLUE, FIGURES, ORANGE, figure, save, table

from labshd.report.replay_report import figures_of
from labshd.report.training_figures import portraits_figure
from labshd.runs.files import read_table
from labshd.runs.json_files import read_json
from labshd.runs.run import Run
from labshd.station.station import Station, open_station
from labshd.station_training.record import TWIN_STEPS
from labshd.station_training.trainer import Bench, train_on_station
from labshd.training import LinearRegression, OneParameter, Settings, Task
from labshd.training.digits import ClassifyDigits

STATIONS = Path(__file__).parents[1] / "data" / "stations"
MORE = {"A4 = { top = 4 }": "A4 = { top = 4 }\nA5 = { top = 9 }\nA6 = { top = 10 }",
        "C4 = { top = 8 }": "C4 = { top = 8 }\nC5 = { top = 11 }\nC6 = { top = 12 }",
        '"A4"]': '"A4", "A5", "A6"]', '"C4"]': '"C4", "C5", "C6"]'}  # fmt: skip
TASK = OneParameter(target=0.4, noise=0.5)
REGRESSION = LinearRegression((0.4, -0.3, 0.2, -0.1), noise=0.3)
NAN = float("nan")


def show(what: str) -> None:
    """Say on stderr what is being done: the whole takes a few minutes."""
    print(what, file=sys.stderr)


def trained(file: Path, task: Task, algorithm: str, folder: Path, **settings: Any) -> Run:
    """A training on a rehearsed station."""
    show(f"{algorithm} on {task.name}")
    with open_station(file, rehearse=True) as station:
        run = train_on_station(station, task, algorithm, settings=Settings(**settings), bench=Bench(folder))
        _say_truth(station, run)
    return run


def _say_truth(station: Station, run: Run) -> None:
    """Errors of the measured zeros, in their standard errors: only a rehearsal can tell."""
    assert station.virtual is not None
    zeros: list[dict[str, Any]] = (run.result or {})["zeros"]
    off = [
        (one["conductance_S"] - station.virtual.devices[one["crosspoint"]].truth(station.all.pulses).symmetry_point_S)
        / one["std_S"]
        for one in zeros
    ]
    show(f"  zeros are off by {', '.join(f'{z:+.1f}' for z in off)} standard errors")


def band(run: Run) -> tuple[float, float]:
    """Part of the readings inside the 95 % band, and how much that scatters."""
    found = read_json(run.folder / "replayed.json")
    return found["inside"], found["inside_std"]


def one_weight(folder: Path, steps: int) -> None:
    """SGD and SHD on the bench and on its fitted devices."""
    rows: list[list[Any]] = []
    sheet, axes = figure(2)
    for one_axes, algorithm in zip(axes, ("sgd", "shd"), strict=True):
        run = trained(STATIONS / "ecram.toml", TASK, algorithm, folder, steps=steps, seed=3)
        found = run.result or {}
        twin = found["on_fitted_devices"]
        predicted = found["prediction"].get("final", NAN)
        rows.append(["bench", algorithm, TASK.target, found["final"], found["final_std"], predicted, found["pulses"]])
        rows.append(
            ["fitted device", algorithm, TASK.target, twin["final"], twin["final_std"], predicted, twin["pulses"]]
        )
        for name, label, colour in (("steps.csv", "bench", BLUE), (TWIN_STEPS, "fitted device", ORANGE)):
            steps_of = read_table(run.folder / name)
            one_axes.plot(steps_of["step"], steps_of["core_weight"], lw=0.7, label=label, color=colour)
        one_axes.axhline(TASK.target, color=BLACK, ls="--", lw=1)
        one_axes.set(xlabel="step", ylabel="weight", title=algorithm.upper())
        one_axes.legend(fontsize="small")
    table(["where", "algorithm", "target", "final", "std", "predicted", "pulses"], rows)
    save(sheet, "rehearsed_one_weight")


def four_weights(folder: Path, steps: int) -> None:
    """A regression on 4 + 4 devices."""
    run = trained(STATIONS / "row.toml", REGRESSION, "shd", folder, steps=steps, seed=1, transfer_rate=0.02)
    found = run.result or {}
    rows = [
        [where, one["rms_error"], one["largest_error"], one.get("pulses", NAN)]
        for where, one in (("bench", found), ("fitted devices", found["on_fitted_devices"]),
                           ("floating point", found["floating_point"]))
    ]  # fmt: skip
    scale = run.info["settings"]["calibration"]["auxiliary"]
    half = (scale["high"] - scale["low"]) / 2
    zeros = math.sqrt(sum(one["std_S"] ** 2 for one in found["zeros"]) / len(found["zeros"])) / half
    table(["four weights", "rms error", "largest error", "pulses"], rows)
    print(f"error of the zeros {zeros:.4f}; {100 * band(run)[0]:.1f} % of the readings inside the band "
          f"(95 ± {100 * band(run)[1]:.1f} % expected)")  # fmt: skip
    portraits = portraits_figure(run)
    if portraits is not None:
        save(portraits, "rehearsed_four_weights")
    for array, sheet in figures_of(run.folder, run.unit):
        save(sheet, f"replayed_{array}")


def zero_or_one(folder: Path, steps: int) -> None:
    """Two digits on 6 + 6 devices, images of 2 x 3 pixels."""
    text = (STATIONS / "row.toml").read_text(encoding="utf-8")
    for old, new in MORE.items():
        text = text.replace(old, new)
    file = folder / "six.toml"
    file.write_text(text, encoding="utf-8")
    task = ClassifyDigits((0, 1), pixels=(2, 3))
    run = trained(file, task, "shd", folder, steps=steps, rate=0.02, transfer_rate=0.05, every=1, seed=1)
    found = run.result or {}
    digital = {"accuracy_std": NAN, "pulses": NAN} | found["floating_point"]
    rows = [
        [where, one["accuracy"], one["accuracy_std"], one["loss"], one["pulses"]]
        for where, one in (
            ("bench", found),
            ("fitted devices", found["on_fitted_devices"]),
            ("floating point", digital),
        )
    ]
    table(["0 against 1", "accuracy", "std", "loss", "pulses"], rows)
    print(f"{100 * band(run)[0]:.1f} % of the readings inside the band (95 ± {100 * band(run)[1]:.1f} % expected)")


def main() -> None:
    """All three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the steps")
    part = 10 if parser.parse_args().short else 1
    FIGURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        one_weight(Path(folder), 3000 // part)
        four_weights(Path(folder), 2500 // part)
        zero_or_one(Path(folder), 1000 // part)


if __name__ == "__main__":
    main()
