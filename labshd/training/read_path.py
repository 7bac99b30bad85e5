"""Between numbers and currents: converters, bounds, noise, and the managements that fit signals into them.

``y = α F(x/α)``: inputs are scaled into the range of the DAC, rounded, multiplied by the array, disturbed, clipped and
rounded by the ADC, and scaled back (Rasch, Gokmen & Haensch, arXiv 1906.02698).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError

Flags: TypeAlias = NDArray[np.bool_]
_MOST_HALVINGS = 10  # of iterative bound management: inputs 1000 times below full scale have left the DAC


@dataclass(frozen=True)
class ReadPath:
    """Converters and noise of a multiplication; each part is switched off by None or 0.

    Attributes
    ----------
    dac_bits, adc_bits
        Resolution: 2^bits − 2 steps between the bounds, so that zero is a level.
    input_bound, output_bound
        Full scale of the DAC, and of the ADC in weights times inputs (12 of 1 in Rasch 2019).
    noise
        Standard deviation at each output, before the ADC.
    noise_management
        Scale inputs by their largest magnitude (abs-max): small signals use the whole DAC, and rise above the noise.
    bound_management
        Where an output is clipped: "iterative" halves the inputs and multiplies again; "worst-case" multiplies a second
        time with inputs so small that no weights up to 1 could clip.
    """

    dac_bits: int | None = 7
    adc_bits: int | None = 9
    input_bound: float = 1.0
    output_bound: float | None = 12.0
    noise: float = 0.06
    noise_management: bool = True
    bound_management: Literal["iterative", "worst-case"] | None = "iterative"

    def __post_init__(self) -> None:
        """Refuse converters that are none."""
        wrong = [f"{key} = {bits}" for key, bits in (("dac_bits", self.dac_bits), ("adc_bits", self.adc_bits))
                 if bits is not None and not 2 <= bits <= 24]  # fmt: skip
        wrong += [f"{key} = {bound}" for key, bound in (("input_bound", self.input_bound),
                  ("output_bound", self.output_bound)) if bound is not None and not bound > 0]  # fmt: skip
        if wrong or not self.noise >= 0:
            raise InputError(f"converters take 2 to 24 bits and bounds above 0, noise 0 or more, not {self}")

    def through(
        self, multiply: Callable[[FloatArray], FloatArray], x: FloatArray, rng: np.random.Generator, *, bounded: bool
    ) -> FloatArray:
        """``multiply(x)`` by way of converters and noise; x of shape (inputs,) or (inputs, batch).

        `bounded` switches bound management, which serves forward passes only: gradients may be clipped.
        """
        scale = self._input_scale(x)
        y, clipped = self._once(multiply, x / scale, rng)
        if not bounded or self.bound_management is None or not np.any(clipped):
            return y * scale
        if self.bound_management == "worst-case":
            largest = np.sum(np.abs(x), axis=0) / (self.output_bound or math.inf)
            again = np.where(np.any(clipped, axis=0), np.maximum(scale, largest), scale)
            return np.where(np.any(clipped, axis=0), self._once(multiply, x / again, rng)[0] * again, y * scale)
        return self._halved(multiply, x, rng, scale, y, clipped)

    def _halved(
        self, multiply: Callable[[FloatArray], FloatArray], x: FloatArray, rng: np.random.Generator,
        scale: FloatArray, y: FloatArray, clipped: Flags,
    ) -> FloatArray:  # fmt: skip
        """Iterative bound management: halve the inputs of samples with a clipped output until none is."""
        out = y * scale
        for _ in range(_MOST_HALVINGS):
            over = np.any(clipped, axis=0)
            if not np.any(over):
                break
            scale = np.where(over, 2.0 * scale, scale)
            y, now = self._once(multiply, x / scale, rng)
            out, clipped = np.where(over, y * scale, out), np.where(over, now, False)
        return out

    def _input_scale(self, x: FloatArray) -> FloatArray:
        """α of each sample: its largest magnitude in units of the input bound, 1 without noise management."""
        if not self.noise_management:
            return np.ones(x.shape[1:])
        most = np.max(np.abs(x), axis=0) / self.input_bound
        return np.where(most > 0, most, 1.0)

    def _once(
        self, multiply: Callable[[FloatArray], FloatArray], x: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, Flags]:
        """One pass, and which outputs were clipped."""
        y = multiply(rounded(np.clip(x, -self.input_bound, self.input_bound), self.dac_bits, self.input_bound))
        if self.noise > 0:
            y = y + self.noise * rng.standard_normal(y.shape)
        bound = self.output_bound
        if bound is None:
            return y, np.zeros(y.shape, dtype=bool)
        clipped = np.abs(y) >= bound
        return rounded(np.clip(y, -bound, bound), self.adc_bits, bound), clipped


def rounded(values: FloatArray, bits: int | None, bound: float) -> FloatArray:
    """Values rounded to the 2^bits − 1 levels between −bound and bound, zero among them; as they are without bits."""
    if bits is None:
        return values
    step = 2.0 * bound / (2**bits - 2)
    return np.rint(values / step) * step
