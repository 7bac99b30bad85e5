"""How well models of measured devices predict readings they have not seen, beside resampling of measured changes.

    python benchmarks/measured_prediction.py [members]

Alternating ramps: fitted on cycles 1 to 19, predicting each ramp of cycles 20 to 38 from its first reading; CRPS and
the share of readings in the 95 % band 1, 10, 50 and 140 pulses on. ReRAM of Gong et al.: each direction, the first 700
readings predict the last 300; the share of readings in the band. Data: `../shared/data` (or the folder in
LABSHD_DATA), see there. The model to beat resamples the measured changes at the nearest conductances.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from instruments.crosspoints import FloatArray, IntArray
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.fit.fitting import fit_trace
from sim_device.fit.measured.device import drawn_numbers, numbers_of
from sim_device.fit.measured.fit import MeasuredFit, fit_measured
from sim_device.fit.predictive import crps
from sim_device.fit.resampling import Resampled
from sim_device.fit.trace import trace_of

DATA = Path(os.environ.get("LABSHD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
HORIZONS = (1, 10, 50, 140)
READ_VOLTAGE = 0.1  # [V]
TRAINED = 19  # cycles
BINS = 40  # of the window, in a table of distributions


Simulate: TypeAlias = Callable[[float, int, int, int, int, int], FloatArray]


def ramps() -> tuple[list[FloatArray], list[FloatArray]]:
    """Conductance [S] of every up ramp and every down ramp, in time order."""
    tables = [pd.read_csv(DATA / "alternating_ramps" / name) for name in ("set.csv", "reset.csv")]
    up, down = ([t[c].dropna().to_numpy(dtype=np.float64) / READ_VOLTAGE for c in t.columns] for t in tables)
    return up, down


def joined(up: list[FloatArray], down: list[FloatArray]) -> tuple[IntArray, FloatArray, IntArray]:
    """Pulses, readings and labels of ramps as one trace, each ramp a piece of its own."""
    pieces = [piece for pair in zip(up, down, strict=True) for piece in pair]
    signs = [(-1) ** k for k in range(len(pieces))]
    pulses = np.concatenate([np.full(len(g), s) for g, s in zip(pieces, signs, strict=True)])
    return pulses, np.concatenate(pieces), np.repeat(np.arange(len(pieces)), [len(g) for g in pieces])


class Resampling:
    """Measured changes, drawn again."""

    def __init__(self, pulses: IntArray, g: FloatArray, labels: IntArray) -> None:
        """Sort them."""
        self.model = Resampled(trace_of(pulses, g, segments=labels, gather=False))

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int, since: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        ahead = self.model.ahead(start, np.full(pulses, sign), members, seed)
        return np.vstack([np.full(members, start), ahead])


class Binned:
    """A table as CrossSim holds one: changes in bins of conductance, of each the measured distribution, drawn from."""

    def __init__(self, pulses: IntArray, g: FloatArray, labels: IntArray) -> None:
        """Cut the window into bins."""
        joins = np.diff(labels) == 0
        self.edges: FloatArray = np.linspace(float(g.min()), float(g.max()), BINS + 1)
        self.changes: dict[int, list[FloatArray]] = {}
        for sign in (1, -1):
            of = np.flatnonzero(joins & (pulses[1:] == sign))
            bins: IntArray = np.clip(np.digitize(g[of], self.edges) - 1, 0, BINS - 1).astype(np.int64)
            change: FloatArray = g[of + 1] - g[of]
            every = np.sort(change)
            self.changes[sign] = [np.sort(change[bins == b]) if np.any(bins == b) else every for b in range(BINS)]

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int, since: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        random, rows = np.random.default_rng(seed), [np.full(members, start)]
        for _ in range(pulses):
            bins: IntArray = np.clip(np.digitize(rows[-1], self.edges) - 1, 0, BINS - 1).astype(np.int64)
            change = np.zeros(members)
            for b in np.unique(bins):
                rows_of = bins == b
                change[rows_of] = random.choice(self.changes[sign][int(b)], int(np.sum(rows_of)))
            rows.append(rows[-1] + change)
        return np.array(rows)


class Model:
    """A device of `fit_trace`, one crosspoint a member: the table, as piecewise-linear steps with their scatter."""

    def __init__(self, model: str, pulses: IntArray, g: FloatArray, labels: IntArray) -> None:
        """Fit once."""
        self.fitted = fit_trace(pulses, g, model=model, segments=labels).device()

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int, since: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        block = SimCrosspoints.from_fitted(self.fitted, (1, members), initial=start, seed=seed)
        counts = np.full((pulses, 1, members), sign)
        return np.vstack([np.full(members, start), block.trace(counts).conductance[:, 0, :]])


class Measured:
    """The measured step."""

    def __init__(self, fit: MeasuredFit) -> None:
        """Keep the fit."""
        self.fit = fit

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int, since: int) -> FloatArray:
        """(pulses + 1, members) readings; `since` the end of the trace there were so many pulses."""
        return self.fit.simulate(start, np.full(pulses, sign), members, seed, since)


def alternating(members: int) -> None:
    """Print CRPS and coverage of every model."""
    up, down = ramps()
    trace = joined(up[:TRAINED], down[:TRAINED])
    rest = [ramp for pair in zip(up[TRAINED : 2 * TRAINED], down[TRAINED : 2 * TRAINED], strict=True) for ramp in pair]
    since = np.concatenate([[0], np.cumsum([len(ramp) for ramp in rest])])
    tests = [(ramp, (-1) ** k, int(since[k])) for k, ramp in enumerate(rest)]
    began = time.perf_counter()
    fit = fit_measured(*trace[:2], segments=trace[2])
    print(f"measured step: fitted {len(trace[0])} readings in {time.perf_counter() - began:.1f} s; {fit.parts}")
    print("  BIC lowered by:", {name: round(value, 1) for name, value in fit.evidence.items()})
    for name, number in numbers_of(fit, drawn_numbers(fit)).items():
        print(f"  {name} {number.value:.3g} ± {number.std:.2g}")
    print("alternating ramps             pulses: " + "".join(f"{h:>16d}" for h in HORIZONS))
    models: dict[str, Simulate] = {
        "resampling": Resampling(*trace),
        "binned table": Binned(*trace),
        "piecewise table": Model("table", *trace),
        "soft bounds": Model("soft-bounds", *trace),
        "measured": Measured(fit),
    }
    for name, simulate in models.items():
        found: dict[int, list[tuple[float, bool]]] = {h: [] for h in HORIZONS}
        for number, (measured, sign, gone) in enumerate(tests):
            ensemble = simulate(float(measured[0]), len(measured) - 1, sign, members, number, gone)
            for h in HORIZONS:
                if h < len(measured):
                    low, high = np.percentile(ensemble[h], [2.5, 97.5])
                    found[h].append((crps(ensemble[h], measured[h]), bool(low <= measured[h] <= high)))
        cells = [np.mean(found[h], axis=0) for h in HORIZONS]
        print(f"  {name:16s} CRPS [uS], in 95 %   " + "".join(f"{1e6 * c:9.2f} {100 * i:4.0f} %" for c, i in cells))


def gong(members: int) -> None:
    """Print the coverage of the last 300 readings of each direction."""
    table: FloatArray = np.loadtxt(DATA / "gong_reram" / "gong_et_al.csv", delimiter=",", dtype=np.float64)
    for column, sign in ((0, 1), (1, -1)):
        g: FloatArray = table[:, column]
        fit = fit_measured(np.full(700, sign), g[:700], unit="normalised")
        rest: FloatArray = fit.continued(np.full(300, sign), members, 0)
        low, high = np.asarray(np.percentile(rest, [2.5, 97.5], axis=1), dtype=np.float64)
        held: FloatArray = ((low <= g[700:]) & (g[700:] <= high)).astype(np.float64)
        inside = float(held.mean())
        print(fit.parts, {name: round(value, 1) for name, value in fit.evidence.items()})
        print(f"gong_reram, {'up' if sign > 0 else 'down':4s}: {100 * inside:.1f} % of the last 300 in the 95 % band")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    alternating(number)
    gong(number)
