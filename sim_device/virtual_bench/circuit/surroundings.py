"""The circuit as twins see it: what they ask of it and what they tell it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from instruments.bench.wiring import Relay
from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.bench_clock import BenchClock
from sim_device.virtual_bench.devices.trains import Train


class Drive(NamedTuple):
    """What a source-measure unit does: holds `level` [V or A] as long as the other quantity stays within `limit`."""

    current: bool  # whether it is current that is sourced
    level: float
    limit: float


class Circuit(ABC):
    """The cables between a generator, a source-measure unit, a matrix and the devices; time passes on `clock`."""

    clock: BenchClock

    @abstractmethod
    def generator_rests(self, voltage: float | None) -> None:
        """The generator's output rests at `voltage` [V]; None when it is off."""

    @abstractmethod
    def generator_pulses(self, voltage: float, width: float, count: int) -> None:
        """`count` pulses to `voltage` [V], `width` [s] each, leave the generator; time does not pass here."""

    @abstractmethod
    def fault(self, what: str) -> None:
        """Something happened that a bench must never do; kept for the observer."""

    @abstractmethod
    def smu_drives(self, drive: Drive | None) -> None:
        """The source-measure unit drives from now on as `drive` says; None when its output is off."""

    @abstractmethod
    def smu_reads(self) -> tuple[float, float, bool]:
        """Voltage [V], current [A] at the source-measure unit now, and whether the limit holds it back."""

    @abstractmethod
    def smu_runs(self, train: Train) -> FloatArray:
        """A train of pulses and readings that the source-measure unit times itself: conductance [S] at each reading.

        Its times may lie before the time of the clock: the train is told when somebody asks what became of it.
        """

    @abstractmethod
    def matrix_closes(self, relays: frozenset[Relay]) -> None:
        """Exactly these relays are closed from now on."""
