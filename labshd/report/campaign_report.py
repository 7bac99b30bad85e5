"""The report of a campaign: how it ended, the numbers of each step over the crosspoints, what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labshd.campaign.ledger import Outcome
from labshd.campaign.store import Campaign
from labshd.campaign.summary import Value, by_step, values_of
from labshd.common.numbers import label_of, number_text, readable, split_unit
from labshd.report.page import Page, Section
from protocols.analysis.common.figure_style import ESTIMATE, FAINT, new_figure, si_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIGURES = 3  # numbers of a step that are drawn
_NAMED = 32  # crosspoints whose names stand below a figure
_ROWS = 500  # runs in the table; all are in the run folders
_WORDS = {"finished": "finished", "failed": "failed", "skip": "skipped", "run": "to come"}


def write_campaign_report(campaign: Campaign, path: Path | None = None) -> Path:
    """Write the report of a campaign; into its folder as report.html where no `path` is given."""
    return campaign_page(campaign).write(path or campaign.folder / "report.html")


def campaign_page(campaign: Campaign) -> Page:
    """The page of a campaign."""
    begun = str(campaign.info.get("started", ""))[:19].replace("T", " ")
    page = Page(str(campaign.info["name"]), f"campaign {campaign.id}, begun {begun} UTC", campaign.status)
    outcomes = campaign.outcomes()
    _ending(page, campaign)
    columns, rows = by_step(campaign)
    page.section("Steps").table(columns, rows)
    for step in campaign.checked.steps:
        _step(page.section(f"{step.name}: {step.protocol.title}"), campaign, outcomes, step.name)
    _left_out(page, outcomes)
    _runs(page, outcomes)
    files = page.section("Files").file("Campaign file as it was", str(campaign.info["text"]))
    station = campaign.info["station"]
    files.file(f"Station file {station.get('file', '')}", str(station.get("text", "")))
    return page


def _ending(page: Page, campaign: Campaign) -> None:
    section, counts = page.section("How it ended"), campaign.summary()
    if campaign.status != "finished":
        section.notice(f"The campaign is {campaign.status}: {campaign.why_stopped or 'its process is gone'}.")
    kinds = {"bench": "instruments on a bench", "rehearsal": "rehearsal on virtual instruments"}
    kind = str(campaign.info.get("kind"))
    facts = {"ended": campaign.why_stopped, "device": kinds.get(kind, "simulated crosspoints")}
    section.facts({**facts, **{readable(name): count for name, count in counts.items()}})


def _step(section: Section, campaign: Campaign, outcomes: list[Outcome], step: str) -> None:
    """Figures and a table of the numbers of a step."""
    values = values_of(outcomes, step)
    plain = {key: each for key, each in values.items() if "." not in key} or values
    if not plain:
        section.text("No run of this step gave a number.")
        return
    for key, each in list(plain.items())[:_FIGURES]:
        last = key.rsplit(".", 1)[-1]
        unit = split_unit(last)[1]
        said = f"{label_of(last)} at each crosspoint, with its standard error; line: median."
        section.figure(value_figure(key, each), f"{said[:1].upper()}{said[1:]}")
        if min(campaign.grid.shape) > 1 and len(each) > 2:
            section.figure(value_map(key, each, campaign), f"The same as a map, in {unit or '1'}.")


def value_figure(key: str, each: list[Value]) -> Figure:
    """A number over the crosspoints, with standard errors and the median."""
    figure, (ax,) = new_figure()
    names = list(dict.fromkeys(one.crosspoint for one in each))
    x = np.array([names.index(one.crosspoint) for one in each], dtype=np.float64)
    x += np.array([0.12 * (one.unit.point + one.unit.repeat) for one in each]) % 0.7
    y = np.array([one.value for one in each])
    error = np.array([one.std if one.std is not None else 0.0 for one in each])
    ax.axhline(float(np.median(y)), color=FAINT, linewidth=1.2, zorder=1)
    ax.errorbar(x, y, yerr=error, fmt="o", color=ESTIMATE, markersize=4, linewidth=1, capsize=2, zorder=2)
    if len(names) <= _NAMED:
        ax.set_xticks(range(len(names)), names, rotation=90 if len(names) > 12 else 0)
        ax.set_xlabel("crosspoint", fontsize=10)
    else:
        ax.set_xlabel("crosspoint, in the order of the campaign", fontsize=10)
    _axis(key, ax.yaxis)
    return figure


def value_map(key: str, each: list[Value], campaign: Campaign) -> Figure:
    """A number as a map of the station's crosspoints; the last run of each, white where there is none."""
    figure, (ax,) = new_figure()
    grid = campaign.grid
    values = np.full(grid.shape, np.nan)
    for one in each:
        values[grid == one.crosspoint] = one.value
    image = ax.imshow(values, cmap="cividis", aspect="equal", interpolation="nearest")
    ax.grid(visible=False)
    ax.set_xlabel("column", fontsize=10)
    ax.set_ylabel("row", fontsize=10)
    _axis(key, figure.colorbar(image, ax=ax).ax.yaxis)
    return figure


def _axis(key: str, axis: object) -> None:
    last = key.rsplit(".", 1)[-1]
    si_axis(axis, label_of(last), split_unit(last)[1])  # pyright: ignore[reportArgumentType]


def _left_out(page: Page, outcomes: list[Outcome]) -> None:
    left = [one for one in outcomes if one.what in ("failed", "skip")]
    if left:
        rows = [(one.unit.key, _WORDS[one.what], one.why) for one in left[:_ROWS]]
        page.section("Failed and skipped").table(("run", "outcome", "why"), rows)


def _runs(page: Page, outcomes: list[Outcome]) -> None:
    rows: list[tuple[str, str, str, str, str]] = []
    for one in outcomes[:_ROWS]:
        if one.run is not None:
            accepted = "yes" if one.accepted else "no"
            rows.append((one.unit.key, one.run.id, number_text(one.run.pulses, None), accepted, one.why))
    section = page.section("Runs")
    section.table(("run", "folder", "pulses", "accepted", "stopped because"), rows)
    if len(outcomes) > _ROWS:
        section.text(f"{len(outcomes) - _ROWS} more are not shown here.")
