"""Exports a fitted device: an AIHWKit configuration, CrossSim ΔG tables, or plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.models.cannot_hold import cannot_hold
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import FittedDevice
from sim_device.models.formulas import ConstantStep, SoftBounds

NODES = 33  # of a piecewise step; AIHWKit on GPUs takes fewer than 64
GRID = 501  # conductances and probabilities of a CrossSim table, as its own example has them


class Spreads(Protocol):
    """What is asked of a device-to-device spread: see `sim_device.fit.population.Spread`."""

    @property
    def mean(self) -> float:
        """Of the devices."""
        ...

    @property
    def spread(self) -> float:
        """Standard deviation over devices."""
        ...


def export(
    device: FittedDevice, to: str, folder: Path | str, population: Mapping[str, Spreads] | None = None
) -> list[Path]:
    """Write `device` into `folder`, made if need be; gives the files written.

    Parameters
    ----------
    to
        "aihwkit" (``device_aihwkit.py``, a module with ``rpu_config()``), "crosssim" (``dG_increasing.txt`` and
        ``dG_decreasing.txt``, its lookup tables), or "json" (``device.json``).
    population
        Device-to-device spread of an array by name of number (`sim_device.fit.array.ArrayFit.population`); without it
        every device is exported alike. AIHWKit alone has a use for it.

    Raises
    ------
    InputError
        `to` is none of these.
    """
    target = Path(folder)
    formats: dict[str, Callable[[], dict[str, str]]] = {
        "aihwkit": lambda: {"device_aihwkit.py": aihwkit_module(device, population)},
        "crosssim": lambda: crosssim_tables(device),
        "json": lambda: {"device.json": json.dumps(device.json(), indent=1, ensure_ascii=False) + "\n"},
    }
    if to not in formats:
        raise InputError(f"{to!r} is no format of export; these are: {', '.join(formats)}")
    texts = formats[to]()
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    return [target / name for name in texts]


@dataclass(frozen=True)
class WeightMap:
    """``w = (G − reference)/scale``: the weight 0 is at the symmetry point, the range is 2 wide."""

    reference: float
    scale: float

    @staticmethod
    def of(device: FittedDevice) -> WeightMap:
        """Of a device: its symmetry point if that lies in the range, else the middle of it."""
        low, high = device.model().range
        point = device.symmetry_point.conductance if device.symmetry_point else (low + high) / 2
        return WeightMap(point if low < point < high else (low + high) / 2, (high - low) / 2)

    def weight(self, conductance: float) -> float:
        """Of a conductance."""
        return (conductance - self.reference) / self.scale


def aihwkit_module(device: FittedDevice, population: Mapping[str, Spreads] | None = None) -> str:
    """Python source of a module whose ``rpu_config()`` makes AIHWKit's configuration of this device.

    AIHWKit's steps at w = 0 are ``α+ = (1 + min(u, 0)) dw_min`` and ``α− = (1 − max(u, 0)) dw_min`` with u = `up_down`:
    it only ever makes one direction smaller, so dw_min is the larger step and u what the other one lacks.
    """
    model, mapping = device.model(), WeightMap.of(device)
    if isinstance(model, SoftBounds):
        kind, arguments = "SoftBoundsDevice", _two_steps(model, mapping)
    elif isinstance(model, ConstantStep):
        kind, arguments = "ConstantStepDevice", _two_steps(model, mapping)
    else:
        kind, arguments = "PiecewiseStepDevice", _pieces(model, mapping)
    low, high = model.range
    arguments |= {"w_min": mapping.weight(low), "w_max": mapping.weight(high)}
    arguments |= {"dw_min_std": device.noise.cycle_to_cycle or 0.0}
    if device.noise.write and kind != "ConstantStepDevice":
        step = arguments["dw_min"]
        arguments["write_noise_std"] = device.noise.write / mapping.scale / (step if isinstance(step, float) else 1.0)
    arguments |= _spreads(device, mapping, population)
    lines = "\n".join(f"            {name}={_text(value)}," for name, value in arguments.items())
    return _AIHWKIT.format(
        unit=device.unit, model=model.name, reference=mapping.reference, scale=mapping.scale, kind=kind, lines=lines,
        read=(device.noise.read or 0.0) / mapping.scale, verdict=device.verdict.why.replace('"""', "'''"),
        left_out=_left_out(device),
    )  # fmt: skip


def _left_out(device: FittedDevice) -> str:
    missing = cannot_hold(device, "aihwkit")
    return f"Not part of this configuration: {'; '.join(missing)}.\n" if missing else ""


