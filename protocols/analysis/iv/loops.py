"""I-V loops: the branches of a sweep, and where the conductance switches on each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, Status
from protocols.analysis.common.stretches import stretches
from protocols.common.protocol import Series
from protocols.common.turns import taken

POSITIVE, NEGATIVE, OUT, BACK = "positive", "negative", "out", "back"
MEASURED = ", as measured"  # ends the phases of sweeps whose voltages are those that were measured


def phase_of(polarity: str, way: str) -> str:
    """The phase of a branch, such as "positive, out"."""
    return f"{polarity}, {way}"


def is_measured(series: Series) -> bool:
    """Whether its sweeps are those of another protocol or program, known by the voltages measured."""
    return bool(len(series)) and str(series.phases[0]).endswith(MEASURED)


def largest_step(series: Series) -> float:
    """The largest step [V] between neighbouring levels of one way: what a single set voltage is known to."""
    volts = series.readings.voltage[:, 0, 0]
    steps = [np.abs(np.diff(volts[first:last])) for _, first, last in stretches(series.phases)]
    return float(np.max(np.concatenate(steps)))


@dataclass(frozen=True)
class Switch:
    """A loop on which the conductance changed: at `voltage` [V], up or down, from `before` to `after` [S].

    `voltage` is where the logarithm of the conductance passed half of its change; `largest` the share of that change
    that came within one step.
    """

    voltage: float
    up: bool
    before: float
    after: float
    largest: float


@dataclass(frozen=True)
class Loop:
    """Out and back on one polarity: voltages [V] as asked for, currents [A], conductances [S], whether limited.

    The first `out` entries are the way out. `measured`: the voltages are those measured of a sweep of another program,
    whose ways need not have the same levels.
    """

    polarity: str
    cycle: int
    volts: FloatArray
    current: FloatArray
    g: FloatArray
    limited: NDArray[np.bool_]
    out: int
    measured: bool = False

    @property
    def whole(self) -> bool:
        """Whether out and back are there."""
        return self.measured or len(self.volts) == 2 * self.out

    @property
    def area(self) -> float:
        """``|closed integral of I dV|`` [W]: the area between the ways out and back."""
        return abs(float(np.trapezoid(self.current, self.volts)))

    def read(self, voltage: float) -> tuple[float, float]:
        """Conductance [S] at a voltage [V], on the way out and back: currents interpolated between levels."""
        magnitude, current = np.abs(self.volts), np.abs(self.current)
        ways = slice(0, self.out), slice(self.out, None)
        out, back = (self._interpolated(magnitude[way], current[way], voltage) / voltage for way in ways)
        return out, back

    @staticmethod
    def _interpolated(magnitude: FloatArray, current: FloatArray, voltage: float) -> float:
        good = np.isfinite(current)
        if not np.any(good):
            return math.nan
        order = np.argsort(magnitude[good])
        at, of = np.concatenate([[0.0], magnitude[good][order]]), np.concatenate([[0.0], current[good][order]])
        return float(np.interp(voltage, at, of))

    def switch(self, read_voltage: float, change: float) -> Switch | None:
        """Where it switched; None where conductance before and after differs by less than a factor `change`."""
        before, after = self.read(read_voltage)
        if not self.whole or not (before > 0 and after > 0) or max(before / after, after / before) < change:
            return None
        up, middle = after > before, (math.log(before) + math.log(after)) / 2
        good = self.g > 0
        course, volts = np.log(self.g[good]), np.abs(self.volts[good])
        passed = np.flatnonzero(course > middle if up else course < middle)
        first = passed[passed > 0]
        if not first.size:
            return None
        at = int(first[0])
        share = (middle - course[at - 1]) / (course[at] - course[at - 1])
        voltage = float(volts[at - 1] + min(max(share, 0.0), 1.0) * (volts[at] - volts[at - 1]))
        steps = np.diff(course) if up else -np.diff(course)
        largest = float(steps.max() / abs(math.log(after / before)))
        sign = 1 if self.polarity == POSITIVE else -1
        return Switch(sign * voltage, up, before, after, min(largest, 1.0))


@dataclass(frozen=True)
class Loops:
    """All loops of a crosspoint in order, and their switches (None where a loop has none)."""

    loops: list[Loop]
    switches: list[Switch | None]
    read_voltage: float

    @staticmethod
    def of(series: Series, branches: list[tuple[str, FloatArray]], read_voltage: float, change: float) -> Loops:
        """From the readings of one crosspoint, which were taken at the voltages of `branches`, again and again."""
        own = taken(series)
        r = own.readings
        current, g = r.current[:, 0, 0], r.conductance[:, 0, 0]
        limited = (r.status[:, 0, 0] & int(Status.COMPLIANCE)) != 0
        found: list[Loop] = []
        first, cycle = 0, 0
        while first < len(own):
            for (phase, out), (_, back) in zip(branches[::2], branches[1::2], strict=True):
                volts = np.concatenate([out, back])
                part = slice(first, min(first + len(volts), len(own)))
                count = part.stop - part.start
                if count > 0:
                    polarity = phase.partition(",")[0]
                    found.append(Loop(polarity, cycle, volts[:count], current[part], g[part], limited[part], len(out)))
                first += len(volts)
            cycle += 1
        return Loops(found, [loop.switch(read_voltage, change) for loop in found], read_voltage)

    @staticmethod
    def measured(series: Series, read_voltage: float, change: float) -> Loops:
        """From readings whose phases say on which way they are, at the voltages that were measured."""
        r = series.readings
        volts, current, g = (a[:, 0, 0] for a in (r.voltage, r.current, r.conductance))
        g = np.where(np.isfinite(g), g, current / volts)
        limited = (r.status[:, 0, 0] & int(Status.COMPLIANCE)) != 0
        ways, found = stretches(series.phases), list[Loop]()
        for (phase, first, top), (_, _, last) in zip(ways[::2], ways[1::2], strict=True):
            part, polarity = slice(first, last), phase.partition(",")[0]
            cycle = sum(one.polarity == polarity for one in found)
            found.append(Loop(polarity, cycle, volts[part], current[part], g[part], limited[part], top - first, True))
        return Loops(found, [loop.switch(read_voltage, change) for loop in found], read_voltage)

    def of_polarity(self, polarity: str) -> list[Loop]:
        """Whole loops on one side."""
        return [loop for loop in self.loops if loop.polarity == polarity and loop.whole]
