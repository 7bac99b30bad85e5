"""What the subcommands share: options, JSON on stdout, facts and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
runs_option = click.option(
    "--runs", type=FOLDER, help="Where runs are kept  [default: $LABSHD_RUNS, else data/runs in the current folder]."
)
station_option = click.option("--station", type=FILE, help="The station file (TOML).")
rehearse_option = click.option("--rehearse", is_flag=True, help="Virtual instruments in place of the real ones.")


def print_json(content: Mapping[str, Any]) -> None:
    """One JSON object on stdout. What is no number in JSON (NaN, infinity) becomes null."""
    click.echo(json.dumps(plain(content), ensure_ascii=False))


def plain(value: Any) -> Any:
    """JSON's own types: numpy numbers and arrays, paths and tuples converted, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Lines of name and value, aligned."""
    pairs = list(facts)
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"  {name:<{width}}  {value}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table, as wide as the terminal; in a pipe no cell is cut."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(Text(name)) for name in columns), box=None, pad_edge=False)
    widths = [len(name) for name in columns]
    for row in rows:
        cells = [_cell(value) for value in row]
        widths = [max(width, len(cell)) for width, cell in zip(widths, cells, strict=True)]
        table.add_row(*(Text(cell) for cell in cells))
    console = Console()
    if not console.is_terminal:
        console.width = sum(widths) + 2 * len(widths)
    console.print(table)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
