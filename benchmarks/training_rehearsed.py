"""Training on a rehearsed bench, through drivers and VISA: one weight by SGD and SHD, four weights on 4 + 4 devices.

Every crosspoint is characterised on the bench first (ramp, symmetry point), as a real one would be. Printed: where SGD
and SHD settle on the bench, on the simulated device that was fitted to it, and as predicted from the fit; then the
error of a regression with four weights, A and C of four crosspoints each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from training_common import BLACK, BLUE, ORANGE, figure, save, table

from labshd.station import Station, open_station
from labshd.trainer import Bench, calibrate
from labshd.training import Calibration, LinearRegression, OneParameter, Settings, Training, one_weight, result
from labshd.training.assembly import Arrays, layer_of
from labshd.training.zero_shift import Reference, symmetry_points
from protocols.symmetry_point import SymmetryPoint
from sim_device.crosspoints import SimCrosspoints
from sim_device.models import SoftBounds

STATION = """
kind = "bench"
name = "rehearsed ECRAM row"
[limits]
pulse_voltage = "3 V"
pulse_width = "1 ms"
read_voltage = "200 mV"
current = "100 uA"
pulses_per_crosspoint = 1_000_000
[pulses]
up = { voltage = "2 V", width = "500 ns" }
down = { voltage = "-2 V", width = "500 ns" }
settle = "10 ms"
[read]
voltage = "100 mV"
compliance = "50 uA"
integration = 1.0
[instruments.generator]
driver = "keysight-81160a"
resource = "TCPIP0::192.168.0.11::inst0::INSTR"
[instruments.smu]
driver = "keithley-2450"
resource = "TCPIP0::192.168.0.12::inst0::INSTR"
[instruments.matrix]
driver = "keithley-707b"
resource = "TCPIP0::192.168.0.13::inst0::INSTR"
[wiring]
kind = "two-terminal"
generator = "A"
smu = "B"
[crosspoints]
A1 = { top = 1 }
A2 = { top = 2 }
A3 = { top = 3 }
A4 = { top = 4 }
C1 = { top = 5 }
C2 = { top = 6 }
C3 = { top = 7 }
C4 = { top = 8 }
[rehearsal]
device = "ecram"
seed = 1
"""
TASK = OneParameter(target=0.4, noise=0.5)
REGRESSION = LinearRegression((0.4, -0.3, 0.2, -0.1), noise=0.3)
STEPS = 3000


def show(what: str) -> None:
    """Say on stderr what is being done: the whole takes a minute or two."""
    print(what, file=sys.stderr)


def zero_of(station: Station, columns: slice) -> Reference:
    """Symmetry points of crosspoints of the row, by the protocol."""
    steps = symmetry_points(station.all[:, columns], SymmetryPoint(budget=2000))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def fitted_twin(calibration: Calibration) -> SoftBounds:
    """Soft bounds with the symmetry point, step and asymmetry that were found: s± = κδ at equal fractions."""
    fraction = (calibration.kappa or 0.0) * calibration.step
    return SoftBounds.around(calibration.reference, calibration.step, fraction, fraction)


def one(where: str, algorithm: str, training: Training) -> tuple[list[Any], Training]:
    """A row of the table of one weight."""
    show(f"{algorithm} on {where}")
    found = result(training.finish())
    return [where, algorithm, found["target"], found["final"], found["final_std"], found["prediction"].get("final"),
            float(found["pulses"])], training  # fmt: skip


def one_parameter(station: Station, a: Calibration, c: Calibration) -> None:
    """SGD and SHD on the bench and on the simulated twin."""
    rows: list[list[Any]] = []
    sheet, axes = figure(2)
    settings = Settings(steps=STEPS, seed=3)
    for place in ("bench", "fitted device"):
        for k, algorithm in enumerate(("sgd", "shd")):
            if place == "bench":
                core, auxiliary = station["C1"], station["A1"]
            else:
                core, auxiliary = (SimCrosspoints(fitted_twin(a), seed=n, initial=a.reference) for n in (0, 1))
            if algorithm == "sgd":  # on the device whose symmetry point is known
                training = one_weight(TASK, "sgd", auxiliary, a, settings=settings)
            else:
                training = one_weight(TASK, "shd", core, c if place == "bench" else a, auxiliary=auxiliary,
                                      auxiliary_calibration=a, settings=settings)  # fmt: skip
            row, training = one(place, algorithm, training)
            rows.append(row)
            history, bench = training.history, place == "bench"
            axes[k].plot(history["step"], history["core_weight"], lw=0.7, label=place, color=BLUE if bench else ORANGE)
            axes[k].set(xlabel="step", ylabel="weight", title=algorithm.upper())
    for one_axes in axes:
        one_axes.axhline(TASK.target, color=BLACK, ls="--", lw=1)
        one_axes.legend(fontsize="small")
    table(["where", "algorithm", "target", "final", "std", "predicted", "pulses"], rows)
    save(sheet, "rehearsed_one_weight")


def regression(station: Station, a: Calibration) -> None:
    """Four weights: A on A1 to A4, each with its own measured zero, C on C1 to C4."""
    show("zero-shifting A1 to A4")
    zero = zero_of(station, slice(0, 4))
    auxiliary, core = station.all[:, :4], station.all[:, 4:]
    arrays = Arrays(core, auxiliary, core_reference=zero.conductance, auxiliary_reference=zero.conductance)
    settings = Settings(steps=STEPS, seed=1, rate=0.01, transfer_rate=0.02)
    show("regression by shd")
    training = Training(REGRESSION, [layer_of("shd", arrays, a, a, settings)], settings, a)
    found = result(training.finish())
    numbers = [found["largest_error"], found["rms_error"], zero.weight_error(a.scale), float(found["pulses"])]
    table(["weights", "largest error", "rms error", "error of zeros", "pulses"], [["4", *numbers]])


def main() -> None:
    """Calibrate, train one weight both ways, then several."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "row.toml"
        file.write_text(STATION, encoding="utf-8")
        with open_station(file, rehearse=True) as station:
            show("calibrating A1, C1")
            bench = Bench(Path(folder) / "runs")
            a = calibrate(station, "A1", "shd", ramp=200, with_symmetry_point=True, bench=bench)
            c = calibrate(station, "C1", "shd", ramp=200, with_symmetry_point=False, bench=bench)
            one_parameter(station, a, c)
            regression(station, a)


if __name__ == "__main__":
    main()
