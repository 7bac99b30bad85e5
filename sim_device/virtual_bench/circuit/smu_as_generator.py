"""A source-measure unit cabled as the generator: its level over time makes the pulses."""

from __future__ import annotations

import numpy as np

from instruments.bench.wiring import Relay
from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.devices.trains import Train

_ZERO = 1e-6  # [V] that is no pulse


class SmuAsGenerator(Circuit):
    """The circuit as the twin of a source-measure unit sees it from the generator's terminals.

    A level other than 0 V is a pulse that ends when the level changes or the output goes off.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.clock = circuit.clock
        self._on = False
        self._level = 0.0
        self._since = 0.0

    def smu_drives(self, drive: Drive | None) -> None:
        """The level now; what it was before is a pulse that has ended."""
        now = self.clock.now()
        if abs(self._level) > _ZERO and now > self._since:
            self._circuit.generator_pulses(self._level, now - self._since, 1)
        if drive is not None and drive.current:
            self._circuit.fault("the pulse source drives a current")
        if (drive is not None) != self._on:
            self._on = drive is not None
            self._circuit.generator_rests(0.0 if self._on else None)
        self._level, self._since = (drive.level if drive is not None else 0.0), now

    def smu_reads(self) -> tuple[float, float, bool]:
        """The gate draws no current."""
        return self._level, 0.0, False

    def smu_runs(self, train: Train) -> FloatArray:
        """Pulses at the gate, one by one; a gate draws no current, so that readings find none."""
        for at, level in zip(train.pulsed_at.tolist(), train.levels.tolist(), strict=True):
            self._circuit.generator_pulses(level, train.width, 1)
            self._circuit.clock.wait(max(0.0, at + train.width - self.clock.now()))
        return np.zeros(len(train.read_at))

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
