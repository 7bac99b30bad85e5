"""What can be told of points that another protocol or program took: stretches at rest, ramps, what pulses they had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import IntArray, Readings
from instruments.errors import InputError
from instruments.units import text
from instruments.value_text import count_text
from protocols.common.protocol import UNKNOWN_COUNT, Foreign, Series, unknown_before

_LISTED = 12  # stretches that are named one by one


@dataclass(frozen=True)
class RampRows:
    """Rows `first` up to, not including, `last`: pulses of one `direction` and what was read after them.

    `pulses` of known count; `end` is the row of the last pulse.
    """

    direction: int
    first: int
    last: int
    pulses: int
    end: int


@dataclass(frozen=True)
class Trace:
    """The points of one crosspoint, its rows numbered as the readings of the run (`number`).

    Rows in which another crosspoint was measured are left out; `counts` (n,) is `UNKNOWN_COUNT` where pulses may not
    have been delivered, too.
    """

    series: Series
    number: IntArray
    counts: IntArray

    @staticmethod
    def of(series: Series) -> Trace:
        """From the series of one crosspoint."""
        counts = np.where(unknown_before(series)[:, 0, 0], UNKNOWN_COUNT, series.counts[:, 0, 0])
        r = series.readings
        timed = np.isfinite(r.time[:, 0, 0])
        there = timed | np.isfinite(r.conductance[:, 0, 0]) | (counts != 0) | (not np.any(timed))
        return Trace(series.where(there), np.flatnonzero(there), np.asarray(counts[there], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) where it is known what was pulsed since the reading before."""
        return self.counts != UNKNOWN_COUNT

    @property
    def pulses(self) -> IntArray:
        """(n,) the counts with 0 in place of those that nobody knows."""
        return np.where(self.known, self.counts, 0)

    def said(self, first: int, last: int) -> str:
        """How the rows from `first` up to, not including, `last` are called: "readings 5 to 7"."""
        a, b = count_text(int(self.number[first])), count_text(int(self.number[last - 1]))
        return f"reading {a}" if a == b else f"readings {a} to {b}"

    def listed(self, found: Sequence[tuple[int, int]]) -> str:
        """Stretches by their number from 1: "1: readings 0 to 19, 2: ..."."""
        each = [f"{k}: {self.said(a, b)}" for k, (a, b) in enumerate(found[:_LISTED], 1)]
        return ", ".join(each) + (f", and {len(found) - _LISTED} more" if len(found) > _LISTED else "")

    def at_rest(self) -> list[tuple[int, int]]:
        """(first, last + 1) of every stretch of readings before each of which it is known that nothing was pulsed."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.counts == 0, [False]]).astype(np.int8)))
        return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def ramps(self) -> list[RampRows]:
        """Pulses of one direction after the other, as long as nothing else comes between them, in order."""
        sign, known = np.sign(self.pulses), self.known
        found: list[RampRows] = []
        first, direction, end = 0, 0, 0
        for row in range(len(self) + 1):
            over = row == len(self)
            if over or not known[row] or (sign[row] and direction and sign[row] != direction):
                if direction:
                    found.append(self._ramp(direction, first, row, end))
                direction = 0
            if not over and sign[row]:
                first = first if direction else row
                direction, end = int(sign[row]), row
        return found

    def _ramp(self, direction: int, first: int, last: int, end: int) -> RampRows:
        return RampRows(direction, first, last, int(np.abs(self.pulses[first:last]).sum()), end)

    def taken(
        self, phases: NDArray[np.str_], said: Sequence[str], rows: IntArray | None = None, **settings: object
    ) -> Foreign:
        """The `rows` (all of them where None), in order, under `phases` (one for each of them).

        Pulses in rows that are left out count to the next that is taken, where their sum tells what was done: all known
        and of one direction. Else its count is not known.
        """
        rows = np.arange(len(self)) if rows is None else rows
        before = np.concatenate([[-1], rows[:-1]])
        counts = self.counts[rows].copy()
        for k in np.flatnonzero(rows - before > 1).tolist():
            since = self.counts[before[k] + 1 : rows[k] + 1]
            counts[k] = _sum(since)
        counts[rows == before] = 0  # a row that is taken twice
        series, r = self.series, self.series.readings
        readings = Readings(r.conductance[rows], r.voltage[rows], r.current[rows], r.time[rows], r.status[rows])
        of_pulses = (None if a is None else a[rows] for a in (series.pulse_voltage, series.pulse_width))
        made = Series(phases, counts[:, np.newaxis, np.newaxis], readings, series.unit, *of_pulses)
        sentences = tuple(line[:1].upper() + line[1:] for line in said)
        return Foreign(made, self.number[rows], sentences, dict(settings))

    def one_pair(self, protocol: str) -> None:
        """`InputError` where pulses of one direction are known to differ: the steps are those of one pair of pulses."""
        for name, sign in (("up", 1), ("down", -1)):
            shapes = self.shapes(sign)
            if len(shapes) > 1:
                named = "; ".join(f"{text(v, 'V')} for {text(w, 's')}" for v, w in shapes[:3])
                raise InputError(
                    f"{protocol} is of one pair of pulses; here pulses {name} have {len(shapes)} shapes ({named}"
                    f"{' ...' if len(shapes) > 3 else ''}); pulse-window takes pulses of several shapes"
                )

    def shapes(self, sign: int) -> list[tuple[float, float]]:
        """(voltage [V], width [s]) of the pulses of a direction, as far as they are known, each once."""
        series = self.series
        if series.pulse_voltage is None or series.pulse_width is None:
            return []
        of = np.sign(self.pulses) == sign
        volts, widths = series.pulse_voltage[of, 0, 0], series.pulse_width[of, 0, 0]
        good = np.isfinite(volts) & np.isfinite(widths)
        return sorted({(float(f"{v:.6g}"), float(f"{w:.6g}")) for v, w in zip(volts[good], widths[good], strict=True)})

    def timed(self, first: int, last: int, protocol: str) -> None:
        """`InputError` unless the rows have times."""
        some = int(np.isfinite(self.series.readings.time[first:last, 0, 0]).sum())
        if some < last - first:
            raise InputError(
                f"{protocol} needs the time of every reading; {some} of {last - first} have one "
                f"({self.said(first, last)}); import them with a column time_s"
            )


def _sum(counts: IntArray) -> int:
    if np.any(counts == UNKNOWN_COUNT) or (np.any(counts > 0) and np.any(counts < 0)):
        return UNKNOWN_COUNT
    return int(counts.sum())
