"""Symmetry points of an update response, in the form its result has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim_device.fit.symmetry import EstimatedSymmetryPoint


def as_dict(point: EstimatedSymmetryPoint, unit: str) -> dict[str, Any]:
    """JSON-able, unit in the keys; `contraction_per_pair` is negative where the point is stable."""
    return {
        f"conductance_{unit}": point.conductance,
        f"std_{unit}": point.std,
        "stable": point.stable,
        "contraction_per_pair": -point.contraction,
        "contraction_per_pair_std": point.contraction_std,
        f"step_{unit}": point.step,
        f"step_std_{unit}": point.step_std,
    }
