"""``labshd query SQL``: query the recorded runs in SQL."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common

_SHOWN = 200  # rows; more are for a file


@click.command(short_help="Query the recorded runs in SQL.")
@click.argument("sql")
@click.option("--out", type=common.FILE, help="Write the answer to a .csv or .parquet file.")
@common.runs_option
@common.as_json
def command(sql: str, out: Path | None, runs: Path | None, as_json: bool) -> None:
    """Ask the recorded runs in SQL (that of DuckDB).

    The table "runs" has a row for every run, with settings and results as columns such as result.std_S; the table
    "points" has a row for every reading of every run.

    \b
    labshd query "SELECT crosspoint, avg(result.symmetry_point_S) FROM runs GROUP BY crosspoint"
    labshd query "SELECT run, count(*), max(conductance_S) FROM points GROUP BY run" --out ranges.csv
    """
    from labshd.runs.catalogue import query
    from labshd.runs.export import write_table

    answer = query(sql, runs)
    if out is not None:
        write_table(answer, out)
        if not as_json:
            click.echo(f"{len(answer)} rows in {out}")
            return
    rows = [list(row) for row in answer.itertuples(index=False, name=None)]
    columns = [str(name) for name in answer.columns]
    if as_json:
        common.print_json({"columns": columns, "rows": rows})
        return
    common.print_table(columns, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        click.echo(f"... and {len(rows) - _SHOWN} rows more; --out FILE.csv keeps all")
