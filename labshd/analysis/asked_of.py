"""What an analysis of a run is asked for: its points, crosspoints, protocol and settings, each checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ValidationError

from instruments.errors import InputError, all_at_once
from labshd.common.toml_file import nearest

if TYPE_CHECKING:
    from labshd.runs.run import Run
    from protocols.common.protocol import Protocol, Series


class Asked(BaseModel):
    """What `labshd.analysis.as_protocol.analyse` was asked for, as it is kept beside its result."""

    protocol: str
    settings: dict[str, Any] = {}
    cycles: str | None = None
    crosspoint: tuple[int, int] | None = None
    array: str = ""


def series_to_analyse(run: Run, array: str) -> Series:
    """The points of a run, or of an array of a training; `InputError` where there are none."""
    if array not in run.arrays:
        known = ", ".join(repr(name) for name in run.arrays) or "none"
        raise InputError(f"{run.folder} has no readings of an array {array!r}; it has: {known} (--array)")
    series = run.series(array)
    if not len(series):
        raise InputError(f"{run.folder}: nothing was measured, so there is nothing to analyse")
    return series


def cells_of(run: Run, shape: tuple[int, int], said: str | tuple[int, int] | None) -> list[tuple[int, int]]:
    """(row, column) of the crosspoints that are meant: one by its name or its place, or all of the block."""
    rows, columns = shape
    every = [(row, column) for row in range(rows) for column in range(columns)]
    if said is None:
        return every
    names = _names(run, shape)
    if isinstance(said, str) and said in names:
        return [every[names.index(said)]]
    place = _place(said) if isinstance(said, str) else said
    if place not in every:
        known = f", or a name: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else ""
        raise InputError(
            f"{run.folder} has no crosspoint {said!r}; give row and column from 0 in its block of {rows} x {columns}, "
            f'such as "0,0"{known}{nearest(said, names) if isinstance(said, str) and names else ""}'
        )
    return [place]


def _place(said: str) -> tuple[int, int] | None:
    parts = said.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _names(run: Run, shape: tuple[int, int]) -> list[str]:
    """Names of the crosspoints row by row, as far as the run tells them for sure; none of a block that was not pulsed.

    Those that were pulsed, in the order of the station, if each then has the pulses that are counted at its place.
    """
    if shape == (1, 1):
        return [run.crosspoint]
    fired: Mapping[str, Any] = run.info.get("pulses_fired") or {}
    counted = np.asarray(run.info.get("pulses_per_crosspoint") or [], dtype=object).ravel().tolist()
    station: Mapping[str, Any] = run.info.get("station") or {}
    resolved: Mapping[str, Any] = station.get("resolved") or {}
    known: Mapping[str, Any] = resolved.get("crosspoints") or {}
    names = [name for name in known if name in fired]
    whole = len(names) == len(fired) == shape[0] * shape[1]
    return names if whole and [fired[name] for name in names] == counted else []


def own_protocol(run: Run, kind: type[Protocol], array: str = "") -> Protocol | None:
    """The protocol with the settings that the run had; None where the run is of another, or imported."""
    if array or run.kind != "protocol" or run.name != kind.name:
        return None
    try:
        return kind.model_validate(run.info.get("settings", {}))
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise InputError(all_at_once(f"{run.folder}: the settings of the run do not fit {kind.name}", told)) from None


def settled(kind: type[Protocol], given: Mapping[str, Any], own: Protocol | None) -> Protocol:
    """The protocol with the settings `given` for its analysis; `InputError` names all that are wrong."""
    problems = [_why_no_setting(kind, name) for name in given]
    problems = [problem for problem in problems if problem]
    if problems:
        raise InputError(all_at_once(f"settings of {kind.name}", problems))
    before = {} if own is None else own.model_dump(mode="json")
    try:
        return kind.model_validate({**before, **given})
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, one['loc']))} {one['input']}: {str(one['msg']).removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise InputError(all_at_once(f"settings of {kind.name}", told)) from None


def _why_no_setting(kind: type[Protocol], name: str) -> str:
    looked_at = kind.of_analysis
    known = list(kind.model_fields) if looked_at is None else list(looked_at)
    if name in known:
        return ""
    its = f"the analysis uses {', '.join(known)}" if known else "the analysis has no settings"
    if name in kind.model_fields:
        return f"{name} is a setting of the measurement, which is over; {its}"
    return f"there is no setting {name}; {its}{nearest(name, known)}"
