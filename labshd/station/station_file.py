"""Reads a station file (TOML): all problems at once, with file, line, key, value and what to try; opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from instruments.errors import InputError
from instruments.units import WRITTEN
from labshd.common.toml_file import Problem, TomlFile
from labshd.station.checks import cross_checks
from labshd.station.schema import KINDS, StationFile


def read_station_file(path: Path) -> tuple[StationFile, TomlFile]:
    """Read and check a station file; `InputError` names every problem. Opens nothing."""
    file = TomlFile.read(path)
    kind = file.content.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        file.refuse([Problem(("kind",), kind, f"must be one of: {', '.join(map(repr, KINDS))}")])
    model = KINDS[str(kind)]
    problems: list[Problem] = []
    parsed: StationFile | None = None
    try:
        parsed = model.model_validate(file.content, context=WRITTEN)
    except ValidationError as error:
        problems += file.problems_of(model, error)
    problems += cross_checks(_valid_sections(model, file.content), path.parent)
    file.refuse(problems)
    if parsed is None:
        raise InputError(f"{path}: not a station file")
    return parsed, file


def _valid_sections(model: type[BaseModel], content: dict[str, Any]) -> dict[str, Any]:
    """The sections that are right in themselves, so that one wrong section does not hide the rest."""
    sections: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in content:
            try:
                sections[name] = TypeAdapter[Any](field.annotation or Any).validate_python(
                    content[name], context=WRITTEN
                )
            except ValidationError:
                continue
    return sections
