"""The spectrum of read noise by averaged periodograms, and its exponent at low frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np

from instruments.crosspoints import FloatArray


@dataclass(frozen=True)
class Spectrum:
    """`frequency` [Hz], `density` [unit²/Hz] with relative error `relative_std`, and the exponent γ of ``1/f^γ``."""

    frequency: FloatArray
    density: FloatArray
    relative_std: float
    exponent: float
    exponent_std: float


def spectrum(values: FloatArray, time: FloatArray) -> Spectrum | None:
    """One-sided power density by Welch's method (Hann window, halves overlapping); None for fewer than 128 readings.

    Readings are taken as evenly spaced. The relative error of a density averaged over K segments that overlap by half
    is ``sqrt(11/9 / K)`` (Welch 1967). The exponent is the slope of ln density against ln f over the lowest quarter of
    the decades seen, where white noise hides it least; 0 is white, 1 flicker, 2 a random walk.
    """
    from scipy.signal import welch

    good = np.isfinite(values) & np.isfinite(time)
    y, t = values[good], time[good]
    if y.size < 128 or np.ptp(t) <= 0:
        return None
    rate = (y.size - 1) / float(t[-1] - t[0])
    length = 2 ** int(math.log2(y.size / 4))
    index = np.arange(y.size) - (y.size - 1) / 2
    straight = y - y.mean() - index * float(index @ y) / float(index @ index)
    found = cast("tuple[FloatArray, FloatArray]", welch(straight, fs=rate, nperseg=length))
    frequency, density = found[0][1:-1], found[1][1:-1]
    segments = max(1, 2 * y.size // length - 1)
    relative = math.sqrt(11 / 9 / segments)
    if not np.all(density > 0):
        return Spectrum(frequency, density, relative, math.nan, math.nan)
    low = frequency <= frequency[0] * (frequency[-1] / frequency[0]) ** 0.5
    x = np.log(frequency[low])
    x = x - x.mean()
    slope = float(x @ np.log(density[low]) / (x @ x))
    residual = np.log(density[low]) - np.log(density[low]).mean() - slope * x
    scatter = max(float(residual.std()), relative)
    # A Hann window joins neighbouring frequencies: 1.5 of them are independent.
    return Spectrum(frequency, density, relative, -slope, scatter * math.sqrt(1.5 / float(x @ x)))
