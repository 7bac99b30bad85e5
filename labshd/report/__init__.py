"""A run, or several, as one self-contained HTML file; figures as matplotlib objects."""

from labshd.report.page import Page, Section
from labshd.report.run_report import add_numbers, run_page, write_report

__all__ = ["Page", "Section", "add_numbers", "run_page", "write_report"]
