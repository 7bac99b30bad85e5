"""Reports: a run, or several, as one self-contained HTML file, with figures as matplotlib objects."""

from labshd.report.page import Page, Section
from labshd.report.run_report import run_page, write_report
from labshd.report.sections import add_fit, add_numbers

__all__ = ["Page", "Section", "add_fit", "add_numbers", "run_page", "write_report"]
