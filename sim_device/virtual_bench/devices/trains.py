"""Trains of pulses and readings that an instrument times itself, run through a virtual device in one go.

What is at the device between two calls is the same as step by step: pulses move it, its volatile part decays, it drifts
to its rest, readings have white and slow noise. Random numbers are drawn in another order, so that a train and the same
steps one by one agree in distribution, not bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray

_Where: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Train:
    """Pulses of `width` [s] to `levels` [V] that begin at `pulsed_at` [s], and readings at `read_at` [s], both rising.

    `limit` [A] is the current at which a source-measure unit holds a pulse back. Times are those of the bench's clock.
    At `triggers` [s] an edge leaves the instrument over its trigger cable. `held`: the levels were driven as the clock
    went on, so that a device that moves when it is held has moved already.
    """

    pulsed_at: FloatArray
    levels: FloatArray
    width: float
    read_at: FloatArray
    limit: float
    held: bool = False
    triggers: FloatArray = field(default_factory=lambda: np.empty(0))

    def split(self, now: float) -> tuple[Train, Train]:
        """What of it has happened at `now` [s], pulses that have begun and readings that are done; and the rest."""
        begun, read, sent = self.pulsed_at < now, self.read_at <= now, self.triggers < now
        return self._of(begun, read, sent), self._of(~begun, ~read, ~sent)

    def _of(self, pulses: _Where, readings: _Where, triggers: _Where) -> Train:
        return replace(
            self,
            pulsed_at=self.pulsed_at[pulses],
            levels=self.levels[pulses],
            read_at=self.read_at[readings],
            triggers=self.triggers[triggers],
        )

    def events(self) -> tuple[FloatArray, FloatArray]:
        """Times [s] of pulses (their end) and readings in order, and the level [V] of each: 0 for a reading."""
        times = np.concatenate([self.pulsed_at + self.width, self.read_at])
        levels = np.concatenate([self.levels, np.zeros(len(self.read_at))])
        order = np.argsort(times, kind="stable")
        return times[order], levels[order]


@dataclass(frozen=True)
class State:
    """What a device is at one time: `core` and `volatile` conductance [S]."""

    core: float
    volatile: float


@dataclass(frozen=True)
class Motion:
    """How it moves: bounds [S], rest [S], volatile share, cycle-to-cycle spread of a step, limit [A].

    `step` gives the fraction of the remaining way of a pulse of some voltage [V], and whether it goes up.
    """

    low: float
    high: float
    rest: float
    volatile: float
    cycle_to_cycle: float
    limit: float
    step: Callable[[float], tuple[float, bool]]


def moved(
    state: State,
    motion: Motion,
    levels: FloatArray,
    kept: NDArray[np.float64],
    drifted: NDArray[np.float64],
    normals: NDArray[np.float64],
) -> tuple[State, FloatArray]:
    """The state after all events, and the conductance [S] at each event of level 0.

    `kept` is the share of the volatile part that is left, `drifted` the share of the way to rest that was gone, since
    the event before; `normals` the standard normal of each event. A pulse under which more than the limit would flow
    has the voltage at which the limit flows.
    """
    core, volatile, read = state.core, state.volatile, list[float]()
    low, high, rest, share, sigma = motion.low, motion.high, motion.rest, motion.volatile, motion.cycle_to_cycle
    steps = {level: motion.step(level) for level in set(levels.tolist()) if level}
    events = zip(levels.tolist(), kept.tolist(), drifted.tolist(), normals.tolist(), strict=True)
    for level, left, gone, xi in events:
        volatile *= left
        core += (rest - core) * gone
        if not level:
            read.append(core + volatile)
            continue
        held = abs(level) * core > motion.limit
        fraction, up = motion.step(motion.limit / core * (1 if level > 0 else -1)) if held else steps[level]
        before = core
        core += fraction * ((high if up else low) - core) * (1.0 + sigma * xi)
        core = low if core < low else high if core > high else core
        volatile += share * (core - before)
    return State(core, volatile), np.array(read)
