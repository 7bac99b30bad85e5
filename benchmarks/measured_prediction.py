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
from pathlib import Path

import numpy as np
import pandas as pd

from instruments.crosspoints import FloatArray, IntArray
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.fit.fitting import fit_trace
from sim_device.fit.measured.device import drawn_numbers, numbers_of
from sim_device.fit.measured.fit import MeasuredFit, fit_measured

DATA = Path(os.environ.get("LABSHD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
HORIZONS = (1, 10, 50, 140)
READ_VOLTAGE = 0.1  # [V]
TRAINED = 19  # cycles
NEAREST = 150


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


def crps(members: FloatArray, value: float) -> float:
    """Continuous ranked probability score [unit] of an ensemble against one value."""
    ordered, n = np.sort(members), len(members)
    spread = np.sum((2 * np.arange(1, n + 1) - n - 1) * ordered) / n**2
    return float(np.mean(np.abs(ordered - value)) - spread)


class Resampled:
    """Adds, at each pulse, one of the measured changes whose conductance before was nearest."""

    def __init__(self, up: list[FloatArray], down: list[FloatArray]) -> None:
        """Sort the changes of both directions by where they began."""
        self.tables: dict[int, tuple[FloatArray, FloatArray]] = {}
        for sign, some in ((1, up), (-1, down)):
            before, change = np.concatenate([r[:-1] for r in some]), np.concatenate([np.diff(r) for r in some])
            order = np.argsort(before)
            self.tables[sign] = before[order], change[order]

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        random, (before, change) = np.random.default_rng(seed), self.tables[sign]
        rows = [np.full(members, start)]
        for _ in range(pulses):
            at = np.searchsorted(before, rows[-1]) + random.integers(-NEAREST, NEAREST, members)
            rows.append(rows[-1] + change[np.clip(at, 0, len(before) - 1)])
        return np.array(rows)


class Today:
    """The device of `fit_trace(model="best")`, one crosspoint a member."""

    def __init__(self, pulses: IntArray, g: FloatArray, labels: IntArray) -> None:
        """Fit once."""
        self.fitted = fit_trace(pulses, g, model="best", segments=labels).device()

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        block = SimCrosspoints.from_fitted(self.fitted, (1, members), initial=start, seed=seed)
        counts = np.full((pulses, 1, members), sign)
        return np.vstack([np.full(members, start), block.trace(counts).conductance[:, 0, :]])


class Measured:
    """The measured step."""

    def __init__(self, fit: MeasuredFit) -> None:
        """Keep the fit."""
        self.fit = fit

    def __call__(self, start: float, pulses: int, sign: int, members: int, seed: int) -> FloatArray:
        """(pulses + 1, members) readings."""
        return self.fit.simulate(start, np.full(pulses, sign), members, seed)


def alternating(members: int) -> None:
    """Print CRPS and coverage of every model."""
    up, down = ramps()
    trace = joined(up[:TRAINED], down[:TRAINED])
    tests = [(r, 1) for r in up[TRAINED : 2 * TRAINED]] + [(r, -1) for r in down[TRAINED : 2 * TRAINED]]
    began = time.perf_counter()
    fit = fit_measured(*trace[:2], segments=trace[2])
    print(f"measured step: fitted {len(trace[0])} readings in {time.perf_counter() - began:.1f} s; {fit.parts}")
    print("  BIC lowered by:", {name: round(value, 1) for name, value in fit.evidence.items()})
    for name, number in numbers_of(fit, drawn_numbers(fit)).items():
        print(f"  {name} {number.value:.3g} ± {number.std:.2g}")
    print("alternating ramps         pulses: " + "".join(f"{h:>16d}" for h in HORIZONS))
    models = {"resampling": Resampled(up[:TRAINED], down[:TRAINED]), "best": Today(*trace), "measured": Measured(fit)}
    for name, simulate in models.items():
        found: dict[int, list[tuple[float, bool]]] = {h: [] for h in HORIZONS}
        for number, (measured, sign) in enumerate(tests):
            ensemble = simulate(float(measured[0]), len(measured) - 1, sign, members, number)
            for h in HORIZONS:
                if h < len(measured):
                    low, high = np.percentile(ensemble[h], [2.5, 97.5])
                    found[h].append((crps(ensemble[h], measured[h]), bool(low <= measured[h] <= high)))
        cells = [np.mean(found[h], axis=0) for h in HORIZONS]
        print(f"  {name:12s} CRPS [uS], in 95 %   " + "".join(f"{1e6 * c:9.2f} {100 * i:4.0f} %" for c, i in cells))


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
