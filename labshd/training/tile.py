"""A tile: crosspoints as a matrix of signed weights, main minus reference over scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints, FloatArray, IntArray, Readings, Status
from instruments.errors import InputError, RunError
from labshd.training.calibration import Calibration
from labshd.training.pulse_train import Keys, Pulsing, update_pulses
from labshd.training.read_path import Draws, ReadPath
from protocols.common.protocol import Points

KEPT = 64  # crosspoints; of larger arrays nobody wants every reading


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
    seed
        Of the pulse trains; tiles of one training differ in it.
    keeps
        Whether readings and pulses are kept as points (`taken`); for large arrays nobody wants every one.
    path
        Converters and noise between numbers and currents; None for a reading digitised as it is.
    """

    name: str
    main: Crosspoints
    reference: FloatArray | Crosspoints
    scale: float
    step: float
    seed: int = 0
    pulsing: Pulsing = field(default_factory=Pulsing)
    keeps: bool = True
    path: ReadPath | None = None

    def __post_init__(self) -> None:
        """Refuse a reference of another shape."""
        if not isinstance(self.reference, Crosspoints):
            self.reference = np.asarray(self.reference, dtype=np.float64)
            if self.reference.shape not in ((), self.main.shape):
                raise InputError(f"a reference of shape {self.reference.shape} does not fit {self.main.shape}")
        elif self.reference.shape != self.main.shape:
            raise InputError(f"reference crosspoints {self.reference.shape} do not fit main ones {self.main.shape}")
        self.pulses = 0  # so far, of either sign, on all crosspoints
        self.counted: IntArray = np.zeros(
            self.main.shape, dtype=np.int64
        )  # of each crosspoint, where readings are kept
        self.lowest, self.highest = np.full(self.main.shape, np.inf), np.full(self.main.shape, -np.inf)  # weights read
        self.updates = 0
        self.products = 0  # that went through the read path, which number the draws of its noise
        *keys, self._noise_key = np.random.SeedSequence(self.seed).generate_state(3, dtype=np.uint32)
        self.keys: Keys = (keys[0], keys[1])
        self.clipped = 0  # updates that the bit length cut short
        self.last: FloatArray = np.full(self.main.shape, np.nan)  # weights as last read
        self.since: IntArray = np.zeros(self.main.shape, dtype=np.int64)  # pulses that no kept point tells of yet
        self.phase = self.name  # of the points that are kept
        self._taken: list[Points] = []

    @staticmethod
    def of(
        name: str, main: Crosspoints, calibration: Calibration, seed: int = 0, pulsing: Pulsing | None = None
    ) -> Tile:
        """A tile on `main` with the digital reference, scale and step of a calibration."""
        reference = np.asarray(calibration.reference)
        keeps = main.shape[0] * main.shape[1] <= KEPT
        return Tile(
            name, main, reference, calibration.scale, calibration.weight_step, seed, pulsing or Pulsing(), keeps
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns): outputs and inputs."""
        return self.main.shape

    def weights(self) -> FloatArray:
        """One reading of all weights; shape (rows, columns)."""
        conductance = self._conductance()
        self.seen((conductance - self.zero()) / self.scale)
        return self.last

    def zero(self) -> FloatArray:
        """Conductance [unit] of a weight of zero: the reference, read where it is crosspoints."""
        return self.reference.read().conductance[0] if isinstance(self.reference, Crosspoints) else self.reference

    def seen(self, weights: FloatArray) -> None:
        """Take note of weights that were read: the last of them, and how far they reach; (rows, columns) or more."""
        every = weights.reshape(-1, *self.shape)
        self.last = every[-1]
        self.lowest = np.minimum(self.lowest, every.min(axis=0))
        self.highest = np.maximum(self.highest, every.max(axis=0))

    def forward(self, x: ArrayLike) -> FloatArray:
        """``y = W x`` with one reading; x of the columns, y of the rows."""
        return self._through(_fitting(x, self.shape[1], "columns"), transposed=False)

    def backward(self, d: ArrayLike) -> FloatArray:
        """``z = Wᵀ d`` with one reading; d of the rows, z of the columns."""
        return self._through(_fitting(d, self.shape[0], "rows"), transposed=True)

    def update(self, d: ArrayLike, x: ArrayLike, rate: float) -> None:
        """``W ← W + rate · d xᵀ`` on average, by pulses (`Pulsing`); d of the rows, x of the columns."""
        rows, columns = _fitting(d, self.shape[0], "rows"), _fitting(x, self.shape[1], "columns")
        update = update_pulses(rows, columns, rate, self.step, self.pulsing, self.keys, self.updates)
        self.updates += 1
        self.clipped += update.clipped < 1
        total = update.total
        if not total:
            return
        if update.trains is not None:
            self.main.coincide(*update.trains)
        elif update.given is not None:
            self.main.pulse(update.given)
        self.count(total, update.counts if self.keeps else None)

    def pulse(self, counts: IntArray) -> None:
        """Apply signed counts as they are."""
        total = int(np.abs(counts).sum())
        if total:
            self.main.pulse(counts)
            self.count(total, counts)

    def count(self, total: int, counts: IntArray | None) -> None:
        """Account for pulses that were applied: all of them, and signed for each crosspoint where those are kept."""
        self.pulses += total
        if counts is not None and self.keeps:
            self.tell()
            self.since += counts
            self.counted += np.abs(counts)

    def tell(self) -> None:
        """Keep pulses that no point tells of yet as one without a reading: up and down must not cancel in a sum."""
        if np.any(self.since):
            self.keep(Points(self.phase, self.since[np.newaxis].copy(), unread(1, self.shape), self.main.pulses))
            self.since[...] = 0

    def _through(self, vector: FloatArray, *, transposed: bool) -> FloatArray:
        """The product, by way of the read path where there is one (bound management goes forward only)."""
        if self.path is None:
            return self._multiplied(vector, transposed=transposed)
        self.products += 1
        draws = Draws(self._noise_key, self.products)
        return self.path.through(
            partial(self._multiplied, transposed=transposed), vector, draws, bounded=not transposed
        )

    def _multiplied(self, vector: FloatArray, *, transposed: bool) -> FloatArray:
        if not self.keeps:
            return self._currents(vector, transposed=transposed)
        weights = self.weights()
        return _product(np.ascontiguousarray(weights.T) if transposed else weights, vector)

    def _currents(self, vector: FloatArray, *, transposed: bool) -> FloatArray:
        """Main minus reference as currents are: each array multiplies on its own, and nothing else is read."""
        main = (self.main.backward if transposed else self.main.forward)(vector)
        if isinstance(self.reference, Crosspoints):
            zero = (self.reference.backward if transposed else self.reference.forward)(vector)
        else:
            full = np.broadcast_to(self.reference, self.shape)
            zero = (
                self.reference * vector.sum() if self.reference.ndim == 0 else (full.T if transposed else full) @ vector
            )
        return (main - zero) / self.scale

    def columns(self) -> dict[str, float]:
        """What a table of training steps keeps of this tile: the weight as last read (or their rms), pulses so far."""
        row = self.columns_of(self.last[np.newaxis], self.last, np.array([self.pulses]))
        return {name: float(values[0]) for name, values in row.items()}

    def columns_of(self, weights: FloatArray, start: FloatArray, pulses: IntArray) -> dict[str, FloatArray]:
        """`columns` of many steps: weights (steps, rows, columns), where NaN those at the `start`; pulses so far."""
        weights = np.where(np.isnan(weights), start, weights)
        spent = {f"{self.name}_pulses": pulses.astype(np.float64)}
        if self.shape != (1, 1):
            return {f"{self.name}_weight_rms": np.sqrt(np.mean(weights**2, axis=(1, 2)))} | spent
        zero = np.nan if isinstance(self.reference, Crosspoints) else float(self.reference.item())
        weight = weights[:, 0, 0]
        conductance = {f"{self.name}_conductance_{self.main.unit}": zero + weight * self.scale}
        return {f"{self.name}_weight": weight} | conductance | spent

    def keep(self, points: Points) -> None:
        """Keep points to be asked for by `taken`."""
        self._taken.append(points)

    def taken(self) -> list[Points]:
        """Points since this was last asked: every reading and every pulse, in order; see `tell` for the last pulses."""
        taken, self._taken = self._taken, []
        return taken

    def _conductance(self) -> FloatArray:
        readings = self.main.read()
        if self.keeps:
            self.keep(Points(self.phase, self.since[np.newaxis].copy(), readings, self.main.pulses))
            self.since[...] = 0
        conductance = readings.conductance[0]
        if not np.all(np.isfinite(conductance)):
            raise RunError(f"reading the {self.name} crosspoints ({self.main.name}) gave no number; see their status")
        return conductance


def unread(rows: int, shape: tuple[int, int]) -> Readings:
    """Rows (rows, *shape) of a table of points that tell of pulses after which nothing was read."""
    nothing = [np.full((rows, *shape), np.nan) for _ in range(4)]
    return Readings(*nothing, status=np.full((rows, *shape), int(Status.INVALID), dtype=np.uint8))


def _fitting(vector: ArrayLike, length: int, which: str) -> FloatArray:
    given = np.atleast_1d(np.asarray(vector, dtype=np.float64))
    if given.shape != (length,):
        raise InputError(f"a vector of shape {given.shape} does not fit {length} {which}")
    return given


def _product(weights: FloatArray, vector: FloatArray) -> FloatArray:
    from labshd.training import compiled

    out = np.empty(len(weights))
    compiled.multiplied(weights, vector, out)
    return out
