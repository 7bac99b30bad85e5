"""What a run.json may hold: checked when a run is opened, since it may come from anybody.

What is wrong is told by name; text loses the control characters that would steer a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from instruments.errors import InputError, all_at_once

_TEXTS: Final = (
    "id",
    "kind",
    "protocol",
    "layout",
    "task",
    "crosspoint",
    "unit",
    "status",
    "why_stopped",
    "started",
    "ended",
)
_COUNTS: Final = ("readings", "pulses", "order")
_OBJECTS: Final = (
    "result", "settings", "origin", "process", "campaign", "station", "who", "versions", "pulses_fired",
    "pulses_uncertain", "pulses_half_selected", "instruments", "source",
)  # fmt: skip
_WHOLE: Final = ("text", "source")  # files that are kept whole
_MOST: Final = 100_000  # crosspoints of a block
_DEEPEST: Final = 40  # objects within each other


def checked(info: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The contents of a run.json, its texts printable; `InputError` names `path` and all that is of the wrong kind."""
    wrong = [
        *(f"{key} is {_shown(info[key])}, a text is needed" for key in _TEXTS if not _is(info.get(key), str)),
        *(f"{key} is {_shown(info[key])}, a number is needed" for key in _COUNTS if not _is_count(info.get(key))),
        *(f"{key} is {_shown(info[key])}, an object is needed" for key in _OBJECTS if not _is(info.get(key), Mapping)),
    ]
    if not _is_shape(info.get("shape")):
        wrong.append(f"shape is {_shown(info['shape'])}, rows and columns are needed")
    result = info.get("result")
    if isinstance(result, Mapping) and not _is_rows(cast("Mapping[str, object]", result).get("crosspoints", [])):
        wrong.append("result.crosspoints are no list of objects")
    if info.get("ended") and any(not isinstance(info.get(key), int) for key in ("readings", "pulses")):
        wrong.append("readings or pulses are missing, of a run that has ended")
    if not _are_texts(info.get("versions")):
        wrong.append("versions are no texts")
    if _depth(info) > _DEEPEST:
        wrong.append(f"objects lie deeper than {_DEEPEST} within each other")
    if wrong:
        raise InputError(all_at_once(f"{path} is damaged", wrong))
    return cast("dict[str, Any]", printable(info))


def printable(value: Any) -> Any:
    """`value` with texts that no terminal takes for a command: control, format and bidirectional characters replaced.

    Files that are kept whole (`text` of a station, `source` of a protocol) keep their lines, as they are only shown
    where nothing is steered.
    """
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_harmless, value))
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(printable(str(k))): v if k in _WHOLE else printable(v) for k, v in items}
    if isinstance(value, list):
        return [printable(inner) for inner in cast("list[Any]", value)]
    return value


def _harmless(one: str) -> str:
    """A character, a blank in place of one that ends a line, a mark in place of one that steers."""
    if one in "\t\n\r\u2028\u2029":
        return " "
    return "\ufffd" if unicodedata.category(one) in ("Cc", "Cf", "Cs") else one


def _is(value: object, kind: type) -> bool:
    return value is None or isinstance(value, kind)


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**63)


def _is_shape(value: object) -> bool:
    if value is None:
        return True
    sides = cast("list[Any]", value) if isinstance(value, list) else []
    whole = [one for one in sides if isinstance(one, int) and not isinstance(one, bool) and one > 0]
    return len(sides) == len(whole) == 2 and whole[0] * whole[1] <= _MOST


def _are_texts(value: object) -> bool:
    texts = cast("Mapping[str, object]", value).values() if isinstance(value, Mapping) else ()
    return all(isinstance(one, str) or one is None for one in texts)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in cast("list[Any]", value))


def _depth(value: object) -> int:
    """How deep objects and lists lie within each other, counted no further than needed."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        inner: list[object] = []
        for one in level:
            if isinstance(one, Mapping):
                inner.extend(cast("Mapping[str, object]", one).values())
            elif isinstance(one, list):
                inner.extend(cast("list[object]", one))
        level = inner
    return depth


def _shown(value: object) -> str:
    return f"{value!r:.40}"
