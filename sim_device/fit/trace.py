"""A trace prepared for the likelihood: checked, cut into pieces, repeated readings gathered, scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError, all_at_once
from sim_device.fit.dropouts import dropouts

# States that were read: with fewer the standard errors are not honest. Soft bounds of 1/s = 7 to 10 pulses, n up and n
# down, 100 traces each: the 95 % interval of the symmetry point misses in 52, 28, 10, 3 % for n = 4, 6, 8, 10.
FEWEST = 20
IN_A_ROW = 10  # readings whose mean tells an offset from noise


@dataclass(frozen=True)
class Trace:
    """States of a device in time order, one row for each state that was read (or missed) between pulses.

    Attributes
    ----------
    mean, count, scatter
        (n,) mean of the readings of a state in scaled units, how many there were (0: missing), and the sum of their
        squared deviations from the mean.
    pulses, elapsed
        (n,) signed pulses since the row before, and time since then (1 for each reading unless times were given).
    starts
        (n,) True where a piece begins: nothing is assumed of the state before it.
    last_reading
        (n,) index of the last original reading in each row.
    centre, scale
        conductance [unit] = centre + scale · scaled value.
    quantum
        smallest difference between readings [scaled] where all are multiples of it, else 0.
    dropouts
        how many readings were left out as dropouts (`sim_device.fit.dropouts`).
    """

    mean: FloatArray
    count: FloatArray
    scatter: FloatArray
    pulses: IntArray
    elapsed: FloatArray
    starts: NDArray[np.bool_]
    last_reading: IntArray
    centre: float
    scale: float
    quantum: float
    unit: str
    dropouts: int = 0

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def compiled(self) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, FloatArray, NDArray[np.bool_]]:
        """The arrays as `sim_device.fit.kernels` takes them."""
        return self.mean, self.count, self.scatter, self.pulses, self.elapsed, self.starts

    @property
    def conductance(self) -> FloatArray:
        """(n,) mean of the readings of each state [unit]; NaN where it was not read."""
        return self.centre + self.scale * np.where(self.count > 0, self.mean, np.nan)

    def has(self, direction: int) -> bool:
        """Whether pulses up (+1) or down (−1) lie between two readings of one piece."""
        return bool(np.any((np.sign(self.pulses) == direction) & ~self.starts))

    def pieces(self) -> list[slice]:
        """Rows of each piece."""
        begins = np.flatnonzero(self.starts)
        return [slice(int(a), int(b)) for a, b in zip(begins, [*begins[1:], len(self)], strict=True)]

    def part(self, rows: slice) -> Trace:
        """Some rows, as a piece of their own."""
        starts = self.starts[rows].copy()
        starts[:1] = True
        cut = {
            name: getattr(self, name)[rows]
            for name in ("mean", "count", "scatter", "pulses", "elapsed", "last_reading")
        }
        return replace(self, **cut, starts=starts)


def trace_of(
    pulses: ArrayLike,
    conductance: ArrayLike,
    *,
    unit: str = "S",
    segments: ArrayLike | None = None,
    time: ArrayLike | None = None,
    gather: bool = True,
) -> Trace:
    """Check a trace and make it ready.

    Parameters
    ----------
    pulses
        (n,) signed whole number of pulses since the reading before; that of the first reading is of no consequence.
    conductance
        (n,) readings [unit]; NaN where one is missing.
    segments
        (n,) labels; where they change a new piece begins, of which nothing is known before its first reading.
    time
        (n,) [s], never backwards within a piece.
    gather
        Whether repeated readings of one state (no pulse between them) become one row.

    Raises
    ------
    InputError
        Not a trace that can be fitted; tells everything that is wrong at once.
    """
    given, g = np.atleast_1d(np.asarray(pulses)), np.atleast_1d(np.asarray(conductance, dtype=np.float64))
    labels = np.zeros(len(g)) if segments is None else np.asarray(segments)
    clock = None if time is None else np.asarray(time, dtype=np.float64)
    problems = _problems(given, g, labels, clock, unit)
    if problems:
        raise InputError(all_at_once("this trace cannot be fitted", problems))
    lost = dropouts(g, labels)
    g = np.where(lost, np.nan, g)
    begins = _begins(labels, np.isfinite(g))
    keep = np.cumsum(np.isin(np.arange(len(g)), begins)) > 0
    keep &= ~_before_first_reading(labels, np.isfinite(g))
    starts = np.isin(np.arange(len(g)), begins)[keep]
    elapsed = np.ones(len(g)) if clock is None else np.diff(clock, prepend=clock[:1])
    rows = _gathered(given.astype(np.int64)[keep], g[keep], starts, elapsed[keep], gather=gather)
    return replace(_scaled(rows, np.flatnonzero(keep), unit), dropouts=int(np.sum(lost)))


def _problems(
    pulses: NDArray[np.generic], g: FloatArray, labels: NDArray[np.generic], clock: FloatArray | None, unit: str
) -> list[str]:
    if pulses.ndim != 1 or g.ndim != 1 or labels.shape != g.shape or pulses.shape != g.shape:
        return [f"one pulse count a reading is needed, not shapes {pulses.shape} and {g.shape} ({labels.shape} labels)"]
    if not len(g) or not np.any(np.isfinite(g)):
        return ["it holds no reading"]
    problems: list[str] = []
    if not np.all(np.isfinite(pulses.astype(np.float64))) or np.any(pulses.astype(np.float64) % 1):
        problems.append("pulses must be whole signed numbers: how many since the reading before")
    elif not np.any(pulses[1:]):
        problems.append(
            "there is no pulse in it, so it says nothing of steps; for its noise: labshd analyse RUN --as read-noise"
        )
    if np.any(np.isinf(g)):
        problems.append(f"{np.sum(np.isinf(g))} readings are infinite; leave a missing one empty (NaN)")
    problems += _below_zero(g) if unit == "S" else []
    finite = g[np.isfinite(g)]
    if len(finite) > 1 and np.ptp(finite) == 0:
        problems.append(f"all {len(finite)} readings are {finite[0]:.6g}: the device, or its reading, is stuck")
    if clock is not None and (clock.shape != g.shape or not np.all(np.isfinite(clock)) or np.any(np.diff(clock) < 0)):
        problems.append("times must be finite, one a reading, and never run backwards")
    if len(finite) < FEWEST:
        problems.append(
            f"{len(finite)} readings are too few to tell steps from noise with an honest error; {FEWEST} are needed"
        )
    return problems


def _below_zero(g: FloatArray) -> list[str]:
    """A reading below zero by noise is a reading; where the mean of ten is below zero by more, there is an offset."""
    rows = np.flatnonzero(np.isfinite(g))
    finite = g[rows]
    if len(finite) < 2 or np.all(finite >= 0):
        return []
    change = np.diff(finite)
    noise = 1.4826 * float(np.median(np.abs(change - np.median(change)))) / np.sqrt(2) or float(np.std(change))
    n = min(IN_A_ROW, len(finite))
    means = np.convolve(finite, np.full(n, 1 / n), "valid")
    worst = int(np.argmin(means))
    if means[worst] >= -4 * noise / np.sqrt(n):  # four standard errors: one of a thousand readings would not reach it
        return []
    return [
        f"readings {rows[worst] + 1} to {rows[worst + n - 1] + 1} are negative, {means[worst]:.4g} S in the mean, and "
        f"not by noise, which is {noise:.2g} S: subtract the offset of the instrument, leave them out, or say that the "
        "unit is normalised"
    ]


def _begins(labels: NDArray[np.generic], finite: NDArray[np.bool_]) -> IntArray:
    """Index of the first reading of each piece."""
    piece = np.cumsum(np.concatenate([[0], labels[1:] != labels[:-1]]))
    _, first = np.unique(piece[finite], return_index=True)
    return np.flatnonzero(finite)[first]


def _before_first_reading(labels: NDArray[np.generic], finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pulses before the first reading of a piece say nothing: these rows are left out."""
    piece = np.cumsum(np.concatenate([[0], labels[1:] != labels[:-1]]))
    seen = np.cumsum(finite)
    before_piece = np.concatenate([[0], seen])[np.searchsorted(piece, np.unique(piece))]
    return seen == before_piece[piece]


