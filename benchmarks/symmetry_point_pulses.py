"""Pulses that each way to the symmetry point needs for an RMSE of 1 % and of 0.5 % of the range.

    python benchmarks/symmetry_point_pulses.py [traces] [simple random balanced steered reads array]

One device: soft bounds with 1000 states, cycle-to-cycle noise 30 %, read noise 1 % of the range, symmetry point in the
middle, started at a quarter of the range; `traces` (400) seeds each. The tail mean gets, at every number of pulses, the
burn-in that suits it best, which nobody knows who has only the readings. With a prior: the devices are of an array
that spreads as lithium ECRAM does (steps 10 %, up against down 1 %, bounds 5 % of the half range;
`sim_device.models.presets`), of which 16 others were ramped up and down by 500 pulses and fitted before.

Targets: of the 3,700 and 16,000 pulses that a tail mean of random pulsing is expected to need (Var = σ² 2τ_p/M, and the
start forgotten), a third and an eighth by the likelihood of a random run, a sixth and a sixteenth steered. What nobody
can pass: without read noise n up and n down pulses tell ln(s₊/s₋) to σ_c √(2/n), wherever they are given, and with
dG*/d ln(s₊/s₋) = R/4 an error of 0.5 % of R takes 2n = 2 (0.3 √2/4/0.005)² = 900 pulses.
"""

import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from instruments.crosspoints import FloatArray
from protocols.analysis.common.fitted_series import fit_series
from protocols.analysis.symmetry.estimate import estimate
from protocols.analysis.symmetry.prior import Prior, prior_of
from protocols.common.protocol import Points, Series
from protocols.symmetry_point import SymmetryPoint
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.fit.fitting import fit_trace
from sim_device.models.formulas import SoftBounds

STATES, NOISE, START = 1000, SimNoise(cycle_to_cycle=0.3, read=0.01), 0.25
MODEL = SoftBounds(0.0, 1.0, 2 / STATES, 2 / STATES)
SPREAD = Spread(step=0.1, up_down=0.01, low=0.05, high=0.05)
GOALS = (0.01, 0.005)
FRACTIONS = np.linspace(0.05, 0.9, 18)  # of a run, left out as burn-in
TARGETS = {"likelihood": "(1233, 2000)", "steered": "(617, 1000)"}
Curve = list[tuple[int, float]]  # pulses, RMSE


