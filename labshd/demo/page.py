"""The report of the demo: one page over its runs, and the numbers as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from instruments.value_text import value_text
from labshd.demo.picture import history, picture, prediction_of
from labshd.demo.way import Way
from labshd.report import add_fit, run_page
from labshd.report.page import Page, Section
from labshd.runs.run import Run
from labshd.training.figures import figures


def summary(way: Way) -> dict[str, Any]:
    """What was found, as JSON: estimates with their standard errors beside the truth of the virtual device."""
    found = way.symmetry.result or {}
    return {
        "symmetry_point": {
            "symmetry_point_S": found.get("symmetry_point_S"),
            "std_S": found.get("std_S"),
            "stable": found.get("stable"),
            "truth_S": way.truth.get("symmetry_point_S"),
            "why_stopped": way.symmetry.why_stopped,
            "run": str(way.symmetry.folder),
        },
        "fit": {**way.fitted.json(), "truth": way.truth},
        "training": [
            *(_trained(run, "bench") for run in way.bench.values()),
            *(_trained(run, "fitted device") for run in way.device.values()),
            _trained(way.symmetric, "symmetric device"),
        ],
        "station": str(way.station),
        "device": str(way.station.with_name("fitted.json")),
    }


def _trained(run: Run, where: str) -> dict[str, Any]:
    return {"on": where, "run": str(run.folder), "status": run.status, **(run.result or {})}


def write_report(way: Way, path: Path) -> Path:
    """The page with everything, self-contained."""
    page = Page("From a station file to a trained weight", "labshd demo, on virtual instruments", "finished")
    page.section(
        "What happened",
        "A virtual ECRAM was pulsed and read through the drivers of a Keysight 81160A, a Keithley 2450 and a Keithley "
        "707B; its symmetry point was found by random pulsing, soft bounds were fitted to its update response, and one "
        "weight was trained on it by SHD and by SGD, then once more on the fitted device.",
    ).figure(
        picture(way),
        "a: update response and fit. b: fitted steps, and the symmetry point. c: training. d: A against C.",
    )
    _found(page.section("What was found"), way)
    for run, heading in ((way.response, "Update response"), (way.symmetry, "Symmetry point")):
        measured = run_page(run)
        for section in measured.sections:
            if section.heading.startswith(("Result", "Measured")):
                section.heading = f"{heading}: {section.heading.lower()}"
                page.sections.append(section)
    add_fit(page.section("Fit of the update response"), way.fitted.fit)
    for run, where in _trainings(way):
        _training(page.section(f"{(run.result or {})['algorithm'].upper()} on {where}"), run)
    page.section("Station").file(str(way.station), way.station.read_text(encoding="utf-8"))
    return page.write(path)


def _trainings(way: Way) -> list[tuple[Run, str]]:
    on = [(run, "the bench") for run in way.bench.values()] + [
        (run, "the fitted device") for run in way.device.values()
    ]
    return [*on, (way.symmetric, "a perfectly symmetric device: it oscillates, as the theory says")]


def _found(section: Section, way: Way) -> None:
    columns = ("quantity", "found", "truth of the virtual device")
    section.table(columns, rows(way), "Estimates ± one standard error. No real device tells its truth.")


def rows(way: Way) -> list[tuple[str, str, str]]:
    """The main numbers: what, found, truth."""
    found, fit = way.symmetry.result or {}, way.fitted.fit
    truth = way.truth
    lines = [
        (
            "symmetry point, by random pulsing",
            _micro(found.get("symmetry_point_S"), found.get("std_S")),
            _micro(truth.get("symmetry_point_S"), None),
        )
    ]
    for name, unit in (("g_min_S", "µS"), ("g_max_S", "µS"), ("s_up", ""), ("s_down", "")):
        value, std = fit.parameters.get(name), fit.std.get(name)
        shown = _micro(value, std) if unit else _plain(value, std)
        lines.append(
            (f"{name.removesuffix('_S')}, from the fit", shown, (_micro if unit else _plain)(truth.get(name), None))
        )
    for run, where in _trainings(way)[:-1]:
        result = run.result or {}
        expected = prediction_of(run)
        name = f"weight by {result['algorithm'].upper()} on {where}, target {result['target']:.2f}"
        lines.append(
            (name, _plain(result.get("final"), result.get("final_std")), f"predicted {_plain(expected, None)}")
        )
    return lines


def _micro(value: float | None, std: float | None) -> str:
    return value_text(value, std, "S", why_no_error="")


def _plain(value: float | None, std: float | None) -> str:
    return value_text(value, std, why_no_error="")


def _training(section: Section, run: Run) -> None:
    result = run.result or {}
    section.text(f"{run.why_stopped}; {result['pulses']} pulses in {result['steps']} steps.")
    for figure in figures(history(run), result):
        section.figure(figure, figure.axes[0].get_title())
