"""The report of a run: result, how it ended, figures, settings and provenance on one page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from instruments.errors import InputError
from instruments.value_text import count_text
from labshd.common import numbers
from labshd.report import figures
from labshd.report.analyses_report import add_analyses
from labshd.report.page import Page, Section
from labshd.report.replay_report import add_replay
from labshd.report.sections import add_fit_of_run, add_numbers, caption_of
from labshd.report.training_report import add_training
from labshd.runs.durations import took
from labshd.runs.run import Run
from protocols.common.protocol import Protocol, Series, segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4  # crosspoints of a block that get figures of their own
_TONES = {"failed": "bad", "interrupted": "warning", "running": "warning"}


def write_report(run: Run, path: Path | None = None) -> Path:
    """Write the report of a run; into its folder as report.html where no `path` is given."""
    return run_page(run).write(path or run.folder / "report.html")


def run_page(run: Run) -> Page:
    """The page of a run: sections for result, figures, settings and provenance."""
    block = f" on {run.crosspoint}" if run.crosspoint else ""
    title = f"{run.name}{block}" if run.kind == "protocol" else f"{run.kind}: {run.name}{block}"
    page = Page(title, f"run {run.id}, begun {_when(run.info.get('started'))}", run.status)
    _ending(page, run)
    _result(page, run)
    add_training(page, run)
    add_replay(page, run)
    for array in run.arrays:
        _measured(page, run, array)
    add_fit_of_run(page, run)
    add_analyses(page, run)
    _settings(page, run)
    _provenance(page, run)
    return page


def _ending(page: Page, run: Run) -> None:
    section = page.section("How it ended")
    if run.status != "finished":
        said = f"The run is {run.status}" if run.status == "running" else f"The run was {run.status}"
        said = "The run failed" if run.status == "failed" else said
        section.notice(f"{said}: {run.why_stopped or 'no reason is known'}.", _TONES.get(run.status, "bad"))
    if run.unit != "S":
        section.notice("Conductance is in normalised units: no number here is in siemens.")
    section.facts(
        {
            "stopped because": run.why_stopped,
            "readings": count_text(run.readings),
            "pulses": count_text(run.pulses),
            "took": took(run),
            "device": _device(run),
        }
    )


def _device(run: Run) -> str:
    kinds = {
        "bench": "instruments on a bench",
        "rehearsal": "rehearsal on virtual instruments",
        "simulated": "simulated crosspoints",
        "import": "imported data",
        "replay": "replay of a recording",
    }
    kind = str(run.info.get("origin", {}).get("kind", ""))
    return kinds.get(kind, kind)


def _result(page: Page, run: Run) -> None:
    section = page.section("Result")
    if error := run.info.get("analysis_error"):
        section.notice(f"The points could not be analysed: {error}. They are all in the run.", "bad")
    result = run.result
    if not result:
        return
    if isinstance(verdict := result.get("verdict"), str):
        section.text(verdict)
    add_numbers(section, {key: value for key, value in result.items() if key != "verdict"}, run.name)


def _measured(page: Page, run: Run, array: str) -> None:
    section = page.section(f"Measured on array {array}" if array else "Measured")
    try:
        series = run.series(array)
    except InputError as error:
        section.notice(str(error), "bad")
        return
    if not len(series):
        section.text("Nothing was measured.")
        return
    if run.torn(array):
        section.notice("The last row of the points was half written and is left out.")
    rows, columns = series.shape
    if rows * columns > 1:
        section.figure(figures.block_figure(series), "Conductance of all crosspoints; grey: single crosspoints.")
        section.figure(figures.map_figure(series), "The last reading of every crosspoint.")
        for figure in _block_figures(section, run, series):
            section.figure(figure, caption_of(figure))
    if array and rows * columns > 1:
        return  # the section of the training shows every weight
    for row, column in [(row, column) for row in range(rows) for column in range(columns)][:_SHOWN]:
        _crosspoint(section, run, series.crosspoint(row, column), _result_at(run, row, column), (row, column))


def _block_figures(section: Section, run: Run, series: Series) -> list[Figure]:
    protocol = protocol_of(run)
    if protocol is None or not run.result:
        return []
    try:
        return protocol.block_figures(series, run.result)
    except Exception as error:  # as for single crosspoints
        section.notice(f"The figures of {protocol.name} could not be drawn: {type(error).__name__}: {error}")
        return []


def _result_at(run: Run, row: int, column: int) -> dict[str, Any]:
    result = run.result or {}
    each: list[dict[str, Any]] = result.get("crosspoints", [])
    return next((one for one in each if (one.get("row"), one.get("column")) == (row, column)), result)


def _crosspoint(section: Section, run: Run, series: Series, result: dict[str, Any], at: tuple[int, int]) -> None:
    where = "" if run.shape == (1, 1) else f" Crosspoint in row {at[0]}, column {at[1]}."
    protocol = protocol_of(run)
    own = _protocol_figures(section, protocol, series, result)
    if own:
        for figure in own:
            section.figure(figure, f"{caption_of(figure)}{where}")
    else:
        pieces = len(segments(series))
        gaps = f" The line is broken {pieces - 1} times, where what happened between is not known." * (pieces > 1)
        section.figure(figures.trace_figure(series), f"Every reading against the pulses before it.{gaps}{where}")
        if pieces > 2:
            section.figure(figures.pieces_figure(series), f"The same, piece by piece from its own beginning.{where}")
    if histogram := figures.histogram_figure(series):
        section.figure(histogram, f"How often each conductance was read.{where}")


def _protocol_figures(
    section: Section, protocol: Protocol | None, series: Series, result: dict[str, Any]
) -> list[Figure]:
    if protocol is None or not result:
        return []
    try:
        return protocol.figures(series, result)
    except Exception as error:  # a protocol may be a user's own; its points are shown all the same
        section.notice(f"The figures of {protocol.name} could not be drawn: {type(error).__name__}: {error}")
        return []


def figures_of(run: Run, array: str = "", at: tuple[int, int] = (0, 0)) -> list[Figure]:
    """Figures of one crosspoint of a run: those of its protocol, else its trace; `InputError` where none."""
    series = run.series(array)
    rows, columns = series.shape
    if not len(series):
        raise InputError(f"{run.folder}: nothing was measured, so there is nothing to draw")
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise InputError(
            f"{run.folder} has {rows} x {columns} crosspoints; row {at[0]}, column {at[1]} is none of them"
        )
    one, protocol, result = series.crosspoint(*at), protocol_of(run), _result_at(run, *at)
    own = protocol.figures(one, result) if protocol is not None and result and not array else []
    return own or [figures.trace_figure(one)]


def protocol_of(run: Run) -> Protocol | None:
    """The protocol of a run with the settings it ran with; None for other runs, or where it is not known here."""
    from protocols.common import catalogue

    # Only by name: a run that came from elsewhere must not make us execute a file that it names.
    if run.kind != "protocol" or run.name not in catalogue.names():
        return None
    try:
        return catalogue.find(run.name).model_validate(run.info.get("settings", {}))
    except (InputError, ValidationError):
        return None


def _settings(page: Page, run: Run) -> None:
    section = page.section("Settings")
    section.facts(_flat(_part(run, "settings")))
    if "seed" not in _part(run, "settings"):
        section.facts({"seed": run.info.get("seed")})
    source = _part(run, "source")
    if source.get("text"):
        section.file(f"Protocol as it ran {source.get('file', '')}".strip(), str(source["text"]))
    page.section("Limits").facts(_flat(_part(run, "limits")))
    page.section("Instruments").facts(_flat(_part(run, "instruments")))
    station = _part(run, "station")
    if station.get("text"):
        page.section("Station").file(f"Station file {station.get('file', '')}", str(station["text"]))


def _part(run: Run, key: str) -> dict[str, Any]:
    value = run.info.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines; lists as JSON."""
    flat: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{numbers.readable(str(key))}"
        if isinstance(value, Mapping):
            flat += _flat(cast("Mapping[str, Any]", value), f"{name}: ")
        elif isinstance(value, list):
            flat.append((name, json.dumps(value, ensure_ascii=False)))
        elif value is not None:
            flat.append((name, str(value)))
    return flat


def _provenance(page: Page, run: Run) -> None:
    section = page.section("Provenance")
    who = _part(run, "who")
    section.facts(
        {
            "run": run.id,
            "by": f"{who.get('user', 'unknown')} on {who.get('host', 'unknown')}",
            "began": _when(run.info.get("started")),
            "ended": _when(run.info.get("ended")),
        }
    )
    section.facts({"versions": ", ".join(f"{name} {number}" for name, number in _part(run, "versions").items())})
    section.file("run.json, everything that is known of this run", json.dumps(run.info, indent=2, ensure_ascii=False))


def _when(stamp: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(stamp)):%Y-%m-%d %H:%M:%S %Z}"
    except ValueError:
        return ""
