"""Prior knowledge of a device's steps: joined with the likelihood, unless the trace contradicts it.

Known are straight steps ``ΔG± = A± + B± G`` as a normal density over (A₊, B₊, A₋, B₋): of an earlier fit of the device,
or of the population of an array that it is one of. It enters the likelihood as readings would. A device that is not one
of its population must not be pulled towards it: the fit from the trace alone is compared first,

    d = θ − μ,    dᵀ (C + Σ)⁻¹ d ~ χ²    (C of the fit alone, Σ of what is known; degrees of freedom: steps pulsed)

and what is known is left out where that is larger than chance makes it once in `1 / UNLIKE` fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.fit.average import averaged
from sim_device.fit.estimate import Estimate, Known, maximum
from sim_device.fit.trace import Trace

UNLIKE = 0.01


class KnownSteps(NamedTuple):
    """Mean (4,) and covariance (4, 4) of (A₊, B₊, A₋, B₋), A in the unit of the trace, B per pulse."""

    mean: FloatArray
    covariance: FloatArray


@dataclass(frozen=True)
class Before:
    """What became of what was known: whether it was `used`, and the `p` of as large a contradiction by chance."""

    used: bool
    p: float

    @property
    def told(self) -> str:
        """In a sentence."""
        if self.used:
            return f"joined with what was known of its steps before (p = {self.p:.2g} of no contradiction)"
        return (
            f"what was known of its steps before was left out: the trace contradicts it (p = {self.p:.1g}), so that "
            "this device is not one of those"
        )


def joined(straight: Estimate, known: KnownSteps) -> tuple[Estimate, Before]:
    """The estimate with what was known, or as it is where it contradicts that.

    Raises `InputError` unless mean and covariance are finite, of 4 numbers, and the covariance is positive definite.
    """
    mean, covariance = _scaled(known, straight.trace)
    pulsed = np.flatnonzero(straight.free[:4])
    block = np.ix_(pulsed, pulsed)
    difference = straight.theta[pulsed] - mean[pulsed]
    both = straight.covariance()[block] + covariance[block]
    p = _chance(float(difference @ np.linalg.solve(both, difference)), len(pulsed))
    if p < UNLIKE:
        return straight, Before(used=False, p=p)
    precision = np.zeros((4, 4))
    precision[block] = np.linalg.inv(covariance[block])
    numbers = straight.theta[: 2 * straight.shape.size + 2]
    found = maximum(
        straight.trace, straight.shape, [numbers], drift=bool(straight.free[-1]), known=Known(mean, precision)
    )
    return averaged(found), Before(used=True, p=p)


def _scaled(known: KnownSteps, trace: Trace) -> tuple[FloatArray, FloatArray]:
    """In scaled units: with G = c + h x a step is ``h (u0 + u1 x)``, so that u0 = (A + B c)/h and u1 = B."""
    mean = np.asarray(known.mean, dtype=np.float64)
    covariance = np.asarray(known.covariance, dtype=np.float64)
    if (
        mean.shape != (4,)
        or covariance.shape != (4, 4)
        or not _is_covariance(covariance)
        or not np.isfinite(mean).all()
    ):
        raise InputError(
            "what is known of the steps takes 4 numbers (A+, B+, A-, B-) and their positive definite (4, 4) covariance"
        )
    one = np.array([[1.0 / trace.scale, trace.centre / trace.scale], [0.0, 1.0]])
    jacobian = np.kron(np.eye(2), one)
    return jacobian @ mean, jacobian @ covariance @ jacobian.T


def _is_covariance(matrix: NDArray[np.float64]) -> bool:
    if not np.isfinite(matrix).all() or np.any(np.diag(matrix) <= 0):
        return False
    scale = 1.0 / np.sqrt(np.diag(matrix))
    return bool(np.linalg.eigvalsh(matrix * np.outer(scale, scale))[0] > 0)


def _chance(squared: float, freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(squared, freedom))
