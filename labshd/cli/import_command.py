"""``labshd import FILE...``: turn data measured elsewhere into a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labshd.cli import common

if TYPE_CHECKING:
    from labshd.runs.run import Run

_SEVERAL = click.Choice(["cycles", "devices"])


@click.command(short_help="Import data measured elsewhere as a run.")
@click.argument("files", type=common.FILE, nargs=-1)
@click.option(
    "--layout",
    type=click.Choice(["trace", "table", "columns", "ramps"]),
    help="trace: CSV with columns pulses (signed count since the last reading) and conductance_S; "
    "table: any other table, its columns recognised by their headers or named with --column; "
    "columns: conductance after each UP pulse, then after each DOWN pulse, without header, normalised; "
    "ramps: --up FILE --down FILE, each column one ramp, in time order up 1, down 1, up 2, ...  "
    "[default: trace where its columns are there, else table]",
)
@click.option("--dry-run", is_flag=True, help="table: show how the file is understood, without writing anything.")
@click.option("--mapping", type=common.FILE, help="table: a TOML file that sets the options below.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=HEADER",
    help="table: which column holds what, given by its header or number (#2). Roles: time, current, voltage (at which "
    "it was read), conductance, resistance, up, down (readings after each up or down pulse), pulses (signed count "
    "since the last reading), pulse_number, pulse_sign, pulse_voltage, pulse_width, cycle, device, wordline, bitline. "
    "May be given repeatedly.",
)
@click.option(
    "--unit",
    "units",
    multiple=True,
    metavar="ROLE=UNIT",
    help="table: unit of a column whose header has none. May be given repeatedly.",
)
@click.option("--pulse-width", help='table: width of the pulses, such as "500 ns", where no column gives it.')
@click.option(
    "--pulses-are",
    type=click.Choice(["up", "down", "none"]),
    help="table: direction of the pulses, where no column gives it; none: readings at rest.",
)
@click.option("--columns-are", type=_SEVERAL, help="table: what several columns of readings stand for.")
@click.option("--sheets-are", type=_SEVERAL, help="table: what several sheets of a workbook stand for.")
@click.option(
    "--sheet",
    multiple=True,
    help="table: which sheet of a workbook, or record of an EasyEXPERT file, to import. May be given repeatedly.",
)
@click.option(
    "--delimiter",
    type=click.Choice(["comma", "semicolon", "tab", "blank", "bar", "none"]),
    help="table: what separates the cells.",
)
@click.option("--decimal", type=click.Choice(["point", "comma"]), help="table: the decimal sign.")
@click.option("--header-line", type=click.IntRange(0), help="table: number of the header line; 0 if there is none.")
@click.option("--comment", help="table: what comment lines begin with  [default: #, %, ! or //].")
@click.option(
    "--one-device", is_flag=True, help="table: readings that jump back and forth between two levels are of one device."
)
@click.option("--up", type=common.FILE, help="ramps: file with the up ramps.")
@click.option("--down", type=common.FILE, help="ramps: file with the down ramps.")
@click.option(
    "--quantity", type=click.Choice(["current", "conductance"]), help="ramps: which quantity the files contain."
)
@click.option(
    "--read-voltage", help='Read voltage: "100 mV", or a number in volts; conductance = current / read voltage.'
)
@common.runs_option
@common.as_json
def command(files: tuple[Path, ...], layout: str | None, runs: Path | None, as_json: bool, **said: Any) -> None:
    """Make a run of measured data.

    \b
    labshd import trace.csv
    labshd import export.csv --dry-run
    labshd import export.csv --column conductance="G (uS)" --column pulse_sign=Polarity
    labshd import sweep.xlsx --mapping our_setup.toml
    labshd import gong_et_al.csv --layout columns
    labshd import --layout ramps --up set.csv --down reset.csv --quantity current --read-voltage "100 mV"
    """
    said["read_voltage"] = _quantity(said["read_voltage"], "--read-voltage", "V")
    said["pulse_width"] = _quantity(said["pulse_width"], "--pulse-width", "s")
    ramps = {key: said.pop(key) for key in ("up", "down", "quantity")}
    dry_run = said.pop("dry_run")
    of_tables = {key: value for key, value in said.items() if key != "read_voltage" and _is_said(value)}
    chosen = layout or _layout(files, ramps, of_tables or dry_run)
    if chosen == "table":
        _table(files, ramps, said, runs, dry_run=dry_run, as_json=as_json)
        return
    _refuse_options(chosen, of_tables, dry_run)
    from labshd.runs.importing import import_files

    run = import_files(list(files), layout=chosen, read_voltage=said["read_voltage"], runs=runs, **ramps)
    _tell([run], chosen, {}, as_json=as_json)


def _is_said(value: Any) -> bool:
    return value is not None and value is not False and value != ()


def _layout(files: tuple[Path, ...], ramps: dict[str, Any], of_tables: Any) -> str:
    """The layout where none is given: what has the columns of a trace is one."""
    from labshd.runs.importing import is_trace

    plain = len(files) == 1 and not any(ramps.values())
    return "table" if of_tables or (plain and not is_trace(files[0])) else "trace"


def _refuse_options(layout: str, of_tables: dict[str, Any], dry_run: bool) -> None:
    from instruments.errors import InputError

    names = {"columns": "column", "units": "unit"}
    given = [f"--{names.get(key, key).replace('_', '-')}" for key in of_tables] + ["--dry-run"] * dry_run
    if given:
        raise InputError(f"{', '.join(given)}: only for layout table, not for {layout}; leave --layout out")


def _table(
    files: tuple[Path, ...],
    ramps: dict[str, Any],
    said: dict[str, Any],
    runs: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    from instruments.errors import InputError
    from labshd.runs.importing import understand_table, write_table

    if len(files) != 1 or any(ramps.values()):
        raise InputError(
            f"layout table takes one file, not {len(files)}, and neither --up, --down nor --quantity: those belong to "
            'layout ramps; here columns are named, such as --column up="Potentiation (uS)"'
        )
    mapping = said.pop("mapping")
    said["columns"] = _pairs(said["columns"], "--column", 'conductance="G (uS)"')
    said["units"] = {role: listed[-1] for role, listed in _pairs(said["units"], "--unit", "current=uA").items()}
    said["sheet"] = list(said["sheet"])
    understood = understand_table(files[0], mapping, **said)
    facts = dict(understood.facts())
    if not as_json:
        click.echo(f"{files[0]}, as it is understood:")
        common.print_facts(understood.facts())
    if not dry_run:
        _tell(write_table(understood, runs=runs), "table", facts, as_json=as_json)
    elif as_json:
        common.print_json({"run": None, "layout": "table", "understood": facts})
    else:
        click.echo("nothing was written (--dry-run)")


def _pairs(given: tuple[str, ...], option: str, example: str) -> dict[str, list[str]]:
    """ROLE=TEXT of an option that may be repeated."""
    from instruments.errors import InputError

    found: dict[str, list[str]] = {}
    for one in given:
        role, sign, what = one.partition("=")
        if not sign or not what.strip():
            raise InputError(f"{option} {one}: write ROLE=TEXT, such as {option} {example}")
        found.setdefault(role.strip().replace("-", "_"), []).append(what.strip())
    return found


def _tell(made: list[Run], layout: str, facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        keys = ("status", "pulses", "readings", "unit", "result")
        first = {"run": str(made[0].folder), "layout": layout, **{key: made[0].info.get(key) for key in keys}}
        more = {"runs": [str(run.folder) for run in made], "understood": facts} if layout == "table" else {}
        common.print_json(first | more)
        return
    for run in made:
        devices = run.shape[0] * run.shape[1]
        of = f" of each of {devices} devices" if devices > 1 else ""
        click.echo(f"{run.info['readings']} readings{of} kept in {run.folder}")
        if missing := (run.result or {}).get("missing_readings"):
            click.echo(f"{missing} of them are missing in the file; they are kept as such")
    if made[0].info["unit"] != "S":
        click.echo("conductance is in normalised units: no number of this run is in siemens")
    pulsed = any(run.info["pulses"] for run in made)
    click.echo(f"next:  labshd {'fit last' if pulsed else 'analyse last --as read-noise'}   |   labshd report last")


def _quantity(given: str | None, option: str, unit: str) -> float | None:
    """A quantity in a unit; a plain voltage is volts, as the option says."""
    from instruments.errors import InputError
    from instruments.units import quantity

    if given is None:
        return None
    try:
        if unit == "V":
            return float(given)
    except ValueError:
        pass
    try:
        return quantity(given, unit)
    except ValueError as error:
        raise InputError(f"{option} {error}") from None
