"""Analyses of a run as other protocols, in its report: what was taken for what, numbers and figures."""

from __future__ import annotations

from typing import Any

from instruments.errors import InputError
from labshd.analysis.as_protocol import Analysed, analyse_again
from labshd.analysis.kept_analyses import SHOWN, asked_in, kept_in, stem_of
from labshd.report.page import Page, Section
from labshd.report.sections import add_numbers, caption_of
from labshd.runs.run import Run


def add_analyses(page: Page, run: Run) -> None:
    """A section for each analysis that `labshd analyse` kept in the run's folder, done again for its figures."""
    for path in kept_in(run):
        section = page.section(f"Analysed as {path.stem.removeprefix(stem_of(''))}")
        try:
            _add(section, analyse_again(run, asked_in(path)))
        except InputError as error:
            section.notice(f"{path.name}: {error}", "bad")


def _add(section: Section, analysed: Analysed) -> None:
    if not analysed.own:
        section.text("Points that another protocol or program took:", *analysed.said)
    for part in analysed.parts:
        if part.why_not:
            section.notice(f"Row {part.cell[0]}, column {part.cell[1]} could not be analysed: {part.why_not}")
    result: dict[str, Any] = analysed.result
    if isinstance(verdict := result.get("verdict"), str):
        section.text(verdict)
    add_numbers(section, {key: value for key, value in result.items() if key != "verdict"}, analysed.protocol.name)
    done = [part for part in analysed.parts if part.result is not None]
    for part in done[:SHOWN]:
        where = f" Crosspoint in row {part.cell[0]}, column {part.cell[1]}." if len(done) > 1 else ""
        try:
            figures = analysed.figures(part.cell)
        except Exception as error:  # as those of the run itself: its points and numbers are shown all the same
            section.notice(f"The figures could not be drawn: {type(error).__name__}: {error}")
            continue
        for figure in figures:
            section.figure(figure, f"{caption_of(figure)}{where}")
