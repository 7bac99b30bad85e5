"""Reads TOML files: all problems at once, each with file, line, key, value, rule and what to try."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from instruments.errors import InputError, all_at_once
from instruments.whole_files import read_text

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong with the value at `key`: `rule` says what holds and what to try."""

    key: Key
    value: object
    rule: str


@dataclass(frozen=True)
class TomlFile:
    """A parsed file that remembers its text, so that a problem can name the line."""

    path: Path
    text: str
    content: dict[str, Any]

    @staticmethod
    def read(path: Path) -> TomlFile:
        """Parse `path`; `InputError` when it cannot be read or is not TOML."""
        try:
            text = read_text(path, "utf-8-sig")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file{_nearest_file(path)}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as text ({error})") from None
        return TomlFile.of(path, text)

    @staticmethod
    def of(path: Path, text: str) -> TomlFile:
        """Parse `text`, which `path` holds or held; `InputError` when it is not TOML."""
        try:
            return TomlFile(path, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f'{path}: not valid TOML: {error}; text values need quotes, such as "500 ns"') from None
        except (RecursionError, ValueError) as error:  # nested without an end, or a number of thousands of digits
            raise InputError(f"{path}: not a file that anybody wrote: {error}") from None

    def problems_of(self, model: type[BaseModel], error: ValidationError) -> list[Problem]:
        """What pydantic found, in words for the person who wrote the file."""
        return [_problem(model, dict(one)) for one in error.errors(include_url=False)]

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise `InputError` that lists `problems`, or return when there is none."""
        listed = [self._sentence(problem) for problem in problems]
        if listed:
            raise InputError(all_at_once(str(self.path), listed))

    def _sentence(self, problem: Problem) -> str:
        line = self._line(problem.key)
        where = f"line {line}, " if line else ""
        key = _shown_key(problem.key) or "the file"
        value = "" if problem.value is None else f" = {_short(problem.value)}"
        return f"{where}{key}{value}: {problem.rule}"

    def _line(self, key: Key) -> int | None:
        """Line of the key, or of the nearest table or key that holds it."""
        lines = _lines_of_keys(self.text)
        for length in range(len(key), 0, -1):
            found = lines.get(tuple(str(part) for part in key[:length]))
            if found:
                return found
        return None


def _lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """Line numbers, from 1, of the tables and keys that begin a line."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counted: dict[tuple[str, ...], int] = {}  # entries so far of an array of tables, such as [[step]]
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line)
        entry = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if header:
            name = _parts(header[2])
            if header[1] == "[[":
                counted[name] = counted.get(name, -1) + 1
                table = (*name, str(counted[name]))
            else:
                table = _within_arrays(name, counted)
            lines.setdefault(table, number)
        elif entry:
            lines.setdefault((*table, *_parts(entry[1])), number)
    return lines


def _within_arrays(name: tuple[str, ...], counted: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The table [step.settings] belongs to the last [[step]]."""
    for length in range(len(name) - 1, 0, -1):
        if name[:length] in counted:
            return (*name[:length], str(counted[name[:length]]), *name[length:])
    return name


def _shown_key(key: Key) -> str:
    """``step[2].settings.pulses``: entries of arrays are counted from 1, as a person does."""
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _problem(model: type[BaseModel], error: dict[str, Any]) -> Problem:
    key: Key = tuple(error["loc"])
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return Problem(key, error["input"], f"unknown key{nearest(str(key[-1]), _siblings(model, key))}")
    if kind == "missing":
        return Problem(key, None, "is missing; it has no default" + _description(model, key))
    message = str(error["msg"]).removeprefix("Value error, ")
    return Problem(key, error["input"], message[:1].lower() + message[1:] if kind != "value_error" else message)


def _siblings(model: type[BaseModel], key: Key) -> list[str]:
    """Names of the fields beside `key`."""
    at = _model_at(model, key[:-1])
    return list(at.model_fields) if at else []


def _description(model: type[BaseModel], key: Key) -> str:
    at = _model_at(model, key[:-1])
    field = at.model_fields.get(str(key[-1])) if at else None
    return f" ({field.description})" if field and field.description else ""


def _model_at(model: type[BaseModel], key: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that a table is checked against; None where there is none, as under a free name."""
    at: type[BaseModel] | None = model
    free_name = False
    for part in key:
        if isinstance(part, int):
            continue  # an entry of a list: the model is that of the list
        if free_name:
            free_name = False
            continue
        field = at.model_fields.get(str(part)) if at else None
        if field is None:
            return None
        at = _inner_model(field.annotation)
        free_name = "dict" in str(field.annotation)
    return at


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner_model(argument)
        if found:
            return found
    return None


def nearest(word: str, known: Iterable[str]) -> str:
    """An ending for an error: the nearest known word, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(names)}" if names else ""


def _nearest_file(path: Path) -> str:
    folder = path.parent
    names = [other.name for other in folder.glob("*.toml")] if folder.is_dir() else []
    return nearest(path.name, names) if names else ""


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
