"""The noise of a fit: standard deviations with errors and intervals, and as JSON."""

from __future__ import annotations

import numpy as np

from sim_device.fit.estimate import Estimate
from sim_device.fit.flexible import robust_covariance
from sim_device.fit.intervals import NORMAL, Interval, of_noise
from sim_device.models.fitted import Noise


def noise_of(estimate: Estimate) -> Noise:
    """Standard deviations from log-variances: ``σ = exp(θ/2)``, ``std σ = ½ σ std θ``; None for what was held."""
    covariance = estimate.covariance() if estimate.shape.size == 2 else robust_covariance(estimate)
    at, trace = 2 * estimate.shape.size, estimate.trace

    def sigma(i: int, scale: float) -> tuple[float, float | None]:
        value = scale * float(np.exp(estimate.theta[i] / 2))
        return value, None if estimate.held[i] else 0.5 * value * float(np.sqrt(covariance[i, i]))

    cycle, cycle_std = sigma(at, 1.0)
    read, read_std = sigma(at + 1, trace.scale)
    write, write_std = sigma(at + 2, trace.scale) if estimate.free[at + 2] else (None, None)
    drift = trace.scale * float(estimate.theta[at + 3]) if estimate.free[at + 3] else None
    return Noise(
        drift=drift,
        drift_std=None if drift is None else trace.scale * float(np.sqrt(covariance[at + 3, at + 3])),
        read=read,
        read_std=read_std,
        cycle_to_cycle=cycle,
        cycle_to_cycle_std=cycle_std,
        write=write,
        write_std=write_std,
    )


def noise_intervals(noise: Noise, unit: str) -> dict[str, Interval]:
    """95 % intervals of the noise by its names in `noise_json`; of the same estimate as the values.

    Of one that is not told from none by its error, from 0 to 1.96 errors above it.
    """
    told = noise_json(noise, unit)
    pairs = ((name, told.get(name), told.get(std)) for name, std in noise_names(unit))
    return {
        name: of_noise(value, std) if std < value else (0.0, value + NORMAL * std)
        for name, value, std in pairs
        if value and std
    }


def noise_names(unit: str) -> list[tuple[str, str]]:
    """Names of a noise and of its standard deviation."""
    quantities = [(f"{name}_{unit}", f"{name}_std_{unit}") for name in ("read", "write")]
    return [*quantities, ("cycle_to_cycle", "cycle_to_cycle_std")]


def noise_json(noise: Noise, unit: str) -> dict[str, float | None]:
    """As one JSON object, each quantity with its unit in the key."""
    content = {
        f"read_{unit}": noise.read,
        f"read_std_{unit}": noise.read_std,
        "cycle_to_cycle": noise.cycle_to_cycle,
        "cycle_to_cycle_std": noise.cycle_to_cycle_std,
    }
    if noise.write is not None:
        content |= {f"write_{unit}": noise.write, f"write_std_{unit}": noise.write_std}
    if noise.drift is not None:
        content |= {f"drift_{unit}_per_s": noise.drift, f"drift_std_{unit}_per_s": noise.drift_std}
    return content
