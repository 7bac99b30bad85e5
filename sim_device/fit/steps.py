"""ΔG±(G) with a band, from the likelihood of a whole trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from sim_device.fit.average import averaged
from sim_device.fit.estimate import Estimate, linear
from sim_device.fit.flexible import flexible, robust_covariance
from sim_device.fit.trace import trace_of


@dataclass(frozen=True)
class Steps:
    """Mean change by one pulse against conductance: arrays (points,) in the unit of the trace.

    `up` and `down` are signed; `up_std` and `down_std` the standard deviations of these means; `up_scatter` and
    `down_scatter` those of single steps around them, ``σc |ΔG|``. NaN for a direction without pulses.
    """

    conductance: FloatArray
    up: FloatArray
    up_std: FloatArray
    up_scatter: FloatArray
    down: FloatArray
    down_std: FloatArray
    down_scatter: FloatArray

    def columns(self, unit: str) -> dict[str, FloatArray]:
        """By name, the unit in it."""
        return {f"{name}_{unit}": column for name, column in vars(self).items()}


def smooth_steps(
    pulses: ArrayLike,
    conductance: ArrayLike,
    *,
    unit: str = "S",
    segments: ArrayLike | None = None,
    points: int = 101,
) -> Steps:
    """ΔG±(G) of a trace that no model need fit; arguments as for `sim_device.fit.fitting.fit_trace`.

    Legendre series in G, the number of terms chosen by BIC, fitted by the likelihood of the whole trace: noise of
    readings is part of it and biases nothing. The band allows for steps that differ from piece to piece.
    """
    estimate = averaged(flexible(averaged(linear(trace_of(pulses, conductance, unit=unit, segments=segments)))))
    return steps_of(estimate, robust_covariance(estimate), points)


def steps_of(estimate: Estimate, covariance: FloatArray, points: int) -> Steps:
    """Steps of an estimate over the measured range; `covariance` of θ. Delta method: ``Var f = ∂fᵀ C ∂f``."""
    trace, x = estimate.trace, np.linspace(-1.0, 1.0, points)
    cycle = float(np.exp(estimate.theta[2 * estimate.shape.size] / 2))

    def direction(way: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        if not trace.has(way):
            nothing = np.full(points, np.nan)
            return nothing, nothing, nothing
        rows = [estimate.at(at, way) for at in x]
        value = trace.scale * np.array([row[0] for row in rows])
        gradient = np.array([row[2] for row in rows])
        spread = np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", gradient, covariance, gradient), 0.0))
        return value, trace.scale * spread, cycle * np.abs(value)

    return Steps(trace.centre + trace.scale * x, *direction(+1), *direction(-1))
