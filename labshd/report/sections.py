"""Sections that several reports share: numbers with uncertainties, a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from instruments.errors import InputError
from labshd.analysis.fit import fit_again
from labshd.common import numbers
from labshd.report.page import Page, Section
from labshd.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim_device.fit.result import Fit
    from sim_device.fit.symmetry import EstimatedSymmetryPoint


def add_numbers(section: Section, result: Mapping[str, Any]) -> Section:
    """Add every number of a result with its uncertainty, and its lists as tables."""
    section.facts(numbers.rows(result))
    for name, columns, rows in numbers.lists(result):
        section.table(columns, rows, name)
    return section


def add_fit_of_run(page: Page, run: Run) -> None:
    """The fit of a run that `labshd fit` was asked for, done again for its figures."""
    try:
        fitted = fit_again(run)
        if fitted is not None:
            add_fit(page.section("Fit"), fitted.fit)
    except InputError as error:
        page.section("Fit").notice(str(error), "bad")


def _symmetry_sentence(point: EstimatedSymmetryPoint, unit: str) -> str:
    at = numbers.number_text(point.conductance, point.std, unit)
    if not point.clear:
        return f"Symmetry point at {at}: up and down steps are nearly parallel, so that it is not well known."
    if point.stable:
        return f"Stable symmetry point at {at}: pulsing up and down drives the device there."
    return f"Symmetry point at {at}, unstable: pulsing up and down drives the device away from it."


def add_fit(section: Section, fit: Fit) -> Section:
    """Add a fit: verdict, parameters with standard deviations, symmetry points, figures."""
    from labshd.report.fit_figures import fit_figures
    from protocols.analysis.update import merits_of_fit as merits

    section.notice(f"{fit.model_name} {'accepted' if fit.accepted else 'not accepted'}: {fit.why}.", _tone(fit))
    section.text(*(_symmetry_sentence(point, fit.unit) for point in fit.symmetry_points))
    names = {name: numbers.split_unit(name) for name in fit.parameters}
    section.facts(
        (numbers.readable(name), numbers.number_text(fit.parameters[key], fit.std[key], unit))
        for key, (name, unit) in names.items()
    )
    told = fit.json()
    section.facts(numbers.rows({"noise": told["noise"]}))
    section.facts(
        (merits.TITLES[name], numbers.number_text(m.value, m.std, "")) for name, m in merits.merits_of(fit).items()
    )
    if fit.before is not None:
        section.text(f"{fit.before.told[:1].upper()}{fit.before.told[1:]}.")
    for name, columns, rows in numbers.lists(told):
        section.table(columns, rows, name)
    for figure, caption in fit_figures(fit):
        section.figure(figure, caption)
    return section


def _tone(fit: Fit) -> str:
    return "good" if fit.accepted else "warning"


def caption_of(figure: Figure) -> str:
    """What a protocol says of its figure in `figure.set_label`; else its titles, or what it draws against what."""
    if said := str(figure.get_label() or ""):
        return said
    panels = [axes.get_title() or f"{axes.get_ylabel()} against {axes.get_xlabel()}" for axes in figure.axes]
    said = "; ".join(dict.fromkeys(panel for panel in panels if panel.strip() != "against"))
    return f"{said[:1].upper()}{said[1:]}."
