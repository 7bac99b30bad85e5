"""A fitted device as a file: model, noise, errors, symmetry point, verdict and provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from instruments.errors import InputError, all_at_once
from instruments.whole_files import read_text, written_whole
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import model_named

FORMAT = "labshd-fitted-device"
VERSION = 1
UNITS = ("S", "normalised")
Numbers: TypeAlias = FiniteFloat | list[FiniteFloat]
UnknownNumbers: TypeAlias = FiniteFloat | list[FiniteFloat] | None

# Keys of the file that are a conductance: written with the unit of the device in their name.
_CONDUCTANCES = {
    "noise": ("read", "read_std", "write", "write_std", "slow", "slow_std", "drift", "drift_std"),
    "symmetry_point": ("conductance", "std", "step", "step_std"),
    "measured": ("lowest", "highest", "last"),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Noise(_Part):
    """Noise of a device. None where it was not identified, or its standard deviation was not.

    `read` [unit] adds to every reading; `cycle_to_cycle` [1] is relative to the mean step, ``ΔG = step(G)(1 + σc ξ)``,
    and accumulates; `write` [unit] is drawn anew with every pulse and does not accumulate; `drift` [unit/s] moves the
    conductance without a pulse; `proportional` [1] adds ``G`` times so much to every reading; `slow` [unit] adds to
    readings, too, and is forgotten as ``exp(−k/slow_readings)`` over k readings.
    """

    read: float | None = Field(ge=0)
    read_std: float | None = Field(default=None, ge=0)
    cycle_to_cycle: float | None = Field(ge=0)
    cycle_to_cycle_std: float | None = Field(default=None, ge=0)
    write: float | None = Field(default=None, ge=0)
    write_std: float | None = Field(default=None, ge=0)
    drift: float | None = None
    drift_std: float | None = Field(default=None, ge=0)
    proportional: float | None = Field(default=None, ge=0)
    proportional_std: float | None = Field(default=None, ge=0)
    slow: float | None = Field(default=None, ge=0)
    slow_std: float | None = Field(default=None, ge=0)
    slow_readings: float | None = Field(default=None, gt=0)


class FittedSymmetryPoint(_Part):
    """Symmetry point [unit] with its standard deviation, the step there [unit], and whether pulsing drives to it."""

    conductance: float
    std: float = Field(ge=0)
    stable: bool
    step: float
    step_std: float | None = Field(default=None, ge=0)


class Verdict(_Part):
    """Whether the model holds for the data, and in one sentence why or why not.

    `unfit_for_auxiliary` says why the device cannot stand in SHD's auxiliary array; "" where it can.
    """

    accepted: bool
    why: str
    not_identified: tuple[str, ...] = ()
    unfit_for_auxiliary: str = ""


class Measured(_Part):
    """What the data covered [unit]: beyond it the model is an extrapolation. `last`: where the device was left.

    `interval_s` [s] is the time from reading to reading (the median), None where it is not known.
    """

    lowest: float
    highest: float
    last: float | None = None
    readings: int = Field(ge=0)
    interval_s: float | None = Field(default=None, gt=0)


class Provenance(BaseModel):
    """Where the data came from; whatever else is known may be added under its own name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    run: str | None = None
    crosspoint: str | None = None
    created: str | None = None
    read_voltage_V: float | None = None  # noqa: N815 - the unit is part of the name
    pulses: dict[str, Any] | None = None
    versions: dict[str, str] = Field(default_factory=dict)


class Covariance(_Part):
    """Covariance of the estimated numbers: `names` in order, `matrix` in the products of their units."""

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _square(self) -> Self:
        size = len(self.names)
        if len(self.matrix) != size or any(len(row) != size for row in self.matrix):
            raise ValueError(f"the matrix must be {size} x {size}, one row and column for each name")
        return self


