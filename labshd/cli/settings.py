"""Settings of a pydantic model as flags of the command line, and back."""

from __future__ import annotations

from typing import Any, TypeVar, get_args

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from instruments.errors import InputError, all_at_once
from instruments.units import text

Model = TypeVar("Model", bound=BaseModel)


def options_of(model: type[BaseModel]) -> list[click.Option]:
    """One flag a field: ``--read-voltage`` for ``read_voltage``; help, unit and default from the field."""
    return [_option(name, field) for name, field in model.model_fields.items()]


def settings_from(model: type[Model], given: dict[str, Any]) -> Model:
    """The model from the flags that were given; `InputError` names every flag that is wrong."""
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems = [_problem(dict(one)) for one in error.errors(include_url=False)]
        raise InputError(all_at_once("settings", problems)) from None


def _option(name: str, field: FieldInfo) -> click.Option:
    flag = "--" + name.replace("_", "-")
    help_text = (field.description or name.replace("_", " ")) + _default(field)
    if field.annotation is bool:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=help_text)
    return click.Option([flag, name], default=None, help=help_text, metavar=_metavar(field))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "  [required]"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return ""
    unit = _unit(field)
    return f"  [default: {text(default, unit) if unit else default}]"


def _metavar(field: FieldInfo) -> str:
    unit = _unit(field)
    if unit:
        return f"QUANTITY[{unit}]"
    return {int: "N", float: "X"}.get(field.annotation, "TEXT") if isinstance(field.annotation, type) else "TEXT"


def _unit(field: FieldInfo) -> str | None:
    """The SI unit of a quantity field (`instruments.units`), optional or not; None of any other."""
    within = [mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())]
    marks = [mark for mark in [*field.metadata, *within] if isinstance(mark, str) and mark.startswith("unit:")]
    return marks[0].removeprefix("unit:") if marks else None


def _problem(error: dict[str, Any]) -> str:
    flag = "--" + ".".join(str(part) for part in error["loc"]).replace("_", "-")
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{flag} is missing; it has no default"
    return f"{flag} {error['input']}: {message}"
