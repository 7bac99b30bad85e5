"""Figures of merit of a device, each defined where it is computed and given with its standard error.

Functions take parameters of the soft-bounds model with their covariance (order: g_min, g_max, s_up, s_down; [unit],
[unit], 1, 1), as a fit gives them; errors by the delta method, ``std² = ∇f Σ ∇fᵀ`` with central differences. Where the
field has two conventions, both are here under names that tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from instruments.errors import InputError


@dataclass(frozen=True)
class Merit:
    """A figure with its standard error."""

    value: float
    std: float


def delta_method(figure: Callable[[FloatArray], float], parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``std² = ∇f Σ ∇fᵀ``: `figure` of `parameters` (p,) with `covariance` (p, p).

    Raises `InputError` unless the shapes fit and everything is finite.
    """
    at, sigma = np.asarray(parameters, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if at.ndim != 1 or sigma.shape != (at.size, at.size) or not (np.isfinite(at).all() and np.isfinite(sigma).all()):
        raise InputError(
            f"{at.size} parameters with a covariance of shape {sigma.shape}: give p parameters and (p, p) "
            "covariances, all finite"
        )
    # Steps of a hundredth of a standard error: small against the curvature that the delta method neglects anyway.
    steps = np.maximum(1e-2 * np.sqrt(np.diag(sigma)), 1e-7 * np.abs(at) + 1e-300)
    gradient = np.empty(at.size)
    for k in range(at.size):
        ahead, behind = at.copy(), at.copy()
        ahead[k] += steps[k]
        behind[k] -= steps[k]
        gradient[k] = (figure(ahead) - figure(behind)) / (2 * steps[k])
    return Merit(figure(at), math.sqrt(max(float(gradient @ sigma @ gradient), 0.0)))


def symmetry_point(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``G* = (s₊ Gmax + s₋ Gmin)/(s₊ + s₋)`` [unit]."""
    return delta_method(_symmetry_point, parameters, covariance)


def step_at_symmetry_point(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``δ* = s₊ s₋ (Gmax − Gmin)/(s₊ + s₋)`` [unit]: both steps have this magnitude at G*."""
    return delta_method(_step, parameters, covariance)


def states_at_symmetry_point(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``N = (Gmax − Gmin)/δ*``: number of states as simulators count it (aihwkit: range/granularity)."""
    return delta_method(lambda p: (p[1] - p[0]) / _step(p), parameters, covariance)


def pulses_end_to_end(parameters: ArrayLike, covariance: ArrayLike, *, share: float = 0.99) -> Merit:
    """``n = ln(1 − share)/ln(1 − s₊)``: pulses up from Gmin that cover `share` of the window.

    The other number of states, as NeuroSim counts it: pulses from end to end. Soft bounds are never reached, so the
    share is a part of the definition. `InputError` unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise InputError(f"a share of {share} of the window is none; give one between 0 and 1, such as 0.99")
    return delta_method(lambda p: math.log1p(-share) / math.log1p(-float(p[2])), parameters, covariance)


def skew_half_range(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``|G* − (Gmax + Gmin)/2| / ((Gmax − Gmin)/2)``: 0 in the middle of the window, 1 at a bound.

    Papers quote a skew of the symmetry point without an equation; this is one reading, `skew_full_range` another.
    """
    return delta_method(lambda p: 2 * _skew(p), parameters, covariance)


def skew_full_range(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``|G* − (Gmax + Gmin)/2| / (Gmax − Gmin)``: 0 in the middle of the window, ½ at a bound."""
    return delta_method(_skew, parameters, covariance)


def dynamic_range(parameters: ArrayLike, covariance: ArrayLike) -> Merit:
    """``Gmax/Gmin`` of the bounds, 1; their difference is the window. `InputError` where Gmin is not positive."""
    if np.asarray(parameters, dtype=np.float64)[0] <= 0:
        raise InputError("the lower bound is not positive, so Gmax/Gmin says nothing; state the window Gmax − Gmin")
    return delta_method(lambda p: p[1] / p[0], parameters, covariance)


def asymmetry_ratio(parameters: ArrayLike, covariance: ArrayLike, conductance: float) -> Merit:
    """``|ΔG−|/ΔG+`` at `conductance` [unit]: 1 at the symmetry point."""
    return delta_method(lambda p: _down(p, conductance) / _up(p, conductance), parameters, covariance)


def symmetry_factor(parameters: ArrayLike, covariance: ArrayLike, conductance: float) -> Merit:
    """``(ΔG+ − |ΔG−|)/(ΔG+ + |ΔG−|)`` at `conductance` [unit]: 0 at the symmetry point, ±1 at the bounds.

    After Gong et al., Nat. Commun. 9, 2102 (2018), where it is a function of conductance; sign as written here.
    """

    def factor(p: FloatArray) -> float:
        up, down = _up(p, conductance), _down(p, conductance)
        return (up - down) / (up + down)

    return delta_method(factor, parameters, covariance)


def noise_to_signal(cycle_to_cycle: Merit, write: Merit = Merit(0.0, 0.0)) -> Merit:
    """``NSR = σ(ΔG)/⟨ΔG⟩ = √(σ_c² + 2 σ_wn²)`` at the symmetry point, 1.

    `cycle_to_cycle` σ_c accumulates; `write` σ_wn, both relative to the step, is drawn anew at each write and enters a
    difference of two states twice. Read noise belongs to the instrument and is left out.
    """
    value = math.hypot(cycle_to_cycle.value, math.sqrt(2) * write.value)
    if value == 0:
        return Merit(0.0, math.hypot(cycle_to_cycle.std, math.sqrt(2) * write.std))
    return Merit(value, math.hypot(cycle_to_cycle.value * cycle_to_cycle.std, 2 * write.value * write.std) / value)


def neurosim_nonlinearity(fraction: float, std: float, pulses: int) -> Merit:
    """NeuroSim's label of a ramp: ``NL = max_x (y(x) − x)/(0.07 √2)``, the largest distance to the straight line.

    ``y = (1 − e^(−x/a))/(1 − e^(−1/a))`` is the normalised ramp over `pulses` pulses, a = −1/(n ln(1 − s)) with the
    soft-bounds `fraction` s of a pulse and its standard error `std`; 0.07 per unit of NL reproduces NeuroSim's table
    (0.01 to 9). Positive for either direction. `InputError` unless 0 < s < 1 and pulses > 0.
    """
    if not 0 < fraction < 1 or pulses < 1:
        raise InputError(f"a fraction of {fraction} and {pulses} pulses are no ramp; give 0 < fraction < 1, pulses > 0")

    def label(p: FloatArray) -> float:
        k = -pulses * math.log1p(-float(p[0]))  # 1/a
        # dy/dx = k e^(−kx)/(1 − e^(−k)) = 1 where the distance is largest
        share = -math.expm1(-k)
        x = math.log(k / share) / k
        return (-math.expm1(-k * x) / share - x) / (0.07 * math.sqrt(2))

    return delta_method(label, [fraction], [[std**2]])


def device_spread(values: Sequence[float], errors: Sequence[float]) -> Merit:
    """Device-to-device standard deviation of a parameter, the errors of estimation taken out.

    ``σ² = Var(values) − ⟨errors²⟩``, not below 0; its error ``√(2/(n − 1)) Var/(2σ)``. `InputError` below 3 devices.
    """
    if len(values) < 3 or len(values) != len(errors):
        raise InputError(f"a spread needs 3 devices or more, each with its error, not {len(values)} and {len(errors)}")
    total = float(np.var(values, ddof=1))
    own = total - float(np.mean(np.square(errors)))
    error = math.sqrt(2 / (len(values) - 1)) * total
    value = math.sqrt(max(own, 0.0))
    return Merit(value, min(error / (2 * value) if value > 0 else math.inf, math.sqrt(error)))


def _up(p: FloatArray, g: float) -> float:
    return float(p[2] * (p[1] - g))


def _down(p: FloatArray, g: float) -> float:
    return float(p[3] * (g - p[0]))


def _symmetry_point(p: FloatArray) -> float:
    return float((p[2] * p[1] + p[3] * p[0]) / (p[2] + p[3]))


def _step(p: FloatArray) -> float:
    return float(p[2] * p[3] * (p[1] - p[0]) / (p[2] + p[3]))


def _skew(p: FloatArray) -> float:
    return abs(_symmetry_point(p) - (p[0] + p[1]) / 2) / float(p[1] - p[0])
