"""An array of devices that move as a measured step does: history, ramp factors, tails, relaxation, wear, slow noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.arrays import counter_random
from sim_device.arrays.device_array import DeviceArray, Response, SimNoise, over_rows
from sim_device.arrays.measured_rows import TAIL_REACH, pulse_measured, read_measured
from sim_device.arrays.table_rows import pieces
from sim_device.arrays.window import Box
from sim_device.models.measured import MeasuredStep
from sim_device.models.population import Floats

SINCE = 512  # pulses after a reversal for which history is tabulated; it is fitted up to some 50
WORN, WORN_REACH = 1024, 8.0  # nodes and time constants over which wear is tabulated
TAILS = 2049  # nodes of Student's t


@dataclass(frozen=True)
class MeasuredNoise(SimNoise):
    """Noise of devices as measured: beside that of `SimNoise` two more of a reading.

    `proportional` [1] of the conductance; `slow` [unit] a first-order process that is forgotten as
    ``exp(−k/slow_readings)`` over k readings.
    """

    proportional: float = 0.0
    slow: float = 0.0
    slow_readings: float = 1.0


@dataclass
class MeasuredArray(DeviceArray):
    """A `DeviceArray` with what a crosspoint remembers; `step` is its model."""

    step: MeasuredStep | None = None
    rich: ClassVar[bool] = True

    _way: NDArray[np.int8] = field(init=False)
    _since: NDArray[np.uint32] = field(init=False)
    _turns: NDArray[np.uint32] = field(init=False)
    _factor: Floats = field(init=False)
    _relaxing: Floats = field(init=False)
    _slow: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Start as a device that was not pulsed; slow noise as it is in the long run."""
        super().__post_init__()
        shape = self.conductance.shape
        self._way = np.full(shape, -1, dtype=np.int8)
        self._since, self._turns = np.zeros(shape, dtype=np.uint32), np.zeros(shape, dtype=np.uint32)
        self._factor, self._relaxing = np.ones(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        self._more_keys = counter_random.keys(self.seed ^ 0x5EED, 3)
        draws = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, 0x510]))).standard_normal(shape)
        self._slow = np.ascontiguousarray(self._noise.slow * draws, dtype=np.float32)
        self._tables, self._numbers = tables_of(self.step) if self.step else _plain()

    @property
    def _noise(self) -> MeasuredNoise:
        n = self.noise
        return n if isinstance(n, MeasuredNoise) else MeasuredNoise(n.cycle_to_cycle, n.read, n.write)

    def present(self) -> Floats:
        """Conductance with what has not relaxed yet."""
        return self.conductance + self._relaxing

    def pulse(self, box: Box, counts: NDArray[np.int32], response: Response | None = None) -> None:
        """Apply signed counts, pulse by pulse."""
        p = (response or self._own).population
        devices = (self.conductance, p.low, p.high, p.s_up, p.s_down, self.applied)
        extras = (self._way, self._since, self._turns, self._factor, self._relaxing)
        keys = (self._pulse_key, self._more_keys[0])
        given, table = np.ascontiguousarray(counts, dtype=np.int32), pieces(p.table)
        over_rows(
            lambda part: pulse_measured(
                part, box, devices, extras, table, self._tables, self._numbers, keys, given
            ),
            counts.shape,
        )  # fmt: skip

    def trace(
        self, box: Box, counts: NDArray[np.int32], dtype: type[np.floating[Any]] = np.float64,
        response: Response | None = None,
    ) -> NDArray[Any]:  # fmt: skip
        """Apply counts and read, step by step."""
        out = np.empty(counts.shape, dtype=dtype)
        for step, given in enumerate(counts):
            if np.any(given):
                self.pulse(box, given, response)
            self._read(box, out[step])
        return out

    def currents(self, volts: FloatArray, *, transposed: bool) -> FloatArray:
        """``G V`` of one reading with all its noise."""
        rows, columns = self.conductance.shape
        g = np.empty((rows, columns))
        self._read((0, 0, columns), g)
        return (g.T if transposed else g) @ volts

    def state(self) -> dict[str, Any]:
        """Everything that changes, copied."""
        return {**super().state(), **{key: getattr(self, f"_{key}").copy() for key in _REMEMBERED}}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; `InputError` for one of other devices."""
        missing = [key for key in _REMEMBERED if key not in state]
        if missing:
            raise InputError(f"a snapshot without {', '.join(missing)} is not of devices as measured")
        super().take_up(state)
        for key in _REMEMBERED:
            getattr(self, f"_{key}")[...] = state[key]

    def _read(self, box: Box, out: NDArray[Any]) -> None:
        n, step = self._noise, self.step
        left = np.exp(-1.0 / step.relaxing[1]) if step and step.relaxing[0] else 1.0
        numbers = tuple(np.float32(v) for v in (n.read, n.proportional, n.slow, np.exp(-1.0 / n.slow_readings), left))
        keys, reading = (self._read_key, self._more_keys[1]), np.uint32(self.readings)
        over_rows(
            lambda part: read_measured(
                part, box, self.conductance, self._relaxing, self._slow, numbers, keys, reading, out
            ),
            out.shape,
        )  # fmt: skip
        self.readings += 1


_REMEMBERED = ("way", "since", "turns", "factor", "relaxing", "slow")


def remembers(model: MeasuredStep, noise: SimNoise) -> bool:
    """Whether devices of this model need more than a table of steps."""
    noisy = isinstance(noise, MeasuredNoise) and (noise.proportional > 0 or noise.slow > 0)
    history = any(model.history[k] for k in (0, 2, 3, 5))
    return bool(noisy or history or any(model.ramps) or model.tails or model.relaxing[0] or model.wear[0])


def tables_of(step: MeasuredStep) -> tuple[tuple[Floats, ...], tuple[np.float32, ...]]:
    """(shares, roughs, worn, tails, F over normal deviates) and (share that relaxes, nodes of `worn` per pulse)."""
    n = np.arange(SINCE, dtype=np.float64)
    fades = [np.exp(-n / step.history[3 * way + 1]) for way in (0, 1)]
    shares = np.stack([1.0 - step.history[3 * way] * fades[way] for way in (0, 1)])
    roughs = np.stack([np.exp(step.history[3 * way + 2] * fades[way]) for way in (0, 1)])
    c, p = step.wear
    worn = np.exp(c * (np.exp(-np.linspace(0.0, WORN_REACH, WORN)) - 1.0)) if c else np.ones(1)
    per_pulse = (WORN - 1) / (WORN_REACH * p) if c else 0.0
    xi = np.linspace(-TAIL_REACH, TAIL_REACH, TAILS)
    factors = np.exp(np.outer(step.ramps, xi)) if any(step.ramps) else np.empty((2, 0))
    every = shares, roughs, worn, _tails(step.tails), factors
    floats = tuple(np.ascontiguousarray(each, dtype=np.float32) for each in every)
    return floats, (np.float32(step.relaxing[0]), np.float32(per_pulse))


def _tails(tails: float) -> FloatArray:
    """Student's t of variance 1 at the probabilities of normal deviates over ±`TAIL_REACH`; empty where ξ is normal.

    Linear between nodes: within 1e-4 of the quantile up to 5 standard deviations.
    """
    from scipy import stats

    if not tails:
        return np.empty(0)
    xi = np.linspace(0.0, TAIL_REACH, TAILS // 2 + 1)
    nu = 1.0 / tails
    upper: FloatArray = np.asarray(stats.t.isf(stats.norm.sf(xi), nu), dtype=np.float64) * np.sqrt(1.0 - 2.0 * tails)
    return np.concatenate([-upper[:0:-1], upper])


def _plain() -> tuple[tuple[Floats, ...], tuple[np.float32, ...]]:
    one, none = np.ones((2, 1), dtype=np.float32), np.empty((2, 0), dtype=np.float32)
    return (one, one, one[0].copy(), none[0].copy(), none), (np.float32(0), np.float32(0))
