"""Extra terminals of a bench: the bias source, and the generator's second output."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from instruments.bench.wiring import Relay
from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.bench_clock import BenchClock
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.devices.trains import Train


class MoreTerminals(ABC):
    """What a bench has where a bias source or a second output is cabled."""

    clock: BenchClock

    @abstractmethod
    def bias_drives(self, drive: Drive | None) -> None:
        """The bias source drives from now on as `drive` says; None when its output is off."""

    @abstractmethod
    def bias_reads(self) -> tuple[float, float, bool]:
        """Voltage [V], current [A] at the bias source now, and whether its limit holds it back."""

    @abstractmethod
    def second_rests(self, voltage: float | None) -> None:
        """The generator's second output rests at `voltage` [V]; None when it is off."""

    @abstractmethod
    def both_pulse(self, first: float, second: float, width: float, count: int) -> None:
        """`count` pulses of `width` [s] leave both outputs at once, to `first` and `second` [V]."""

    @abstractmethod
    def fault(self, what: str) -> None:
        """Something happened that a bench must never do."""


class SmuAsBias(Circuit):
    """The circuit as the twin of a source-measure unit sees it from the terminals of the bias source."""

    def __init__(self, bench: MoreTerminals) -> None:
        self._bench = bench
        self.clock = bench.clock

    def smu_drives(self, drive: Drive | None) -> None:
        """As the bias source."""
        self._bench.bias_drives(drive)

    def smu_reads(self) -> tuple[float, float, bool]:
        """At the bias source."""
        return self._bench.bias_reads()

    def smu_runs(self, train: Train) -> FloatArray:
        """No trains are run by a source that holds."""
        self._bench.fault("the bias source pulses")
        return np.zeros(len(train.read_at))

    def generator_rests(self, voltage: float | None) -> None:
        """No generator is here."""
        raise TypeError("a bias source does not rest as a generator does")

    def generator_pulses(self, voltage: float, width: float, count: int) -> None:
        """No generator is here."""
        raise TypeError("a bias source does not pulse as a generator does")

    def matrix_closes(self, relays: frozenset[Relay]) -> None:
        """No matrix is here."""
        raise TypeError("a bias source has no relays")

    def fault(self, what: str) -> None:
        """Passed on."""
        self._bench.fault(what)
