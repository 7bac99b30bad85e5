"""The result of a fit: parameters and noise with errors, symmetry points, the verdict; as JSON, as a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.value_text import NOT_DETERMINED, plain_text
from sim_device.fit.checks import Check, Filtered
from sim_device.fit.estimate import Estimate
from sim_device.fit.flexible import robust_covariance
from sim_device.fit.intervals import Interval, evenly
from sim_device.fit.known_steps import Before
from sim_device.fit.noise import noise_json, noise_names
from sim_device.fit.steps import Steps, steps_of
from sim_device.fit.symmetry import EstimatedSymmetryPoint
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import (
    Covariance,
    FittedDevice,
    FittedSymmetryPoint,
    Measured,
    Noise,
    Provenance,
    Verdict,
)

if TYPE_CHECKING:
    from sim_device.fit.measured.fit import MeasuredFit
    from sim_device.fit.measured.symmetry import Balance
    from sim_device.fit.predictive import Prediction


@dataclass(frozen=True)
class Fit:
    """A trace fitted by one device model.

    Attributes
    ----------
    model_name, unit
        Such as "soft-bounds"; the unit of conductance.
    model
        The device model at the estimate; None where a parameter of it is not identified at all.
    parameters, std
        By name with the unit in it (``g_max_S``). None: not identified; `not_identified` says why.
    names, covariance
        Of the numbers in `parameters` that have a std, then ``read_S`` and ``cycle_to_cycle`` likewise.
    noise
        Read noise [unit] per reading, cycle-to-cycle noise relative to the step, and where states were read more than
        once the write noise that does not accumulate; each with its standard deviation.
    symmetry_points
        Of the model where it is accepted, else of straight steps of any slope.
    other_symmetry_points
        Of curved steps, where the model is not accepted: how far the answer depends on the shape.
    accepted, why, checks
        Whether the model holds, in a sentence, and the single tests.
    not_identified
        What the data do not tell, and why; one sentence each, beginning with the name.
    estimate, filtered
        Behind all this: the maximum in scaled units, and the filter and smoother at it.
    table, curved
        Where the model is not accepted: curved steps as a device model, and their maximum in scaled units.
    intervals
        95 % intervals that are not ``value ± 1.96 std``, by the names in `parameters` and `names`; see `interval95`.
    measured, balance
        Of the model "measured": the fit itself, and its symmetry points with where random pulsing settles.
    prediction
        Of the model "measured": how well the first part of the trace predicts the rest; None where that is too short.
    before
        What became of what was known of the steps before; None where nothing was, or where the model does not hold.
    """

    model_name: str
    unit: str
    model: DeviceModel | None
    parameters: dict[str, float | None]
    std: dict[str, float | None]
    names: tuple[str, ...]
    covariance: FloatArray
    noise: Noise
    symmetry_points: tuple[EstimatedSymmetryPoint, ...]
    other_symmetry_points: tuple[EstimatedSymmetryPoint, ...]
    accepted: bool
    why: str
    checks: tuple[Check, ...]
    not_identified: tuple[str, ...]
    estimate: Estimate
    filtered: Filtered
    table: DeviceModel | None = field(default=None, repr=False)
    curved: Estimate | None = field(default=None, repr=False)
    before: Before | None = None
    measured: MeasuredFit | None = field(default=None, repr=False)
    balance: Balance | None = None
    prediction: Prediction | None = field(default=None, repr=False)
    intervals: dict[str, Interval] = field(default_factory=dict[str, Interval], repr=False)

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the readings as a density in the unit of the trace; first readings do not count."""
        trace = self.estimate.trace
        readings = np.sum(trace.count) - np.sum(trace.starts)
        return self.estimate.log_likelihood - float(readings) * float(np.log(trace.scale))

    @property
    def innovations(self) -> FloatArray:
        """(rows,) standardised innovations: white and of variance 1 where the model holds; NaN where there is none."""
        return self.filtered.standardised

    @property
    def conductance(self) -> FloatArray:
        """(rows,) readings [unit] (means of repeated ones); NaN where missing."""
        return self.estimate.trace.conductance

    @property
    def smoothed(self) -> FloatArray:
        """(rows,) the noise-free trace [unit], given all readings."""
        return self.estimate.trace.centre + self.estimate.trace.scale * self.filtered.smoothed

    @property
    def smoothed_std(self) -> FloatArray:
        """(rows,) its standard deviation [unit], the parameters taken as known."""
        return self.estimate.trace.scale * np.sqrt(np.maximum(self.filtered.smoothed_variance, 0.0))

    @property
    def symmetry_point(self) -> EstimatedSymmetryPoint | None:
        """The symmetry point: the first stable one, else the first; None where there is none."""
        stable = [point for point in self.symmetry_points if point.stable]
        return (stable or list(self.symmetry_points) or [None])[0]

    @property
    def interval95(self) -> dict[str, Interval]:
        """95 % interval of every number that has one: of parameters, read noise and cycle-to-cycle noise."""
        noise = noise_json(self.noise, self.unit)
        known = {name: (value, self.std.get(name)) for name, value in self.parameters.items()}
        known |= {name: (noise[name], noise[std]) for name, std in noise_names(self.unit) if name in noise}
        even = {
            name: evenly(value, std) for name, (value, std) in known.items() if value is not None and std is not None
        }
        return even | self.intervals

    @property
    def no_error(self) -> dict[str, str]:
        """Why a number of `parameters` has no error, by name: it is no estimate of this trace."""
        unit = self.unit
        ends = {f"g_min_{unit}": "lower", f"g_max_{unit}": "upper"}
        return {
            name: f"the {ends[name]} end of what was measured, not a bound" if name in ends else NOT_DETERMINED
            for name, value in self.parameters.items()
            if value is not None and not self.std.get(name)
        }

    @property
    def abrupt(self) -> str:
        """In a sentence, that a single pulse crosses half of the window; "" where none does."""
        rough = [check.told for check in self.checks if check.name == "no abrupt step" and check.failed]
        return rough[0] if rough else ""

    @property
    def unfit_for_auxiliary(self) -> str:
        """Why the device cannot stand in SHD's auxiliary array; "" where it can.

        The auxiliary array lives on pulsing driving each device back to its symmetry point: it must be there, stable,
        known, and approached in small steps. Soft bounds need not hold.
        """
        if self.abrupt:
            return self.abrupt
        point = self.symmetry_point
        if point is None:
            return "it has no symmetry point in the measured range"
        unit = self.unit
        if not point.clear:
            return "its symmetry point is not identified: up and down steps are nearly parallel"
        if not point.stable:
            return (
                f"its symmetry point at {plain_text(point.conductance, unit)} is unstable: pulsing drives away from it"
            )
        if not point.inside:
            return f"its symmetry point at {plain_text(point.conductance, unit)} lies beyond the measured range"
        return "" if point.step > 0 else "its up step does not point up at the symmetry point"

    def steps(self, points: int = 101) -> Steps:
        """The mean steps ΔG±(G) over the measured range, each with its standard deviation.

        Free of the bias that read noise brings to differences of readings: they come from the likelihood of the whole
        trace. Of the fitted model where it holds, else of curved steps.
        """
        if self.measured is not None:
            from sim_device.fit.measured.device import steps_of as measured_steps

            return measured_steps(self.measured, points)
        estimate = self.curved or self.estimate
        covariance = estimate.covariance() if self.accepted else robust_covariance(estimate)
        return steps_of(estimate, covariance, points)

    def json(self) -> dict[str, Any]:
        """As one JSON object; every conductance carries its unit in the key, nothing is NaN or infinite."""
        point = self.symmetry_point
        return {
            "model": self.model_name,
            "accepted": self.accepted,
            "why": self.why,
            "parameters": self.parameters,
            "std": self.std,
            "interval95": {name: list(interval) for name, interval in self.interval95.items()},
            "noise": noise_json(self.noise, self.unit),
            "symmetry_point": _point_json(point, self.unit) if point else None,
            "symmetry_points": [_point_json(each, self.unit) for each in self.symmetry_points],
            "symmetry_points_of_curved_steps": [_point_json(each, self.unit) for each in self.other_symmetry_points],
            "not_identified": list(self.not_identified),
            "auxiliary_array": {"usable": not self.unfit_for_auxiliary, "why_not": self.unfit_for_auxiliary or None},
            "unit": self.unit,
            "readings": int(np.sum(self.estimate.trace.count)),
            "pulses": int(np.sum(np.abs(self.estimate.trace.pulses[~self.estimate.trace.starts]))),
            "log_likelihood": self.log_likelihood,
            "known_before": None if self.before is None else {"used": self.before.used, "p": self.before.p},
            "dropouts": self.estimate.trace.dropouts,
            **_measured_json(self.measured, self.balance, self.unit),
            "prediction": self.prediction and self.prediction.json(),
            "checks": {check.name: {"p": check.p, "failed": check.failed} for check in self.checks},
            "covariance": {"names": list(self.names), "matrix": self.covariance.tolist()},
        }

    def device(self, provenance: Provenance | None = None) -> FittedDevice:
        """The device as a file holds it: the fitted model where it holds and is identified, else a table of steps.

        Raises
        ------
        InputError
            A direction was never pulsed, so that there is no device to train on.
        """
        model = self.model if self.accepted and self.model else self.table or self.model
        if model is None:
            raise InputError("no device can be made of this fit: " + "; ".join(self.not_identified or (self.why,)))
        own = model is self.model
        points = self.symmetry_points if own else self.other_symmetry_points or self.symmetry_points
        stable = [point for point in points if point.stable]
        point = (stable or list(points) or [None])[0]
        return FittedDevice(
            unit="S" if self.unit == "S" else "normalised",
            model_name=model.name,
            parameters=model.parameters(self.unit),
            std=dict(self.std) if own else {},
            covariance=Covariance(names=self.names, matrix=_rows(self.covariance)) if own else None,
            noise=self.noise,
            symmetry_point=_fitted_point(point) if point else None,
            measured=self._measured(),
            verdict=Verdict(
                accepted=self.accepted,
                why=self.why,
                not_identified=self.not_identified,
                unfit_for_auxiliary=self.unfit_for_auxiliary,
            ),
            provenance=provenance or Provenance(),
        )

    def _measured(self) -> Measured:
        trace = self.estimate.trace
        return Measured(
            lowest=trace.centre - trace.scale,
            highest=trace.centre + trace.scale,
            last=float(self.smoothed[-1]),
            readings=int(np.sum(trace.count)),
        )


