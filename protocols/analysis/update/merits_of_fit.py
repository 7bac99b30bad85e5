"""All figures of merit of a fitted device: what `labshd fit` prints and a report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from protocols.analysis.update import figures_of_merit as fom
from protocols.analysis.update.figures_of_merit import Merit

if TYPE_CHECKING:
    from sim_device.fit.result import Fit

TITLES = {
    "states_at_symmetry_point": "number of states, (Gmax − Gmin)/δ*",
    "pulses_end_to_end_up": "pulses up through 99 % of the window",
    "pulses_end_to_end_down": "pulses down through 99 % of the window",
    "skew_half_range": "skew of G*, of half the window",
    "skew_full_range": "skew of G*, of the window",
    "dynamic_range": "Gmax/Gmin",
    "asymmetry_ratio_mid_window": "|ΔG−|/ΔG+ in the middle of the window",
    "symmetry_factor_mid_window": "(ΔG+ − |ΔG−|)/(ΔG+ + |ΔG−|), middle of the window",
    "noise_to_signal": "noise to signal of a step at G*",
    "neurosim_nonlinearity_up": "NeuroSim nonlinearity of the longest ramp up",
    "neurosim_nonlinearity_down": "NeuroSim nonlinearity of the longest ramp down",
}


def merits_of(fit: Fit) -> dict[str, Merit]:
    """Figures of merit by the names of `TITLES`; those that the fit does not tell are left out.

    Empty unless soft bounds hold and all four of their numbers are identified; then errors come from their covariance.
    Nonlinearities are of the longest run of pulses one way in the trace, as a ramp of so many pulses would be labelled.
    """
    numbers = _soft_bounds(fit)
    if numbers is None:
        return {}
    p, covariance = numbers
    middle = float(p[0] + p[1]) / 2
    down, of_down = p[[0, 1, 3, 2]], covariance[np.ix_([0, 1, 3, 2], [0, 1, 3, 2])]
    found = {
        "states_at_symmetry_point": fom.states_at_symmetry_point(p, covariance),
        "pulses_end_to_end_up": fom.pulses_end_to_end(p, covariance),
        "pulses_end_to_end_down": fom.pulses_end_to_end(down, of_down),
        "skew_half_range": fom.skew_half_range(p, covariance),
        "skew_full_range": fom.skew_full_range(p, covariance),
        "asymmetry_ratio_mid_window": fom.asymmetry_ratio(p, covariance, middle),
        "symmetry_factor_mid_window": fom.symmetry_factor(p, covariance, middle),
    }
    if p[0] > 0:
        found["dynamic_range"] = fom.dynamic_range(p, covariance)
    found |= _noise(fit, fom.step_at_symmetry_point(p, covariance)) | _nonlinearity(fit, p, covariance)
    return {name: found[name] for name in TITLES if name in found}


def _soft_bounds(fit: Fit) -> tuple[FloatArray, FloatArray] | None:
    names = [f"g_min_{fit.unit}", f"g_max_{fit.unit}", "s_up", "s_down"]
    values = [fit.parameters.get(name) for name in names]
    if not fit.accepted or any(value is None for value in values) or not set(names) <= set(fit.names):
        return None
    chosen = [fit.names.index(name) for name in names]
    return np.array(values, dtype=np.float64), fit.covariance[np.ix_(chosen, chosen)]


def _noise(fit: Fit, step: Merit) -> dict[str, Merit]:
    """Of cycle-to-cycle noise, and write noise where it was told apart, relative to the step at G*."""
    noise = fit.noise
    if noise.cycle_to_cycle is None or noise.cycle_to_cycle_std is None or step.value <= 0:
        return {}
    write = Merit(0.0, 0.0)
    if noise.write is not None and noise.write_std is not None:
        write = Merit(noise.write / step.value, noise.write_std / step.value)
    return {"noise_to_signal": fom.noise_to_signal(Merit(noise.cycle_to_cycle, noise.cycle_to_cycle_std), write)}


def _nonlinearity(fit: Fit, p: FloatArray, covariance: FloatArray) -> dict[str, Merit]:
    trace = fit.estimate.trace
    found: dict[str, Merit] = {}
    for way, sign, k in (("up", 1, 2), ("down", -1, 3)):
        pulses = _longest(sign * np.where(trace.starts, 0, trace.pulses))
        if pulses > 1 and 0 < p[k] < 1:
            error = float(np.sqrt(max(covariance[k, k], 0.0)))
            found[f"neurosim_nonlinearity_{way}"] = fom.neurosim_nonlinearity(float(p[k]), error, pulses)
    return found


def _longest(pulses: IntArray) -> int:
    """The most pulses in a row whose sign is positive; readings without a pulse do not end a run."""
    best = now = 0
    for count in pulses.tolist():
        now = now + count if count >= 0 else 0
        best = max(best, now)
    return best
