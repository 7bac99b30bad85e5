"""What every device model offers: the steps of a pulse, their slopes, symmetry points, number of states."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from instruments.errors import InputError, all_at_once

Value: TypeAlias = float | tuple[float, ...]
GRID = 2001  # points on which a crossing of the steps is searched; narrower double crossings are not resolved


@dataclass(frozen=True)
class SymmetryPoint:
    """Where the mean up step and the mean down step cancel: ``ΔG+(G*) + ΔG−(G*) = 0``.

    Attributes
    ----------
    conductance
        G*, in the unit of the device.
    step
        δ* = ΔG+(G*), in the unit of the device.
    stable
        True where alternating or random pulsing drives the device to G*: ``dΔG+/dG + dΔG−/dG < 0``.
    contraction
        ``1 − (1 + dΔG+/dG)(1 + dΔG−/dG)`` at G*: the part of a deviation that one up/down pair removes; negative
        where the pair makes it grow.
    """

    conductance: float
    step: float
    stable: bool
    contraction: float


@dataclass(frozen=True)
class DeviceModel(ABC):
    """Mean response of one device to one pulse; noise is not part of it.

    Subclasses are frozen dataclasses of floats (or tuples of floats). Steps are signed: an up step is usually
    positive and a down step negative, but a model or table may say otherwise. Steps are not clipped to `range`:
    a simulation adds the step and then clips, `hard_bounds` says whether that ever matters.
    """

    name: ClassVar[str]
    hard_bounds: ClassVar[bool]
    dimensionless: ClassVar[frozenset[str]]  # parameters that carry no unit of conductance

    g_min: float
    g_max: float

    def __post_init__(self) -> None:
        """Refuse what cannot be a device: every problem at once."""
        problems = [f"{key} = {value!r} is not finite" for key, value in self._numbers() if not math.isfinite(value)]
        if not problems and not self.g_max > self.g_min:
            problems.append(f"g_max = {self.g_max:g} must be above g_min = {self.g_min:g}")
        if not problems:
            problems.extend(self._problems())
        if problems:
            raise InputError(all_at_once(f"a {self.name} device", problems))

    @abstractmethod
    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """Mean change [unit] by one up pulse at `conductance` [unit]; any shape, signed."""

    @abstractmethod
    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """Mean change [unit] by one down pulse at `conductance` [unit]; any shape, signed."""

    @abstractmethod
    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """Derivative dΔG+/dG [1] at `conductance` [unit]."""

    @abstractmethod
    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """Derivative dΔG−/dG [1] at `conductance` [unit]."""

    @property
    def range(self) -> tuple[float, float]:
        """(lowest, highest) conductance [unit] that the device is said to reach."""
        return self.g_min, self.g_max

    def symmetry_points(self) -> tuple[SymmetryPoint, ...]:
        """Every crossing of up and down steps within `range`, from low to high; empty where there is none."""
        grid = np.linspace(self.g_min, self.g_max, GRID)
        return tuple(self.symmetry_point_at(g) for g in crossings(self._sum_of_steps, grid))

    def symmetry_point_at(self, conductance: float) -> SymmetryPoint:
        """The symmetry point at `conductance` [unit], which the caller knows to be a crossing."""
        up, down = float(self.slope_up(conductance)), float(self.slope_down(conductance))
        contraction = 1.0 - (1.0 + up) * (1.0 + down)
        return SymmetryPoint(conductance, float(self.step_up(conductance)), up + down < 0, contraction)

    def number_of_states(self) -> float | None:
        """``N = (Gmax − Gmin)/δ*`` at the first stable symmetry point (AIHWKit's convention); None without one."""
        stable = [point for point in self.symmetry_points() if point.stable and point.step > 0]
        return (self.g_max - self.g_min) / stable[0].step if stable else None

    def parameters(self, unit: str) -> dict[str, float | list[float]]:
        """Parameters by name, with the unit in the name: ``{"g_min_S": 1e-6, ..., "s_up": 0.002}``."""
        return {
            self.labelled(key, unit): list(value) if isinstance(value, tuple) else value
            for key, value in self._values().items()
        }

    @classmethod
    def labelled(cls, parameter: str, unit: str) -> str:
        """Name of a parameter as files show it: ``g_min`` in siemens is ``g_min_S``."""
        return parameter if parameter in cls.dimensionless else f"{parameter}_{unit}"

    @classmethod
    def from_parameters(cls, given: Mapping[str, float | list[float]], unit: str) -> Self:
        """The inverse of `parameters`. `InputError` names every key that is missing, unknown or of another unit."""
        known = {cls.labelled(field.name, unit): field.name for field in fields(cls)}
        problems = [f"{key} is missing" for key in known if key not in given]
        problems += [f"{key} is not a parameter; these are: {', '.join(known)}" for key in given if key not in known]
        if problems:
            raise InputError(all_at_once(f"a {cls.name} device in {unit}", problems))
        values = {known[key]: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        return cls(**values)  # type: ignore[arg-type]

    def _problems(self) -> list[str]:
        """What is wrong with finite parameters of the subclass."""
        return []

    def _sum_of_steps(self, conductance: ArrayLike) -> FloatArray:
        return self.step_up(conductance) + self.step_down(conductance)

    def _values(self) -> dict[str, Value]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _numbers(self) -> list[tuple[str, float]]:
        return [
            (key, number)
            for key, value in self._values().items()
            for number in (value if isinstance(value, tuple) else (value,))
        ]


def crossings(function: Callable[[FloatArray], FloatArray], grid: FloatArray) -> list[float]:
    """Zeros of `function` between the points of an ascending `grid`, each to rounding (Brent's method)."""
    from scipy.optimize import brentq

    values = function(grid)
    zeros: list[float] = []
    for low, high, left, right in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
        if left == 0 and right != 0:
            zeros.append(float(low))
        elif left * right < 0:
            zeros.append(
                float(brentq(lambda g: float(function(np.asarray(g))), low, high, xtol=1e-15 * abs(high - low)))
            )
    if values[-1] == 0 and values[-2] != 0:
        zeros.append(float(grid[-1]))
    return zeros
