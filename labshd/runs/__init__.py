"""Run folders: written, opened, listed, asked, exported, imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instruments.homes import moved_names, offered

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from labshd.runs.run import Run, list_runs, open_run, runs_folder

__all__ = ["Run", "list_runs", "open_run", "runs_folder", "table"]
_HOMES = {
    "Run": "labshd.runs.run",
    "list_runs": "labshd.runs.run",
    "open_run": "labshd.runs.run",
    "runs_folder": "labshd.runs.run",
}
__getattr__ = moved_names(__name__, "labshd.runs.run", offered(__name__, _HOMES))


def table(runs: str | Path | None = None, **chosen: Any) -> pd.DataFrame:
    """All runs as a table, the newest last: ``labshd.runs.table(protocol="symmetry-point", since="7 d")``.

    `chosen` are the fields of `labshd.runs.catalogue.Filter`; columns such as ``result.std_S`` hold numbers and
    settings.
    """
    from labshd.runs import catalogue

    return catalogue.table(catalogue.Filter(**chosen), runs)
