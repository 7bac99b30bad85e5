"""A tile: crosspoints as a matrix of signed weights, main minus reference over scale."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints, FloatArray, IntArray
from instruments.errors import InputError, RunError
from labshd.training.calibration import Calibration
from labshd.training.pulse_train import Pulsing, update_pulses
from protocols.protocol import Points


@dataclass
class Tile:
    """``W = (G_main − G_ref)/scale`` with forward, backward, update; every pulse and reading is accounted for.

    Attributes
    ----------
    name
        What the array is in the algorithm, such as "auxiliary".
    main
        The crosspoints that are pulsed.
    reference
        [unit] A number or an array, subtracted digitally; or crosspoints that are read along and never pulsed.
    scale, step
        [unit] of a weight of 1; [1] weight that one pulse adds at the symmetry point.
    keeps
        Whether readings are kept as points (`taken`); for large arrays nobody wants every one.
    """

    name: str
    main: Crosspoints
    reference: FloatArray | Crosspoints
    scale: float
    step: float
    rng: np.random.Generator
    pulsing: Pulsing = field(default_factory=Pulsing)
    keeps: bool = True

    def __post_init__(self) -> None:
        """Refuse a reference of another shape."""
        if not isinstance(self.reference, Crosspoints):
            self.reference = np.asarray(self.reference, dtype=np.float64)
            if self.reference.shape not in ((), self.main.shape):
                raise InputError(f"a reference of shape {self.reference.shape} does not fit {self.main.shape}")
        elif self.reference.shape != self.main.shape:
            raise InputError(f"reference crosspoints {self.reference.shape} do not fit main ones {self.main.shape}")
        self.pulses: IntArray = np.zeros(self.main.shape, dtype=np.int64)
        self.clipped = 0  # updates that the bit length cut short
        self.last: FloatArray = np.full(self.main.shape, np.nan)  # weights as last read
        self._since: IntArray = np.zeros(self.main.shape, dtype=np.int64)
        self._taken: list[Points] = []

    @staticmethod
    def of(name: str, main: Crosspoints, calibration: Calibration, rng: np.random.Generator, pulsing: Pulsing) -> Tile:
        """A tile on `main` with the digital reference, scale and step of a calibration."""
        reference = np.asarray(calibration.reference)
        keeps = main.shape[0] * main.shape[1] <= 64
        return Tile(name, main, reference, calibration.scale, calibration.weight_step, rng, pulsing, keeps)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns): outputs and inputs."""
        return self.main.shape

    def weights(self) -> FloatArray:
        """One reading of all weights; shape (rows, columns)."""
        conductance = self._conductance()
        zero = self.reference.read().conductance[0] if isinstance(self.reference, Crosspoints) else self.reference
        self.last = (conductance - zero) / self.scale
        return self.last

    def forward(self, x: ArrayLike) -> FloatArray:
        """``y = W x`` with one reading; x of the columns, y of the rows."""
        return self.weights() @ _fitting(x, self.shape[1], "columns")

    def backward(self, d: ArrayLike) -> FloatArray:
        """``z = Wᵀ d`` with one reading; d of the rows, z of the columns."""
        return self.weights().T @ _fitting(d, self.shape[0], "rows")

    def update(self, d: ArrayLike, x: ArrayLike, rate: float) -> None:
        """``W ← W + rate · d xᵀ`` on average, by pulses (`Pulsing`); d of the rows, x of the columns."""
        rows, columns = _fitting(d, self.shape[0], "rows"), _fitting(x, self.shape[1], "columns")
        update = update_pulses(rows, columns, rate, self.step, self.pulsing, self.rng)
        self.clipped += update.clipped < 1
        if not np.any(update.counts):
            return
        if update.trains is None:
            self.main.pulse(update.counts)
        else:
            self.main.coincide(*update.trains)
        self.pulses += np.abs(update.counts)
        self._since += update.counts

    def columns(self) -> dict[str, float]:
        """What a table of training steps keeps of this tile: the weight as last read (or their rms), pulses so far."""
        if self.shape == (1, 1):
            zero = np.nan if isinstance(self.reference, Crosspoints) else float(self.reference.item())
            weight = float(self.last[0, 0])
            conductance = {f"{self.name}_conductance_{self.main.unit}": zero + weight * self.scale}
            return {f"{self.name}_weight": weight, **conductance, f"{self.name}_pulses": float(self.pulses[0, 0])}
        rms = float(np.sqrt(np.mean(self.last**2)))
        return {f"{self.name}_weight_rms": rms, f"{self.name}_pulses": float(self.pulses.sum())}

    def taken(self) -> list[Points]:
        """Points since this was last asked: every reading, with the signed pulses before it."""
        taken, self._taken = self._taken, []
        return taken

    def _conductance(self) -> FloatArray:
        readings = self.main.read()
        if self.keeps:
            self._taken.append(Points(self.name, self._since[np.newaxis].copy(), readings, self.main.pulses))
            self._since[...] = 0
        conductance = readings.conductance[0]
        if not np.all(np.isfinite(conductance)):
            raise RunError(f"reading the {self.name} crosspoints ({self.main.name}) gave no number; see their status")
        return conductance


def _fitting(vector: ArrayLike, length: int, which: str) -> FloatArray:
    given = np.atleast_1d(np.asarray(vector, dtype=np.float64))
    if given.shape != (length,):
        raise InputError(f"a vector of shape {given.shape} does not fit {length} {which}")
    return given
