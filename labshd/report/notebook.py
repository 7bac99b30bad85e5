"""How runs and campaigns look in a notebook: how they ended, their numbers, a figure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from instruments.value_text import count_text
from labshd.common import numbers
from labshd.runs.durations import took

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from labshd.campaign.store import Campaign
    from labshd.runs.run import Run

_SENTENCE = 200  # characters of a text; longer ones are in the report


def run_html(run: Run) -> str:
    """A run: what, how it ended, every number with its uncertainty, and its first figure."""
    from instruments.errors import LabshdError
    from labshd.report.page import data_uri

    facts = [("status", run.status), ("stopped because", run.why_stopped), ("readings", count_text(run.readings))]
    facts += [("pulses", count_text(run.pulses)), ("took", took(run))]
    for part in numbers.main_first(run.result or {}, run.name):
        facts += [(name, said[:_SENTENCE]) for name, said in numbers.rows(part)]
    try:
        picture = f'<img src="{data_uri(run.plot(), "png")}" alt="{escape(run.name)}" style="max-width: 38em">'
    except LabshdError as error:
        picture = f"<p>{escape(str(error))}</p>"
    return f"<h4>{escape(f'{run.name} on {run.crosspoint}')}</h4>{_facts(facts)}{picture}<p>{escape(run.id)}</p>"


def campaign_html(campaign: Campaign) -> str:
    """A campaign: how it ended, and each step with its main numbers over the crosspoints."""
    from labshd.campaign.summary import by_step

    columns, rows = by_step(campaign)
    facts = [("status", campaign.status), ("because", campaign.why_stopped)]
    return f"<h4>{escape(str(campaign.info['name']))}</h4>{_facts(facts)}{_table(columns, rows)}"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return _table((), [list(pair) for pair in facts if pair[1]])


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Drawn:
    """What runs and campaigns ask for when they show themselves (`labshd.runs.shows`)."""

    def figures(self, run: Run, array: str, place: tuple[int, int]) -> list[Figure]:
        """The figures of the report of one crosspoint."""
        from labshd.report.run_report import figures_of

        return figures_of(run, array, place)

    def run_html(self, run: Run) -> str:
        """A run."""
        return run_html(run)

    def campaign_html(self, campaign: Campaign) -> str:
        """A campaign."""
        return campaign_html(campaign)
