"""How well a fit predicts readings that it has not seen: coverage of bands and CRPS, beside resampling of changes.

The model is fitted to the first part of a trace. From the first reading of each ramp of the rest (where there are few,
from many readings) it predicts the next 1, 10, 50 and 150 pulses as they were applied; it is told the readings up to
each start, but its numbers stay as they were fitted.

``CRPS = E|X − y| − ½ E|X − X'|``, X and X' independent members of the prediction, y the reading (Gneiting and Raftery,
J. Am. Stat. Assoc. 102, 359 (2007)): for one sure value the absolute error, in the unit of the conductance; smaller is
better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from instruments.crosspoints import FloatArray, IntArray
from instruments.value_text import percent_text
from sim_device.fit.resampling import Resampled
from sim_device.fit.trace import FEWEST, Trace

HORIZONS = (1, 10, 50, 150)  # pulses
SHARE = 0.5  # of the readings that is fitted where there are few ramps: each half has some
BLOCK = 0.7  # else: a device changes, and what comes next is asked for, not what comes much later
FEW = 8  # ramps of one direction
RAMPS = 8  # ramps, in what was not fitted, from whose first readings it is predicted
LEAST_RAMP = 10  # readings of a ramp
STARTS = 40
MEMBERS = 80  # of whose 81 ranks 77 lie in the 95 % band and 41 in the 50 % band
FALSE_ALARM = 0.03  # chance that a true model fails at one horizon or more
MATTERS = {95: 0.12, 50: 0.2}  # by how much a coverage must be off to matter in use
WORSE = 1.15  # times the CRPS of resampling
DRAWN = 6  # predictions that are kept for the figure


class Predictor(Protocol):
    """What can be checked: it continues a trace that begins with what it was fitted to."""

    def ahead(self, trace: Trace, pulses: IntArray, members: int, seed: int) -> FloatArray:
        """Readings (len(pulses), members) [unit] after the last of `trace`."""
        ...


@dataclass(frozen=True)
class Horizon:
    """Predictions so many `pulses` on: their number, shares in the bands with errors, CRPS [unit] and of resampling.

    `alone` of the predictions do not overlap: so many count as independent.
    """

    pulses: int
    predictions: int
    alone: int
    inside: dict[int, float]
    inside_std: dict[int, float]
    crps: float
    crps_resampling: float
    relative_std: float

    @property
    def relative(self) -> float:
        """CRPS over that of resampling."""
        return self.crps / self.crps_resampling if self.crps_resampling > 0 else float("nan")


@dataclass(frozen=True)
class Drawn:
    """One prediction for a figure: pulses since its start, readings, and quantiles (5, n) of the members [unit]."""

    pulses: FloatArray
    readings: FloatArray
    quantiles: FloatArray


@dataclass(frozen=True)
class Prediction:
    """What became of all predictions; `failed` says in words which statistic fails where, empty where none does."""

    fitted: int
    predicted: int
    horizons: tuple[Horizon, ...]
    drawn: tuple[Drawn, ...]
    unit: str

    @property
    def failed(self) -> tuple[str, ...]:
        """Coverage that is off by more than chance and more than matters, or a CRPS above that of resampling."""
        found: list[str] = []
        share = FALSE_ALARM / max(2 * len(self.horizons), 1)
        for horizon in self.horizons:
            for band in (95, 50):
                off = horizon.inside[band] - band / 100
                held = round(horizon.inside[band] * horizon.alone)
                p = float(stats.binomtest(held, horizon.alone, band / 100).pvalue)
                if p < share and abs(off) > MATTERS[band]:
                    found.append(_words(horizon, band, off))
                    break
            if horizon.relative - 3 * horizon.relative_std > WORSE:
                worse = f"{100 * (horizon.relative - 1):.0f} %"
                found.append(
                    f"{horizon.pulses} pulses on it predicts worse by {worse} than resampling what was measured"
                )
        return tuple(found)

    @property
    def told(self) -> str:
        """In half a sentence, for a verdict."""
        said = (f"{100 * h.inside[95]:.0f} % ({_on(h)})" for h in self.horizons)
        return f"95 % bands hold {', '.join(said)} of readings that were not fitted"

    def json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "fitted_readings": self.fitted,
            "predicted_readings": self.predicted,
            "failed": list(self.failed),
            "horizons": [
                {
                    "pulses": h.pulses,
                    "predictions": h.predictions,
                    "inside_50": h.inside[50],
                    "inside_50_std": h.inside_std[50],
                    "inside_95": h.inside[95],
                    "inside_95_std": h.inside_std[95],
                    f"crps_{self.unit}": h.crps,
                    f"crps_resampling_{self.unit}": h.crps_resampling,
                }
                for h in self.horizons
            ],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A table: pulses on, predictions, both bands, CRPS over that of resampling."""
        return [
            (
                str(h.pulses),
                str(h.predictions),
                percent_text(h.inside[50], h.inside_std[50]),
                percent_text(h.inside[95], h.inside_std[95]),
                f"{h.relative:.2f} ± {h.relative_std:.2f}",
            )
            for h in self.horizons
        ]