def _rows(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(number) for number in row) for row in matrix)


def _measured_json(measured: MeasuredFit | None, balance: Balance | None, unit: str) -> dict[str, Any]:
    if measured is None or balance is None:
        return {}
    settling = balance.settling
    return {
        "parts": vars(measured.parts),
        "evidence_bic": measured.evidence,
        "symmetry_verdict": balance.verdict,
        "random_pulsing_settles": settling
        and {
            f"conductance_{unit}": settling.value,
            f"std_{unit}": settling.std,
            f"interval95_{unit}": list(settling.interval),
        },
    }


def _fitted_point(point: EstimatedSymmetryPoint) -> FittedSymmetryPoint:
    return FittedSymmetryPoint(
        conductance=point.conductance,
        std=point.std,
        stable=point.stable,
        step=point.step,
        step_std=point.step_std,
    )


def _point_json(point: EstimatedSymmetryPoint, unit: str) -> dict[str, Any]:
    return {
        f"conductance_{unit}": point.conductance,
        f"std_{unit}": point.std,
        f"interval95_{unit}": list(point.interval),
        "stable": point.stable,
        "probability_stable": point.stability,
        f"step_{unit}": point.step,
        f"step_std_{unit}": point.step_std,
        f"step_interval95_{unit}": list(point.step_interval),
        "contraction": point.contraction,
        "contraction_std": point.contraction_std,
        "clear": point.clear,
        "inside_measured_range": point.inside,
    }