def random_runs(traces: int, pulses: int, *, block: int | None) -> tuple[FloatArray, FloatArray]:
    """Signs (n, traces) and readings (n, traces) of random pulsing; balanced in blocks, or every sign by itself."""
    generator = np.random.default_rng(1)
    signs = generator.choice(np.array([1, -1]), (pulses, traces))
    if block:
        halves = np.tile(np.repeat([1, -1], block // 2)[:, np.newaxis], (1, traces))
        signs = np.concatenate([generator.permuted(halves, axis=0) for _ in range(pulses // block)])
    crosspoints = SimCrosspoints(MODEL, (1, traces), noise=NOISE, seed=2, initial=START, unit="normalised")
    return signs, crosspoints.trace(signs[:, np.newaxis, :]).conductance[:, 0, :]


def rmse(values: FloatArray, truth: FloatArray | float = 0.5) -> float:
    """Root mean square error."""
    return math.sqrt(float(np.mean((values - truth) ** 2)))


def of_ends(readings: FloatArray) -> Curve:
    """The last reading."""
    return [(n, rmse(readings[n - 1])) for n in range(1000, len(readings) + 1, 1000)]


def of_tails(readings: FloatArray) -> Curve:
    """The mean of the tail with the best burn-in."""
    sums = np.concatenate([np.zeros((1, readings.shape[1])), np.cumsum(readings, axis=0)])
    found: Curve = []
    for n in range(1000, len(readings) + 1, 250):
        starts = (FRACTIONS * n).astype(int)
        found.append((n, min(rmse((sums[n] - sums[first]) / (n - first)) for first in starts)))
    return found


def of_likelihood(signs: FloatArray, readings: FloatArray, grid: list[int]) -> Curve:
    """The likelihood of the first n pulses; a crossing that is not identified counts as where the fit puts it."""
    found: Curve = []
    for n in grid:
        values = [point_of(signs[:n, k], readings[:n, k]) for k in range(readings.shape[1])]
        found.append((n, rmse(np.array(values))))
    return found


def point_of(signs: FloatArray, readings: FloatArray) -> float:
    """Symmetry point of one trace, within the window; its middle where there is none."""
    point = fit_trace(signs, readings, unit="normalised", model="linear-step").symmetry_point
    return min(max(point.conductance, 0.0), 1.0) if point else float(np.mean(readings))


def of_steered(traces: int, grid: list[int], prior: Prior | None, reads: int = 1) -> Curve:
    """The protocol itself, steered, run on to the end of the grid and looked at on its way."""
    settings = {"method": "steered", "budget": grid[-1], "target": 1e-6, "reads": reads}
    errors: list[list[float]] = []
    for seed in range(traces):
        spread = None if prior is None else SPREAD
        crosspoints = SimCrosspoints(
            MODEL, noise=NOISE, spread=spread, seed=1000 + seed, initial=START, unit="normalised"
        )
        protocol = SymmetryPoint.model_validate(settings | {"seed": seed, "prior": prior})
        series = recorded(protocol, crosspoints)
        d = crosspoints.device(0, 0)
        truth = (d["s_up"] * d["g_max"] + d["s_down"] * d["g_min"]) / (d["s_up"] + d["s_down"])
        errors.append([estimated(series, n, protocol) - truth for n in grid])
    return [(n, rmse(np.array(column), 0.0)) for n, column in zip(grid, zip(*errors, strict=True), strict=True)]


def recorded(protocol: SymmetryPoint, crosspoints: SimCrosspoints) -> Series:
    """All points of a run."""
    points: list[Points] = list(protocol.run(crosspoints))
    return Series.of(points, crosspoints.shape, crosspoints.unit)


def estimated(series: Series, pulses: int, protocol: SymmetryPoint) -> float:
    """Estimate from the first `pulses`, as the protocol makes it."""
    part = series.where(np.cumsum(np.abs(series.counts[:, 0, 0])) <= pulses)
    found = estimate(part, protocol.known, parts=False)
    if found.value is not None:
        return found.value
    fit = fit_series(part)[0]
    point = fit.symmetry_point if fit else None
    return min(max(point.conductance, 0.0), 1.0) if point else float(np.mean(part.readings.conductance))


def of_array() -> Prior:
    """What 16 devices of the array say of another one."""
    ramps = np.repeat([1, -1], 500)
    block = SimCrosspoints(MODEL, (1, 16), noise=NOISE, spread=SPREAD, seed=3, initial=START, unit="normalised")
    readings = block.trace(np.broadcast_to(ramps[:, np.newaxis, np.newaxis], (1000, 1, 16))).conductance[:, 0, :]
    fits = [fit_trace(ramps, readings[:, k], unit="normalised") for k in range(16)]
    return prior_of([fit.device() for fit in fits if fit.accepted], "array")


def needed(curve: Curve, goal: float) -> float:
    """Pulses at which an RMSE falls to `goal` for good, between the points of a curve; inf where it never does."""
    last = [k for k, (_, error) in enumerate(curve) if error > goal]
    if not last:
        return curve[0][0]
    if last[-1] == len(curve) - 1:
        return math.inf
    (n0, e0), (n1, e1) = curve[last[-1]], curve[last[-1] + 1]
    return n0 * (n1 / n0) ** (math.log(e0 / goal) / math.log(e0 / e1))


def simple(traces: int) -> list[tuple[str, Curve]]:
    """Estimates that take no account of what each pulse was."""
    _, readings = random_runs(traces, 24000, block=None)
    _, balanced = random_runs(traces, 6000, block=100)
    return [
        ("end reading, random pulses", of_ends(readings)),
        ("tail mean, random pulses", of_tails(readings)),
        ("tail mean, balanced random blocks of 100", of_tails(balanced)),
    ]


def likelihood(traces: int, block: int | None) -> list[tuple[str, Curve]]:
    """The likelihood of random runs."""
    grid = [800, 1000, 1200, 1600, 2000, 2500]
    name = f"balanced random blocks of {block}" if block else "random pulses"
    return [(f"likelihood, {name}", of_likelihood(*random_runs(traces, 2500, block=block), grid))]


def steered(traces: int) -> list[tuple[str, Curve]]:
    """Steered, of a device that nothing is known of."""
    return [("steered", of_steered(traces, [500, 550, 600, 700, 850, 1000, 1150, 1300], None))]


def read_often(traces: int) -> list[tuple[str, Curve]]:
    """Steered, each pulse followed by 4 readings."""
    return [("steered, 4 readings a pulse", of_steered(traces, [450, 500, 550, 650, 800, 900, 1000, 1150], None, 4))]


def with_array(traces: int) -> list[tuple[str, Curve]]:
    """Steered, 16 devices of the array having been fitted before."""
    return [("steered, array known", of_steered(traces, [100, 150, 200, 300, 500, 700, 850, 1000], of_array()))]


ROWS = ("simple", "random", "balanced", "steered", "reads", "array")


def rows_of(name: str, traces: int) -> list[tuple[str, Curve]]:
    """One entry of `ROWS`, for a process of its own."""
    if name in ("random", "balanced"):
        return likelihood(traces, 100 if name == "balanced" else None)
    return {"simple": simple, "steered": steered, "reads": read_often, "array": with_array}[name](traces)


def shown(name: str, curve: Curve) -> str:
    """A row of the table, with the RMSE on the way below it."""
    found = [needed(curve, goal) for goal in GOALS]
    text = "  ".join(f"{n:12.0f}" if math.isfinite(n) else "       never" for n in found)
    way = "  ".join(f"{n}: {100 * error:.2f}" for n, error in curve[:: max(1, len(curve) // 9)])
    return f"{name:42s}{text}  {TARGETS.get(name.split(',')[0], '')}\n    RMSE, % of range: {way}"


def main(traces: int, names: list[str]) -> None:
    """Print the table."""
    begun = time.perf_counter()
    print(f"{'pulses for an RMSE of':42s}         1 %         0.5 %  (target)", flush=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for rows in pool.map(rows_of, names, [traces] * len(names)):
            for name, curve in rows:
                print(shown(name, curve), flush=True)
    print(f"{traces} traces; {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400, sys.argv[2:] or list(ROWS))
