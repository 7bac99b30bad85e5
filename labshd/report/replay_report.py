"""The report of a replay on simulated devices, as a page and as a section of the run's report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.value_text import plain_text
from labshd.analysis.prediction import REPLAYED, REPLAYED_ROWS
from labshd.report.page import Page, Section
from labshd.report.replay_figures import Course, bands_figure
from labshd.runs.files import read_table
from labshd.runs.json_files import read_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labshd.runs.run import Run

_LIKELY = 0.01  # part of the simulations with as few readings inside, below which the page warns
_CAPTION = (
    "Recorded readings on the ensemble that was given the same pulses: line, median; shaded, the band that holds a "
    "reading in 95 % of all cases if the fitted device is right; crosses, readings outside. {array}"
)


def add_replay(page: Page, run: Run) -> None:
    """The section of a run that was replayed on a simulated device; nothing where it was not."""
    if not (run.folder / REPLAYED).exists():
        return
    section = page.section("Beside the fitted device")
    try:
        add_replayed(section, run.folder, run.unit)
    except (InputError, KeyError) as error:
        section.notice(f"The replay in {run.folder} cannot be read: {error}", "bad")


def replay_page(run: Run, folder: Path) -> Page:
    """The page of a replay whose files are in `folder`."""
    found = read_json(folder / REPLAYED)
    page = Page(f"{run.name} on {run.crosspoint}, replayed", f"run {run.id} on {found['device']}")
    add_replayed(page.section("Recorded and predicted"), folder, run.unit)
    return page


def add_replayed(section: Section, folder: Path, unit: str) -> None:
    """Verdict, table and figures of the replay whose files are in `folder`."""
    found = read_json(folder / REPLAYED)
    section.notice(f"{found['verdict']}.", "good" if found["as_few_inside"] >= _LIKELY else "warning")
    section.text(*(f"{note}." for note in found["notes"]))
    columns = [
        "array",
        "crosspoint",
        "device",
        "readings",
        "inside",
        "expected",
        "as few inside",
        "off the median (rms)",
    ]
    section.table(columns, (_row(one, unit) for one in found["crosspoints"]), "Readings inside the 95 % band")
    for array, figure in figures_of(folder, unit):
        section.figure(figure, _CAPTION.format(array=f"Array {array}." if array else "").strip(), kind="png")


def _row(one: dict[str, Any], unit: str) -> list[str]:
    off = plain_text(one[f"rms_deviation_{unit}"], unit)
    expected = f"95 ± {100 * one['inside_std']:.1f} %"
    inside, as_few = f"{100 * one['inside']:.1f} %", f"{100 * one['as_few_inside']:.0f} % of simulations"
    device = Path(one["device"]).name
    return [one["array"], one["crosspoint"], device, str(one["readings"]), inside, expected, as_few, off]


def figures_of(folder: Path, unit: str) -> Iterator[tuple[str, Figure]]:
    """Array ("" of a measurement) and figure of a replay whose files are in `folder`."""
    listed: list[dict[str, Any]] = read_json(folder / REPLAYED)["crosspoints"]
    table = read_table(folder / REPLAYED_ROWS)
    number = table["crosspoint"].to_numpy(dtype=np.int64)

    def course(at: int, one: dict[str, Any]) -> Course:
        def column(name: str) -> FloatArray:
            return table[name].to_numpy(dtype=np.float64)[number == at]

        recorded, median, low, high = (column(f"{key}_{unit}") for key in ("conductance", "median", "low", "high"))
        title = f"{one['crosspoint']}: {100 * one['inside']:.1f} % inside (95 ± {100 * one['inside_std']:.1f} %)"
        return Course(title, column("pulses"), recorded, median, low, high, column("inside") == 1)

    for array in dict.fromkeys(str(one["array"]) for one in listed):
        yield array, bands_figure([course(at, one) for at, one in enumerate(listed) if one["array"] == array], unit)


def write_pictures(folder: Path, unit: str) -> list[Path]:
    """Every figure as PNG beside the files of the replay."""
    written: list[Path] = []
    for array, figure in figures_of(folder, unit):
        path = folder / (f"replayed-{array}.png" if array else "replayed.png")
        figure.savefig(path)
        written.append(path)
    return written
