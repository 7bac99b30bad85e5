"""Steps that are straight lines of the conductance: where they cross, and how to add prior knowledge."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray

if TYPE_CHECKING:
    from sim_device.fit.result import Fit

_NAMES = ("up_normalised", "up_slope", "down_normalised", "down_slope")


@dataclass(frozen=True)
class Crossing:
    """Symmetry point `value` ± `std` [unit], `slope` ± `slope_std` of the net step there, `step` ± `step_std` [unit].

    ``G* = G₀ − (a₊ + a₋)/(b₊ + b₋)``, ``slope = b₊ + b₋``, ``step = (ΔG₊ − ΔG₋)/2`` at G*.
    """

    value: float
    std: float
    slope: float
    slope_std: float
    step: float
    step_std: float

    @property
    def clear(self) -> bool:
        """Whether the slope differs from zero by 3 standard errors; G* is a ratio and means nothing otherwise."""
        return abs(self.slope) > 3 * self.slope_std


@dataclass(frozen=True)
class StraightSteps:
    """``ΔG±(G) = scale (a± + b± x)``, ``x = (G − centre)/scale``.

    Attributes
    ----------
    theta, covariance
        (4,) a₊, b₊, a₋, b₋ and their (4, 4) covariance; dimensionless.
    cycle_to_cycle, read
        Noise relative to the step; of a reading [unit].
    """

    centre: float
    scale: float
    theta: FloatArray
    covariance: FloatArray
    cycle_to_cycle: float
    read: float

    @staticmethod
    def of(fit: Fit) -> StraightSteps | None:
        """From a fit of straight steps; None unless it has pulses in both directions."""
        values = [fit.parameters.get(name) for name in _NAMES]
        low, high = fit.parameters["g_min_normalised"], fit.parameters["g_max_normalised"]
        if any(value is None for value in values) or low is None or high is None:
            return None
        scale = (high - low) / 2
        chosen = [fit.names.index(name) for name in _NAMES]
        units = 1 / np.array([scale, 1.0, scale, 1.0])
        theta = np.array(values, dtype=np.float64) * units
        covariance = fit.covariance[np.ix_(chosen, chosen)] * np.outer(units, units)
        noise = fit.noise
        return StraightSteps((low + high) / 2, scale, theta, covariance, noise.cycle_to_cycle or 0.0, noise.read or 0.0)

    def absolute(self) -> tuple[FloatArray, FloatArray]:
        """(4,) steps [unit] at zero conductance and slopes [1], (A₊, B₊, A₋, B₋), and their covariance."""
        jacobian = _to_absolute(self.centre, self.scale)
        return np.asarray(jacobian @ self.theta), np.asarray(jacobian @ self.covariance @ jacobian.T)

    def joined(self, known: tuple[FloatArray, FloatArray]) -> StraightSteps:
        """With what was known of (A₊, B₊, A₋, B₋) before: mean (4,) and covariance (4, 4), both normal.

        ``C = (C₁⁻¹ + C₂⁻¹)⁻¹``, ``θ = C (C₁⁻¹ θ₁ + C₂⁻¹ θ₂)``.
        """
        back = np.linalg.inv(_to_absolute(self.centre, self.scale))
        mean, spread = back @ known[0], back @ known[1] @ back.T
        own, before = _inverse(self.covariance), _inverse(spread)
        covariance = _inverse(own + before)
        return replace(self, theta=covariance @ (own @ self.theta + before @ mean), covariance=covariance)

    def crossing(self) -> Crossing:
        """Where the steps cancel; errors by the delta method."""
        a_up, b_up, a_down, b_down = self.theta.tolist()
        slope = b_up + b_down
        slope = math.copysign(max(abs(slope), 1e-9), slope)  # parallel steps cross far away, with an error to match
        x = -(a_up + a_down) / slope
        along = -np.array([1.0, x, 1.0, x]) / slope
        by_step = 0.5 * (np.array([1.0, x, -1.0, -x]) + (b_up - b_down) * along)
        step = 0.5 * ((a_up + b_up * x) - (a_down + b_down * x))
        return Crossing(
            self.centre + self.scale * x,
            self.scale * self._std(along),
            slope,
            self._std(np.array([0.0, 1.0, 0.0, 1.0])),
            self.scale * step,
            self.scale * self._std(by_step),
        )

    def _std(self, gradient: FloatArray) -> float:
        return math.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0))


def _to_absolute(centre: float, scale: float) -> FloatArray:
    """∂(A₊, B₊, A₋, B₋)/∂(a₊, b₊, a₋, b₋): A = scale a − centre b, B = b."""
    one = np.array([[scale, -centre], [0.0, 1.0]])
    return np.asarray(np.kron(np.eye(2), one), dtype=np.float64)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a covariance, scaled to a unit diagonal first."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    inverse = np.linalg.pinv(matrix * np.outer(scale, scale), rcond=1e-13, hermitian=True)
    return np.asarray(inverse * np.outer(scale, scale), dtype=np.float64)
