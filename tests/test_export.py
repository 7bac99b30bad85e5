"""Exports say the same device in another simulator's terms."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from instruments.errors import InputError
from sim_device.fit.population import Spread
from sim_device.models.cannot_hold import cannot_hold
from sim_device.models.export import WeightMap, aihwkit_module, export
from sim_device.models.fitted import FittedDevice, FittedSymmetryPoint, Noise, Verdict
from sim_device.models.formulas import DeviceModel, SoftBounds
from sim_device.models.measured import MeasuredStep
from sim_device.models.table import TableStep

SOFT = SoftBounds(1e-6, 3e-6, 0.002, 0.004)
TABLE = TableStep(1.0, 3.0, (1.0, 1.5, 3.0), (0.02, 0.03, 0.04), (-0.02, -0.03, -0.03), (0.01,) * 3, (0.01,) * 3)


def fitted(model: DeviceModel, unit: str = "S", **noise: float) -> FittedDevice:
    points = model.symmetry_points()
    point = points[0]
    return FittedDevice(
        unit=unit,
        model_name=model.name,
        parameters=model.parameters(unit),
        noise=Noise(**{"read": 1e-8, "cycle_to_cycle": 0.3, **noise}),
        symmetry_point=FittedSymmetryPoint(
            conductance=point.conductance, std=1e-9, stable=point.stable, step=point.step
        ),
        verdict=Verdict(accepted=True, why="it holds"),
    )


class _Recorded:
    def __init__(self, **arguments: object) -> None:
        self.__dict__.update(arguments)


def configured(source: str, monkeypatch: pytest.MonkeyPatch) -> _Recorded:
    """Run the module that was written, with stand-ins that keep what AIHWKit's classes would be given."""
    configs = ModuleType("aihwkit.simulator.configs")
    for name in ("SoftBoundsDevice", "ConstantStepDevice", "PiecewiseStepDevice", "SingleRPUConfig"):
        setattr(configs, name, type(name, (_Recorded,), {}))
    for name in ("aihwkit", "aihwkit.simulator"):
        monkeypatch.setitem(__import__("sys").modules, name, ModuleType(name))
    monkeypatch.setitem(__import__("sys").modules, "aihwkit.simulator.configs", configs)
    module: dict[str, object] = {}
    exec(compile(source, "device_aihwkit.py", "exec"), module)
    return module["rpu_config"]().device  # type: ignore[operator]


def test_aihwkit_steps_are_those_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    device = fitted(SOFT)
    made, mapping = configured(aihwkit_module(device), monkeypatch), WeightMap.of(device)
    # AIHWKit: dW+ = a+ (1 - w/b_max), dW- = a- (1 - w/b_min); a+ = (1 + min(u, 0)) dw_min, a- = (1 - max(u, 0)) dw_min
    up, down = (1 + min(made.up_down, 0)) * made.dw_min, (1 - max(made.up_down, 0)) * made.dw_min
    for g in (1.2e-6, 1.9e-6, 2.7e-6):
        w = mapping.weight(g)
        assert up * (1 - w / made.w_max) * mapping.scale == pytest.approx(float(SOFT.step_up(g)), rel=1e-6)
        assert -down * (1 - w / made.w_min) * mapping.scale == pytest.approx(float(SOFT.step_down(g)), rel=1e-6)
    assert made.up_down == pytest.approx(0.0, abs=1e-9)  # the reference is the symmetry point
    assert made.dw_min_std == 0.3
    assert made.w_max_dtod == 0.0


def test_one_sided_up_down_gives_unequal_steps_off_the_symmetry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = FittedSymmetryPoint(conductance=5e-6, std=1e-9, stable=True, step=1e-9)  # outside: the middle is taken
    device = fitted(SOFT).model_copy(update={"symmetry_point": point})
    made, mapping = configured(aihwkit_module(device), monkeypatch), WeightMap.of(device)
    assert mapping.reference == pytest.approx(2e-6)
    # up 0.002 and down 0.004 of half the range: down is the larger, up lacks half of it
    assert made.dw_min * mapping.scale == pytest.approx(4e-9)
    assert made.up_down == pytest.approx(-0.5)


