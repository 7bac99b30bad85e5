"""Device models by formula: soft bounds, linear, exponential, power and constant steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.models.device_model import DeviceModel, SymmetryPoint

__all__ = [
    "ConstantStep",
    "DeviceModel",
    "ExponentialStep",
    "LinearStep",
    "PowerStep",
    "SoftBounds",
    "SymmetryPoint",
    "model_named",
]


def _array(conductance: ArrayLike) -> FloatArray:
    return np.asarray(conductance, dtype=np.float64)


@dataclass(frozen=True)
class SoftBounds(DeviceModel):
    """``ΔG+ = s+ (Gmax − G)``, ``ΔG− = −s− (G − Gmin)``: steps that vanish at the bounds.

    The bounds `g_min`, `g_max` [unit] are asymptotes; `s_up`, `s_down` [1] are the fractions of the remaining way
    that one pulse goes, in (0, 1].
    """

    name: ClassVar[str] = "soft-bounds"
    hard_bounds: ClassVar[bool] = False
    dimensionless: ClassVar[frozenset[str]] = frozenset({"s_up", "s_down"})

    s_up: float
    s_down: float

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """``s+ (Gmax − G)`` [unit]."""
        return self.s_up * (self.g_max - _array(conductance))

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """``−s− (G − Gmin)`` [unit]."""
        return -self.s_down * (_array(conductance) - self.g_min)

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """``−s+`` [1]."""
        return np.full_like(_array(conductance), -self.s_up)

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """``−s−`` [1]."""
        return np.full_like(_array(conductance), -self.s_down)

    def symmetry_points(self) -> tuple[SymmetryPoint, ...]:
        """``G* = (s+ Gmax + s− Gmin)/(s+ + s−)``, ``δ* = s+ s− (Gmax − Gmin)/(s+ + s−)``; always stable."""
        total = self.s_up + self.s_down
        point = (self.s_up * self.g_max + self.s_down * self.g_min) / total
        step = self.s_up * self.s_down * (self.g_max - self.g_min) / total
        return (SymmetryPoint(point, step, stable=True, contraction=total - self.s_up * self.s_down),)

    @classmethod
    def around(cls, symmetry_point: float, step: float, s_up: float, s_down: float) -> SoftBounds:
        """Soft bounds with the symmetry point [unit], step there [unit] and fractions [1] that are given."""
        return cls(symmetry_point - step / s_down, symmetry_point + step / s_up, s_up, s_down)

    def _problems(self) -> list[str]:
        return [
            f"{key} = {value:g} must be above 0 and at most 1: the fraction of the remaining way that one pulse goes"
            for key, value in (("s_up", self.s_up), ("s_down", self.s_down))
            if not 0 < value <= 1
        ]


@dataclass(frozen=True)
class LinearStep(DeviceModel):
    """``ΔG± = δ± + b± (G − Gc)``, Gc the middle of the range, hard bounds at its ends.

    `up`, `down` [unit] are the signed steps δ+, δ− at Gc; `up_slope`, `down_slope` [1] are b±, of any sign: steps that
    grow with G make the symmetry point unstable, slopes of ``−s±`` are soft bounds, slopes of 0 constant steps.
    """

    name: ClassVar[str] = "linear-step"
    hard_bounds: ClassVar[bool] = True
    dimensionless: ClassVar[frozenset[str]] = frozenset({"up_slope", "down_slope"})

    up: float
    down: float
    up_slope: float
    down_slope: float

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """``δ+ + b+ (G − Gc)`` [unit]."""
        return self.up + self.up_slope * (_array(conductance) - self.centre)

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """``δ− + b− (G − Gc)`` [unit]."""
        return self.down + self.down_slope * (_array(conductance) - self.centre)

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """``b+`` [1]."""
        return np.full_like(_array(conductance), self.up_slope)

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """``b−`` [1]."""
        return np.full_like(_array(conductance), self.down_slope)

    @property
    def centre(self) -> float:
        """Gc [unit], the middle of the range."""
        return (self.g_min + self.g_max) / 2

    def symmetry_points(self) -> tuple[SymmetryPoint, ...]:
        """``G* = Gc − (δ+ + δ−)/(b+ + b−)`` where that lies within the range."""
        slope = self.up_slope + self.down_slope
        if slope == 0:
            return ()
        point = self.centre - (self.up + self.down) / slope
        return (self.symmetry_point_at(point),) if self.g_min <= point <= self.g_max else ()


@dataclass(frozen=True)
class ExponentialStep(DeviceModel):
    """``ΔG+ = δ+ + ε+ e^{−γ+ ω}``, ``ΔG− = −δ− − ε− e^{−γ− (1−ω)}``, ω = (G − Gmin)/(Gmax − Gmin).

    Neither changes sign (what would is 0); hard bounds. `up`, `down` [unit] are δ±, the steps far from where the
    device starts; `up_extra`, `down_extra` [unit] are ε±, what is added at the bound they start from;
    `gamma_up`, `gamma_down` [1] are γ±. AIHWKit's ExpStep, ``Δw (1 − A exp(±γ z))`` with
    ``z = 2aw/(b_max − b_min) + b``, is δ = Δw, ε+ = −Δw A_up exp(γ_up (2a b_min/(b_max − b_min) + b)), γ+ = −2aγ_up;
    likewise down.
    """

    name: ClassVar[str] = "exponential-step"
    hard_bounds: ClassVar[bool] = True
    dimensionless: ClassVar[frozenset[str]] = frozenset({"gamma_up", "gamma_down"})

    up: float
    down: float
    up_extra: float
    down_extra: float
    gamma_up: float
    gamma_down: float

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """``max(0, δ+ + ε+ e^{−γ+ ω})`` [unit]."""
        return np.maximum(0.0, self.up + self._extra_up(conductance))

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """``−max(0, δ− + ε− e^{−γ− (1−ω)})`` [unit]."""
        return -np.maximum(0.0, self.down + self._extra_down(conductance))

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """``−γ+ ε+ e^{−γ+ ω}/(Gmax − Gmin)`` [1]; 0 where the step is."""
        extra = self._extra_up(conductance)
        return np.where(self.up + extra > 0, -self.gamma_up * extra / (self.g_max - self.g_min), 0.0)

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """``−γ− ε− e^{−γ− (1−ω)}/(Gmax − Gmin)`` [1]; 0 where the step is."""
        extra = self._extra_down(conductance)
        return np.where(self.down + extra > 0, -self.gamma_down * extra / (self.g_max - self.g_min), 0.0)

    def _extra_up(self, conductance: ArrayLike) -> FloatArray:
        position = (_array(conductance) - self.g_min) / (self.g_max - self.g_min)
        return self.up_extra * np.exp(-self.gamma_up * position)

    def _extra_down(self, conductance: ArrayLike) -> FloatArray:
        position = (self.g_max - _array(conductance)) / (self.g_max - self.g_min)
        return self.down_extra * np.exp(-self.gamma_down * position)


@dataclass(frozen=True)
class PowerStep(DeviceModel):
    """``ΔG+ = δ+ (1 − ω)^{γ+}``, ``ΔG− = −δ− ω^{γ−}``, ω = (G − Gmin)/(Gmax − Gmin) clipped to [0, 1].

    `up`, `down` [unit] are δ± > 0, `gamma_up`, `gamma_down` [1] are γ± >= 0 (1: soft bounds, 0: constant step).
    """

    name: ClassVar[str] = "power-step"
    hard_bounds: ClassVar[bool] = True
    dimensionless: ClassVar[frozenset[str]] = frozenset({"gamma_up", "gamma_down"})

    up: float
    down: float
    gamma_up: float
    gamma_down: float

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """``δ+ (1 − ω)^{γ+}`` [unit]."""
        return self.up * (1.0 - self._position(conductance)) ** self.gamma_up

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """``−δ− ω^{γ−}`` [unit]."""
        return -self.down * self._position(conductance) ** self.gamma_down

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """``−δ+ γ+ (1 − ω)^{γ+ − 1}/(Gmax − Gmin)`` [1]."""
        left = 1.0 - self._position(conductance)
        return -self.up * _power_slope(left, self.gamma_up) / (self.g_max - self.g_min)

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """``−δ− γ− ω^{γ− − 1}/(Gmax − Gmin)`` [1]."""
        return -self.down * _power_slope(self._position(conductance), self.gamma_down) / (self.g_max - self.g_min)

    def _position(self, conductance: ArrayLike) -> FloatArray:
        return np.clip((_array(conductance) - self.g_min) / (self.g_max - self.g_min), 0.0, 1.0)

    def _problems(self) -> list[str]:
        negative = {"gamma_up": self.gamma_up, "gamma_down": self.gamma_down}
        return _must_be_positive({"up": self.up, "down": self.down}) + [
            f"{key} = {value:g} must not be negative" for key, value in negative.items() if value < 0
        ]


@dataclass(frozen=True)
class ConstantStep(DeviceModel):
    """``ΔG+ = δ+``, ``ΔG− = −δ−`` between hard bounds; `up`, `down` [unit] are δ± > 0.

    There is no symmetry point: unequal steps drift to a bound, equal steps are balanced everywhere.
    """

    name: ClassVar[str] = "constant-step"
    hard_bounds: ClassVar[bool] = True
    dimensionless: ClassVar[frozenset[str]] = frozenset()

    up: float
    down: float

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """``δ+`` [unit]."""
        return np.full_like(_array(conductance), self.up)

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """``−δ−`` [unit]."""
        return np.full_like(_array(conductance), -self.down)

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """0 [1]."""
        return np.zeros_like(_array(conductance))

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """0 [1]."""
        return np.zeros_like(_array(conductance))

    def symmetry_points(self) -> tuple[SymmetryPoint, ...]:
        """None at all."""
        return ()

    def _problems(self) -> list[str]:
        return _must_be_positive({"up": self.up, "down": self.down})


def _must_be_positive(values: dict[str, float]) -> list[str]:
    return [f"{key} = {value:g} must be above 0" for key, value in values.items() if not value > 0]


def _power_slope(base: FloatArray, exponent: float) -> FloatArray:
    # 0**(negative) at a bound: the slope of a step that ends with a vertical tangent has no finite value there.
    if exponent == 0:
        return np.zeros_like(base)
    return exponent * np.maximum(base, 1e-12) ** (exponent - 1)


def model_named(name: str) -> type[DeviceModel]:
    """The class of device models with this `name`, such as "soft-bounds". `InputError` lists the known ones."""
    from sim_device.models.measured import MeasuredStep
    from sim_device.models.table import TableStep

    known = (SoftBounds, LinearStep, ExponentialStep, PowerStep, ConstantStep, TableStep, MeasuredStep)
    models = {m.name: m for m in known}
    if name not in models:
        raise InputError(f"{name!r} is not a device model; these are: {', '.join(models)}")
    return models[name]
