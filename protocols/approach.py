"""Ways to a target conductance: what to pulse next, for one crosspoint; each learns from what a pulse did.

`fixed` repeats one pulse, `incremental` raises the voltage with every pulse that did not reach the target, `guided`
chooses voltage or count by a model of the steps that it corrects with every reading.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from instruments.crosspoints import FloatArray, Pulse, PulsePair

StepOf: TypeAlias = Callable[[float, int], float]
"""Magnitude of the mean step [unit] at a conductance, up (+1) or down (-1), of the station's pulses."""


@dataclass(frozen=True)
class Move:
    """`count` pulses, + up, - down, at a `level`: the station's voltage times this."""

    count: int
    level: float


@dataclass(frozen=True)
class Range:
    """Voltages that may be used, as multiples of the station's pulse, and pulses at most in one go."""

    lowest: float
    highest: float
    burst: int = 1


def pair_at(level: float, station: PulsePair) -> PulsePair:
    """The station's pulses at `level` times their voltage."""
    if level == 1.0:
        return station
    up, down = station.up, station.down
    return PulsePair(Pulse(up.voltage * level, up.width), Pulse(down.voltage * level, down.width))


class Approach(ABC):
    """Decides the pulses of one crosspoint on its way to one target after the other."""

    @abstractmethod
    def move(self, now: float, target: float) -> Move:
        """What to pulse from the conductance `now` [unit] towards `target` [unit]."""

    def saw(self, before: float, after: float, move: Move) -> None:
        """`move` took the conductance from `before` to `after` [unit]; what does not learn forgets it."""
        del before, after, move


@dataclass
class Fixed(Approach):
    """One pulse after the other, always the same."""

    level: float = 1.0

    def move(self, now: float, target: float) -> Move:
        """Towards it."""
        return Move(1 if target > now else -1, self.level)


@dataclass
class Incremental(Approach):
    """From the lowest voltage up by `increment` with every pulse; from the lowest again after the direction turned."""

    allowed: Range
    increment: float
    _level: float = field(default=0.0, init=False)
    _direction: int = field(default=0, init=False)

    def move(self, now: float, target: float) -> Move:
        """The next voltage of the ramp."""
        direction = 1 if target > now else -1
        if direction != self._direction:
            self._direction, self._level = direction, self.allowed.lowest
        else:
            self._level = min(self._level + self.increment, self.allowed.highest)
        return Move(direction, self._level)


_AIM = 0.85  # of the distance: a step that is short is followed by a smaller one, an overshoot costs a turn
_RAISE = 0.125  # of the station's voltage: most by which to pass the highest voltage tried so far
_WANDER = (
    0.02  # variance by which the log of a step is let change from pulse to pulse: its shape in G is not known well
)
_CYCLE = 0.3  # relative scatter of a step that is taken for granted


class Guided(Approach):
    """``ln |step| = ln f(G) + a + b (level - 1)`` for either direction, a and b by a Kalman filter, f from a model.

    `level` is the voltage over that of the station. Priors: a = 0 with `known` as standard deviation (1 where f is a
    guess, 0.3 where it was measured), b = 8 ± 4: published steps grow e-fold every tenth to fifth of the pulse voltage.
    """

    def __init__(self, step: StepOf, allowed: Range, noise: float, known: float) -> None:
        self._step, self._allowed, self._noise = step, allowed, noise
        self._mean = {1: np.array([0.0, 8.0]), -1: np.array([0.0, 8.0])}
        self._cov = {1: np.diag([known**2, 16.0]), -1: np.diag([known**2, 16.0])}
        first = 1.0 if known < 0.5 else allowed.lowest
        self._tried = {1: min(max(first, allowed.lowest), allowed.highest), -1: min(first, allowed.highest)}

    def move(self, now: float, target: float) -> Move:
        """The voltage whose step is nine tenths of the distance, or as many pulses of the highest as fit in it."""
        way, direction = abs(target - now), 1 if target > now else -1
        a, b = self._mean[direction]
        at_station = math.log(max(self._step(now, direction), 1e-300)) + float(a)
        wanted = 1 + (math.log(max(_AIM * way, 1e-300)) - at_station) / float(b)
        top = min(self._allowed.highest, self._tried[direction] + _RAISE)
        level = min(max(wanted, self._allowed.lowest), top)
        expected = math.exp(min(at_station + float(b) * (level - 1), 600.0))
        # A tried voltage may be repeated in one go; a new one is looked at after the first pulse.
        fits = int(0.8 * way / expected) if level <= self._tried[direction] else 1
        return Move(direction * max(1, min(fits, self._allowed.burst)), level)

    def saw(self, before: float, after: float, move: Move) -> None:
        """Correct a and b by the step that was seen; a step below the noise says that it is about as small."""
        direction, count = (1 if move.count > 0 else -1), abs(move.count)
        self._tried[direction] = max(self._tried[direction], move.level)
        mean, cov = self._mean[direction], self._cov[direction]
        spread = math.sqrt(2) * self._noise
        middle = (before + after) / 2 if count > 1 else before
        seen = max(direction * (after - before), spread, 1e-300) / count
        offset = math.log(max(self._step(middle, direction), 1e-300))
        design: FloatArray = np.array([1.0, move.level - 1.0])
        relative = spread / (seen * count)
        if relative >= 1 and offset + float(design @ mean) < math.log(seen):
            return  # expected to be below the noise, and it is
        cov = cov + np.diag([_WANDER, 0.0])
        variance = float(design @ cov @ design) + relative**2 + _CYCLE**2 / count
        gain = cov @ design / variance
        mean = mean + gain * (math.log(seen) - offset - float(design @ mean))
        self._mean[direction] = np.array([mean[0], min(max(mean[1], 1.5), 40.0)])
        self._cov[direction] = cov - np.outer(gain, design @ cov)