def test_a_table_becomes_piecewise_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    device = fitted(TABLE, "normalised", read=0.01)
    made, mapping = configured(aihwkit_module(device), monkeypatch), WeightMap.of(device)
    assert len(made.piecewise_up) == len(made.piecewise_down) < 64
    nodes = np.linspace(1.0, 3.0, len(made.piecewise_up))
    np.testing.assert_allclose(np.array(made.piecewise_up) * made.dw_min * mapping.scale, TABLE.step_up(nodes))
    np.testing.assert_allclose(-np.array(made.piecewise_down) * made.dw_min * mapping.scale, TABLE.step_down(nodes))


def test_a_population_gives_device_to_device_spreads(monkeypatch: pytest.MonkeyPatch) -> None:
    def spread(mean: float, s: float) -> Spread:
        return Spread(mean, 0.0, s, 0.0, 100)

    population = {
        "s_up": spread(0.002, 0.0),
        "s_down": spread(0.004, 0.0),
        "step_S": spread(SOFT.symmetry_points()[0].step, 0.1 * SOFT.symmetry_points()[0].step),
        "symmetry_point_S": spread(SOFT.symmetry_points()[0].conductance, 1e-7),
        "g_min_S": spread(1e-6, 6.6667e-8),
        "g_max_S": spread(3e-6, 0.0),
    }
    made = configured(aihwkit_module(fitted(SOFT), population), monkeypatch)
    assert made.dw_min_dtod == pytest.approx(0.1)
    assert made.w_min_dtod == pytest.approx(0.1, rel=1e-3)  # G* - Gmin is 6.667e-7
    assert made.up_down_dtod == pytest.approx(0.006 * 1e-7 / (2 * SOFT.symmetry_points()[0].step))


def test_crosssim_tables_have_the_mean_and_scatter_of_the_device(tmp_path: Path) -> None:
    written = export(fitted(SOFT), "crosssim", tmp_path / "tables")
    assert [path.name for path in written] == ["dG_increasing.txt", "dG_decreasing.txt"]
    for path, steps in zip(written, (SOFT.step_up, SOFT.step_down), strict=True):
        # As CrossSim reads it: conductances in line 2, probabilities in line 3, then the matrix.
        g = np.genfromtxt(path, delimiter=",", skip_header=1, max_rows=1)
        chances = np.genfromtxt(path, delimiter=",", skip_header=2, max_rows=1)
        matrix = np.genfromtxt(path, delimiter=",", skip_header=3)
        assert matrix.shape == (len(chances), len(g))
        mean = np.sum(np.diff(chances)[:, np.newaxis] * matrix[:-1], axis=0)
        np.testing.assert_allclose(mean, steps(g), atol=1e-4 * np.max(np.abs(steps(g))))
        scatter = np.std(matrix[:-1], axis=0)
        np.testing.assert_allclose(scatter, 0.3 * np.abs(steps(g)), rtol=0.01, atol=1e-15)
        assert np.all(np.diff(matrix, axis=0) >= 0)


def test_json_is_the_device_itself(tmp_path: Path) -> None:
    device = fitted(SOFT)
    (path,) = export(device, "json", tmp_path)
    assert FittedDevice.load(path) == device
    assert json.loads(path.read_text(encoding="utf-8"))["unit"] == "S"


def test_an_unknown_format_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'neurosim' is no format of export; these are: aihwkit, crosssim, json"):
        export(fitted(SOFT), "neurosim", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    """History, tails and slow noise of a measured step, in the module and by `cannot_hold`; JSON holds all."""
    nodes, up, down, scatter = (0.0, 1.0), (0.02, 0.0), (0.0, -0.02), (0.01, 0.01)
    model = MeasuredStep(0.0, 1.0, nodes, up, down, scatter, scatter, history=(0.5, 5.0, 0.0, 0.5, 5.0, 0.0), tails=0.2)
    device = fitted(model, "normalised", slow=0.01)
    for to in ("aihwkit", "crosssim"):
        said = " ".join(cannot_hold(device, to))
        for part in ("history", "tails", "slow read noise", "scatter that depends on G"):
            assert part in said
        assert "relaxes" not in said
    assert cannot_hold(device, "json") == ()
    (module,) = export(device, "aihwkit", tmp_path)
    assert "Not part of this configuration: history after a reversal" in module.read_text(encoding="utf-8")