COLUMNS = ("pulses on", "predictions", "in the 50 % band", "in the 95 % band", "CRPS over that of resampling")


def _words(horizon: Horizon, band: int, off: float) -> str:
    near = horizon.pulses <= 10
    why = "single steps or readings scatter" if near else "steps change from ramp to ramp, or in time,"
    how = f"{why} more than the model says" if off < 0 else f"{why} less than the model says"
    return f"{band} % bands hold {100 * horizon.inside[band]:.0f} % of the readings {_on(horizon)}: {how}"


def _on(horizon: Horizon) -> str:
    return f"{horizon.pulses} pulse{'s' if horizon.pulses > 1 else ''} on"


def split_of(trace: Trace, ramps: int) -> int:
    """Rows that are fitted: 70 %, or half where there are few `ramps` (of the direction that has more)."""
    return int(len(trace) * (SHARE if 1 < ramps < FEW else BLOCK))


def enough(trace: Trace, fitted: int) -> bool:
    """Whether a part of so many rows can be fitted, and what is left be predicted."""
    part = trace.part(slice(0, fitted))
    return int(np.sum(part.count > 0)) >= 2 * FEWEST and len(trace) - fitted >= FEWEST and part.has(1) and part.has(-1)


def predicted(trace: Trace, fitted: int, model: Predictor) -> Prediction:
    """Predict the rows of `trace` after the first `fitted`, which `model` was fitted to."""
    resampled = Resampled(trace.part(slice(0, fitted)))
    found: dict[int, list[tuple[int, float, float, float]]] = {h: [] for h in HORIZONS}
    drawn: list[Drawn] = []
    for number, start in enumerate(_starts(trace, fitted)):
        rows = _ahead(trace, start)
        pulses, y = trace.pulses[rows], trace.conductance[rows]
        members = model.ahead(trace.part(slice(0, start + 1)), pulses, MEMBERS, number)
        others = resampled.ahead(float(trace.conductance[start]), pulses, MEMBERS, number)
        on = np.cumsum(np.abs(pulses))
        for h in HORIZONS:
            at = np.flatnonzero((on >= h) & np.isfinite(y))
            if len(at) and (on[at[0]] <= 1.5 * h):
                k = int(at[0])
                rank = int(np.count_nonzero(members[k] < y[k])) / MEMBERS
                found[h].append((start, rank, crps(members[k], float(y[k])), crps(others[k], float(y[k]))))
        if len(drawn) < DRAWN and on[-1] >= HORIZONS[1] and number % max(1, STARTS // (2 * DRAWN)) == 0:
            levels = np.quantile(members, [0.025, 0.25, 0.5, 0.75, 0.975], axis=1)
            drawn.append(Drawn(on.astype(np.float64), y, np.asarray(levels, dtype=np.float64)))
    horizons = tuple(_horizon(trace, h, rows) for h, rows in found.items() if len(rows) >= 4)
    return Prediction(fitted, len(trace) - fitted, horizons, tuple(drawn), trace.unit)


def _starts(trace: Trace, fitted: int) -> IntArray:
    """Rows with a reading, in what was not fitted: the last before each ramp where there are `RAMPS` or more.

    Else over all of it: evenly but for chance, so that no ramp is always met alike.
    """
    rows = np.flatnonzero((trace.count > 0) & (np.arange(len(trace)) >= fitted - 1))
    rows = rows[rows < len(trace) - 1]
    joined: NDArray[np.bool_] = ~trace.starts[rows + 1]
    good = rows[joined]
    candidates: list[int] = good.tolist()
    ramps = np.array([row for row in candidates if _begins_ramp(trace, row)], dtype=np.int64)
    if len(ramps) >= RAMPS:
        some = np.unique(np.linspace(0.0, len(ramps) - 1.0, min(STARTS, len(ramps))).astype(np.int64))
        return ramps[some]
    many = min(STARTS, len(good))
    at: FloatArray = (np.arange(many) + np.random.default_rng(0).random(many)) / max(many, 1) * len(good)
    return good[np.unique(at.astype(np.int64))]


def _begins_ramp(trace: Trace, row: int) -> bool:
    """Whether pulses of one sign, a ramp of them, follow a row that they did not lead to."""
    ahead = np.sign(trace.pulses[row + 1 : row + 1 + LEAST_RAMP])
    same = len(ahead) == LEAST_RAMP and bool(np.all(ahead == ahead[0])) and ahead[0] != 0
    return (
        same
        and not bool(np.any(trace.starts[row + 1 : row + 1 + LEAST_RAMP]))
        and (bool(trace.starts[row]) or np.sign(trace.pulses[row]) != ahead[0])
    )


def _ahead(trace: Trace, start: int) -> slice:
    """Rows after `start` in its piece, as far as the longest horizon."""
    ends = np.flatnonzero(trace.starts[start + 1 :])
    last = start + 1 + int(ends[0]) if len(ends) else len(trace)
    on = np.cumsum(np.abs(trace.pulses[start + 1 : last]))
    return slice(start + 1, min(last, start + 2 + int(np.searchsorted(on, HORIZONS[-1]))))


def _horizon(trace: Trace, pulses: int, rows: list[tuple[int, float, float, float]]) -> Horizon:
    """Errors count predictions as independent that do not overlap."""
    table = np.array(rows, dtype=np.float64)
    starts, rank, own, other = table[:, 0], table[:, 1], table[:, 2], table[:, 3]
    span = float(np.sum(np.abs(trace.pulses[int(starts[0]) :]))) / pulses
    alone = int(max(1.0, min(float(len(rows)), span)))
    inside: dict[int, float] = {}
    std: dict[int, float] = {}
    for band in (50, 95):
        low, high = (1 - band / 100) / 2, (1 + band / 100) / 2
        inside[band] = float(np.mean((rank >= low) & (rank <= high)))
        std[band] = float(np.sqrt(band / 100 * (1 - band / 100) / alone))
    apart = own - other * (np.mean(own) / np.mean(other))
    relative_std = float(np.std(apart) / np.sqrt(alone) / np.mean(other)) if np.mean(other) > 0 else 0.0
    return Horizon(pulses, len(rows), alone, inside, std, float(np.mean(own)), float(np.mean(other)), relative_std)


def crps(members: FloatArray, value: float) -> float:
    """Continuous ranked probability score [unit] of an ensemble (members,) against one value."""
    ordered, n = np.sort(members), len(members)
    spread = float(np.sum((2 * np.arange(1, n + 1) - n - 1) * ordered)) / n**2
    return float(np.mean(np.abs(ordered - value))) - spread
