"""Zero-shifting: makes the symmetry point of each device its zero, digitally or with a second device.

Kim et al., arXiv 1907.10228: pulse up and down until each device has converged to its symmetry point, then program the
reference devices to these conductances. What either way leaves as an error is measured and handed out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import Crosspoints, FloatArray
from instruments.errors import InputError, RunError
from protocols.common.protocol import Points, Series
from protocols.symmetry_point import SymmetryPoint

_SHARE = 0.7  # of the distance to the target that write-verify goes at once: steps differ, and overshoot costs pulses


@dataclass(frozen=True)
class Reference:
    """References of an array [unit], shape (rows, columns), and the standard error of each.

    `trusted` is False where no stable symmetry point was found (stuck, abrupt or symmetric devices): `conductance` is
    the mean of the others there, and training does not rest on it.
    """

    conductance: FloatArray
    std: FloatArray
    trusted: NDArray[np.bool_]

    def weight_error(self, scale: float) -> float:
        """Root-mean-square error of the zeros, in weights of `scale` [unit]: what SHD shifts C by, times κS/k."""
        return float(np.sqrt(np.mean(self.std[self.trusted] ** 2)) / scale) if np.any(self.trusted) else float("nan")


Found = Generator[Points, None, Reference]
"""Yields the points that it takes, to be recorded; returns the reference."""


def symmetry_points(crosspoints: Crosspoints, protocol: SymmetryPoint | None = None) -> Found:
    """Find the symmetry point of every crosspoint by the protocol `symmetry-point`, all of them side by side.

    Raises `RunError` where no crosspoint has a stable one: such an array cannot be the A of SHD.
    """
    protocol = protocol or SymmetryPoint()
    taken: list[Points] = []
    for points in protocol.run(crosspoints):
        taken.append(points)
        yield points
    found = protocol.results(Series.of(taken, crosspoints.shape, crosspoints.unit))
    return _reference(found.get("crosspoints", [found]), crosspoints)


def _reference(found: list[dict[str, Any]], crosspoints: Crosspoints) -> Reference:
    unit = crosspoints.unit
    at = np.array([_number(one.get(f"symmetry_point_{unit}")) for one in found]).reshape(crosspoints.shape)
    std = np.array([_number(one.get(f"std_{unit}")) for one in found]).reshape(crosspoints.shape)
    stable = np.array([bool(one.get("stable")) for one in found]).reshape(crosspoints.shape)
    trusted = stable & np.isfinite(at) & np.isfinite(std)
    if not np.any(trusted):
        raise RunError(
            f"no crosspoint of {crosspoints.name} has a stable symmetry point: devices that are stuck, abrupt or "
            "symmetric cannot be zero-shifted, nor be the auxiliary array of SHD"
        )
    return Reference(np.where(trusted, at, at[trusted].mean()), np.where(trusted, std, np.nan), trusted)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


@dataclass(frozen=True)
class WriteVerify:
    """Programming by reading and pulsing in turn.

    `tolerance` [unit] of the mean of `reads` readings; `budget` pulses of a crosspoint at most; `step` [unit] that one
    pulse moves, about: it is corrected as the pulses show.
    """

    tolerance: float
    step: float
    reads: int = 4
    budget: int = 2000

    def __post_init__(self) -> None:
        """Refuse what programs nothing."""
        if not (self.tolerance > 0 and self.step > 0 and self.reads >= 1 and self.budget >= 1):
            raise InputError(f"write-verify takes a tolerance, a step, readings and a budget above 0, not {self}")


def program(crosspoints: Crosspoints, target: FloatArray, settings: WriteVerify) -> Found:
    """Bring every crosspoint to its target [unit] by write-verify: as reference devices are.

    The returned reference is what was read at the end, with the error of that reading; `trusted` says which are within
    the tolerance. Crosspoints that use up their budget, or are stuck, are left where they are.
    """
    wanted = np.broadcast_to(np.asarray(target, dtype=np.float64), crosspoints.shape)
    spent = np.zeros(crosspoints.shape, dtype=np.int64)
    step = np.full(crosspoints.shape, settings.step)
    counts = np.zeros(crosspoints.shape, dtype=np.int64)
    before: FloatArray | None = None
    while True:
        readings = crosspoints.read(settings.reads)
        kept = np.zeros((settings.reads, *crosspoints.shape), dtype=np.int64)
        kept[0] = counts
        yield Points("write-verify", kept, readings, crosspoints.pulses)
        level = readings.conductance.mean(axis=0)
        if before is not None:
            _learn(step, (level - before) / np.where(counts == 0, 1, counts), counts)
        before = level
        off = wanted - level
        going = (np.abs(off) > settings.tolerance) & (spent < settings.budget)
        if not np.any(going):
            std = readings.conductance.std(axis=0, ddof=min(1, settings.reads - 1)) / np.sqrt(settings.reads)
            return Reference(level, std, np.abs(off) <= settings.tolerance)
        counts = np.sign(off).astype(np.int64) * np.maximum(1, np.rint(_SHARE * np.abs(off) / step)).astype(np.int64)
        counts = np.clip(counts, spent - settings.budget, settings.budget - spent) * going
        spent += np.abs(counts)
        crosspoints.pulse(counts)


def _learn(step: FloatArray, moved: FloatArray, counts: NDArray[np.int64]) -> None:
    """Take over the step that the last pulses showed, within a factor 2 at a time: one reading is noisy."""
    seen = np.clip(moved, step / 2, step * 2)
    step[counts != 0] = seen[counts != 0]
