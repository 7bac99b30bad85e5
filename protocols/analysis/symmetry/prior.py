"""Prior knowledge of a device's steps: an earlier fit of it, or fits of other devices of its array."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from protocols.analysis.symmetry.estimate import Known

if TYPE_CHECKING:
    from sim_device.models.fitted import FittedDevice

FEWEST = 8  # devices that tell how devices differ: four means, four spreads
_OF_MODEL = {
    "soft-bounds": ("g_min", "g_max", "s_up", "s_down"),
    "linear-step": ("g_min", "g_max", "up", "down", "up_slope", "down_slope"),
}


class Prior(BaseModel):
    """Straight steps (A₊, B₊, A₋, B₋) with ``ΔG± = A± + B± G``: `mean` (4,) and `covariance` (4, 4), A in `unit`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str
    unit: Literal["S", "normalised"]
    devices: int = Field(ge=1)
    mean: tuple[float, ...] = Field(min_length=4, max_length=4)
    covariance: tuple[tuple[float, ...], ...] = Field(min_length=4, max_length=4)

    def known(self) -> Known:
        """As `protocols.analysis.symmetry.estimate.estimate` takes it."""
        return np.array(self.mean), np.array(self.covariance)


def prior_from(path: Path) -> Prior:
    """The prior from a file of a fitted device, or from a folder of them.

    A file: this very device as fitted before, with the covariance of that fit. A folder of at least 8: devices of the
    same array, of which this one is another: mean and covariance over them. Of n devices the next one is distributed as
    Student's t; its covariance is that of the sample times ``(n + 1)/n · (n − 1)/(n − 6)`` (four steps; errors of
    the fits widen it a little, which is on the safe side). Devices of the array whose steps are no straight lines are
    left out: by chance the checks of a fit reject 3 in 100 devices for which soft bounds hold.

    Raises
    ------
    InputError
        No such path, too few devices, mixed units, or a device whose steps are no straight lines.
    """
    from sim_device.models.fitted import FittedDevice

    if not path.is_dir():
        return _of_one(FittedDevice.load(path), path)
    devices = [FittedDevice.load(each) for each in sorted(path.glob("*.json"))]
    return prior_of(devices, str(path))


def prior_of(devices: list[FittedDevice], source: str) -> Prior:
    """Mean and spread of fitted devices of one array; see `prior_from`."""
    straight = [device for device in devices if device.model_name in _OF_MODEL]
    n = len(straight)
    if n < FEWEST:
        others = f" ({len(devices) - n} more have steps that are no straight lines)" if n < len(devices) else ""
        raise InputError(
            f"{source}: {n} fitted devices{others} do not tell how devices differ; give a folder of {FEWEST}+"
        )
    unit = straight[0].unit
    if any(device.unit != unit for device in straight):
        raise InputError(f"{source}: some devices are in siemens, some normalised; give those of one array")
    steps = np.array([_absolute(device, source) for device in straight])
    factor = (n + 1) / n * (n - 1) / (n - 6)
    return _prior(source, unit, n, steps.mean(axis=0), np.cov(steps.T) * factor)


def _of_one(device: FittedDevice, path: Path) -> Prior:
    mean, covariance = _absolute(device, str(path)), device.covariance
    values, suffix = _parameters(device), f"_{device.unit}"
    names = [] if covariance is None else [name.removesuffix(suffix) for name in covariance.names]
    moved = [name for name in values if name in names]
    if covariance is None or len(moved) < 4:
        raise InputError(f"{path}: this fit does not tell all of the steps with their errors, so it is no prior")
    chosen = [names.index(name) for name in moved]
    matrix = np.array(covariance.matrix)[np.ix_(chosen, chosen)]
    jacobian = np.empty((4, len(moved)))
    for column, name in enumerate(moved):
        h = 1e-6 * (abs(values[name]) or 1.0)
        ahead, behind = (_line(device.model_name, values | {name: values[name] + sign * h}) for sign in (1, -1))
        jacobian[:, column] = (ahead - behind) / (2 * h)
    return _prior(str(path), device.unit, 1, mean, jacobian @ matrix @ jacobian.T)


def _prior(source: str, unit: Literal["S", "normalised"], n: int, mean: FloatArray, covariance: FloatArray) -> Prior:
    rows = tuple(tuple(float(value) for value in row) for row in covariance)
    return Prior(source=source, unit=unit, devices=n, mean=tuple(float(v) for v in mean), covariance=rows)


def _parameters(device: FittedDevice) -> dict[str, float]:
    suffix = f"_{device.unit}"
    return {key.removesuffix(suffix): float(value) for key, value in device.parameters.items()}  # type: ignore[arg-type]


def _absolute(device: FittedDevice, source: str) -> FloatArray:
    if device.model_name not in _OF_MODEL:
        raise InputError(
            f"{source}: a device was fitted as {device.model_name}, whose steps are no straight lines of the "
            f"conductance; a prior takes {' or '.join(_OF_MODEL)}"
        )
    return _line(device.model_name, _parameters(device))


def _line(model: str, parameters: dict[str, float]) -> FloatArray:
    """(A₊, B₊, A₋, B₋): soft bounds s₊ Gmax, −s₊, s₋ Gmin, −s₋; straight steps δ± − b± Gc, b±."""
    p = parameters
    if model == "soft-bounds":
        return np.array([p["s_up"] * p["g_max"], -p["s_up"], p["s_down"] * p["g_min"], -p["s_down"]])
    centre = (p["g_min"] + p["g_max"]) / 2
    up, down = p["up"] - p["up_slope"] * centre, p["down"] - p["down_slope"] * centre
    return np.array([up, p["up_slope"], down, p["down_slope"]])


def _loaded(value: Any) -> Any:
    return prior_from(Path(value).expanduser()) if isinstance(value, str | Path) else value


PriorFrom = Annotated[Prior, BeforeValidator(_loaded)]
"""A field that takes a path and holds the numbers, so that a recorded run needs no other file."""
