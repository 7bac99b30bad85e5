"""Kinds of devices that a fit must survive, simulated in plain numpy, without the product's own simulator.

Unless a kind says otherwise: soft bounds, an up pulse moves by s_up (g_max - G), a down pulse by s_down (G - g_min),
s+ and s- each between 0.5 and 1.5 %; the window about 10 to 60 uS; 30 % cycle-to-cycle noise that multiplies each step;
normal read noise of 0.5 % of the range; 300 pulses up, 300 down, 300 up, 300 down from g_min, one reading before them
and one after each. The true symmetry point is where the mean steps cancel. States leave the window where the steps
lead them; only between hard bounds are they clipped.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from instruments.crosspoints import FloatArray, IntArray

ONE, BALANCED, NONE, SEVERAL = "one", "balanced everywhere", "none", "several"  # verdicts
CYCLE, READ = 0.3, 0.005  # noise: of a step, of the range
RAMPS = np.repeat([1, -1, 1, -1], 300)

Step = Callable[[float], float]


@dataclass(frozen=True)
class Device:
    """Window [S] and the mean sizes of steps [of the range] over x, the place in the window from 0 to 1."""

    low: float
    high: float
    up: Step
    down: Step

    @property
    def span(self) -> float:
        """The range [S]."""
        return self.high - self.low

    def balance(self) -> float:
        """Where the mean steps cancel [S]."""
        return self.low + self.span * float(brentq(lambda x: self.up(x) - self.down(x), 0.0, 1.0))


@dataclass(frozen=True)
class Manner:
    """What is unlike plain steps.

    Attributes
    ----------
    heavy
        Student's t with 2.5 degrees of freedom in place of normal scatter.
    floor
        Scatter added to each step [of the range].
    ramps
        Std of the ln factor that all steps of a ramp share.
    relaxing, memory
        Part of each step that relaxes, with this time constant [readings].
    missing, recovery
        Part that the first step after a reversal misses, and the pulses in which it comes back.
    shrink
        Part of a step that is left at the end of the run, exponentially.
    hard
        Whether states are clipped at the window.
    """

    heavy: bool = False
    floor: float = 0.0
    ramps: float = 0.0
    relaxing: float = 0.0
    memory: float = 2.0
    missing: float = 0.0
    recovery: float = 5.0
    shrink: float = 1.0
    hard: bool = False


@dataclass(frozen=True)
class Case:
    """A simulated trace and what is true of it.

    `measured` is the range of the readings, dropouts left out; `truth` the symmetry point where there is exactly one;
    `told` the name of the model of `fit_trace` that is true of this kind.
    """

    pulses: IntArray
    conductance: FloatArray
    segments: IntArray | None
    truth: float | None
    window: tuple[float, float]
    measured: tuple[float, float]
    verdict: str
    told: str | None = None

    @property
    def span(self) -> float:
        """The range of the device [S]."""
        return self.window[1] - self.window[0]


Random = np.random.Generator
Noise = Callable[[FloatArray, Device, Random], FloatArray]


def window_of(rng: Random) -> tuple[float, float]:
    """About 10 to 60 uS."""
    low, high = np.array([10e-6, 60e-6]) * np.exp(0.2 * rng.standard_normal(2))
    return float(low), float(high)


def soft(rng: Random, low: float | None = None) -> Device:
    """Soft bounds."""
    (found, high), (s_up, s_down) = window_of(rng), rng.uniform(0.005, 0.015, 2)
    return Device(found if low is None else low, high, lambda x: s_up * (1 - x), lambda x: s_down * x)


def exponential(rng: Random) -> Device:
    """Steps that fall by e^k from one end of the window to the other, k between 2 and 4."""
    (s_up, s_down), k = rng.uniform(0.005, 0.015, 2), rng.uniform(2.0, 4.0)
    return Device(*window_of(rng), lambda x: s_up * np.exp(-k * x), lambda x: s_down * np.exp(-k * (1 - x)))


def constant(rng: Random, *, equal: bool) -> Device:
    """Constant steps; unequal ones differ by 1.5 to 2 times, either way."""
    s, ratio = rng.uniform(0.005, 0.01), 1.0 if equal else rng.uniform(1.5, 2.0)
    up, down = (s * ratio, s) if rng.random() < 0.5 else (s, s * ratio)
    return Device(*window_of(rng), lambda _: up, lambda _: down)


def unstable(rng: Random) -> Device:
    """Up steps grow with G, down steps fall with it: pulsing drives away from the only crossing."""
    s, at = rng.uniform(0.005, 0.015), rng.uniform(0.35, 0.65)
    return Device(*window_of(rng), lambda x: s * (0.5 + x), lambda x: s * (0.5 + 2 * at - x))


def wavy(rng: Random) -> Device:
    """Three crossings, at 1/6 and 5/6 of the window stable, at 1/2 unstable."""
    s = rng.uniform(0.005, 0.015)

    def wave(x: float) -> float:
        return 0.3 * float(np.cos(3 * np.pi * x))

    return Device(*window_of(rng), lambda x: s * (0.7 + wave(x)), lambda x: s * (0.7 - wave(x)))


def states(device: Device, manner: Manner, rng: Random) -> FloatArray:
    """(1 + pulses,) conductance [S] before the pulses and after each; in it what relaxes."""
    n = len(RAMPS)
    heavy = rng.standard_t(2.5, n) / np.sqrt(5.0)  # of variance 1
    factor = (1 + CYCLE * (heavy if manner.heavy else rng.standard_normal(n))) * manner.shrink ** (np.arange(n) / n)
    factor *= np.repeat(np.exp(manner.ramps * rng.standard_normal(4)), n // 4)
    factor *= 1 - manner.missing * np.exp(-(np.arange(n) % (n // 4)) / manner.recovery)
    added = manner.floor * rng.standard_normal(n)
    x, passing, fade = 0.0, 0.0, np.exp(-1 / manner.memory)
    path = np.zeros(n + 1)
    for k, way in enumerate(RAMPS):
        passing *= fade
        at = x + passing
        step = (device.up(at) if way > 0 else -device.down(at)) * factor[k] + added[k]
        x += (1 - manner.relaxing) * step
        passing += manner.relaxing * step
        if manner.hard:
            x = min(1.0, max(0.0, x))
        path[k + 1] = x + passing
    return device.low + device.span * path


def white(g: FloatArray, device: Device, rng: Random) -> FloatArray:
    """Read noise, the same everywhere."""
    return g + READ * device.span * rng.standard_normal(len(g))


def proportional(g: FloatArray, _: Device, rng: Random) -> FloatArray:
    """Read noise of 1 % of G."""
    return g * (1 + 0.01 * rng.standard_normal(len(g)))


def rounded(g: FloatArray, device: Device, rng: Random) -> FloatArray:
    """Readings with noise, rounded to 1 % of the range."""
    quantum = 0.01 * device.span
    return quantum * np.round(white(g, device, rng) / quantum)


def telegraph(g: FloatArray, device: Device, rng: Random) -> FloatArray:
    """Beside the noise two levels 3 % of the range apart, each kept for 20 readings in the mean."""
    level = (np.cumsum(rng.random(len(g)) < 1 / 20) + rng.integers(2)) % 2
    return white(g, device, rng) + 0.03 * device.span * (level - 0.5)


def pink(g: FloatArray, device: Device, rng: Random) -> FloatArray:
    """Beside the noise 1/f noise: four Lorentzians of 0.6 % of the range each, of 3 to 160 readings."""
    total = np.zeros(len(g))
    for time in np.geomspace(3, 160, 4):
        keeps, now = np.exp(-1 / time), rng.standard_normal()
        for k, kick in enumerate(np.sqrt(1 - keeps**2) * rng.standard_normal(len(g))):
            total[k] += now
            now = keeps * now + kick
    return white(g, device, rng) + 0.006 * device.span * total


def traced(device: Device, rng: Random, manner: Manner | None = None, noise: Noise = white, every: int = 1) -> Case:
    """A trace of a device with one stable symmetry point, read every so many pulses."""
    g = noise(states(device, manner or Manner(), rng)[::every], device, rng)
    pulses = np.concatenate([[0], RAMPS[::every] * every])
    measured = (float(np.min(g)), float(np.max(g)))
    return Case(pulses, g, None, device.balance(), (device.low, device.high), measured, ONE)


def without_one(device: Device, rng: Random, verdict: str) -> Case:
    """A trace between hard bounds of a device that has no, more than one or an unstable symmetry point."""
    g = white(states(device, Manner(hard=True), rng), device, rng)
    measured = (float(np.min(g)), float(np.max(g)))
    return Case(np.concatenate([[0], RAMPS]), g, None, None, (device.low, device.high), measured, verdict)


def dropouts(rng: Random) -> Case:
    """1 % of the readings are 0, three times the range, or missing."""
    device = soft(rng)
    case = traced(device, rng)
    wrong = rng.choice([0.0, 3 * device.span, np.nan], len(case.conductance))
    return replace(case, conductance=np.where(rng.random(len(wrong)) < 0.01, wrong, case.conductance))


def told(model: str, made: Callable[[Random], Case]) -> Callable[[Random], Case]:
    """The kind, with the name of the model that is true of it."""
    return lambda rng: replace(made(rng), told=model)


KINDS: dict[str, Callable[[Random], Case]] = {
    "plain": told("soft-bounds", lambda r: traced(soft(r), r)),
    "every 10": told("soft-bounds", lambda r: traced(soft(r), r, every=10)),
    "rounded": lambda r: traced(soft(r), r, noise=rounded),
    "exponential": told("exponential-step", lambda r: traced(exponential(r), r)),
    "proportional noise": lambda r: traced(soft(r), r, noise=proportional),
    "telegraph": lambda r: traced(soft(r), r, noise=telegraph),
    "1/f": lambda r: traced(soft(r), r, noise=pink),
    "heavy tails": lambda r: traced(soft(r), r, Manner(heavy=True)),
    "noise floor": lambda r: traced(soft(r), r, Manner(floor=0.003)),
    "ramp factors": lambda r: traced(soft(r), r, Manner(ramps=0.15)),
    "relaxing": lambda r: traced(soft(r), r, Manner(relaxing=0.5)),
    "after reversal": lambda r: traced(soft(r), r, Manner(missing=0.7)),
    "dropouts": dropouts,
    "shrinking": lambda r: traced(soft(r), r, Manner(shrink=0.5)),
    "window from 0": told("soft-bounds", lambda r: traced(soft(r, 0.0), r)),
    "equal constant": lambda r: without_one(constant(r, equal=True), r, BALANCED),
    "unequal constant": lambda r: without_one(constant(r, equal=False), r, NONE),
    "unstable": lambda r: without_one(unstable(r), r, SEVERAL),
    "three crossings": lambda r: without_one(wavy(r), r, SEVERAL),
}


def case_of(kind: str, seed: int) -> Case:
    """The same trace for the same seed, whatever other kinds there are."""
    return KINDS[kind](np.random.default_rng([seed, zlib.crc32(kind.encode())]))
