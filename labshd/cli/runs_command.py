"""``labshd runs``: list the recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.runs.run import Run


@click.command(short_help="List the recorded runs.")
@click.option("--protocol", metavar="NAME", help="Only runs of this protocol; wildcards such as 'pulse*'.")
@click.option("--crosspoint", metavar="NAME", help="Only runs on this crosspoint; wildcards such as 'A*'.")
@click.option("--status", metavar="STATUS", help="Only runs running, finished, failed, interrupted or damaged.")
@click.option("--campaign", metavar="ID", help="Only runs of this campaign; wildcards allowed.")
@click.option("--since", metavar="WHEN", help='Only runs begun since: "2026-11-22", "2026-11-22 14:30", "12 h", "7 d".')
@click.option("--until", metavar="WHEN", help="Only runs begun before.")
@click.option("--where", metavar="SQL", help='Only runs for which this holds: "result.std_S < 1e-7 AND pulses > 1000".')
@click.option("--show", metavar="COLUMN", multiple=True, help="Also show this column (result.std_S); may be repeated.")
@click.option("--last", "most", type=click.IntRange(min=1), help="Only the newest ones, this many.")
@click.option("--out", type=common.FILE, help="Write the table, with all columns, to a .csv or .parquet file.")
@common.runs_option
@common.as_json
def command(
    most: int | None, show: tuple[str, ...], out: Path | None, runs: Path | None, as_json: bool, **chosen: Any
) -> None:
    """List the recorded runs, the newest last.

    \b
    labshd runs --protocol symmetry-point --since "7 d" --show result.symmetry_point_S
    labshd runs --crosspoint "A*" --status finished --where "result.std_S < 1e-7"
    """
    from labshd.runs.catalogue import Filter, find_runs
    from labshd.runs.run import runs_folder

    found = find_runs(Filter(**chosen), runs)[-(most or 0) :]
    if out is not None:
        from labshd.runs.catalogue import frame
        from labshd.runs.export import write_table

        write_table(frame(found), out)
    if as_json:
        listed = [{"run": str(one.folder), **one.summary(), **_shown(one, show)} for one in found]
        common.print_json({"runs": listed, **({"table": str(out)} if out else {})})
        return
    if not found:
        given = any(value is not None for value in chosen.values())
        click.echo(f"no {'such run' if given else 'runs'} in {runs_folder(runs)}")
        return
    _print(found, show)


def _shown(run: Run, show: tuple[str, ...]) -> dict[str, Any]:
    from labshd.runs.catalogue import facts_of

    known = facts_of(run) if show else {}
    return {name: known.get(name) for name in show}


def _print(found: list[Run], show: tuple[str, ...]) -> None:
    from instruments.errors import InputError
    from labshd.common.toml_file import nearest
    from labshd.runs.catalogue import frame

    if show:
        known = [str(name) for name in frame(found)]
        for name in show:
            if name not in known:
                raise InputError(f"no run here has {name!r}{nearest(name, known)}")
    rows: list[list[Any]] = []
    for one in found:
        s = one.summary()
        rows.append([one.id, s["what"], s["crosspoint"], s["status"], s["readings"], *_shown(one, show).values()])
        rows[-1].append(s["why_stopped"])
    common.print_table(["run", "what", "crosspoint", "status", "readings", *show, "why stopped"], rows)
