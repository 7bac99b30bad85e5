"""What a fit may not say: numbers outside of their interval, errors of zero, symmetry points that are none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labshd.analysis.fit import FittedRun, fit_run
from labshd.cli.fit_command import _advice  # pyright: ignore[reportPrivateUsage]
from labshd.cli.fit_command import command as fit_command
from labshd.report.sections import fit_rows
from labshd.runs.importing import import_files
from labshd.runs.run import Run
from sim_device.fit.fitting import fit_trace
from sim_device.fit.plausible import FAR, checked, trouble
from sim_device.fit.result import Fit

Trace = tuple[np.ndarray, np.ndarray]


def trace(up: float, down: float, *, length: int = 30, cycle: float = 0.3, seed: int = 0, soft: bool = False) -> Trace:
    """Eight ramps up and down between 10 and 50 uS: constant steps with hard bounds, or soft bounds; read to 20 nS."""
    rng = np.random.default_rng(seed)
    g, pulses, read = 30e-6, [0], [30e-6]
    for sign in np.tile(np.repeat([1, -1], length), 8).tolist():
        room = ((50e-6 - g) if sign > 0 else (g - 10e-6)) / 20e-6 if soft else 1.0
        g += sign * (up if sign > 0 else down) * room * (1 + cycle * rng.standard_normal())
        g = min(max(g, 10e-6), 50e-6)
        pulses.append(sign)
        read.append(g + 2e-8 * rng.standard_normal())
    return np.array(pulses), np.array(read)


@pytest.fixture(scope="module")
def rejected() -> Fit:
    """Soft bounds to a device that has none."""
    fit = fit_trace(*trace(1e-6, 0.8e-6, length=60, cycle=0.1), model="soft-bounds")
    assert not fit.accepted
    return fit


def test_equal_constant_steps_have_no_symmetry_point_and_say_why() -> None:
    fit = fit_trace(*trace(1e-6, 1e-6), model="constant-step")
    assert fit.symmetry_point is None
    assert any("alike everywhere between the bounds" in sentence for sentence in fit.not_identified)
    assert fit.json()["symmetry_point"] is None


def test_values_of_a_rejected_fit_lie_in_their_own_intervals(rejected: Fit) -> None:
    told = rejected.json()
    values = {**told["parameters"], **told["noise"]}
    assert {"read_S", "cycle_to_cycle"} <= set(told["interval95"])
    assert all(isinstance(number, float) for pair in told["interval95"].values() for number in pair)
    for name, (low, high) in told["interval95"].items():
        assert low < values[name] < high, name


def test_the_covariance_of_a_rejected_fit_is_that_of_its_noise(rejected: Fit) -> None:
    at = rejected.names.index("cycle_to_cycle")
    assert math.sqrt(rejected.covariance[at, at]) == pytest.approx(rejected.noise.cycle_to_cycle_std)


def test_the_ends_of_a_linear_fit_are_no_estimates_and_have_no_error() -> None:
    fit = fit_trace(*trace(1e-6, 1e-6), model="linear-step")
    assert fit.std["g_min_S"] is None
    assert "g_min_S" not in fit.names
    said = dict(fit_rows(fit))
    assert said["lower end Gmin"].endswith("S (the lower end of what was measured, not a bound)")
    assert not any("± 0 " in text for text in said.values())


@pytest.mark.parametrize(
    ("value", "std", "interval", "why"),
    [
        (3.0, 0.1, (2.8, 3.2), ""),
        (-3.5e129, 5e-8, None, "more than 20 times the measured window"),
        (math.inf, 0.1, None, "no finite value"),
        (3.0, math.nan, None, "no finite value"),
        (3.0, 0.1, (3.1, 3.5), "outside of its own 95 % interval"),
        (1.0 + 1.9 * FAR, 0.1, None, ""),
    ],
)
def test_an_estimate_that_cannot_be_is_told(
    value: float, std: float, interval: tuple[float, float] | None, why: str
) -> None:
    found = trouble(value, std, interval, (0.0, 2.0), "normalised")
    assert (why in found) if why else (found == "")


def test_what_cannot_be_becomes_none_with_its_reason(rejected: Fit) -> None:
    point = rejected.symmetry_points[0]
    far = replace(point, conductance=-3.5e129, interval=(-4e129, -3e129))
    wrong = replace(rejected, symmetry_points=(far,), parameters={**rejected.parameters, "g_max_S": math.inf})
    fit = checked(wrong)
    assert fit.symmetry_point is None
    assert fit.parameters["g_max_S"] is None
    assert "g_max_S" not in fit.names
    assert {"g_max_S", "symmetry_point"} <= {sentence.split(":")[0] for sentence in fit.not_identified}


def imported(folder: Path, made: Trace) -> Run:
    path = folder / "trace.csv"
    lines = [f"{pulse},{1e6 * g!r}" for pulse, g in zip(made[0].tolist(), made[1].tolist(), strict=True)]
    path.write_text("pulses,conductance_uS\n" + "\n".join(lines), encoding="utf-8")
    return import_files([path], runs=folder / "runs")


def test_the_advice_follows_the_verdict(tmp_path: Path) -> None:
    good = fit_run(imported(tmp_path, trace(1e-6, 1e-6, soft=True)))
    assert good.fit.accepted
    path = tmp_path / "fitted.json"
    assert _advice(good, path) == f"labshd train one-parameter --device {path}"
    bad = FittedRun(good.run, replace(good.fit, accepted=False), good.provenance, 0, good.asked)
    assert "train" not in _advice(bad, path)
    assert "--model best" in _advice(bad, path)
    rough = [replace(check, failed=True) if check.name == "no abrupt step" else check for check in good.fit.checks]
    abrupt = FittedRun(good.run, replace(good.fit, accepted=False, checks=tuple(rough)), good.provenance, 0, good.asked)
    assert abrupt.fit.abrupt
    assert "train" not in _advice(abrupt, path)
    assert "pulses of lower voltage" in _advice(abrupt, path)


def test_the_command_prints_what_the_report_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from labshd.report import write_report

    run = imported(tmp_path, trace(1e-6, 1e-6, soft=True))
    fit_command.main([str(run.folder)], standalone_mode=False)
    printed = capsys.readouterr().out
    html = write_report(run).read_text(encoding="utf-8")
    shown = [said for _, said in fit_rows(fit_run(run).fit)]
    assert len(shown) >= 6
    for said in shown:
        assert said in printed
        assert said in html
    assert "e-0" not in printed.replace(str(run.folder), "")