@dataclass(frozen=True)
class _Rows:
    mean: FloatArray
    count: FloatArray
    scatter: FloatArray
    pulses: IntArray
    elapsed: FloatArray
    starts: NDArray[np.bool_]
    last: IntArray


def _gathered(
    pulses: IntArray, g: FloatArray, starts: NDArray[np.bool_], elapsed: FloatArray, *, gather: bool
) -> _Rows:
    new = starts | (pulses != 0) | (not gather)
    row = np.cumsum(new) - 1
    n = int(row[-1]) + 1
    finite = np.isfinite(g)
    count = np.bincount(row, weights=finite, minlength=n).astype(np.float64)
    offset = float(np.mean(g[finite]))
    total = np.bincount(row, weights=np.where(finite, g - offset, 0.0), minlength=n)
    mean = np.divide(total, count, out=np.zeros(n), where=count > 0)
    deviation = np.where(finite, g - offset - mean[row], 0.0)
    scatter = np.bincount(row, weights=deviation**2, minlength=n).astype(np.float64)
    firsts = np.flatnonzero(new)
    last = np.append(firsts[1:], len(g)) - 1
    spans = np.bincount(row, weights=elapsed, minlength=n).astype(np.float64)
    return _Rows(mean + offset, count, scatter, pulses[firsts], spans, starts[firsts], last)


def _scaled(rows: _Rows, original: IntArray, unit: str) -> Trace:
    read = rows.mean[rows.count > 0]
    low, high = float(np.min(read)), float(np.max(read))
    if not high > low:
        raise InputError("this trace cannot be fitted: the means of repeated readings are all alike")
    centre, scale = (low + high) / 2, (high - low) / 2
    return Trace(
        (rows.mean - centre) / scale,
        rows.count,
        rows.scatter / scale**2,
        rows.pulses,
        rows.elapsed,
        rows.starts,
        original[rows.last],
        centre,
        scale,
        _quantum(read) / scale,
        unit,
    )


def _quantum(g: FloatArray) -> float:
    """The step that all readings are multiples of, as a converter or a rounded file gives it; 0 where there is none."""
    levels = np.unique(g)
    if len(levels) > max(3, len(g) // 2):
        return 0.0
    gaps = np.diff(levels)
    smallest = float(np.min(gaps[gaps > 1e-9 * np.ptp(levels)]))
    off = np.abs(gaps / smallest - np.round(gaps / smallest))
    # Files round their numbers: a few per cent off a multiple is still a multiple.
    return smallest if np.mean(off < 0.05) > 0.9 else 0.0
