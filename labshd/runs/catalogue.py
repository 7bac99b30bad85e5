"""The catalogue: all recorded runs as one table that can be filtered and queried in SQL.

Nothing is kept beside the folders, so that nothing can be out of step with them. Columns of the table: what is known of
every run, then every setting (``settings.pulses``, ``settings.interval_s``) and every number and sentence of its result
(``result.std_S``), with units in the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from instruments.errors import InputError
from instruments.units import quantity
from labshd.common.provenance import now
from labshd.common.toml_file import nearest
from labshd.runs.run import Run, list_runs

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("running", "finished", "failed", "interrupted", "damaged")
_QUANTITY = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)? ?(?:[a-zA-Zµμ]?)(V|A|s|S|ohm|Hz|W)")


@dataclass(frozen=True)
class Filter:
    """Which runs are meant; what is not given lets all pass. Names may have wildcards, such as ``A*``.

    `since` and `until` are dates ("2026-11-22", "2026-11-22 14:30", in local time where no offset stands), or how long
    ago ("12 h", "7 d"). `where` is a condition in SQL on the columns of the table, such as ``result.std_S < 1e-7``.
    """

    protocol: str | None = None
    crosspoint: str | None = None
    status: str | None = None
    campaign: str | None = None
    since: str | None = None
    until: str | None = None
    where: str | None = None

    def passes(self, run: Run) -> bool:
        """Whether a run is meant, as far as can be told without its numbers (`where`)."""
        started = str(run.info.get("started") or "")
        return (
            _fits(run.name, self.protocol)
            and _fits(run.crosspoint, self.crosspoint)
            and _fits(str(_part(run, "campaign").get("id", "")), self.campaign)
            and (self.status is None or run.status == self.status)
            and (self.since is None or (started != "" and datetime.fromisoformat(started) >= moment(self.since)))
            and (self.until is None or (started != "" and datetime.fromisoformat(started) <= moment(self.until)))
        )

    def check(self) -> None:
        """`InputError` for a status that does not exist, or a time that is none."""
        if self.status is not None and self.status not in STATUSES:
            raise InputError(f"no run has the status {self.status!r}{nearest(self.status, STATUSES)}")
        for at in (self.since, self.until):
            if at is not None:
                moment(at)


def _fits(name: str, pattern: str | None) -> bool:
    return pattern is None or name == pattern or fnmatchcase(name, pattern)


@lru_cache(maxsize=64)
def moment(said: str) -> datetime:
    """The time that is meant: a date, a date with a time, or how long ago. `InputError` where it is none of these."""
    try:
        return datetime.fromisoformat(said).astimezone()
    except ValueError:
        pass
    try:
        return now() - timedelta(seconds=quantity(said, "s"))
    except (ValueError, OverflowError):
        raise InputError(
            f'{said!r} is no time; write a date such as "2026-11-22" or "2026-11-22 14:30", or how long ago, such as '
            '"12 h" or "7 d"'
        ) from None


def find_runs(chosen: Filter | None = None, runs: str | Path | None = None) -> list[Run]:
    """The runs that pass, the newest last."""
    chosen = chosen or Filter()
    chosen.check()
    found = [run for run in list_runs(runs) if chosen.passes(run)]
    if not chosen.where or not found:
        return found
    from labshd.runs.query import ids_where

    kept = ids_where(frame(found, by="crosspoint"), chosen.where)
    return [run for run in found if run.id in kept]


def table(chosen: Filter | None = None, runs: str | Path | None = None, *, by: str = "run") -> pd.DataFrame:
    """The runs that pass as a table, the newest last: one row a run, or (``by="crosspoint"``) a crosspoint of a run."""
    return frame(find_runs(chosen, runs), by=by)


def frame(found: Iterable[Run], *, by: str = "run") -> pd.DataFrame:
    """Runs as a table; see `table`."""
    import pandas as pd

    if by not in ("run", "crosspoint"):
        raise InputError(f'a row is a "run" or a "crosspoint", not {by!r}')
    rows = [row for run in found for row in _rows(run, by)]
    first = list(dict.fromkeys(name for row in rows for name in row if "." not in name)) or list(_FACTS)
    more = sorted({name for row in rows for name in row if "." in name})
    made = pd.DataFrame.from_records(rows, columns=[*first, *more])
    for name in ("started", "ended"):
        made[name] = pd.to_datetime(made[name], utc=True, format="ISO8601", errors="coerce")
    return made


def facts_of(run: Run) -> dict[str, Any]:
    """The row of one run in the table."""
    return next(_rows(run, "run"))


_FACTS = (
    "id", "kind", "name", "crosspoint", "unit", "status", "why_stopped", "started", "ended", "readings", "pulses",
    "origin", "station", "user", "campaign", "folder",
)  # fmt: skip


def _part(run: Run, key: str) -> dict[str, Any]:
    value = run.info.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _rows(run: Run, by: str) -> Iterator[dict[str, Any]]:
    info = run.info
    values: tuple[Any, ...] = (
        run.id, run.kind, run.name, run.crosspoint, run.unit, run.status, run.why_stopped,
        info.get("started"), info.get("ended"), info.get("readings"), info.get("pulses"),
        _part(run, "origin").get("kind"), _part(run, "station").get("file") or None,
        _part(run, "who").get("user"), _part(run, "campaign").get("id"), str(run.folder),
    )  # fmt: skip
    facts: dict[str, Any] = dict(zip(_FACTS, values, strict=True))
    if not info.get("format"):
        facts["started"] = facts["ended"] = None  # a damaged run
    facts |= _flat("settings", _part(run, "settings")) | _flat("campaign", _part(run, "campaign"))
    result = _part(run, "result")
    each: list[dict[str, Any]] = result.get("crosspoints") or []
    if by == "run" or not each:
        yield facts | _flat("result", result)
        return
    for one in each:
        yield facts | {"row": one.get("row"), "column": one.get("column")} | _flat("result", one)


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, truths and texts of nested objects under dotted names; lists are left out."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            flat |= _flat(name, cast("Mapping[str, Any]", value))
        elif isinstance(value, str) and prefix == "settings":
            number, unit = _number(value)
            flat[f"{name}_{unit}" if unit else name] = number
        elif isinstance(value, str | bool | int | float):
            flat[name] = value
    return flat


@lru_cache(maxsize=4096)
def _number(said: str) -> tuple[float | str, str]:
    """A setting as a number in its SI unit, such as (0.1, "V") of "100 mV"; of any other text the text itself."""
    fits = _QUANTITY.fullmatch(said)
    try:
        return (quantity(said, fits[1]), fits[1]) if fits else (said, "")
    except ValueError:
        return said, ""


def query(sql: str, runs: str | Path | None = None, chosen: Filter | None = None) -> pd.DataFrame:
    """Ask the run folders in SQL (DuckDB).

    Tables are ``runs`` (as `table` gives it; names with a dot need no quotes) and ``points``: every row of every
    points.csv, with `run` (the id) and `array` (of a training) before it. Raises `InputError` for what is refused.
    """
    from labshd.runs.query import asked

    found = find_runs(chosen, runs)
    return asked(sql, frame(found), found)
