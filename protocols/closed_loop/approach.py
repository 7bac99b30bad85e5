"""Ways to a target conductance: which pulses come next for one crosspoint, learning from each pulse.

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
    """`count` pulses, + up, - down, at a `level`: the station's voltage times this. 0 pulses: read once more."""

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
    def move(self, now: float, target: float, tolerance: float) -> Move:
        """What to pulse from the reading `now` [unit] towards `target` [unit], which it has not arrived at."""

    def saw(self, before: float, after: float, move: Move) -> None:
        """A reading `after` [unit] that followed on `before` by `move`; what does not learn forgets it."""
        del before, after, move

    def arrived(self, now: float, target: float, tolerance: float) -> bool:
        """Whether the reading `now` [unit] is within the tolerance."""
        return abs(now - target) <= tolerance


@dataclass
class Fixed(Approach):
    """One pulse after the other, always the same."""

    level: float = 1.0

    def move(self, now: float, target: float, tolerance: float) -> Move:
        """Towards it."""
        return Move(1 if target > now else -1, self.level)


@dataclass
class Incremental(Approach):
    """From the lowest voltage up by `increment` with every pulse; from the lowest again after the direction turned."""

    allowed: Range
    increment: float
    _level: float = field(default=0.0, init=False)
    _direction: int = field(default=0, init=False)

    def move(self, now: float, target: float, tolerance: float) -> Move:
        """The next voltage of the ramp."""
        direction = 1 if target > now else -1
        if direction != self._direction:
            self._direction, self._level = direction, self.allowed.lowest
        else:
            self._level = min(self._level + self.increment, self.allowed.highest)
        return Move(direction, self._level)


_RAISE = 0.25  # of the station's voltage: most by which to pass the highest voltage tried so far
_WANDER = (
    0.02  # variance by which the log of a step is let change from pulse to pulse: its shape in G is not known well
)
_CYCLE = 0.3  # relative scatter of a step that is taken for granted
_AGAIN = 4  # readings more at most where the last one and all that is known disagree about having arrived
_SURPRISE = 5.0  # standard deviations of a reading from what was expected at which the expectation is given up


class Guided(Approach):
    """``ln |step| = ln f(G) + a + b (level - 1)`` for either direction, a and b by a Kalman filter, f from a model.

    `level` is the voltage over that of the station. Priors: a = 0 with `known` as standard deviation (1 where f is a
    guess, 0.3 where it was measured), b = 8 ± 4: published steps grow e-fold every tenth to fifth of the pulse voltage.

    The conductance is a second Kalman filter: a reading is weighed against where the last one and the steps since lead
    to. It has arrived when the last reading and that estimate are both within the tolerance; where they disagree it is
    read again in place of being pulsed.
    """

    def __init__(self, step: StepOf, allowed: Range, noise: float, known: float) -> None:
        self._step, self._allowed, self._noise = step, allowed, noise
        self._mean = {1: np.array([0.0, 8.0]), -1: np.array([0.0, 8.0])}
        self._cov = {1: np.diag([known**2, 16.0]), -1: np.diag([known**2, 16.0])}
        first = min(max(1.0, allowed.lowest), allowed.highest)
        self._tried = {1: first, -1: first}
        self._g, self._var, self._again = math.nan, math.inf, 0

    def arrived(self, now: float, target: float, tolerance: float) -> bool:
        """Both the reading `now` and the estimate."""
        if not math.isfinite(self._g) or abs(now - self._g) > _SURPRISE * math.sqrt(self._var + self._noise**2):
            self._g, self._var = now, self._noise**2  # the first reading of a way, or nothing is as it was
        done = abs(now - target) <= tolerance and abs(self._g - target) <= tolerance
        self._again = 0 if done else self._again
        return done

    def move(self, now: float, target: float, tolerance: float) -> Move:
        """The voltage whose step comes closest on average, or as many pulses of the highest as fit in the way."""
        way, direction = abs(target - self._g), 1 if target > self._g else -1
        if (way <= tolerance) != (abs(now - target) <= tolerance) and self._again < _AGAIN:
            self._again += 1
            return Move(0, 1.0)
        self._again = 0
        way = max(way, 0.5 * tolerance)
        level = self._level(way, direction)
        expected = self._expected(level, direction)
        # A tried voltage may be repeated in one go; a new one is looked at after the first pulse.
        fits = int(0.8 * way / expected) if level <= self._tried[direction] else 1
        return Move(direction * max(1, min(fits, self._allowed.burst)), level)

    def _level(self, way: float, direction: int) -> float:
        """The level whose step leaves least of `way` [unit] in mean square.

        A step ``m e^(s xi)(1 + c eta)`` does for ``m = way e^(-3 s^2/2)/(1 + c^2)``: the less is known, s, the shorter.
        """
        a, b = self._mean[direction].tolist()
        at_station = math.log(max(self._step(self._g, direction), 1e-300)) + a
        top = min(self._allowed.highest, self._tried[direction] + _RAISE)
        level = 1.0
        for _ in range(4):  # s depends on the level: a few rounds settle it to a percent
            variance = min(self._spread(level, direction), 1.5)
            aim = math.log(max(way, 1e-300)) - 1.5 * variance - math.log1p(_CYCLE**2)
            level = min(max(1 + (aim - at_station) / b, self._allowed.lowest), top)
        return level

    def _spread(self, level: float, direction: int) -> float:
        """Variance of the logarithm of the mean step at a level."""
        design: FloatArray = np.array([1.0, level - 1.0])
        return float(design @ self._cov[direction] @ design)

    def _expected(self, level: float, direction: int) -> float:
        a, b = self._mean[direction].tolist()
        return self._step(self._g, direction) * math.exp(min(a + b * (level - 1), 600.0))

    def saw(self, before: float, after: float, move: Move) -> None:
        """Take the reading in: where it is, and how large the step was."""
        started, count = self._g, abs(move.count)
        direction = 1 if move.count > 0 else -1
        led_to, variance = started, self._var
        if count:
            expected = self._expected(move.level, direction)
            led_to = started + direction * count * expected
            unknown = math.expm1(min(self._spread(move.level, direction) + _WANDER, 5.0))
            variance += (count * expected) ** 2 * (unknown + _CYCLE**2 / count)
        gain = variance / (variance + self._noise**2)
        if abs(after - led_to) > _SURPRISE * math.sqrt(variance + self._noise**2):
            gain = 1.0
        self._g = led_to + gain * (after - led_to)
        self._var = max(gain, 1e-12) * self._noise**2
        if count:
            self._learn(started, self._g, move)

    def _learn(self, before: float, after: float, move: Move) -> None:
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
