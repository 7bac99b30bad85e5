"""Crosspoints for tests of protocols: any step, with what real devices add to it; the truth is known to the test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints, Index, Origin, Pulse, PulsePair, Readings, counts_for, index_pair
from protocols.common.protocol import Protocol, Series

Step = Callable[[np.ndarray], np.ndarray]


@dataclass
class Physics:
    """Steps [S] as functions of G [S]; all else as the name says."""

    up: Step
    down: Step
    cycle_to_cycle: float = 0.3
    read: float = 0.0  # [S] white read noise
    slow: float = 0.0  # [S] standard deviation of slow read noise, AR(1) over readings
    slow_readings: float = 50.0
    relaxation: float = 0.0  # extra fraction of a step, gone after `relaxation_readings`
    relaxation_readings: float = 3.0


def soft_bounds(g_min: float, g_max: float, s_up: float, s_down: float, **noise: float) -> tuple[Physics, float]:
    """Soft bounds and their symmetry point (s₊ Gmax + s₋ Gmin)/(s₊ + s₋)."""
    physics = Physics(lambda g: s_up * (g_max - g), lambda g: -s_down * (g - g_min), **noise)
    return physics, (s_up * g_max + s_down * g_min) / (s_up + s_down)


class RichCrosspoints(Crosspoints):
    """A block of alike devices; every reading takes 1 ms."""

    pulses = PulsePair(Pulse(2.0, 1e-6), Pulse(-2.0, 1e-6))

    def __init__(self, physics: Physics, start: ArrayLike, seed: int, shape: tuple[int, int] = (1, 1)) -> None:
        self.physics, self.shape = physics, shape
        self.g = np.broadcast_to(np.asarray(start, dtype=float), shape).copy()
        self.random = np.random.default_rng(seed)
        self.slow = physics.slow * self.random.normal(size=shape)
        self.excess = np.zeros(shape)
        self.now, self.applied, self.safes = 0.0, np.zeros(shape, dtype=int), 0

    @property
    def origin(self) -> Origin:
        return Origin("test")

    def pulse(self, counts: ArrayLike, pulses: PulsePair | None = None) -> None:
        p, signed = self.physics, counts_for(counts, self.shape)
        self.applied += np.abs(signed)
        for n in range(int(np.abs(signed).max(initial=0))):
            step = np.where(signed > 0, p.up(self.g), p.down(self.g)) * (np.abs(signed) > n)
            step = step * (1 + p.cycle_to_cycle * self.random.normal(size=self.shape))
            self.g += step
            self.excess += p.relaxation * step

    def read(self, repeats: int = 1) -> Readings:
        p, parts = self.physics, []
        keep = math.exp(-1 / p.slow_readings)
        for _ in range(repeats):
            self.slow = keep * self.slow + p.slow * math.sqrt(1 - keep**2) * self.random.normal(size=self.shape)
            self.excess *= math.exp(-1 / p.relaxation_readings)
            parts.append(self.g + self.excess + self.slow + p.read * self.random.normal(size=self.shape))
        g = np.array(parts).reshape(repeats, *self.shape)
        times = self.now + 1e-3 * np.arange(1, repeats + 1)
        self.now += 1e-3 * repeats
        time = np.broadcast_to(times[:, None, None], g.shape)
        return Readings(g, np.full_like(g, 0.1), 0.1 * g, time, np.zeros(g.shape, dtype=np.uint8))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def safe(self) -> None:
        self.safes += 1

    def __getitem__(self, index: Index) -> Crosspoints:
        rows, columns = index_pair(index)
        return RichCrosspoints(self.physics, self.g[rows, columns], 1, self.g[rows, columns].shape)


def recorded(protocol: Protocol, crosspoints: Crosspoints) -> tuple[Series, str]:
    """Run a protocol to its end: all points, and why it stopped."""
    steps, points = protocol.run(crosspoints), []
    while True:
        try:
            points.append(next(steps))
        except StopIteration as stop:
            return Series.of(points, crosspoints.shape, crosspoints.unit), stop.value
