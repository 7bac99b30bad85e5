"""Figures of a fit: the trace with the fitted state, the steps, and the residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from labshd.report.prediction_figures import CAPTION, prediction_figure
from protocols.analysis.common.figure_style import DOWN, ESTIMATE, FAINT, TRACE, UP, legend, new_figure, si_axis
from sim_device.models.formulas import model_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim_device.fit.result import Fit
    from sim_device.models.device_model import DeviceModel


def fit_figures(fit: Fit) -> list[tuple[Figure, str]]:
    """All figures of a fit, each with its caption."""
    verdict = "accepted" if fit.accepted else "not accepted"
    left = f"Standardised innovations: white noise of variance 1 where the model holds (here: {verdict})."
    state = (
        "Readings, and the state of the device that the fit infers from all of them (band: ± 2 standard deviations)."
    )
    if fit.measured is not None:
        state = "Readings, and the state of the device after each (band: ± 2 standard deviations)."
    found = [(state_figure(fit), state), (innovations_figure(fit), left)]
    if fit.prediction is not None and fit.prediction.drawn:
        found.insert(0, (prediction_figure(fit.prediction), CAPTION))
    if (steps := steps_figure(fit)) is not None:
        caption = f"Mean step per pulse of the fitted model {fit.model_name} (bands: 95 %, by the delta method)."
        if fit.measured is not None:
            caption = "Mean step per pulse, as in the middle of the trace (bands: 95 %)."
        if fit.table is not None:
            caption = "Mean step per pulse; thin: curved steps, which follow the data where the model does not."
        found.insert(len(found) - 1, (steps, caption))
    return found


def state_figure(fit: Fit) -> Figure:
    """Readings and smoothed state against the pulses before them; pieces that do not join are not joined."""
    figure, (ax,) = new_figure()
    trace = fit.estimate.trace
    pulses = np.cumsum(np.where(trace.starts, 0, np.abs(trace.pulses))).astype(np.float64)
    ax.plot(pulses, fit.conductance, ".", color=FAINT, markersize=2.5, label="readings")
    for number, piece in enumerate(trace.pieces()):
        state, std = fit.smoothed[piece], fit.smoothed_std[piece]
        label = "state, ± 2 std" if number == 0 else None
        ax.fill_between(pulses[piece], state - 2 * std, state + 2 * std, color=ESTIMATE, alpha=0.3, linewidth=0)
        ax.plot(pulses[piece], state, color=ESTIMATE, linewidth=1.0, label=label)
    ax.set_xlabel("pulses applied", fontsize=10)
    si_axis(ax.yaxis, "conductance", fit.unit)
    _legend_above(ax, markerscale=3)
    return figure


def steps_figure(fit: Fit) -> Figure | None:
    """ΔG+(G) and −ΔG−(G) over the measured range with 95 % bands, and the symmetry point; None where there is no model.

    Where the model does not hold, the curved steps that do are drawn, too, thin.
    """
    if fit.model is None and fit.table is None:
        return None
    figure, (ax,) = new_figure()
    measured = fit.conductance[np.isfinite(fit.conductance)]
    g = np.linspace(float(np.min(measured)), float(np.max(measured)), 201)
    known = fit.steps(len(g)) if fit.measured is not None else None
    for colour, line, label, step in ((UP, "-", "ΔG₊, up", _up), (DOWN, "--", "−ΔG₋, down", _down)):
        if fit.model is not None:
            mean, std = step(fit.model, g), None if known else step_std(fit, g, step)
            if known is not None:
                g = known.conductance
                mean, std = (known.up, known.up_std) if step is _up else (-known.down, known.down_std)
            if std is not None:
                ax.fill_between(g, mean - 1.96 * std, mean + 1.96 * std, color=colour, alpha=0.2, linewidth=0)
            ax.plot(g, mean, line, color=colour, label=label)
        if fit.table is not None:
            ax.plot(g, step(fit.table, g), line, color=colour, linewidth=0.8, label=f"{label}, curved")
    _mark_symmetry_point(ax, fit)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    si_axis(ax.xaxis, "conductance", fit.unit)
    si_axis(ax.yaxis, "mean step per pulse", fit.unit)
    _legend_above(ax, most=2)
    return figure


def step_std(fit: Fit, g: FloatArray, step: Callable[[DeviceModel, FloatArray], FloatArray]) -> FloatArray | None:
    """``std(G)² = J(G) C J(G)ᵀ``, J the derivatives of the step by the parameters, C their covariance (delta method).

    None where not every parameter has a standard deviation.
    """
    values = {name: value for name, value in fit.parameters.items() if value is not None}
    if values.keys() != fit.parameters.keys() or not set(values) <= set(fit.names):
        return None
    at = [fit.names.index(name) for name in values]
    covariance = fit.covariance[np.ix_(at, at)]
    kind, slopes = model_named(fit.model_name), np.empty((len(values), len(g)))
    for i, (name, value) in enumerate(values.items()):
        by = max(1e-4 * float(np.sqrt(covariance[i, i])), 1e-9 * abs(value))
        if by == 0:
            slopes[i] = 0.0
            continue
        above, below = (kind.from_parameters({**values, name: value + sign * by}, fit.unit) for sign in (1, -1))
        slopes[i] = (step(above, g) - step(below, g)) / (2 * by)
    return np.sqrt(np.maximum(np.einsum("ig,ij,jg->g", slopes, covariance, slopes), 0.0))


def innovations_figure(fit: Fit) -> Figure:
    """Standardised innovations against pulses and against conductance; a trend shows what the model misses."""
    figure, (over_time, over_g) = new_figure(2, height=2.3)
    trace, z = fit.estimate.trace, fit.innovations
    pulses = np.cumsum(np.where(trace.starts, 0, np.abs(trace.pulses))).astype(np.float64)
    for ax, x in ((over_time, pulses), (over_g, fit.smoothed)):
        for direction, colour, mark in ((1, UP, "^"), (-1, DOWN, "v"), (0, TRACE, "o")):
            of = np.sign(trace.pulses) == direction
            if np.any(of & np.isfinite(z)):
                name = {1: "after pulses up", -1: "after pulses down", 0: "read again"}[direction]
                ax.plot(x[of], z[of], mark, color=colour, markersize=1.8, label=name)
        ax.axhline(0, color=TRACE, linewidth=0.8)
        for level in (-2, 2):
            ax.axhline(level, color=TRACE, linewidth=0.6, linestyle=":")
        ax.set_ylabel("innovation / std", fontsize=10)
    over_time.set_xlabel("pulses applied", fontsize=10)
    si_axis(over_g.xaxis, "conductance", fit.unit)
    _legend_above(over_time, markerscale=3)
    return figure


def _up(model: DeviceModel, g: FloatArray) -> FloatArray:
    return np.asarray(model.step_up(g), dtype=np.float64)


def _down(model: DeviceModel, g: FloatArray) -> FloatArray:
    return -np.asarray(model.step_down(g), dtype=np.float64)


def _mark_symmetry_point(ax: Axes, fit: Fit) -> None:
    point = fit.symmetry_point
    if point is None:
        return
    kind = {True: "stable", False: "unstable"}.get(point.stable, "stability not resolved")
    label = f"symmetry point {value_text(point.conductance, point.std, fit.unit)}, {kind}"
    ax.axvspan(point.conductance - 2 * point.std, point.conductance + 2 * point.std, color=ESTIMATE, alpha=0.2, lw=0)
    ax.axvline(point.conductance, color=ESTIMATE, linestyle="-" if point.stable else ":", label=label)


def _legend_above(ax: Axes, most: int = 3, **options: object) -> None:
    columns = max(1, min(most, len(ax.get_legend_handles_labels()[1])))
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2, **options)
