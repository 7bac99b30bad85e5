"""Figures of a device that need no model: window, on/off, steps, nonlinearity and scatter, from its ramps as they are.

A ramp is a stretch of pulses in one direction. With three ramps or more of a direction the error of a figure is that of
the mean over them, so that whatever differs from ramp to ramp is in it; with fewer it comes from read noise and, for
the nonlinearity, from noise of steps and readings drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.value_text import value_text
from protocols.analysis.update.figures_of_merit import Merit
from sim_device.fit.trace import Trace

if TYPE_CHECKING:
    from sim_device.fit.result import Fit

FEWEST = 10  # pulses of a ramp that is worth a figure
DRAWN = 200
THIRDS = ("lower", "middle", "upper")
_NL = 0.07 * float(np.sqrt(2))  # per unit of NeuroSim's label; see `figures_of_merit.neurosim_nonlinearity`

TITLES = {
    "window": "window, top of the ramps minus bottom",
    "on_off_ratio": "on/off ratio, top over bottom",
    "step_up": "mean step up",
    "step_down": "mean step down",
    "asymmetry_ratio": "|mean step down| over mean step up",
    "neurosim_nonlinearity_up": "NeuroSim nonlinearity of the ramps up (negative: steps grow)",
    "neurosim_nonlinearity_down": "NeuroSim nonlinearity of the ramps down (negative: steps grow)",
} | {
    f"scatter_{way}_{third}": f"scatter of a step {way} with its readings, {third} third of the window"
    for way in ("up", "down")
    for third in THIRDS
}
WITHOUT_UNIT = ("on_off_ratio", "asymmetry_ratio", "neurosim_nonlinearity_up", "neurosim_nonlinearity_down")


def of_fit(fit: Fit) -> dict[str, Merit]:
    """Figures of the trace of a fit, whether its model holds or not, with the noises that were told apart."""
    return figures_of(fit.estimate.trace, fit.noise.read, fit.noise.cycle_to_cycle)


def rows(found: Mapping[str, Merit], unit: str) -> Iterator[tuple[str, str]]:
    """Title, and value with error, of each figure."""
    for name, merit in found.items():
        yield TITLES[name], value_text(merit.value, merit.std, "" if name in WITHOUT_UNIT else unit)


@dataclass(frozen=True)
class RampCurve:
    """`conductance` (n,) [unit] against `pulses` (n,) applied since its first reading, in one direction."""

    way: int
    pulses: FloatArray
    conductance: FloatArray

    @property
    def step(self) -> float:
        """Mean change by a pulse [unit]."""
        return float((self.conductance[-1] - self.conductance[0]) / self.pulses[-1])


def ramps_of(trace: Trace) -> list[RampCurve]:
    """Ramps of ten pulses and more; a reading before the first pulse of a ramp is its beginning."""
    g, found = trace.conductance, list[RampCurve]()
    for piece in trace.pieces():
        rows: IntArray = np.arange(piece.start, piece.stop, dtype=np.int64)
        way: IntArray = np.sign(trace.pulses[rows])
        way[0] = 0  # before a piece is not known
        turned = np.flatnonzero((np.diff(way) != 0) & (way[1:] != 0)) + 1
        bounds = [0, *turned.tolist(), len(rows)]
        for first, after in pairwise(bounds):
            found += _ramp(trace, rows[max(first - 1, 0) : after], g)
    return found


def _ramp(trace: Trace, rows: IntArray, g: FloatArray) -> Iterator[RampCurve]:
    counts = trace.pulses[rows].copy()
    counts[:1] = 0
    ways = set(np.sign(counts[counts != 0]).tolist())
    read = np.isfinite(g[rows])
    if len(ways) != 1 or np.sum(read) < FEWEST:
        return
    at, values = np.cumsum(np.abs(counts))[read].astype(np.float64), g[rows][read]
    if at[-1] - at[0] >= FEWEST:
        yield RampCurve(int(ways.pop()), at - at[0], values)


def figures_of(trace: Trace, read: float | None = None, cycle_to_cycle: float | None = None) -> dict[str, Merit]:
    """Figures by the names of `TITLES`, in the order there; those that the ramps do not tell are left out.

    `read` [unit] and `cycle_to_cycle` [1, of a step] are the noises that a likelihood of the trace told apart; without
    them they are estimated from successive changes, which tells less.
    """
    ramps = ramps_of(trace)
    up, down = ([one for one in ramps if one.way == way] for way in (1, -1))
    noise = _read_noise(trace, ramps) if read is None else read
    found: dict[str, Merit] = {}
    for name, of in (("up", up), ("down", down)):
        if not of:
            continue
        found[f"step_{name}"] = _mean([one.step for one in of], [np.sqrt(2) * noise / one.pulses[-1] for one in of])
        labels = [_nonlinearity(one) for one in of]
        errors = _drawn_errors(of, noise, cycle_to_cycle) if len(of) < 3 else []
        found[f"neurosim_nonlinearity_{name}"] = _mean(labels, errors)
        found |= _scatters(name, of, ramps)
    if up and down and found["step_up"].value > 0:
        found["asymmetry_ratio"] = _ratio(
            Merit(abs(found["step_down"].value), found["step_down"].std), found["step_up"]
        )
    if ramps:
        found |= _window(ramps, noise)
    return {name: found[name] for name in TITLES if name in found and np.isfinite(found[name].std)}


def _window(ramps: Sequence[RampCurve], noise: float) -> dict[str, Merit]:
    """``G_top − G_bottom`` and ``G_top/G_bottom`` of the ends of the ramps."""
    tops = [float(one.conductance.max() if one.way < 0 else one.conductance[-1]) for one in ramps]
    bottoms = [float(one.conductance.min() if one.way > 0 else one.conductance[-1]) for one in ramps]
    high, low = _mean(tops, [noise] * len(tops)), _mean(bottoms, [noise] * len(bottoms))
    found = {"window": Merit(high.value - low.value, float(np.hypot(high.std, low.std)))}
    if low.value > 3 * low.std:  # else the bottom is not told from 0, nor is a ratio
        found["on_off_ratio"] = _ratio(high, low)
    return found


def _ratio(of: Merit, to: Merit) -> Merit:
    value = of.value / to.value
    return Merit(value, float(np.hypot(of.std / to.value, value * to.std / to.value)))


def _mean(values: Sequence[float], errors: Sequence[float]) -> Merit:
    """Mean over ramps with its standard error: from their scatter where there are three, else from `errors`."""
    value, n = float(np.mean(values)), len(values)
    if n >= 3:
        return Merit(value, float(np.std(values, ddof=1) / np.sqrt(n)))
    return Merit(value, float(np.sqrt(np.sum(np.square(errors))) / n))


def _changes(ramp: RampCurve) -> tuple[FloatArray, FloatArray]:
    """Changes by single pulses about a smooth ramp, and where they begin [unit]."""
    rise, single = np.diff(ramp.conductance), np.diff(ramp.pulses) == 1
    at = (ramp.conductance[1:] + ramp.conductance[:-1]) / 2
    return (rise - _smooth(rise))[single], at[single]


def _smooth(rise: FloatArray) -> FloatArray:
    """A polynomial through changes."""
    powers = np.vander(np.linspace(-1.0, 1.0, len(rise)), min(4, max(1, len(rise) // 10)) + 1)
    fitted: FloatArray = powers @ np.asarray(np.linalg.lstsq(powers, rise, rcond=None)[0], dtype=np.float64)
    return fitted


def _read_noise(trace: Trace, ramps: Sequence[RampCurve]) -> float:
    """Noise of one reading [unit]: it turns around in the next change, ``⟨d_k d_{k+1}⟩ = −σ_r²``; steps do not."""
    away = [_changes(one)[0] for one in ramps]
    products = np.concatenate([one[1:] * one[:-1] for one in away]) if away else np.zeros(0)
    least = trace.quantum * trace.scale / np.sqrt(12)
    return max(float(np.sqrt(max(-float(np.mean(products)), 0.0))) if len(products) else 0.0, float(least))


def _scatters(name: str, ramps: Sequence[RampCurve], window: Sequence[RampCurve]) -> dict[str, Merit]:
    """Standard deviation of single changes about smooth ramps, in thirds of the window: ``σ ± σ/√(2(n − 1))``."""
    low, high = (f(float(f(one.conductance)) for one in window) for f in (min, max))
    parts = [_changes(one) for one in ramps]
    away, at = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    third = np.clip(((at - low) / (high - low) * 3).astype(np.int64), 0, 2)
    found: dict[str, Merit] = {}
    for k, called in enumerate(THIRDS):
        mine = away[third == k]
        if len(mine) >= FEWEST:
            value = float(np.std(mine, ddof=1))
            found[f"scatter_{name}_{called}"] = Merit(value, value / float(np.sqrt(2 * (len(mine) - 1))))
    return found


_K = np.concatenate([-np.geomspace(20, 0.01, 80), np.geomspace(0.01, 20, 80)])  # curvatures 1/a that are tried


def _nonlinearity(ramp: RampCurve) -> float:
    """NeuroSim's label of the curve ``y = (1 − e^(−kx))/(1 − e^(−k))`` next to the ramp, in least squares.

    The curve begins and ends where least squares want it: the first and the last reading are as noisy as the others.
    """
    x = ramp.pulses / ramp.pulses[-1]
    curves = -np.expm1(-np.outer(_K, x)) / -np.expm1(-_K)[:, None]
    y, c = ramp.conductance - ramp.conductance.mean(), curves - curves.mean(axis=1, keepdims=True)
    loss = np.sum(y**2) - (c @ y) ** 2 / np.sum(c**2, axis=1)
    return _label(_finest(loss))


def _finest(loss: FloatArray) -> float:
    """The curvature of least loss, between the ones that were tried."""
    k = int(np.clip(np.argmin(loss), 1, len(_K) - 2))
    (a, b, c), (x, y, z) = loss[k - 1 : k + 2], _K[k - 1 : k + 2]
    bend = (y - x) * (b - c) - (y - z) * (b - a)
    if bend == 0:
        return float(y)
    return float(np.clip(y - 0.5 * ((y - x) ** 2 * (b - c) - (y - z) ** 2 * (b - a)) / bend, x, z))


def _label(k: float) -> float:
    """``max_x (y(x) − x)/(0.07 √2)``, with the sign of the curvature."""
    if abs(k) < 1e-6:
        return k / 8 / _NL
    size = abs(k)
    share = -float(np.expm1(-size))
    x = float(np.log(size / share)) / size
    return float(np.sign(k)) * (-float(np.expm1(-size * x)) / share - x) / _NL


def _drawn_errors(ramps: Sequence[RampCurve], noise: float, cycle_to_cycle: float | None) -> list[float]:
    """Standard error of the label of each ramp: ramps drawn anew with its smooth step ΔG(G) and the noises."""
    return [_drawn_error(one, noise, cycle_to_cycle, np.random.default_rng(number)) for number, one in enumerate(ramps)]


def _drawn_error(ramp: RampCurve, noise: float, cycle_to_cycle: float | None, random: np.random.Generator) -> float:
    rise = np.diff(ramp.conductance)
    mean = _smooth(rise)
    smooth: FloatArray = ramp.conductance[0] + np.concatenate([[0.0], np.cumsum(mean)])
    order = np.argsort(smooth[:-1])
    places, steps = smooth[:-1][order], mean[order]
    unexplained = float(np.sqrt(max(float(np.var(_changes(ramp)[0])) - 2 * noise**2, 0.0)))
    g = np.full((len(smooth), DRAWN), ramp.conductance[0])
    for k in range(len(rise)):  # who went too far moves by the step that is usual there
        step = np.asarray(np.interp(g[k], places, steps), dtype=np.float64)
        scatter = unexplained if cycle_to_cycle is None else cycle_to_cycle * np.abs(step)
        g[k + 1] = g[k] + step + scatter * random.standard_normal(DRAWN)
    g += noise * random.standard_normal(g.shape)
    return float(np.std([_nonlinearity(RampCurve(ramp.way, ramp.pulses, one)) for one in g.T]))
