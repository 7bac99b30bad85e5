"""The training section in the report of its run."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.report.page import Page
from labshd.report.sections import caption_of
from labshd.report.training_figures import loss_figure, portraits_figure, pulses_figure
from labshd.runs.files import read_table
from labshd.runs.run import Run
from labshd.station_training.record import TWIN_STEPS


def add_training(page: Page, run: Run) -> None:
    """Course and orbit of a training, loss and pulses beside those of the fitted devices."""
    if run.kind != "train":
        return
    section = page.section("Training")
    try:
        history, twin = _history(run, "steps.csv"), _history(run, TWIN_STEPS)
    except InputError as error:
        section.notice(str(error), "bad")
        return
    if not history or not run.result:
        section.text("No step was done.")
        return
    from labshd.training.figures import figures

    drawn = list(figures(history, run.result))
    drawn += [loss_figure(history, twin)] if "loss" in history else []
    drawn += [pulses_figure(history, twin)] if any(name.endswith("_pulses") for name in history) else []
    if (portraits := portraits_figure(run)) is not None:
        section.figure(portraits, caption_of(portraits), kind="png")  # thousands of coloured marks
    for figure in drawn:
        section.figure(figure, caption_of(figure))


def _history(run: Run, name: str) -> dict[str, FloatArray] | None:
    if not (path := run.folder / name).exists():
        return None
    table = read_table(path)
    return {str(key): table[key].to_numpy(dtype=np.float64) for key in table.columns} if len(table) else None
