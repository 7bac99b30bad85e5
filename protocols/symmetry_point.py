"""Symmetry point: balanced random up/down pulsing, approached from below and from above, until it is known well enough.

"When enough equal number of incremental and decremental changes are applied ... in a random order, the conductance
value converges to the vicinity of the symmetry point" (Onen et al. 2022, arXiv 2201.13377; zero-shifting: Kim et al.
2019, arXiv 1907.10228). The tail of such a run wanders by R/(2√N); the estimate is drawn from all random readings
with their known pulse signs instead (`protocols.analysis.local_linear`).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instruments.crosspoints import Crosspoints, FloatArray
from instruments.errors import InputError
from instruments.units import Siemens, text
from protocols.analysis import symmetry
from protocols.analysis.symmetry import ABOVE, BELOW, DRIVE_DOWN, DRIVE_UP, REST, Estimate
from protocols.protocol import Points, Protocol, Series, Steps
from protocols.stepping import apply, at_rest, balanced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHUNK = 25  # pulses of a drive between looks at where the device is
_BLOCKS = 4  # random blocks of one approach


class SymmetryPoint(Protocol):
    """Settings of `symmetry-point`; every pulse counts towards `budget`, for each crosspoint by itself."""

    name: ClassVar[str] = "symmetry-point"
    title: ClassVar[str] = "find the symmetry point by balanced random pulsing from below and from above"

    budget: int = Field(default=4000, ge=100, description="pulses that a crosspoint may see at most")
    block: int = Field(default=100, ge=20, multiple_of=2, description="pulses of a random block, half of them up; even")
    drive: int = Field(
        default=250, ge=_CHUNK, description="pulses of a drive to one side at most; doubled where not enough"
    )
    target: float = Field(
        default=0.02, gt=0, lt=1, description="stop when the 95 % interval is within ± this fraction of the span seen"
    )
    target_conductance: Siemens | None = Field(
        default=None,
        gt=0,
        description="stop when the 95 % interval is within ± this conductance, instead of the fraction",
    )
    agreement: float = Field(default=2.0, gt=0, description="standard errors that the two approaches may differ")
    rest: int = Field(default=20, ge=0, description="readings at rest before the first pulse, for the read noise")
    seed: int = Field(default=0, ge=0, description="of the order of random pulses")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All of the budget, a reading a pulse, and the readings at rest."""
        return self.rest + self.budget

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Drive to one side, pulse at random, drive to the other side, pulse at random, until target or budget."""
        if self.target_conductance is not None and crosspoints.unit != "S":
            raise InputError(
                f"target_conductance is in siemens, but these crosspoints are in units of '{crosspoints.unit}'; "
                "use target, a fraction of the span seen"
            )
        search = _Search(self, crosspoints)
        yield from search.kept(at_rest(crosspoints, REST, self.rest))
        while True:
            for direction, drive, random in ((-1, DRIVE_DOWN, BELOW), (1, DRIVE_UP, ABOVE)):
                yield from search.drive(direction, drive)
                for _ in range(_BLOCKS):
                    if not search.active:
                        return search.why()
                    yield from search.random_block(random)
                    search.look()

    def analyse(self, series: Series) -> dict[str, Any]:
        """Symmetry point, standard error, verdict and what they rest on."""
        return symmetry.result(series, self.agreement)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """The run with the estimate."""
        from protocols.analysis.symmetry_figures import course

        return [course(series)]

    def reached(self, found: Estimate) -> bool:
        """Whether an estimate meets the target: narrow enough, both approaches made and in agreement."""
        return found.half_width <= self.width_wanted(found) and found.distance <= self.agreement

    def width_wanted(self, found: Estimate) -> float:
        """Half-width of the 95 % interval at which to stop, in the unit of the crosspoints."""
        return self.target * found.span if self.target_conductance is None else self.target_conductance


@dataclass
class _Search:
    """What is known during a run, of each crosspoint by itself."""

    settings: SymmetryPoint
    crosspoints: Crosspoints
    points: list[Points] = field(default_factory=list[Points])

    def __post_init__(self) -> None:
        shape = self.crosspoints.shape
        self.random = np.random.default_rng(self.settings.seed)
        self.spent = np.zeros(shape, dtype=np.int64)
        self.drive_length = {-1: np.full(shape, self.settings.drive), 1: np.full(shape, self.settings.drive)}
        self.done = np.zeros(shape, dtype=bool)
        self.found: dict[tuple[int, int], Estimate] = {}

    @property
    def active(self) -> bool:
        """Whether any crosspoint still wants a random block and may have it."""
        return bool(np.any(self.wanting(self.settings.block)))

    def wanting(self, pulses: int) -> NDArray[np.bool_]:
        """Crosspoints that are not done and have `pulses` left."""
        return ~self.done & (self.spent + pulses <= self.settings.budget)

    def kept(self, steps: Generator[Points, None, Any]) -> Generator[Points, None, None]:
        """Pass points on and keep them for the estimates."""
        for points in steps:
            self.points.append(points)
            self.spent += np.abs(points.counts).sum(axis=0)
            yield points

    def random_block(self, phase: str) -> Generator[Points, None, None]:
        """One balanced block on every crosspoint that still wants one."""
        counts = balanced(self.random, self.settings.block, self.crosspoints.shape)
        yield from self.kept(apply(self.crosspoints, phase, counts * self.wanting(self.settings.block)))

    def drive(self, direction: int, phase: str) -> Generator[Points, None, None]:
        """Drive every crosspoint to its side in chunks, until it is there, has saturated, or has had its pulses."""
        self._lengthen(direction, phase)
        driven = np.zeros(self.crosspoints.shape, dtype=np.int64)
        arrived = np.zeros(self.crosspoints.shape, dtype=bool)
        ends: list[FloatArray] = []
        while True:
            # A drive leaves room for a random block: without one it would tell nothing.
            going = self.wanting(_CHUNK + self.settings.block) & ~arrived & (driven < self.drive_length[direction])
            if not np.any(going):
                return
            chunk = np.broadcast_to(direction * going.astype(np.int64), (_CHUNK, *going.shape))
            before = len(self.points)
            yield from self.kept(apply(self.crosspoints, phase, chunk))
            driven += _CHUNK * going
            ends.append(_end(self.points[before:]))
            arrived |= self._beyond(ends[-1], direction) | _saturated(ends)

    def _lengthen(self, direction: int, phase: str) -> None:
        """Double the drive of crosspoints that drives of this direction have not brought to the side yet."""
        if not any(points.phase == phase for points in self.points):
            return
        for cell, found in self.found.items():
            if not (found.below if direction < 0 else found.above):
                longer = 2 * int(self.drive_length[direction][cell])
                self.drive_length[direction][cell] = min(longer, self.settings.budget)

    def _beyond(self, now: FloatArray, direction: int) -> NDArray[np.bool_]:
        """Crosspoints past their estimate by 3 stationary deviations and 5 standard errors."""
        past = np.zeros(now.shape, dtype=bool)
        for cell, found in self.found.items():
            if found.value is not None and found.fit is not None and found.stable:
                wander = found.fit.step * math.sqrt((1 + found.fit.cycle_to_cycle**2) / -found.fit.contraction)
                margin = max(3 * wander, 5 * (found.std or 0.0), 3 * found.fit.read)
                past[cell] = direction * (now[cell] - found.value) > margin
        return past

    def look(self) -> None:
        """Estimate anew; mark what has met the target or is hopeless."""
        series = Series.of(self.points, self.crosspoints.shape, self.crosspoints.unit)
        for row, column in np.argwhere(~self.done).tolist():
            found = symmetry.estimate(series.crosspoint(row, column))
            self.found[row, column] = found
            self.done[row, column] = found.hopeless or self.settings.reached(found)

    def why(self) -> str:
        """Why it stopped, in one sentence; of a block how many crosspoints met the target."""
        cells = list(self.found.values())
        if len(cells) == 1:
            return self._why(cells[0])
        met = sum(self.settings.reached(found) for found in cells)
        lost = sum(found.hopeless for found in cells)
        left = self.done.size - met - lost
        return (
            f"{met} of {self.done.size} crosspoints met the target, {left} used up the budget of "
            f"{self.settings.budget} pulses, {lost} are stuck or abrupt"
        )

    def _why(self, found: Estimate) -> str:
        if found.hopeless:
            return f"given up, {found.reason}"
        unit, width, wanted = self.crosspoints.unit, found.half_width, self.settings.width_wanted(found)
        state = f"the 95 % interval is ±{_amount(width, unit)} (target ±{_amount(wanted, unit)})"
        if self.settings.reached(found):
            return f"target reached: {state}, and the approaches agree within {found.distance:.1f} standard errors"
        if found.value is None:
            return f"the budget of {self.settings.budget} pulses ended: {found.reason}"
        apart = (
            f"the approaches are {found.distance:.1f} standard errors apart"
            if math.isfinite(found.distance)
            else "it was not approached from both sides"
        )
        return f"the budget of {self.settings.budget} pulses ended: {state}, {apart}"


def _amount(value: float, unit: str) -> str:
    return text(value, unit, 3) if unit == "S" and math.isfinite(value) else f"{value:.3g}"


def _end(points: list[Points]) -> FloatArray:
    """Mean of the last 5 readings."""
    readings = np.concatenate([p.readings.conductance for p in points])
    return np.asarray(readings[-5:].mean(axis=0))


def _saturated(ends: list[FloatArray]) -> NDArray[np.bool_]:
    """Whether the second half of a drive moved less than a fifth of the first half; False before 4 chunks."""
    if len(ends) < 4:
        return np.zeros(ends[0].shape, dtype=bool)
    middle = ends[len(ends) // 2]
    return np.abs(ends[-1] - middle) < 0.2 * np.abs(middle - ends[0])
