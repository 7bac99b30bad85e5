"""Pulses until the symmetry point is known to 1 % and 0.5 % of the range, by each published estimate and by the fit.

    python benchmarks/fit_pulses_to_symmetry_point.py [traces]

Soft bounds with 1000 states, cycle-to-cycle noise 30 %, read noise 1 % of the range, start at a quarter of the range,
the truth at its middle; one reading a pulse. Root mean square error over traces, interpolated between lengths.

end reading          the last reading of a random run (every pulse up or down by chance)
tail mean            mean of the last part of a random run; the first 5 τ or half of it are discarded
tail mean, balanced  the same in blocks of 100 with as many up as down: their sum does not wander
alternating          middle between the means after up and after down, last half of an alternating run
fit, random          likelihood of all readings of a random run
fit, balanced        the same in balanced blocks
fit, ramps           likelihood of a ramp up (45 %), down (36 %) and up (19 %)
"bound" is the Cramér-Rao bound of the last three.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from fit_simulated import Case, table

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.array import _formulae
from sim_device.fit.estimate import STRAIGHT, likelihood
from sim_device.fit.fitting import fit_trace
from sim_device.fit.trace import trace_of

CASE = Case(states=1000.0, read=0.01, cycle=0.3, ratio=1.0, start=0.25)
TRUTH = CASE.truth()["symmetry_point"]
RELAXED = 2500  # pulses, 5 τ with τ = 2/(s+ + s−) = 500


def random_counts(n: int, seed: int) -> IntArray:
    """Every pulse up or down by chance, independently."""
    return np.random.default_rng(10_000 + seed).choice([1, -1], n)


def balanced_counts(n: int, seed: int) -> IntArray:
    """Balanced random blocks of 100: as many up as down in each."""
    rng = np.random.default_rng(10_000 + seed)
    return np.concatenate([rng.permutation(np.repeat([1, -1], 50)) for _ in range((n + 99) // 100)])[:n]


def ramp_counts(n: int, _: int) -> IntArray:
    """Up, down, up."""
    parts = np.diff(np.round(n * np.array([0, 0.45, 0.81, 1.0])).astype(int))
    return np.repeat([1, -1, 1], parts)


def alternating_counts(n: int, _: int) -> IntArray:
    """Up and down in turn."""
    return np.tile([1, -1], (n + 1) // 2)[:n]


def end_reading(_: IntArray, g: FloatArray) -> float:
    """The last one."""
    return float(g[-1])


def tail_mean(_: IntArray, g: FloatArray) -> float:
    """Mean of what is left after 5 τ, at least of the last half."""
    return float(np.mean(g[min(RELAXED, len(g) // 2) :]))


def middle(counts: IntArray, g: FloatArray) -> float:
    """Between the means after up and after down, last half."""
    late = np.arange(len(g)) >= len(g) // 2
    return float((np.mean(g[late & (counts > 0)]) + np.mean(g[late & (counts < 0)])) / 2)


def fitted(counts: IntArray, g: FloatArray) -> float:
    """Of the likelihood; the middle of the readings where it tells nothing."""
    point = fit_trace(counts, g, unit="normalised", model="linear-step").symmetry_point
    return float((np.min(g) + np.max(g)) / 2) if point is None else point.conductance


def error(make: Callable[[int, int], IntArray], take: Callable[[IntArray, FloatArray], float], n: int, m: int) -> float:
    """Root mean square over `m` traces of n pulses."""
    counts = [make(n, seed) for seed in range(m)]
    return float(np.sqrt(np.mean([(take(c, CASE.trace(c, seed)) - TRUTH) ** 2 for seed, c in enumerate(counts)])))


def bound(make: Callable[[int, int], IntArray], n: int) -> float:
    """Cramér-Rao bound, from the information of ten traces at the truth."""
    total = 0.0
    for seed in range(10):
        counts = make(n, seed)
        trace = trace_of(counts, CASE.trace(counts, seed), unit="normalised")
        h, c, s = trace.scale, trace.centre, CASE.s_up
        theta = np.array([s * (1 - c) / h, -s, -s * c / h, -s, 2 * np.log(CASE.cycle), 2 * np.log(CASE.read / h)])
        information = likelihood(trace, STRAIGHT, np.append(theta, [-700.0, 0.0]))[2][:6, :6]
        gradient = _formulae(theta + 1e-30j * np.eye(6), c, h).imag[:, 6] / 1e-30
        total += float(gradient @ np.linalg.inv(information) @ gradient) / 10
    return float(np.sqrt(total))


def reached(lengths: list[int], errors: list[float], target: float) -> float:
    """Pulses at which the error falls to `target`, interpolated in logarithms; infinite if it never does."""
    for i, value in enumerate(errors):
        if value <= target:
            if i == 0:
                return float(lengths[0])
            share = np.log(errors[i - 1] / target) / np.log(errors[i - 1] / value)
            return float(np.exp(np.log(lengths[i - 1]) + share * np.log(lengths[i] / lengths[i - 1])))
    return float("inf")


METHODS = {
    "end reading": (random_counts, end_reading, [1000, 4000, 16000]),
    "tail mean": (random_counts, tail_mean, [1000, 2000, 3000, 4000, 6000, 10000, 16000, 24000]),
    "tail mean, balanced": (balanced_counts, tail_mean, [1000, 2000, 3000, 4000, 6000, 10000]),
    "alternating": (alternating_counts, middle, [1000, 2000, 3000, 4000, 6000, 10000]),
    "fit, random": (random_counts, fitted, [600, 800, 1000, 1200, 1400, 1700, 2000, 2400]),
    "fit, balanced": (balanced_counts, fitted, [800, 1000, 1200, 1700, 2000, 2400]),
    "fit, ramps": (ramp_counts, fitted, [300, 400, 500, 600, 800, 1000, 1200, 1500]),
}


def main() -> None:
    """Print errors by length, then the pulses to each target."""
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    needed: dict[str, list[float]] = {}
    for name, (make, take, lengths) in METHODS.items():
        errors = [error(make, take, n, traces) for n in lengths]
        rows = [["pulses", *(str(n) for n in lengths)], ["RMSE / %", *(f"{100 * e:.2f}" for e in errors)]]
        if name.startswith("fit"):
            rows.append(["bound / %", *(f"{100 * bound(make, n):.2f}" for n in lengths)])
        print(f"\n{name}\n" + table(rows[0], rows[1:]))
        needed[name] = [reached(lengths, errors, target) for target in (0.01, 0.005)]
    rows = []
    for name, counts in needed.items():
        shares = [base / n for base, n in zip(needed["tail mean"], counts, strict=True)]
        rows.append(
            [name, *(f"{n:.0f}" for n in counts), *(f"1/{share:.1f}" if share else "never" for share in shares)]
        )
    print("\n" + table(["method", "to 1 %", "to 0.5 %", "of the tail mean's", "of the tail mean's"], rows))
    print(f"\n{traces} traces for each error; its standard error is {100 / np.sqrt(2 * traces):.0f} % of it.")


if __name__ == "__main__":
    main()
