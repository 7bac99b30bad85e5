"""Reports: a run, or several, as one self-contained HTML file, with figures as matplotlib objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import offered
from labshd.report.notebook import Drawn
from labshd.runs.shows import register

if TYPE_CHECKING:
    from labshd.report.page import Page, Section
    from labshd.report.run_report import run_page, write_report
    from labshd.report.sections import add_fit, add_numbers

__all__ = ["Page", "Section", "add_fit", "add_numbers", "run_page", "write_report"]
__getattr__ = offered(
    __name__,
    {
        "Page": "labshd.report.page",
        "Section": "labshd.report.page",
        "add_fit": "labshd.report.sections",
        "add_numbers": "labshd.report.sections",
        "run_page": "labshd.report.run_report",
        "write_report": "labshd.report.run_report",
    },
)

register(Drawn())
