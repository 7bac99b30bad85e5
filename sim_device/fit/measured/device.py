"""The device of a measured step: the table that can be simulated and kept in a file, and its noise."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit.intervals import Spread
from sim_device.fit.measured.fit import MeasuredFit, ln_scatter, tables_of
from sim_device.fit.measured.kernels import (
    KEPT,
    LEFT,
    PROPORTIONAL,
    RAMP,
    READ,
    RELAXING,
    SHARE,
    SLOW,
    TAILS,
    WEAR,
)
from sim_device.fit.measured.parts import Parts
from sim_device.fit.steps import Steps
from sim_device.models.fitted import Noise
from sim_device.models.measured import MeasuredStep

POINTS = 65  # nodes of the table over what was measured
BEYOND = 0.5  # half windows by which the table goes on at each end
DRAWS = 500  # of θ, for standard deviations


def device_model(fit: MeasuredFit) -> MeasuredStep:
    """The device as it is at the end of the trace."""
    trace, more = fit.trace, fit.others()
    x = np.linspace(-1.0 - BEYOND, 1.0 + BEYOND, int(POINTS * (1.0 + BEYOND)))
    worn, later = _wear(fit, more)
    steps, scatter = _beyond(fit, x)
    columns = trace.scale * float(np.exp(worn)) * np.concatenate([steps, scatter])
    return MeasuredStep(
        trace.centre - trace.scale,
        trace.centre + trace.scale,
        _tuple(trace.centre + trace.scale * x),
        *(_tuple(column) for column in columns),
        history=(*_three(more[SHARE : SHARE + 3]), *_three(more[SHARE + 3 : SHARE + 6])),
        ramps=(float(more[RAMP]), float(more[RAMP + 1])),
        tails=float(more[TAILS]),
        relaxing=(float(more[RELAXING]), _time(float(more[LEFT]))),
        wear=(later, float(more[WEAR + 1])),
    )


def _wear(fit: MeasuredFit, more: FloatArray) -> tuple[float, float]:
    """Ln F at the end of the trace, and by how much it is above that of later."""
    whole = float(np.exp(-fit.rows.pulses / more[WEAR + 1]))
    now = (whole - float(np.sqrt(whole))) / (1.0 - whole)
    return float(more[WEAR]) * now, float(more[WEAR]) * whole / (1.0 - whole)


def _beyond(fit: MeasuredFit, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Steps and scatter (2, points): beyond the window steps that fall outwards go on falling, as far as 0."""
    number, parts = fit.number(), fit.parts
    steps, slopes, _ = tables_of(parts, number)
    nodes: FloatArray = np.linspace(-1.0, 1.0, steps.shape[1])
    inside: FloatArray = np.clip(x, -1.0, 1.0)
    scatter = np.exp(ln_scatter(fit.rows, parts, number))
    found, wide = np.empty((2, len(x))), np.empty((2, len(x)))
    for way in (0, 1):
        f, slope = _along(inside, nodes, steps[way]), _along(inside, nodes, slopes[way])
        further: FloatArray = f + slope * (x - inside)
        found[way] = np.where(further * f <= 0, 0.0, np.where(np.abs(further) > np.abs(f), f, further))
        wide[way] = np.interp(inside, nodes, scatter[way])
        if parts.relative:  # the scatter goes with the step
            wide[way] *= np.divide(np.abs(found[way]), np.abs(f), out=np.ones_like(f), where=np.abs(f) > 0)
    return found, wide


