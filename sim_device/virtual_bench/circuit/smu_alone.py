"""A source-measure unit that pulses the electrode it reads: levels without a measurement are pulses."""

from __future__ import annotations

from typing import Final

import numpy as np

from instruments.bench.wiring import Relay
from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.devices.trains import Train

_ZERO: Final = 1e-6  # [V] that is no pulse


class SmuAlone(Circuit):
    """The circuit as the twin of a source-measure unit sees it where generator and source-measure unit are one output.

    A level other than 0 V at which nothing was measured is a pulse that ends when the level changes.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.clock = circuit.clock
        self._drive: Drive | None = None
        self._since = 0.0
        self._read = False

    def smu_drives(self, drive: Drive | None) -> None:
        """Passed on; what was driven before and not read is a pulse that has ended."""
        before, since, now = self._drive, self._since, self.clock.now()
        self._circuit.smu_drives(drive)
        if before is not None and not before.current and abs(before.level) > _ZERO and now > since and not self._read:
            at, level = np.array([since]), np.array([before.level])
            self._circuit.smu_runs(Train(at, level, now - since, np.empty(0), before.limit, held=True))
        self._drive, self._since, self._read = drive, now, False

    def smu_reads(self) -> tuple[float, float, bool]:
        """Passed on: this level is a reading."""
        self._read = True
        return self._circuit.smu_reads()

    def smu_runs(self, train: Train) -> FloatArray:
        """Passed on; the base of a train is no pulse."""
        self._read = True
        return self._circuit.smu_runs(train)

    def generator_rests(self, voltage: float | None) -> None:
        """No generator is here: the source-measure unit is one."""
        raise TypeError("a source-measure unit does not rest as a generator does")

    def generator_pulses(self, voltage: float, width: float, count: int) -> None:
        """No generator is here: the source-measure unit is one."""
        raise TypeError("a source-measure unit does not pulse as a generator does")

    def matrix_closes(self, relays: frozenset[Relay]) -> None:
        """Passed on."""
        self._circuit.matrix_closes(relays)

    def fault(self, what: str) -> None:
        """Passed on."""
        self._circuit.fault(what)
