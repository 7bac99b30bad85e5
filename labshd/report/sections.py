"""Sections that several reports share: numbers with errors, a fit, captions of figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from instruments.errors import InputError
from instruments.value_text import NOT_DETERMINED, value_text
from labshd.analysis.fit import fit_again
from labshd.common import numbers
from labshd.report.fit_sentences import evidence_sentences, symmetry_sentences
from labshd.report.page import Page, Section
from labshd.runs.run import Run
from protocols.common.fit_words import OF_FIT
from sim_device.fit.noise import noise_json, noise_names
from sim_device.fit.predictive import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim_device.fit.result import Fit


def add_numbers(section: Section, result: Mapping[str, Any], protocol: str = "") -> Section:
    """Add the numbers of a result with their uncertainties, and its lists as tables.

    Of a `protocol` that comes with labshd its main numbers stand open, all others open on a click.
    """
    main, rest = numbers.main_first(result, protocol)
    section.facts(numbers.rows(main)).folded("More numbers", numbers.rows(rest))
    for name, columns, rows in numbers.lists(result):
        section.table(columns, rows, name)
    return section


def add_fit_of_run(page: Page, run: Run) -> None:
    """The fit of a run that `labshd fit` was asked for, done again for its figures; an outlook as it was kept."""
    from labshd.analysis.outlook import kept_sentence

    try:
        fitted = fit_again(run)
        if fitted is not None:
            add_fit(page.section("Fit"), fitted.fit, kept_sentence(run))
    except InputError as error:
        page.section("Fit").notice(str(error), "bad")


def add_fit(section: Section, fit: Fit, outlook: str = "") -> Section:
    """Add a fit: verdict, symmetry points, what its outlook says, parameters with standard deviations, figures."""
    from labshd.report.fit_figures import fit_figures
    from protocols.analysis.update import merits_of_fit as merits
    from protocols.analysis.update import model_free

    section.notice(f"{fit.model_name} {'accepted' if fit.accepted else 'not accepted'}: {fit.why}.", _tone(fit))
    section.text(*symmetry_sentences(fit), *evidence_sentences(fit), outlook)
    told = fit.json()
    section.facts(fit_rows(fit))
    section.facts((merits.TITLES[name], value_text(m.value, m.std)) for name, m in merits.merits_of(fit).items())
    if free := model_free.of_fit(fit):
        section.text("Figures that need no model, from the ramps as they are:")
        section.facts(model_free.rows(free, fit.unit))
    if fit.before is not None:
        section.text(f"{fit.before.told[:1].upper()}{fit.before.told[1:]}.")
    for name, columns, rows in numbers.lists(told):
        section.table(columns, rows, name)
    if fit.prediction is not None:
        section.table(COLUMNS, fit.prediction.rows(), "Readings that were not fitted, predicted from the others")
    for figure, caption in fit_figures(fit):
        section.figure(figure, caption)
    return section


def fit_rows(fit: Fit) -> Iterator[tuple[str, str]]:
    """Parameters and noise of a fit: name, and value ± error with its 95 % interval; what `labshd fit` prints, too."""
    noise = noise_json(fit.noise, fit.unit)
    values = {name: (value, fit.std.get(name)) for name, value in fit.parameters.items()}
    values |= {name: (noise[name], noise[std]) for name, std in noise_names(fit.unit) if name in noise}
    for key, (value, std) in values.items():
        name, unit = numbers.split_unit(key)
        why = fit.no_error.get(key) or numbers.word_of(name).no_error or NOT_DETERMINED
        said = value_text(value, std, unit, interval=fit.interval95.get(key), why_no_error=why)
        label = (OF_FIT.get(name) or numbers.word_of(name)).label
        yield label.replace("bound", "end") if key in fit.no_error else label, said
    if fit.noise.drift is not None:
        said = value_text(fit.noise.drift, fit.noise.drift_std, fit.unit)
        yield "drift per second", said


def _tone(fit: Fit) -> str:
    return "good" if fit.accepted else "warning"


def caption_of(figure: Figure) -> str:
    """What a protocol says of its figure in `figure.set_label`; else its titles, or what it draws against what."""
    if said := str(figure.get_label() or ""):
        return said
    panels = [axes.get_title() or _panel(axes, figure) for axes in figure.axes]
    said = "; ".join(dict.fromkeys(panel for panel in panels if panel))
    return f"{said[:1].upper()}{said[1:]}." if said else "What was measured."


def _panel(axes: Axes, figure: Figure) -> str:
    """What a panel draws against what; where panels share an axis its label stands below the lowest of them."""
    y, x = axes.get_ylabel(), axes.get_xlabel()
    column = axes.get_position().x0
    if y and not x and not _is_colour_bar(axes):
        below = [other for other in figure.axes[figure.axes.index(axes) + 1 :] if other.get_xlabel()]
        x = next((other.get_xlabel() for other in below if abs(other.get_position().x0 - column) < 0.1), "")
    return f"{y} against {x}" if y and x else y or x


def _is_colour_bar(axes: Axes) -> bool:
    return axes.get_label() == "<colorbar>"
