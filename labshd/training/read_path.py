"""From numbers to currents and back: converters, bounds, noise, and scaling that fits signals into them.

``y = α F(x/α)``: inputs are scaled into the range of the DAC, rounded, multiplied by the array, disturbed, clipped and
rounded by the ADC, and scaled back (Rasch, Gokmen & Haensch, arXiv 1906.02698).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError

Flags: TypeAlias = NDArray[np.bool_]
Multiply: TypeAlias = Callable[[FloatArray], FloatArray]
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

    def through(self, multiply: Multiply, x: FloatArray, draws: Draws, *, bounded: bool) -> FloatArray:
        """``multiply(x)`` by way of converters and noise; x of shape (inputs,) or (inputs, samples).

        `bounded` switches bound management, which serves forward passes only: gradients may be clipped.
        """
        given = np.ascontiguousarray(x, dtype=np.float64)
        scale = self._input_scale(given)
        y, clipped = self._once(multiply, given, scale, draws)
        if bounded and self.bound_management is not None and clipped.any():
            return self._unclipped(multiply, given, draws, scale, y * scale, clipped)
        return y * scale

    def _unclipped(
        self, multiply: Multiply, x: FloatArray, draws: Draws, scale: FloatArray, out: FloatArray, clipped: Flags
    ) -> FloatArray:
        """Samples with a clipped output again, with smaller inputs; `out` is what they gave so far."""
        if self.bound_management == "worst-case":
            over = np.any(clipped, axis=0)
            largest = np.sum(np.abs(x), axis=0) / (self.output_bound or math.inf)
            again = np.where(over, np.maximum(scale, largest), scale)
            return np.where(over, self._once(multiply, x, again, draws)[0] * again, out)
        for _ in range(_MOST_HALVINGS):
            over = np.any(clipped, axis=0)
            if not np.any(over):
                break
            scale = np.where(over, 2.0 * scale, scale)
            y, now = self._once(multiply, x, scale, draws)
            out, clipped = np.where(over, y * scale, out), np.where(over, now, False)
        return out

    def _input_scale(self, x: FloatArray) -> FloatArray:
        """α of each sample: its largest magnitude in units of the input bound, 1 without noise management."""
        scale = np.ones(x.shape[1:])
        if self.noise_management:
            _kernels().largest(_in_columns(x), scale.reshape(-1))
            scale /= self.input_bound
            scale[scale == 0] = 1.0
        return scale

    def _once(self, multiply: Multiply, x: FloatArray, scale: FloatArray, draws: Draws) -> tuple[FloatArray, Flags]:
        """One pass, and which outputs were clipped."""
        driven = np.empty_like(x)
        step = _level(self.dac_bits, self.input_bound)
        _kernels().driven(_in_columns(x), scale.reshape(-1), self.input_bound, step, _in_columns(driven))
        y = np.array(multiply(driven), dtype=np.float64, order="C")
        clipped = np.empty(y.shape, dtype=np.bool_)
        bound = math.inf if self.output_bound is None else self.output_bound
        step = 0.0 if self.output_bound is None else _level(self.adc_bits, bound)
        flat = y.reshape(-1), clipped.reshape(-1)
        _kernels().sensed(flat[0], draws.key, draws.next(), self.noise, bound, step, flat[1])
        return y, clipped


@dataclass
class Draws:
    """Normal deviates of one product, a function of `key` and of the `number` of the product alone."""

    key: np.uint32
    number: int
    passes: int = 0

    def next(self) -> np.uint32:
        """The number of a pass: of the product, and of the pass within it."""
        self.passes += 1
        return np.uint32((self.number * (_MOST_HALVINGS + 2) + self.passes) % 2**32)


def _kernels() -> Any:
    from labshd.training import read_kernels

    return read_kernels


def _in_columns(x: FloatArray) -> FloatArray:
    """`x` as (inputs, samples)."""
    return x if x.ndim == 2 else x[:, np.newaxis]


def _level(bits: int | None, bound: float) -> float:
    """The distance of neighbouring levels; 0 without bits."""
    return 0.0 if bits is None else 2.0 * bound / (2**bits - 2)
