"""The fit of straight steps, as soft bounds or of any slope: parameters, what is not identified, verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.value_text import plain_text
from sim_device.fit.abrupt import abrupt
from sim_device.fit.average import averaged
from sim_device.fit.checks import Check, checks_of, filtered
from sim_device.fit.estimate import Estimate, linear
from sim_device.fit.families import TableFamily
from sim_device.fit.flexible import flexible, robust_covariance
from sim_device.fit.intervals import Interval, evenly, of_bound, quantile
from sim_device.fit.known_steps import Before, KnownSteps, joined
from sim_device.fit.noise import noise_intervals, noise_json, noise_names, noise_of
from sim_device.fit.plausible import checked
from sim_device.fit.result import Fit
from sim_device.fit.symmetry import CLEAR, EstimatedSymmetryPoint, symmetry_points
from sim_device.fit.trace import Trace
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import Noise
from sim_device.models.formulas import LinearStep, SoftBounds

Model = Literal["soft-bounds", "linear-step"]


def soft_bounds(straight: Estimate, known: KnownSteps | None = None) -> Fit:
    """Soft bounds to the trace of `straight`; where they do not hold, straight and curved steps say what is there.

    Whether they hold the trace alone decides; `known` then goes into the numbers of a device for which they do.
    """
    checks = (*checks_of(straight, filtered(straight)), abrupt(straight.trace))
    straight, before = _with_known(straight, known, checks)
    falling = all(straight.theta[i] < 0 for i, direction in ((1, +1), (3, -1)) if straight.trace.has(direction))
    drift = bool(straight.free[-1])
    bound = straight if falling else linear(straight.trace, softly_bound=True, drift=drift)
    return checked(replace(_fit("soft-bounds", _soft_bounds_numbers, bound, straight, checks), before=before))


def linear_step(straight: Estimate, known: KnownSteps | None = None) -> Fit:
    """Straight steps of any slope; `known` as for `soft_bounds`."""
    found = (check for check in checks_of(straight, filtered(straight)) if check.name != "steps fall")
    checks = (*found, abrupt(straight.trace))
    straight, before = _with_known(straight, known, checks)
    return checked(replace(_fit("linear-step", _linear_numbers, straight, straight, checks), before=before))


def _with_known(
    straight: Estimate, known: KnownSteps | None, checks: tuple[Check, ...]
) -> tuple[Estimate, Before | None]:
    if known is None or any(check.failed for check in checks):
        return straight, None
    return joined(straight, known)


def _fit(
    name: Model,
    numbers: Callable[[NDArray[np.complex128], Trace], dict[str, np.complex128]],
    bound: Estimate,
    straight: Estimate,
    checks: tuple[Check, ...],
) -> Fit:
    trace = bound.trace
    accepted = straight.converged and not any(check.failed for check in checks)
    covariance = bound.covariance() if accepted else robust_covariance(bound)
    both = trace.has(+1) and trace.has(-1)
    missing = _not_identified(name, bound, covariance)
    values, names, of_values = _delta(numbers, bound, covariance, {text.split(":")[0] for text in missing} - _NOISE)
    parameters = {key: value for key, value in values.items() if key not in _NOISE}
    deviation = {key: float(np.sqrt(max(of_values[i, i], 0.0))) for i, key in enumerate(names)}
    model = _model(name, parameters, trace.unit)
    curved = None if accepted and (model or not both) else averaged(flexible(straight))
    noise = noise_of(curved or bound)
    missing += _noise_not_identified(curved or bound, robust_covariance(curved) if curved else covariance)
    if curved is not None:
        names, of_values = _with_noise_of(noise, names, of_values, trace.unit)
    bent = curved if curved is not None and curved.shape.size > 2 else None
    points = symmetry_points(straight, straight.covariance() if accepted else robust_covariance(straight))
    others = () if bent is None else symmetry_points(bent, robust_covariance(bent))
    missing += _symmetry_not_identified(trace, points)
    return Fit(
        model_name=name,
        unit=trace.unit,
        model=model,
        parameters=parameters,
        std={key: deviation.get(key) for key in parameters},
        names=names,
        covariance=of_values,
        noise=noise,
        symmetry_points=points,
        other_symmetry_points=others,
        accepted=accepted,
        why=_why(name, straight, checks, accepted, points, others),
        checks=checks,
        not_identified=tuple(missing),
        estimate=bound,
        filtered=filtered(bound),
        table=TableFamily().model(curved) if curved is not None and both else None,
        curved=curved,
        intervals=_intervals(bound, covariance, parameters, deviation) | noise_intervals(noise, trace.unit),
    )


def _with_noise_of(
    noise: Noise, names: tuple[str, ...], covariance: FloatArray, unit: str
) -> tuple[tuple[str, ...], FloatArray]:
    """Names and covariance whose noise is that of another estimate, curved steps, as its values are: independent."""
    told = noise_json(noise, unit)
    own = {name: told.get(std) for name, std in noise_names(unit)}
    kept = [i for i, name in enumerate(names) if name not in own or own[name] is not None]
    names, covariance = tuple(names[i] for i in kept), covariance[np.ix_(kept, kept)].copy()
    for i, name in enumerate(names):
        if (std := own.get(name)) is not None:
            covariance[i, :] = covariance[:, i] = 0.0
            covariance[i, i] = std**2
    return names, covariance


def _intervals(
    estimate: Estimate, covariance: FloatArray, values: dict[str, float | None], deviation: dict[str, float]
) -> dict[str, Interval]:
    """95 % intervals of the parameters; a bound that is known on one side only has none."""
    bounds = {f"g_max_{estimate.trace.unit}": 0, f"g_min_{estimate.trace.unit}": 2}
    q = quantile(estimate, covariance)
    found: dict[str, Interval | None] = {}
    for name, std in deviation.items():
        value = values.get(name)
        if value is None or std == 0:
            continue
        if name in bounds:
            found[name] = of_bound(estimate, covariance, bounds[name])
        else:
            found[name] = evenly(value, std, q)
    return {name: interval for name, interval in found.items() if interval is not None}


def _soft_bounds_numbers(theta: NDArray[np.complex128], trace: Trace) -> dict[str, np.complex128]:
    u0, u1, d0, d1 = theta[:4]
    found: dict[str, np.complex128] = {}
    if trace.has(-1):
        found[f"g_min_{trace.unit}"] = trace.centre - trace.scale * d0 / d1
    if trace.has(+1):
        found[f"g_max_{trace.unit}"] = trace.centre - trace.scale * u0 / u1
        found["s_up"] = -u1
    if trace.has(-1):
        found["s_down"] = -d1
    return found | _noise_numbers(theta, trace)


def _linear_numbers(theta: NDArray[np.complex128], trace: Trace) -> dict[str, np.complex128]:
    # The range is the measured one, exactly: its ends are no estimates, and Gc is their middle.
    unit = trace.unit
    found: dict[str, np.complex128] = {}
    found[f"g_min_{unit}"] = np.complex128(trace.centre - trace.scale)
    found[f"g_max_{unit}"] = np.complex128(trace.centre + trace.scale)
    if trace.has(+1):
        found |= {f"up_{unit}": trace.scale * theta[0], "up_slope": theta[1]}
    if trace.has(-1):
        found |= {f"down_{unit}": trace.scale * theta[2], "down_slope": theta[3]}
    return found | _noise_numbers(theta, trace)


def _noise_numbers(theta: NDArray[np.complex128], trace: Trace) -> dict[str, np.complex128]:
    found = {f"read_{trace.unit}": trace.scale * np.exp(theta[5] / 2), "cycle_to_cycle": np.exp(theta[4] / 2)}
    if theta[6].real > -100:
        found[f"write_{trace.unit}"] = trace.scale * np.exp(theta[6] / 2)
    return found


def _delta(
    numbers: Callable[[NDArray[np.complex128], Trace], dict[str, np.complex128]],
    estimate: Estimate,
    covariance: FloatArray,
    missing: set[str],
) -> tuple[dict[str, float | None], tuple[str, ...], FloatArray]:
    """Values, names of those that are identified, and their covariance J C Jᵀ; J by complex steps, exact."""
    tiny = 1e-30
    at = numbers(estimate.theta.astype(np.complex128), estimate.trace)
    names = tuple(key for key in at if key not in missing)
    jacobian = np.empty((len(names), len(estimate.theta)))
    for i in range(len(estimate.theta)):
        theta = estimate.theta.astype(np.complex128)
        theta[i] += 1j * tiny
        moved = numbers(theta, estimate.trace)
        jacobian[:, i] = [moved[key].imag / tiny for key in names]
    values = {key: None if key in missing else float(value.real) for key, value in at.items()}
    return values, names, jacobian @ covariance @ jacobian.T


_NOISE = frozenset({"read_S", "read_normalised", "cycle_to_cycle", "write_S", "write_normalised"})


def _not_identified(name: Model, estimate: Estimate, covariance: FloatArray) -> list[str]:
    trace, unit = estimate.trace, estimate.trace.unit
    found: list[str] = []
    for direction, way, slope, bound, fraction in (
        (-1, "down", 3, f"g_min_{unit}", "s_down"),
        (+1, "up", 1, f"g_max_{unit}", "s_up"),
    ):
        if not trace.has(direction):
            names = (bound, fraction) if name == "soft-bounds" else (f"{way}_{unit}", f"{way}_slope")
            found += [f"{key}: there is no {way} pulse in the trace" for key in names]
        elif name == "soft-bounds":
            found += _bound_not_identified(estimate, covariance, way, slope, bound, fraction)
    return found


def _bound_not_identified(
    estimate: Estimate, covariance: FloatArray, way: str, slope: int, bound: str, fraction: str
) -> list[str]:
    if estimate.held[slope]:
        text = f"the {way} step does not fall towards a bound within the measured range"
        return [f"{bound}: {text}", f"{fraction}: {text}"]
    deviation = float(np.sqrt(covariance[slope, slope]))
    if abs(estimate.theta[slope]) > CLEAR * deviation:
        return []
    return [
        f"{bound}: the {way} step falls by too little over the measured range to tell where it ends "
        f"({fraction} = {-estimate.theta[slope]:.2g} ± {deviation:.1g}); ramp further"
    ]


def _noise_not_identified(estimate: Estimate, covariance: FloatArray) -> list[str]:
    trace = estimate.trace
    found: list[str] = []
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if estimate.free[-1] and deviation[-1] > 1e3:
        found.append("drift: it takes readings without pulses, or at unequal intervals, to tell it from the steps")
    at = 2 * estimate.shape.size  # where the noise stands in θ
    if estimate.held[at + 1]:
        least = trace.scale * np.exp(estimate.theta[at + 1] / 2)
        found.append(f"read_{trace.unit}: below what the readings resolve, {plain_text(float(least), trace.unit, 2)}")
    if estimate.held[at]:
        found.append("cycle_to_cycle: at the limit of what is tried; steps and noise cannot be told apart")
    elif 0.5 * deviation[at] * CLEAR > 1.0:
        most = np.exp((estimate.theta[at] + 1.645 * deviation[at]) / 2)
        found.append(f"cycle_to_cycle: less than {CLEAR:.0f} standard errors from none; below {most:.2g} (95 %)")
    return found


def _symmetry_not_identified(trace: Trace, points: tuple[EstimatedSymmetryPoint, ...]) -> list[str]:
    if not (trace.has(+1) and trace.has(-1)):
        return ["symmetry_point: it takes pulses in both directions"]
    if not points:
        return ["symmetry_point: up and down steps do not cross in the measured range"]
    found: list[str] = []
    if not points[0].clear:
        found.append(
            "symmetry_point: up and down steps are nearly parallel, so it is only known to be one of the crossings "
            "possible in and near the measured range"
        )
    if not points[0].inside:
        found.append("symmetry_point: it lies beyond the measured range, where straight steps are an extrapolation")
    return found


def _model(name: Model, parameters: dict[str, float | None], unit: str) -> DeviceModel | None:
    known = {key: value for key, value in parameters.items() if value is not None}
    kind = SoftBounds if name == "soft-bounds" else LinearStep
    try:
        return kind.from_parameters(known, unit)
    except InputError:
        return None


def _why(
    name: Model,
    straight: Estimate,
    checks: tuple[Check, ...],
    accepted: bool,
    points: tuple[EstimatedSymmetryPoint, ...],
    others: tuple[EstimatedSymmetryPoint, ...],
) -> str:
    if accepted:
        passed = ", ".join(f"{check.name} (p = {check.p:.2g})" for check in checks if check.is_test)
        return f"{name} holds for {int(np.sum(straight.trace.count))} readings: {passed}"
    failed = sorted(
        (check for check in checks if check.failed),
        key=lambda check: check.name not in ("no abrupt step", "steps fall"),
    )
    told = [check.sentence for check in failed]
    if not straight.converged:
        told.append("the likelihood has no clear maximum")
    unit = straight.trace.unit
    if points and others and not np.isclose(points[0].conductance, others[0].conductance, atol=points[0].std * 2):
        told.append(
            f"straight steps cross at {plain_text(points[0].conductance, unit)}, curved ones at "
            f"{plain_text(others[0].conductance, unit)}: the symmetry point depends on the shape assumed"
        )
    return f"{name} does not hold: " + "; ".join(told)
