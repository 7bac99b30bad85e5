"""A voltage held on simulated devices: counted as so many pulses of their own pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from instruments.crosspoints import FloatArray, IntArray, PulsePair, Readings, Status, Sweep
from instruments.errors import InputError
from instruments.levels import Levels
from sim_device.models.voltage_law import VoltageLaw

_MOST = 1_000_000  # pulses that a level counts for at most: any model is at its bound long before


class Held(Protocol):
    """What a sweep asks of the crosspoints that it holds: `sim_device.arrays.crosspoints.SimCrosspoints` are such."""

    name: str
    shape: tuple[int, int]
    pulses: PulsePair
    read_voltage: float
    read_time: float

    @property
    def conductance(self) -> FloatArray:
        """(rows, columns) [S], without noise."""
        ...

    def read(self, repeats: int = 1) -> Readings:
        """Readings of shape (repeats, rows, columns)."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...


class HeldPulses:
    """Pulses that a staircase of voltages counts for, ``x = (int a(V) dt)^beta`` (`sim_device.models.voltage_law`).

    What has not made up a whole pulse yet is kept. Where a current limit takes voltage off a device, the conductance
    is asked after every pulse.
    """

    def __init__(self, law: VoltageLaw | None, pulses: PulsePair, quiet: float, shape: tuple[int, int]) -> None:
        self._law, self._pulses, self._quiet = law, pulses, quiet
        self._dose, self._given = np.zeros(shape), np.zeros(shape)
        self._way = np.zeros(shape, dtype=np.int64)

    def check(self, voltages: FloatArray, name: str) -> None:
        """`InputError` for a voltage above that of a reading where the law is not known."""
        highest = float(np.nan_to_num(np.abs(voltages)).max(initial=0.0))
        if self._law is None and highest > abs(self._quiet):
            raise InputError(
                f"{name} is simulated by a model that knows no voltage, so nobody can tell what {highest:g} V does to "
                f"it: sweep within the read voltage of {abs(self._quiet):g} V, give it law=VoltageLaw(...), or "
                "rehearse on the virtual bench"
            )

    def hold(
        self,
        volts: FloatArray,
        limit: float,
        seconds: float,
        conductance: Callable[[], FloatArray],
        pulse: Callable[[IntArray], None],
    ) -> None:
        """Hold every crosspoint at its of `volts` [V] (rows, columns), NaN for none, at most `limit` [A] through it."""
        held = np.nan_to_num(volts)
        way = (np.sign(held) * np.sign(self._pulses.up.voltage)).astype(np.int64) * (np.abs(held) > abs(self._quiet))
        fresh = way != self._way
        self._dose[fresh], self._given[fresh] = 0.0, 0.0
        self._way = way
        left = np.where(way != 0, seconds, 0.0)
        for _ in range(_MOST):
            if self._law is None or not np.any(left > 0):
                return
            g = np.maximum(np.nan_to_num(conductance()), 1e-15)
            across = np.minimum(np.abs(held), limit / g)
            rate = self._rates(across, way, self._law)
            whole = (self._dose + rate * left) ** self._law.exponent
            due = np.floor(np.minimum(whole, self._given + _MOST)) - self._given
            limited = (np.abs(held) * g > 0.5 * limit) & (due > 1)
            used = np.where(limited, self._until(self._given + 1, rate), left)
            count = np.where(limited, 1, due).astype(np.int64)
            self._dose += rate * used
            self._given += count
            left = np.maximum(left - used, 0.0)
            if np.any(count):
                pulse(way * count)

    def _until(self, pulses: FloatArray, rate: FloatArray) -> FloatArray:
        """Time [s] until so many pulses are given."""
        law = self._law
        assert law is not None
        return np.maximum(pulses ** (1 / law.exponent) - self._dose, 0.0) / np.maximum(rate, 1e-300)

    def _rates(self, across: FloatArray, way: IntArray, law: VoltageLaw) -> FloatArray:
        up, down = self._pulses.up, self._pulses.down
        flat = [
            np.exp(min(law.log_rate(v, up if sign > 0 else down), 500.0)) if sign and v > 0 else 0.0
            for v, sign in zip(across.ravel().tolist(), way.ravel().tolist(), strict=True)
        ]
        return np.array(flat, dtype=np.float64).reshape(across.shape)


def swept(block: Held, levels: Levels, law: VoltageLaw | None, pulse: Callable[[IntArray], None]) -> Sweep:
    """Hold a block level by level, side by side; `pulse` applies counts of its pair and takes no time."""
    held = HeldPulses(law, block.pulses, block.read_voltage, block.shape)
    held.check(levels.voltages, block.name)
    return _each(block, levels, held, pulse)


def _each(block: Held, levels: Levels, held: HeldPulses, pulse: Callable[[IntArray], None]) -> Sweep:
    steps = zip(levels.voltages, levels.compliance.tolist(), levels.dwell.tolist(), strict=True)
    for volts, limit, dwell in steps:
        held.hold(volts, limit, dwell + block.read_time, lambda: block.conductance, pulse)
        block.wait(dwell)
        yield _limited(block.read(), volts, limit)


def _limited(read: Readings, volts: FloatArray, limit: float) -> Readings:
    """One reading of a block as its unit finds it at `volts` [V] (rows, columns), with at most `limit` [A]."""
    g = read.conductance
    held = np.broadcast_to(volts, g.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        limited = np.abs(held * g) > limit
        current = np.where(limited, np.sign(held) * limit, held * g)
        voltage = np.where(limited, current / g, held)
    valid = np.isfinite(held) & (held != 0)
    status = np.where(limited, int(Status.COMPLIANCE), 0) | np.where(valid, 0, int(Status.INVALID))
    time = np.where(np.isfinite(held), read.time, np.nan)
    return Readings(np.where(valid, g, np.nan), voltage, current, time, status.astype(np.uint8))