class FittedDevice(_Part):
    """One device as estimated from measured data; what a station file names and training runs on.

    `parameters` and `std` are keyed as `DeviceModel.parameters` does, with the unit in the name (``g_max_S``); a `std`
    of None says that the number is not identified, and `verdict.not_identified` says why.
    """

    unit: Literal["S", "normalised"]
    model_name: str
    parameters: dict[str, Numbers]
    std: dict[str, UnknownNumbers] = Field(default_factory=dict)
    covariance: Covariance | None = None
    noise: Noise
    symmetry_point: FittedSymmetryPoint | None
    measured: Measured | None = None
    verdict: Verdict
    provenance: Provenance = Field(default_factory=Provenance)

    @model_validator(mode="after")
    def _parameters_fit_the_model(self) -> Self:
        try:
            self.model()
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    def model(self) -> DeviceModel:
        """The device model with these parameters, in `unit`."""
        return model_named(self.model_name).from_parameters(self.parameters, self.unit)

    def json(self) -> dict[str, Any]:  # type: ignore[override] - pydantic's own `json` is deprecated
        """The content of the file: every conductance carries the unit in its key."""
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION, **self.model_dump(mode="json")}
        content["model"] = content.pop("model_name")
        return _renamed(content, {part: _suffixed(keys, self.unit) for part, keys in _CONDUCTANCES.items()})

    def save(self, path: Path | str) -> Path:
        """Write the file (UTF-8 JSON), whole or not at all; gives the path."""
        target = Path(path)
        with written_whole(target) as passing:
            passing.write_text(json.dumps(self.json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: Path | str) -> FittedDevice:
        """Read what `save` wrote. `InputError` names the file and every key that is wrong."""
        content = _content(Path(path))
        unit = content.get("unit")
        if unit not in UNITS:
            raise InputError(f'{path}: unit = {unit!r} is not known; write "S", or "normalised" for data without one')
        plain = _renamed(content, {part: _stripped(keys, unit) for part, keys in _CONDUCTANCES.items()})
        plain["model_name"] = plain.pop("model", None)
        try:
            return cls.model_validate({k: v for k, v in plain.items() if k not in ("format", "version")})
        except ValidationError as error:
            raise InputError(all_at_once(str(path), _problems(error, unit))) from None


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a fitted device is written by `labshd fit RUN`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON (line {error.lineno}: {error.msg}); was it cut off?") from None
    except (RecursionError, ValueError) as error:  # nested without an end, or a number of thousands of digits
        raise InputError(f"{path}: not a fitted device: {error}") from None
    content = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    if content.get("format") != FORMAT:
        raise InputError(f'{path}: not a fitted device: "format" must be "{FORMAT}"')
    if content.get("version") != VERSION:
        raise InputError(f"{path}: version {content.get('version')!r} is not known; this program reads {VERSION}")
    return content


def _renamed(content: dict[str, Any], names: dict[str, dict[str, str]]) -> dict[str, Any]:
    def renamed(part: str, value: Any) -> Any:
        if part not in names or not isinstance(value, dict):
            return value
        return {names[part].get(key, key): number for key, number in cast("dict[str, Any]", value).items()}

    return {part: renamed(part, value) for part, value in content.items()}


def _suffixed(keys: tuple[str, ...], unit: str) -> dict[str, str]:
    return {key: _key(key, unit) for key in keys}


def _key(key: str, unit: str) -> str:
    return f"{key}_{unit}_per_s" if key.startswith("drift") else f"{key}_{unit}"


def _stripped(keys: tuple[str, ...], unit: str) -> dict[str, str]:
    # A key without its unit is another key, and must not pass for the right one.
    return {_key(key, unit): key for key in keys} | {key: f"{key} (without its unit)" for key in keys}


def _problems(error: ValidationError, unit: str) -> list[str]:
    return [f"{_place(problem['loc'], unit)}: {problem['msg']}" for problem in error.errors()]


def _place(location: tuple[int | str, ...], unit: str) -> str:
    if not location:
        return "model"
    part, *rest = [str(piece) for piece in location]
    if rest and rest[0] in _CONDUCTANCES.get(part, ()):
        rest[0] = _key(rest[0], unit)
    return ".".join(["model" if part == "model_name" else part, *rest])
