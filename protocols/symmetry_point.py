"""Symmetry point: random, alternating or steered pulses until it is known well enough, then parking if asked.

"When enough equal number of incremental and decremental changes are applied ... in a random order, the conductance
value converges to the vicinity of the symmetry point" (Onen et al. 2022, arXiv 2201.13377; zero-shifting: Kim et al.
2019, arXiv 1907.10228). The tail of such a run wanders by R/(2√N); the estimate is drawn from the likelihood of all
readings with their known pulse signs instead (`protocols.analysis.symmetry.estimate`). Steered, the pulses are those
that tell most of it (`protocols.closed_loop.steering`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, IntArray
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Siemens
from protocols.analysis.symmetry.estimate import (
    ALTERNATING,
    DRIVE_DOWN,
    DRIVE_UP,
    FROM_ABOVE,
    FROM_BELOW,
    RANDOM,
    REST,
    STEERED,
    Estimate,
    Known,
)
from protocols.analysis.symmetry.foreign import approaches
from protocols.analysis.symmetry.prior import PriorFrom
from protocols.analysis.symmetry.result import result
from protocols.closed_loop.parking import park
from protocols.closed_loop.steering import next_counts
from protocols.closed_loop.symmetry_search import CHUNK, Search
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Protocol, Series, Steps
from protocols.common.stepping import at_rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCKS = 4  # random blocks of one approach
_GROWTH, _GROWTH_OF_MANY = 1.1, 1.3  # of the pulses, before an estimate is renewed; where estimates take long
_MANY = 16  # crosspoints


class SymmetryPoint(Protocol):
    """Settings of `symmetry-point`; every pulse counts towards `budget`, for each crosspoint by itself."""

    name: ClassVar[str] = "symmetry-point"
    title: ClassVar[str] = "find the symmetry point by random, alternating or steered pulsing"
    of_analysis: ClassVar[tuple[str, ...] | None] = ("agreement", "prior")

    method: Literal["random", "alternating", "steered"] = Field(
        default="random",
        description="random: balanced random pulses from below and from above; alternating: up and down in turn "
        "instead; steered: ramps, then the pulses that tell most (about half as many)",
    )
    budget: int = Field(default=4000, ge=100, description="pulses that a crosspoint may see at most")
    block: int = Field(default=100, ge=20, multiple_of=2, description="pulses of a random block, half of them up; even")
    drive: int = Field(
        default=300, ge=CHUNK, description="pulses of a drive to one side at most; doubled where not enough"
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
    reads: int = Field(
        default=1,
        ge=1,
        description="readings after each pulse: more cost time, and spare pulses where readings are noisy",
    )
    rest: int = Field(default=20, ge=0, description="readings at rest before the first pulse, for the read noise")
    park: bool = Field(default=False, description="drive the device onto the symmetry point at the end, and verify")
    park_reads: int = Field(default=20, ge=10, description="readings before every correction and to verify")
    prior: PriorFrom | None = Field(
        default=None,
        description="what is known of the device: its own fitted device from before, or a folder of fitted devices "
        "of the same array",
    )
    seed: int = Field(default=0, ge=0, description="of the order of random pulses")

    def planned_readings(self, shape: tuple[int, int]) -> int | None:
        """All of the budget, its readings, and the readings at rest; of a block some wait while others pulse."""
        if shape != (1, 1):
            return None
        return self.rest + self.reads * self.budget + (10 * self.park_reads if self.park else 0)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All of the budget."""
        return Foreseen(self.name, "budget", self.budget, pulses_of([crosspoints.pulses]))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Pulse by the method until target or budget; then park, if asked."""
        self._check(crosspoints)
        search = Search(self, crosspoints)
        yield from search.kept(at_rest(crosspoints, REST, self.rest))
        yield from _steered(search) if self.method == STEERED else _approached(search, self.method)
        why = search.why()
        if self.park:
            why = f"{why}; {(yield from park(search, self.park_reads))}"
        return why

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """The whole trace, of random or alternating pulses or of ramps."""
        return approaches(series, cycles)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Symmetry point, standard error, verdict and what they rest on."""
        return result(series, self.agreement, self.known)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """The run with the estimate."""
        from protocols.analysis.symmetry.figures import course

        return [course(series, self.known)]

    @property
    def known(self) -> Known | None:
        """The prior as arrays."""
        return None if self.prior is None else self.prior.known()

    @property
    def parts_named(self) -> str:
        """What is to agree."""
        return "ramps and steered blocks" if self.method == STEERED else "the approaches"

    def reached(self, found: Estimate) -> bool:
        """Whether an estimate meets the target: narrow enough, and its two parts in agreement.

        Approaches must have been made from both sides; steered, a part may be too short to tell anything by itself.
        """
        agree = found.distance <= self.agreement
        if self.method == STEERED:
            agree = agree or not np.isfinite(found.distance)
        else:
            agree = agree and found.below and found.above
        return found.half_width <= self.width_wanted(found) and agree

    def width_wanted(self, found: Estimate) -> float:
        """Half-width of the 95 % interval at which to stop, in the unit of the crosspoints."""
        return self.target * found.span if self.target_conductance is None else self.target_conductance

    def _check(self, crosspoints: Crosspoints) -> None:
        if self.target_conductance is not None and crosspoints.unit != "S":
            raise InputError(
                f"target_conductance is in siemens, but these crosspoints are in units of '{crosspoints.unit}'; "
                "use target, a fraction of the span seen"
            )
        if self.prior is not None and self.prior.unit != crosspoints.unit:
            raise InputError(
                f"the prior {self.prior.source} is in units of '{self.prior.unit}', these crosspoints in "
                f"'{crosspoints.unit}'; give fits of devices read in the same unit"
            )


def _approached(search: Search, method: str) -> Steps:
    """Drive to one side, pulse in blocks, drive to the other side, pulse in blocks, and so on."""
    size = search.settings.block
    growth = _GROWTH if search.done.size <= _MANY else _GROWTH_OF_MANY
    sides = ((-1, DRIVE_DOWN, method + FROM_BELOW), (1, DRIVE_UP, method + FROM_ABOVE))
    while True:
        for direction, drive, phase in sides:
            yield from search.drive(direction, drive)
            for _ in range(_BLOCKS):
                if not search.active(size):
                    return ""
                yield from search.block(phase, _block(search, method))
                search.look(size, growth)


def _block(search: Search, method: str) -> IntArray:
    if method == RANDOM:
        return search.random_counts()
    assert method == ALTERNATING
    turns = np.where(np.arange(search.settings.block) % 2 == 0, 1, -1).astype(np.int64)
    return np.broadcast_to(turns[:, np.newaxis, np.newaxis], (len(turns), *search.crosspoints.shape))


def _steered(search: Search) -> Steps:
    """A ramp up and down, then blocks chosen for each crosspoint by what is known of it."""
    size = max(20, search.settings.block // 4 * 2)
    if search.settings.known is not None:
        for length in search.drive_length.values():
            length[:] = min(search.settings.drive, 2 * CHUNK)
    yield from search.drive(1, DRIVE_UP)
    yield from search.drive(-1, DRIVE_DOWN)
    search.look(size)
    while search.active(size):
        counts = np.zeros((size, *search.crosspoints.shape), dtype=np.int64)
        for row, column in np.argwhere(search.wanting(size)).tolist():
            counts[:, row, column] = next_counts(search.found[row, column], size, search.random, search.settings.reads)
        yield from search.block(STEERED, counts)
        search.look(size)
    return ""
