"""Where mean steps up and down cancel: symmetry points from ΔG±(G), all of them, each with its stability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from protocols.analysis.step_noise import StepFit

ComplexArray: TypeAlias = NDArray[np.complex128]


@dataclass(frozen=True)
class Crossing:
    """A zero of ΔG+ + ΔG−: `conductance` ± `std` [unit], `step` ± `step_std` mean magnitude of a step there.

    `slope` ± `slope_std`: contraction per up/down pair, d(ΔG+ + ΔG−)/dG, negative where the point is stable.
    """

    conductance: float
    std: float
    slope: float
    slope_std: float
    step: float
    step_std: float

    @property
    def stable(self) -> bool:
        """Whether random pulsing is drawn to this point."""
        return bool(self.slope < 0)

    def as_dict(self, unit: str) -> dict[str, Any]:
        """JSON-able, unit in the keys."""
        return {
            f"conductance_{unit}": self.conductance,
            f"std_{unit}": self.std,
            "stable": self.stable,
            "contraction_per_pair": self.slope,
            "contraction_per_pair_std": self.slope_std,
            f"step_{unit}": self.step,
            f"step_std_{unit}": self.step_std,
        }


def crossings(fit: StepFit | None) -> list[Crossing]:
    """Zeros of the net step within the range covered, where its slope differs from zero by 2 standard errors.

    G* = root of ΔG+(G) + ΔG−(G) of the fitted curves; std(G*) = std(net step at G*)/|slope|.
    """
    if fit is None or not np.all(np.isfinite(fit.coefficients)):
        return []
    terms = int(fit.coefficients.shape[1])
    found: list[Crossing] = []
    for root in _roots(fit.coefficients.sum(axis=0)):
        if abs(root.imag) > 1e-9 or not fit.covered[0] <= fit.centre + fit.scale * root.real <= fit.covered[1]:
            continue
        x = root.real
        powers: FloatArray = np.power(x, np.arange(terms))
        rates: FloatArray = np.arange(float(terms)) * np.power(x, np.maximum(np.arange(terms) - 1, 0))
        net = np.concatenate([powers, powers])
        slope, slope_std = _value(fit, np.concatenate([rates, rates]))
        if abs(slope) < 2 * slope_std:
            continue
        step, step_std = _value(fit, np.concatenate([powers, -powers]) / 2)
        std = fit.scale * _value(fit, net)[1] / abs(slope)
        at = fit.centre + fit.scale * x
        found.append(Crossing(at, std, slope / fit.scale, slope_std / fit.scale, step, step_std))
    return sorted(found, key=lambda crossing: crossing.conductance)


def _roots(coefficients: FloatArray) -> list[complex]:
    roots: ComplexArray = np.asarray(np.polynomial.polynomial.polyroots(coefficients), dtype=np.complex128)
    return [complex(root) for root in roots]


def _value(fit: StepFit, weights: FloatArray) -> tuple[float, float]:
    """A linear combination of the coefficients, and its standard error."""
    return float(weights @ fit.coefficients.ravel()), math.sqrt(max(float(weights @ fit.covariance @ weights), 0.0))
