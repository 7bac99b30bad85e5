"""What a person says of a table: which column is what, in which unit; by flags or in a small TOML file."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from instruments.errors import InputError
from instruments.units import WRITTEN, Seconds, Volts
from labshd.common.toml_file import TomlFile, nearest
from labshd.runs.tables.units_of_columns import EXAMPLES, NORMALISED, unit_of

Role: TypeAlias = str
"""What a column is: one of `ROLES`."""

ROLES = (
    "time", "current", "voltage", "conductance", "resistance", "up", "down",
    "pulses", "pulse_number", "pulse_sign", "pulse_voltage", "pulse_width", "cycle", "device", "wordline", "bitline",
)  # fmt: skip
"""What a column may be."""


def _role(name: str) -> str:
    if name not in ROLES:
        raise ValueError(f"no such role{nearest(name, ROLES)}")
    return name


_KnownRole: TypeAlias = Annotated[Role, AfterValidator(_role)]
SI_OF: dict[Role, tuple[str, ...]] = {
    "time": ("s",),
    "current": ("A",),
    "voltage": ("V",),
    "conductance": ("S", NORMALISED),
    "resistance": ("ohm",),
    "up": ("S", NORMALISED, "A", "ohm"),
    "down": ("S", NORMALISED, "A", "ohm"),
    "pulse_voltage": ("V",),
    "pulse_width": ("s",),
}
"""SI unit of what has a unit; `up` and `down` hold whatever their unit says."""

Delimiter = Literal["comma", "semicolon", "tab", "blank", "bar", "none"]
Several = Literal["cycles", "devices"]


class Mapping(BaseModel):
    """Which column is what, in which unit, and how the file is written; what is not said is recognised or asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[_KnownRole, list[str]] = Field({}, description='which column is what: conductance = "G (uS)"')
    units: dict[_KnownRole, str] = Field({}, description='units that no header tells: current = "uA"')
    read_voltage: Volts | None = Field(None, description='read voltage where no column tells it: "100 mV"')
    pulse_width: Seconds | None = Field(None, description='pulse width where no column tells it: "500 ns"')
    pulses_are: Literal["up", "down", "none"] | None = Field(
        None, description="direction of the pulses, where no column gives it"
    )
    columns_are: Several | None = Field(None, description="what several columns of readings stand for")
    sheets_are: Several | None = Field(None, description="what several sheets stand for")
    sheet: list[str] = Field([], description="names of the sheets to take; all where none is named")
    delimiter: Delimiter | None = Field(None, description="what separates the cells")
    decimal: Literal["point", "comma"] | None = Field(None, description="the decimal sign")
    header_line: int | None = Field(None, ge=0, description="number of the header line, from 1; 0 if there is none")
    comment: str | None = Field(None, min_length=1, description="what comment lines begin with")
    one_device: bool = Field(False, description="readings that jump between two levels are of one device")

    @field_validator("columns", mode="before")
    @classmethod
    def _lists(cls, given: Any) -> Any:
        if not isinstance(given, AnyMapping):
            return given
        said = cast("AnyMapping[Any, Any]", given)
        return {role: _list(what) for role, what in said.items()}

    @field_validator("sheet", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return _list(given)

    @field_validator("units")
    @classmethod
    def _known_units(cls, given: dict[Role, str]) -> dict[Role, str]:
        for role, text in given.items():
            wanted = SI_OF.get(role, ())
            found = unit_of(text)
            if found is None or found.si not in wanted:
                example = f'give one such as "{EXAMPLES[wanted[0]]}"' if wanted else "it has no unit"
                raise ValueError(f"{role} = {text!r} is not a unit of {role}; {example}")
        return given


def _list(given: Any) -> list[Any]:
    return [*cast("list[Any]", given)] if isinstance(given, list | tuple) else [given]


def read_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file; `InputError` names every wrong key with its line."""
    toml = TomlFile.read(path)
    try:
        return Mapping.model_validate(toml.content, context=WRITTEN)
    except ValidationError as error:
        toml.refuse(toml.problems_of(Mapping, error))
        raise InputError(f"{path}: not a mapping of columns") from None


def is_said(value: object) -> bool:
    """Whether an option was given; 0 is (no header line, no voltage)."""
    return bool(value) or (isinstance(value, int | float) and value is not False)


def mapping_of(said: AnyMapping[str, Any], file: Path | None = None) -> Mapping:
    """The mapping in `file`, with what was `said` beside it (flags, arguments) in its place; `InputError` if wrong."""
    base = read_mapping(file).model_dump() if file else {}
    given = {key: value for key, value in said.items() if is_said(value)}
    for key in ("columns", "units"):
        given[key] = {**base.get(key, {}), **given.get(key, {})}
    for key in ("columns", "units"):
        for role in given[key]:
            if role not in ROLES:
                raise InputError(f"--{key.removesuffix('s')} {role}=...: no such role{nearest(str(role), ROLES)}")
    volts, width = given.pop("read_voltage", None), given.pop("pulse_width", None)
    numbers = {"read_voltage": volts, "pulse_width": width}
    given |= {key: float(value) for key, value in numbers.items() if value is not None}
    try:
        return Mapping.model_validate(_si_floats(base) | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None


def _si_floats(base: dict[str, Any]) -> dict[str, Any]:
    """What `model_dump` gave, with quantities as floats again (it writes them as text with a unit)."""
    from instruments.units import quantity

    units = {"read_voltage": "V", "pulse_width": "s"}
    return {
        key: quantity(value, units[key]) if key in units and isinstance(value, str) else value
        for key, value in base.items()
    }
