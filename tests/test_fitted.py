"""A fitted device survives its file, and a broken file is told by file and key."""

import json
from pathlib import Path
from typing import Literal

import pytest

from instruments.errors import InputError
from sim_device.models.fitted import Covariance, FittedDevice, FittedSymmetryPoint, Measured, Noise, Provenance, Verdict
from sim_device.models.formulas import SoftBounds
from sim_device.models.table import TableStep


def device(unit: Literal["S", "normalised"] = "S") -> FittedDevice:
    model = SoftBounds(1e-6, 3e-6, 0.002, 0.004)
    (point,) = model.symmetry_points()
    return FittedDevice(
        unit=unit,
        model_name=model.name,
        parameters=model.parameters(unit),
        std={model.labelled("g_min", unit): 1e-8, model.labelled("g_max", unit): None, "s_up": 1e-4, "s_down": 1e-4},
        covariance=Covariance(names=("s_up", "s_down"), matrix=((1e-8, 0.0), (0.0, 1e-8))),
        noise=Noise(read=2e-8, read_std=1e-9, cycle_to_cycle=0.3, cycle_to_cycle_std=0.02),
        symmetry_point=FittedSymmetryPoint(conductance=point.conductance, std=1e-8, stable=True, step=point.step),
        measured=Measured(lowest=1.1e-6, highest=2.8e-6, last=1.7e-6, readings=1000),
        verdict=Verdict(accepted=True, why="innovations are white", not_identified=("g_max_S: too few pulses",)),
        provenance=Provenance(run="2026-01-01_update", versions={"labshd": "0.1.0"}),
    )


def test_a_fitted_device_reads_back_as_it_was_written(tmp_path: Path) -> None:
    original = device()
    assert FittedDevice.load(original.save(tmp_path / "d.json")) == original
    assert original.model() == SoftBounds(1e-6, 3e-6, 0.002, 0.004)


def test_the_file_carries_the_unit_in_every_conductance(tmp_path: Path) -> None:
    content = json.loads(device().save(tmp_path / "d.json").read_text(encoding="utf-8"))
    assert content["model"] == "soft-bounds"
    assert content["parameters"]["g_max_S"] == 3e-6
    assert content["noise"]["read_S"] == 2e-8
    assert content["symmetry_point"]["conductance_S"] == pytest.approx((2 * 3e-6 + 4 * 1e-6) / 6)
    assert content["measured"]["lowest_S"] == 1.1e-6


def test_a_normalised_device_never_pretends_to_be_in_siemens(tmp_path: Path) -> None:
    text = device("normalised").save(tmp_path / "d.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert "g_max_normalised" in content["parameters"]
    assert "conductance_normalised" in content["symmetry_point"]
    assert not [key for part in content.values() if isinstance(part, dict) for key in part if key.endswith("_S")]


def test_a_table_goes_into_the_same_file(tmp_path: Path) -> None:
    table = TableStep(1.0, 3.0, (1.0, 1.5, 3.0), (0.2, 0.1, 0.0), (0.0, -0.1, -0.3), (0.1,) * 3, (0.1,) * 3)
    fitted = device().model_copy(update={"model_name": "table", "parameters": table.parameters("S"), "std": {}})
    assert FittedDevice.load(fitted.save(tmp_path / "t.json")).model() == table


def test_every_wrong_key_is_named_with_the_file(tmp_path: Path) -> None:
    path = device().save(tmp_path / "d.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["noise"]["read_S"] = -1.0
    content["symmetry_point"]["std_S"] = "small"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)d\.json: 2 problems.*noise\.read_S.*symmetry_point\.std_S"):
        FittedDevice.load(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "soft-bonds"}, "'soft-bonds' is not a device model"),
        ({"parameters": {"g_min_S": 1e-6}}, "g_max_S is missing"),
        ({"unit": "uS"}, "unit = 'uS'"),
        ({"unit": "normalised"}, "noise.read_normalised"),
        ({"unit": ""}, "unit = ''"),
        ({"format": "something"}, "not a fitted device"),
        ({"version": 99}, "version 99 is not known"),
        ({"extra": 1}, "extra"),
        ({"noise": {"read": 1e-8, "cycle_to_cycle": 0.3}}, "without its unit"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, change: dict[str, object], told: str) -> None:
    path = device().save(tmp_path / "d.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **change}), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        FittedDevice.load(path)
    assert "d.json" in str(raised.value)
    assert told in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 3}', "nonsense"])
def test_what_is_no_device_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"d\.json"):
        FittedDevice.load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        FittedDevice.load(tmp_path / "none.json")


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Noise(read=float("nan"), cycle_to_cycle=0.1)
