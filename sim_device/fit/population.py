"""Device-to-device variation: mean and spread of a parameter over devices that each have an error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray


@dataclass(frozen=True)
class Spread:
    """``xi ~ N(mean, spread² + σi²)`` over devices i, σi the standard deviation with which each xi is known.

    `mean` and `spread`, with `mean_std` and `spread_std`, are restricted maximum likelihood; `devices` tells how many
    counted. `spread` is the device-to-device variation itself, the errors of the single estimates taken out; NaN with
    fewer than 3 devices. A spread that is not larger than its std cannot be told from none.
    """

    mean: float
    mean_std: float
    spread: float
    spread_std: float
    devices: int

    def shrunk(self, value: float, std: float) -> tuple[float, float]:
        """(value, std) of one device, the population known: the weighted mean of its own estimate and the population.

        ``1/V = 1/std² + 1/spread²``, ``x = V (value/std² + mean/spread²)`` (empirical Bayes).
        """
        own, shared = 1.0 / std**2, 1.0 / max(self.spread**2 + self.mean_std**2, 1e-300)
        return (own * value + shared * self.mean) / (own + shared), float(1.0 / np.sqrt(own + shared))


def spread_of(values: FloatArray, std: FloatArray) -> Spread:
    """Population of `values` with standard deviations `std`, arrays of one shape; NaN are left out.

    Restricted likelihood in t = spread², weights ``wi = 1/(t + σi²)``:
    ``−2 ln L = Σ ln(t + σi²) + Σ wi (xi − m)² + ln Σ wi`` with ``m = Σ wi xi / Σ wi``; ``I(t) = ½ Σ wi²``.
    """
    from scipy.optimize import minimize_scalar

    known = np.isfinite(values) & np.isfinite(std)
    x, variance = values[known], std[known] ** 2
    n = len(x)
    if n < 3:
        mean = float(np.mean(x)) if n else float("nan")
        return Spread(mean, float("nan"), float("nan"), float("nan"), n)

    def loss(root: float) -> float:
        weight = 1.0 / (root**2 + variance)
        mean = np.sum(weight * x) / np.sum(weight)
        return float(np.sum(weight * (x - mean) ** 2) - np.sum(np.log(weight)) + np.log(np.sum(weight)))

    scale = float(np.std(x)) + float(np.sqrt(np.mean(variance)))
    grid = scale * np.linspace(0.0, 3.0, 61)
    start = int(np.argmin([loss(float(at)) for at in grid]))
    low, high = grid[max(0, start - 1)], grid[min(60, start + 1)]
    spread = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6 * scale}).x)
    weight = 1.0 / (spread**2 + variance)
    mean = float(np.sum(weight * x) / np.sum(weight))
    of_square = np.sqrt(2.0 / np.sum(weight**2))
    # Near 0 the spread is known to the root of what its square is known to.
    spread_std = float(min(of_square / (2.0 * max(spread, 1e-300)), np.sqrt(of_square)))
    return Spread(mean, float(1.0 / np.sqrt(np.sum(weight))), spread, spread_std, n)