def _along(x: FloatArray, nodes: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray(np.interp(x, nodes, values), dtype=np.float64)


def _three(values: FloatArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _time(kept: float) -> float:
    """Time constant in readings of what is left after one; 1 where nothing relaxes."""
    return 1.0 if kept >= 1.0 else -1.0 / float(np.log(kept))


def _tuple(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def drawn_numbers(fit: MeasuredFit, many: int = DRAWS) -> list[tuple[Parts, FloatArray]]:
    """Parts and numbers: the estimate, then draws; the same data give the same ones."""
    drawn = fit.drawn(np.random.default_rng(0), many)
    return [(fit.parts, fit.number()), *((parts, fit.number(theta, parts)) for parts, theta in drawn)]


def numbers_of(fit: MeasuredFit, drawn: list[tuple[Parts, FloatArray]]) -> dict[str, Spread]:
    """What there is beyond steps and read noise, by the names of files; empty for what the trace does not ask for."""
    parts = fit.parts
    more = np.array([number[p.coefficients :] for p, number in drawn])
    found: dict[str, FloatArray] = {}
    if parts.history:
        for way, name in ((0, "up"), (1, "down")):
            at = SHARE + 3 * way
            found[f"missing_after_reversal_{name}"] = more[:, at]
            found[f"pulses_after_reversal_{name}"] = more[:, at + 1]
            found[f"scatter_after_reversal_{name}"] = np.exp(more[:, at + 2])
    if parts.ramps == 1:
        found["ramp_factor_std"] = more[:, RAMP]
    elif parts.ramps:
        found["ramp_factor_std_up"], found["ramp_factor_std_down"] = more[:, RAMP], more[:, RAMP + 1]
    if parts.tails:
        found["tails"] = more[:, TAILS]
    if parts.relaxing:
        found["relaxing_share"] = more[:, RELAXING]
        found["relaxing_readings"] = np.array([_time(float(kept)) for kept in more[:, LEFT]])
    if parts.wear:
        found["first_over_last_step"], found["wear_pulses"] = np.exp(more[:, WEAR]), more[:, WEAR + 1]
    return {name: Spread.of(values) for name, values in found.items()}


def noise_of(fit: MeasuredFit, drawn: list[tuple[Parts, FloatArray]]) -> tuple[Noise, dict[str, Spread]]:
    """Read noise, its slow part and the one that goes with G; cycle-to-cycle noise as the mean of s/|f|."""
    scale, parts, unit = fit.trace.scale, fit.parts, fit.trace.unit
    more = np.array([number[p.coefficients :] for p, number in drawn])
    cycle = np.array([_cycle(fit, p, number) for p, number in drawn])
    read, relative = Spread.of(scale * more[:, READ]), Spread.of(cycle)
    spreads = {f"read_{unit}": read, "cycle_to_cycle": relative}
    slow = Spread.of(scale * more[:, SLOW]) if parts.slow else None
    proportional = Spread.of(more[:, PROPORTIONAL]) if parts.proportional else None
    noise = Noise(
        read=read.value,
        read_std=read.std,
        cycle_to_cycle=relative.value,
        cycle_to_cycle_std=relative.std,
        slow=slow.value if slow else None,
        slow_std=slow.std if slow else None,
        slow_readings=_time(float(more[0, KEPT])) if slow else None,
        proportional=proportional.value if proportional else None,
        proportional_std=proportional.std if proportional else None,
    )
    return noise, spreads


def _cycle(fit: MeasuredFit, parts: Parts, number: FloatArray) -> float:
    """Cycle-to-cycle noise [1]: the root of the mean squares of scatter and of steps over the window."""
    steps, _, _ = tables_of(parts, number)
    scatter = np.exp(ln_scatter(fit.rows, parts, number))
    return float(np.sqrt(np.mean(scatter**2) / max(float(np.mean(steps**2)), 1e-300)))


def steps_of(fit: MeasuredFit, points: int) -> Steps:
    """Mean steps over the window, as in the middle of the trace, their standard deviations, scatter of single steps."""
    trace, drawn = fit.trace, drawn_numbers(fit, 200)
    tables = np.array([tables_of(parts, number)[0] for parts, number in drawn])
    nodes, x = np.linspace(-1.0, 1.0, tables.shape[2]), np.linspace(-1.0, 1.0, points)
    scatter = np.exp(ln_scatter(fit.rows, fit.parts, fit.number()))
    columns: list[FloatArray] = []
    for way, sign in ((0, 1), (1, -1)):
        three = tables[0, way], np.std(tables[1:, way], axis=0), scatter[way]
        known = trace.has(sign)
        columns += [trace.scale * np.interp(x, nodes, c) if known else np.full(points, np.nan) for c in three]
    return Steps(trace.centre + trace.scale * x, *columns)
