"""Sequences of pulses and readings timed by the instruments: sent in one message, read back in one.

A bench goes step by step where relays or outputs must move between a pulse and a reading. Where they need not, a
`Sequencer` made of the instruments takes a `Plan` of many steps at once. Everything of a plan is checked before its
first byte, it has a finite length, and `off` of its instruments ends it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, Pulse, PulsePair, Status, StatusArray

LONGEST: Final = 5.0  # [s] of one download: readings are on disk, and stop rules are asked, at least that often


@dataclass(frozen=True)
class Plan:
    """Steps on one crosspoint: `counts` pulses (signed, shape (steps,)), a rest of `settle` [s], one reading.

    Readings are at `voltage` [V] under `compliance` [A], integrated over `integration` power line cycles. `limit` [A]
    is what a source-measure unit limits its pulses at. `burst` is the number of pulses of the longest step, of which
    this plan may be a part: all parts of a sequence have the same timing.
    """

    counts: IntArray
    pulses: PulsePair
    settle: float
    voltage: float
    compliance: float
    integration: float
    limit: float
    burst: int

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def used(self) -> list[Pulse]:
        """The pulses of the pair that are applied at all."""
        each = ((np.any(self.counts > 0), self.pulses.up), (np.any(self.counts < 0), self.pulses.down))
        return [pulse for applied, pulse in each if applied]

    def part(self, first: int, last: int) -> Plan:
        """Steps `first` to `last`, the last excluded."""
        return replace(self, counts=self.counts[first:last])


@dataclass(frozen=True)
class Taken:
    """What the buffer of an instrument held: arrays (readings,); `time` [s] by its own clock since the sequence began.

    `voltage` [V] and `current` [A] are NaN where the instrument had no number; `status` as `Status`.
    """

    voltage: FloatArray
    current: FloatArray
    time: FloatArray
    status: StatusArray

    def __len__(self) -> int:
        return len(self.voltage)

    @staticmethod
    def nothing() -> Taken:
        """No readings."""
        empty = np.empty(0)
        return Taken(empty, empty, empty, np.empty(0, dtype=np.uint8))


@dataclass(frozen=True)
class Slots:
    """One step in slots of `period` [s]: `pulses` at their starts, then rests; measured `delay` [s] after it began.

    A step with fewer pulses than the longest begins with rests, so that the same time passes from the last pulse to
    the reading.
    """

    points: int
    pulses: int
    period: float
    delay: float

    @property
    def step(self) -> float:
        """[s] from step to step."""
        return self.points * self.period

    @staticmethod
    def of(plan: Plan, width: float, reading: float) -> Slots:
        """Slots for pulses of `width` [s] and readings that take `reading` [s].

        One pulse a step has a slot to itself: w + settle + reading. A burst has slots of 2 w, so that its pulses are as
        far apart as they are wide, and as many more as the rest of the step takes.
        """
        after = plan.settle + reading
        if plan.burst <= 1:
            return Slots(1, 1, width + after, width + plan.settle)
        period = 2 * width
        rests = max(0, math.ceil((after - width) / period - 1e-9))
        return Slots(plan.burst + rests, plan.burst, period, (plan.burst - 1) * period + width + plan.settle)

    def levels(self, plan: Plan) -> FloatArray:
        """(steps * points,) level [V] of every slot: that of its pulse, or of a reading where it has none."""
        counts = plan.counts[:, np.newaxis]
        slot = np.arange(self.points)
        pulsed = (slot < self.pulses) & (slot >= self.pulses - np.abs(counts))
        volts = np.where(counts > 0, plan.pulses.up.voltage, plan.pulses.down.voltage)
        return np.where(pulsed, volts, plan.voltage).ravel()


class Sequencer(ABC):
    """Instruments that run a plan by their own timing."""

    title: str
    """What times it, as a person reads it: "list sweep of the source-measure unit"."""

    @abstractmethod
    def refusal(self, plan: Plan) -> str | None:
        """Why such a plan cannot be one sequence; None where it can. Sends nothing."""

    @abstractmethod
    def holds(self, plan: Plan) -> int:
        """How many of the first steps of `plan` one download takes, at least 1. Sends nothing."""

    @abstractmethod
    def begin(self, plan: Plan) -> None:
        """Set the instruments up for such plans, from whatever state; outputs are off. Raises what they refuse."""

    @abstractmethod
    def load(self, plan: Plan) -> float:
        """Send the steps, outputs as they are and nothing started; gives their duration [s]."""

    @abstractmethod
    def start(self) -> None:
        """Outputs on, and go."""

    @abstractmethod
    def collect(self) -> Taken:
        """Every reading that the buffer holds, in order; also of a sequence that was ended before its time."""

    @abstractmethod
    def end(self) -> None:
        """Instruments as `prepare` leaves them, outputs off."""


def texts(levels: FloatArray, spell: dict[float, str]) -> str:
    """Levels [V] as a list for an instrument, each spelt as `spell` says."""
    return ",".join(map(spell.__getitem__, levels.tolist()))


def in_time(step: float, most: int) -> int:
    """How many steps of `step` [s] one download takes: `most`, but no longer than `LONGEST`; at least 1."""
    return max(1, min(most, int(LONGEST / step)))


def conductances(voltage: FloatArray, current: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """``G = I / V`` [S] and where it is one; NaN elsewhere."""
    with np.errstate(divide="ignore", invalid="ignore"):
        conductance = current / voltage
    valid = np.isfinite(conductance)
    return np.where(valid, conductance, np.nan), valid


def is_held(voltage: FloatArray, status: StatusArray, asked: float) -> NDArray[np.bool_]:
    """Whether readings were taken at the voltage that was asked for [V], or the limit held it back.

    Where less than half of it is measured and nothing limits, an output is off: the box has restarted, or somebody has
    opened the interlock. Current over voltage is then a quotient of offsets.
    """
    return (np.abs(voltage) >= 0.5 * abs(asked)) | (status & np.uint8(Status.COMPLIANCE) != 0)
