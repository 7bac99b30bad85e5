"""A device model from measured steps: a table of ΔG±(G) at nodes, with their scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import FloatArray
from sim_device.models.device_model import DeviceModel, SymmetryPoint, crossings


@dataclass(frozen=True)
class TableStep(DeviceModel):
    """ΔG±(G) by linear interpolation between `nodes`, constant beyond the first and last; hard bounds.

    `nodes` [unit] ascend, two or more; `up`, `down` [unit] are the signed steps there, of any sign; `up_scatter`,
    `down_scatter` [unit] are the standard deviations of single steps around them, 0 or more.
    """

    name: ClassVar[str] = "table"
    hard_bounds: ClassVar[bool] = True
    dimensionless: ClassVar[frozenset[str]] = frozenset()

    nodes: tuple[float, ...]
    up: tuple[float, ...]
    down: tuple[float, ...]
    up_scatter: tuple[float, ...]
    down_scatter: tuple[float, ...]

    def step_up(self, conductance: ArrayLike) -> FloatArray:
        """ΔG+ [unit], interpolated."""
        return np.interp(np.asarray(conductance, dtype=np.float64), self.nodes, self.up)

    def step_down(self, conductance: ArrayLike) -> FloatArray:
        """ΔG− [unit], interpolated."""
        return np.interp(np.asarray(conductance, dtype=np.float64), self.nodes, self.down)

    def slope_up(self, conductance: ArrayLike) -> FloatArray:
        """Slope [1] of the piece that `conductance` lies on; 0 beyond the table."""
        return self._slope(conductance, self.up)

    def slope_down(self, conductance: ArrayLike) -> FloatArray:
        """Slope [1] of the piece that `conductance` lies on; 0 beyond the table."""
        return self._slope(conductance, self.down)

    def scatter_up(self, conductance: ArrayLike) -> FloatArray:
        """Standard deviation [unit] of one up step at `conductance`, interpolated."""
        return np.interp(np.asarray(conductance, dtype=np.float64), self.nodes, self.up_scatter)

    def scatter_down(self, conductance: ArrayLike) -> FloatArray:
        """Standard deviation [unit] of one down step at `conductance`, interpolated."""
        return np.interp(np.asarray(conductance, dtype=np.float64), self.nodes, self.down_scatter)

    def symmetry_points(self) -> tuple[SymmetryPoint, ...]:
        """Every crossing between nodes, exact for linear pieces."""
        inside = [g for g in self.nodes if self.g_min <= g <= self.g_max]
        grid = np.unique(np.array([self.g_min, *inside, self.g_max]))
        return tuple(self.symmetry_point_at(g) for g in crossings(self._sum_of_steps, grid))

    def _slope(self, conductance: ArrayLike, steps: tuple[float, ...]) -> FloatArray:
        g = np.asarray(conductance, dtype=np.float64)
        slopes = np.concatenate([[0.0], np.diff(steps) / np.diff(self.nodes), [0.0]])
        return slopes[np.searchsorted(self.nodes, g, side="right")]

    def _problems(self) -> list[str]:
        count = len(self.nodes)
        problems = ["a table needs two nodes or more"] if count < 2 else []
        if np.any(np.diff(self.nodes) <= 0):
            problems.append("nodes must ascend, no two alike")
        columns = {"up": self.up, "down": self.down, "up_scatter": self.up_scatter, "down_scatter": self.down_scatter}
        problems += [f"{key} has {len(c)} values for {count} nodes" for key, c in columns.items() if len(c) != count]
        if any(s < 0 for s in (*self.up_scatter, *self.down_scatter)):
            problems.append("a scatter is a standard deviation and cannot be negative")
        return problems
