"""What a meter adds to the signal: integration time, noise, the end of a range."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.devices.noise import Normals

BoolArray: TypeAlias = NDArray[np.bool_]

LINE_FREQUENCY: Final = 50.0  # [Hz]
HEADROOM: Final = 1.05  # a range measures and sources 5 % beyond its name
OVERFLOW: Final = 9.9e37  # what an instrument answers beyond its range
NOISE: Final = 5e-7  # of range, standard deviation at 1 power line cycle; typical of data sheets


class Measured(NamedTuple):
    """One measurement: voltage [V], current [A], whether the limit held the source back, and when it was done [s]."""

    voltage: float
    current: float
    limited: bool
    time: float


def smallest(ranges: tuple[float, ...], value: float) -> float | None:
    """The smallest range that holds `value`; None where none does."""
    for one in ranges:
        if abs(value) <= one * HEADROOM * (1 + 1e-9):
            return one
    return None


class Meter:
    """Measures voltage and current at once, in a circuit."""

    def __init__(self, circuit: Circuit, seed: int = 0) -> None:
        self._circuit = circuit
        self._normals = Normals(seed)

    def take(
        self,
        cycles: float,
        voltage_range: float,
        current_range: float | None,
        *,
        integrations: int = 1,
        delay: float = 0.0,
    ) -> Measured:
        """One measurement over `cycles` power line cycles, repeated `integrations` times inside (zero, reference).

        A current range of None means that the instrument finds it; ranges are in [V] and [A].
        """
        clock = self._circuit.clock
        clock.wait(delay + integrations * cycles / LINE_FREQUENCY)
        voltage, current, limited = self._circuit.smu_reads()
        noise = NOISE / math.sqrt(max(cycles, 1e-4))
        current_range = max(abs(current), 1e-9) if current_range is None else current_range
        return Measured(
            _within(voltage + noise * voltage_range * self._normals(), voltage_range),
            _within(current + noise * current_range * self._normals(), current_range),
            limited,
            clock.now(),
        )

    def seen(
        self, voltage: FloatArray, current: FloatArray, cycles: float, voltage_range: float, current_range: float | None
    ) -> tuple[FloatArray, FloatArray]:
        """What many measurements show of voltages [V] and currents [A] at the terminals."""
        noise = NOISE / math.sqrt(max(cycles, 1e-4))
        if current_range is None:  # the instrument finds it
            current_range = max(float(np.abs(current).max(initial=0.0)), 1e-9)
        return (
            _all_within(voltage + noise * voltage_range * self._normals.take(len(voltage)), voltage_range),
            _all_within(current + noise * current_range * self._normals.take(len(current)), current_range),
        )


def limited(base: float, conductance: FloatArray, limit: float) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Voltage [V], current [A] where `base` [V] is sourced across `conductance` [S], and whether `limit` [A] holds."""
    current = base * conductance
    held = np.abs(current) > limit
    clamped = np.copysign(limit, current)
    voltage = np.divide(clamped, conductance, out=np.full(len(conductance), base), where=held)
    return voltage, np.where(held, clamped, current), held


def _all_within(values: FloatArray, full: float) -> FloatArray:
    return np.where(np.abs(values) <= full * HEADROOM * (1 + 1e-3), values, np.copysign(OVERFLOW, values))


def _within(value: float, full: float) -> float:
    return value if abs(value) <= full * HEADROOM * (1 + 1e-3) else math.copysign(OVERFLOW, value)
