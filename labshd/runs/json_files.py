"""JSON files of runs: written whole, read with the file named where something is wrong."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.whole_files import written_whole
from labshd.runs.files import file_bytes, unwritable


def plain(value: Any) -> Any:
    """`value` as JSON holds it: arrays as lists, NaN and infinities as null, everything unknown as its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(cast("NDArray[Any]", value).tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write the file whole or not at all: a reader sees the old text or the new one, never half of one."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write the file whole or not at all; `RunError` names it and what the system said."""
    # surrogates come from file names that are not text; they must not lose a run
    data = text.encode("utf-8", "backslashreplace")
    try:
        with written_whole(path) as passing, passing.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. `InputError` names file and problem."""
    try:
        value = json.loads(file_bytes(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}; was it edited by hand?") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: must hold one JSON object, not {type(value).__name__}")
    return cast("dict[str, Any]", value)