_AIHWKIT = '''"""AIHWKit configuration of a measured device ({model}), written by labshd.

Weight and conductance: w = (G - {reference:.9g} {unit}) / {scale:.9g} {unit}.
Read noise is no part of a device in AIHWKit; as a weight it is {read:.6g} per reading:
set `rpu_config.forward.w_noise` if it is to be simulated.
The fit: {verdict}
{left_out}"""

from aihwkit.simulator.configs import {kind}, SingleRPUConfig


def rpu_config() -> SingleRPUConfig:
    """The configuration; every tile made from it has devices of this kind."""
    return SingleRPUConfig(
        device={kind}(
{lines}
        )
    )
'''


def _two_steps(model: DeviceModel, mapping: WeightMap) -> dict[str, float | list[float]]:
    up = float(model.step_up(mapping.reference)) / mapping.scale
    down = -float(model.step_down(mapping.reference)) / mapping.scale
    larger = max(up, down)
    return {"dw_min": larger, "up_down": 1.0 - down / up if up >= down else up / down - 1.0}


def _pieces(model: DeviceModel, mapping: WeightMap) -> dict[str, float | list[float]]:
    g = np.linspace(*model.range, NODES)
    up, down = model.step_up(g) / mapping.scale, -model.step_down(g) / mapping.scale
    unit = float(np.mean(np.abs(np.concatenate([up, down]))))
    return {
        "dw_min": unit,
        "up_down": 0.0,
        "piecewise_up": [float(v) for v in up / unit],
        "piecewise_down": [float(v) for v in down / unit],
    }


def _spreads(
    device: FittedDevice, mapping: WeightMap, population: Mapping[str, Spreads] | None
) -> dict[str, float | list[float]]:
    """Device-to-device spreads relative to what AIHWKit relates them to; 0 where nothing is known of them."""
    found: dict[str, float | list[float]] = dict.fromkeys(
        ("dw_min_dtod", "up_down_dtod", "w_min_dtod", "w_max_dtod"), 0.0
    )
    point, unit = device.symmetry_point, device.unit
    if population is None or point is None:
        return found
    low, high = device.model().range
    slopes = population["s_up"].mean + population["s_down"].mean
    found["dw_min_dtod"] = population[f"step_{unit}"].spread / population[f"step_{unit}"].mean
    # A symmetry point off the reference by d makes the two steps at w = 0 differ by (s+ + s−) d.
    found["up_down_dtod"] = slopes * population[f"symmetry_point_{unit}"].spread / (2.0 * point.step)
    found["w_min_dtod"] = population[f"g_min_{unit}"].spread / abs(low - mapping.reference)
    found["w_max_dtod"] = population[f"g_max_{unit}"].spread / abs(high - mapping.reference)
    return found


def _text(value: float | list[float]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f"{v:.9g}" for v in value) + "]"
    return f"{value:.9g}"


def crosssim_tables(device: FittedDevice) -> dict[str, str]:
    """CrossSim's two lookup tables by file name: ΔG [unit] on a grid of conductance and cumulative probability.

    Line 1 a heading, line 2 the conductances, line 3 the probabilities, then one line a probability. Steps are normal
    with the cycle-to-cycle noise; CrossSim takes the mean of a column over all rows but the last, so row i holds the
    quantile in the middle of its interval, ``ΔG (1 + σc Φ⁻¹((i + ½)/n))``, and that mean is the mean step.
    """
    from scipy.stats import norm

    model, cycle = device.model(), device.noise.cycle_to_cycle or 0.0
    g, chances = np.linspace(*model.range, GRID), np.linspace(0.0, 1.0, GRID)
    middle = (np.arange(GRID - 1) + 0.5) / (GRID - 1)
    relative = 1.0 + cycle * np.asarray(norm.ppf(middle), dtype=np.float64)
    tables = {"dG_increasing.txt": model.step_up(g), "dG_decreasing.txt": model.step_down(g)}
    return {name: _crosssim_text(g, chances, np.outer(relative, steps)) for name, steps in tables.items()}


def _crosssim_text(g: FloatArray, chances: FloatArray, matrix: FloatArray) -> str:
    # Rows ascend in probability, so they must ascend in ΔG, also where the mean step is negative.
    ascending = np.sort(matrix, axis=0)
    ascending = np.vstack([ascending, ascending[-1]])
    head = "1st Row = Gbins, 2nd Row = CDF Points, 3rd row onward =  dG matrix (rows= CDF, columns = Gbins)"
    rows = [g, chances, *ascending]
    return "\n".join([head, *(",".join(f"{value:.9e}" for value in row) for row in rows)]) + "\n"
