"""The last check on every estimate of a fit: finite, near the measured window, its 95 % interval around it.

What fails is no estimate: it becomes None, and `not_identified` says why. All fits pass through `checked` before they
leave the library.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from instruments.value_text import plain_text

if TYPE_CHECKING:
    from sim_device.fit.intervals import Interval
    from sim_device.fit.result import Fit
    from sim_device.fit.symmetry import EstimatedSymmetryPoint

FAR = 20.0  # measured windows from their middle: a trace tells nothing of what lies beyond
_ROUNDING = 1e-9  # of the window: by which a value may lie outside of its own interval


def trouble(
    value: float, std: float | None, interval: Interval | None, window: tuple[float, float] | None, unit: str
) -> str:
    """Why `value` ± `std` cannot be an estimate, in words; "" where it can. `window`: (low, high) of what was measured.

    Without a `window`, as for shares and slopes, it only has to be finite and in its interval.
    """
    numbers = [value, *(() if std is None else (std,)), *(interval or ())]
    if not all(math.isfinite(number) for number in numbers):
        return "the fit gives no finite value"
    size = abs(value)
    if window is not None:
        low, high = window
        size = high - low
        if abs(value - (low + high) / 2) > FAR * size:
            return (
                f"the fit puts it more than {FAR:.0f} times the measured window ({plain_text(low, unit)} to "
                f"{plain_text(high, unit)}) away, where the trace tells nothing"
            )
    if interval is not None and not interval[0] - _ROUNDING * size <= value <= interval[1] + _ROUNDING * size:
        return "its value lies outside of its own 95 % interval"
    return ""


def of_point(point: EstimatedSymmetryPoint, window: tuple[float, float], unit: str) -> str:
    """Why a symmetry point cannot be one, in words; "" where it can."""
    if point.std <= 0:
        return "the fit gives it no error"
    step = trouble(point.step, point.step_std, point.step_interval, None, unit)
    return trouble(point.conductance, point.std, point.interval, window, unit) or step


def checked(fit: Fit) -> Fit:
    """The fit without what cannot be an estimate, each with its reason in `not_identified`.

    A standard deviation of zero is none: the number is no estimate of this trace (`Fit.no_error` says what it is).
    """
    trace = fit.estimate.trace
    window = trace.centre - trace.scale, trace.centre + trace.scale
    std = {key: known if known else None for key, known in fit.std.items()}
    bad: dict[str, str] = {}
    for key, value in fit.parameters.items():
        bound = window if key.startswith(("g_min", "g_max")) else None
        if value is not None and (why := trouble(value, std.get(key), fit.interval95.get(key), bound, fit.unit)):
            bad[key] = why
    points, why_no_points = _sound(fit.symmetry_points, window, fit.unit)
    others, _ = _sound(fit.other_symmetry_points, window, fit.unit)
    reasons = [f"{key}: {why}" for key, why in bad.items()] + [f"symmetry_point: {why}" for why in why_no_points]
    known = [name for name in fit.names if name not in bad and not (name in std and std[name] is None)]
    chosen = [fit.names.index(name) for name in known]
    return replace(
        fit,
        parameters={key: None if key in bad else value for key, value in fit.parameters.items()},
        std={key: None if key in bad else known for key, known in std.items()},
        names=tuple(known),
        covariance=fit.covariance[np.ix_(chosen, chosen)],
        intervals={key: interval for key, interval in fit.intervals.items() if key not in bad},
        symmetry_points=points,
        other_symmetry_points=others,
        not_identified=(*fit.not_identified, *reasons),
    )


def _sound(
    points: tuple[EstimatedSymmetryPoint, ...], window: tuple[float, float], unit: str
) -> tuple[tuple[EstimatedSymmetryPoint, ...], list[str]]:
    """Points that can be, and why the others cannot."""
    why = [of_point(point, window, unit) for point in points]
    return tuple(p for p, reason in zip(points, why, strict=True) if not reason), [reason for reason in why if reason]
