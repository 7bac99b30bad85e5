"""What training needs to know of a device: reference conductance, step, scale, reach, asymmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instruments.errors import InputError
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import FittedDevice


@dataclass(frozen=True)
class Calibration:
    """Conductances [unit] that turn crosspoints into signed weights ``W = (G − reference)/scale``.

    Attributes
    ----------
    reference
        Zero of the weights: the symmetry point of the auxiliary (or only) crosspoints.
    step
        δ*, the change by one pulse at the symmetry point.
    low, high
        What the crosspoints are known to reach.
    kappa
        Asymmetry κ [1/unit]: ``ΔG± ≈ ±δ* − κδ*(G − G*)`` near the symmetry point (Onen et al. 2022, eq. 2); 0 for a
        symmetric device, None where it is not known.
    reference_std
        Standard error of `reference`; 0 where it is exact.
    """

    reference: float
    step: float
    low: float
    high: float
    kappa: float | None = None
    reference_std: float = 0.0
    unit: str = "S"

    def __post_init__(self) -> None:
        """Refuse a reference outside of the window and a step that is none."""
        numbers = (self.reference, self.step, self.low, self.high)
        if not np.all(np.isfinite(numbers)) or not self.low < self.high:
            raise InputError(f"reference, step, low and high must be finite and low < high, not {numbers}")
        if not self.low < self.reference < self.high:
            raise InputError(
                f"the reference {self.reference:g} {self.unit} lies outside of what the crosspoints reach, "
                f"{self.low:g} to {self.high:g} {self.unit}: weights would have one sign only; find the symmetry point "
                "of this device first (protocol symmetry-point)"
            )
        if not 0 < self.step < self.high - self.low:
            raise InputError(
                f"a step of {self.step:g} {self.unit} by one pulse must be above 0 and below the range "
                f"{self.high - self.low:g} {self.unit}"
            )

    @property
    def scale(self) -> float:
        """Conductance [unit] of a weight of 1: half of the range."""
        return (self.high - self.low) / 2

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest weight that can be held."""
        return (self.low - self.reference) / self.scale, (self.high - self.reference) / self.scale

    @property
    def weight_step(self) -> float:
        """δ*/scale: the weight that one pulse adds at the symmetry point."""
        return self.step / self.scale

    @property
    def weight_kappa(self) -> float | None:
        """κ · scale: the asymmetry in weights."""
        return None if self.kappa is None else self.kappa * self.scale

    @staticmethod
    def from_model(model: DeviceModel, unit: str = "S", reach: tuple[float, float] | None = None) -> Calibration:
        """From a device model: its stable symmetry point, the step and the slopes there. `reach` [unit] narrows it.

        A model without a symmetry point whose steps are equal everywhere (symmetric, constant) takes the middle.
        """
        low, high = reach or model.range
        stable = [point for point in model.symmetry_points() if point.stable and point.step > 0]
        if stable:
            at, step = stable[0].conductance, stable[0].step
        elif (step := _balanced_step(model)) is not None:
            at = (low + high) / 2
        else:
            raise InputError(
                f"this {model.name} device has no stable symmetry point between {model.g_min:g} and {model.g_max:g} "
                f"{unit}: pulsing up and down drives it to a bound, and no reference makes signed weights of it"
            )
        slope = float(model.slope_up(at) + model.slope_down(at))
        return Calibration(at, step, min(low, at), max(high, at), kappa=-slope / (2 * step), unit=unit)

    @staticmethod
    def from_fitted(fitted: FittedDevice, reference: float | None = None, reference_std: float = 0.0) -> Calibration:
        """From a fitted device: its symmetry point; what the data covered is what the weights may reach.

        `reference` [unit], with its standard error, takes the place of the symmetry point: one that was measured by
        itself, or that of the auxiliary crosspoint for a core one. Step and κ are then those of the model there, and
        the reach is as wide on either side of it, as far as a model that was accepted goes.
        """
        point, measured, model = fitted.symmetry_point, fitted.measured, fitted.model()
        if reference is None and (point is None or not point.stable):
            raise InputError(
                "the fitted device has no stable symmetry point: pulsing does not hold it anywhere, so that it cannot "
                "carry a trained weight; see `labshd fit` for what the data show"
            )
        if reference is not None or point is None:
            at, std = reference or 0.0, reference_std
            step = float(model.step_up(at) - model.step_down(at)) / 2
        else:
            at, step, std = point.conductance, point.step, point.std
        reach = (measured.lowest, measured.highest) if measured else model.range
        if reference is not None and fitted.verdict.accepted:
            reach = _mirrored(reach, at, model.range)
        slope = float(model.slope_up(at) + model.slope_down(at))
        kappa = -slope / (2 * step) if step > 0 else None
        return Calibration(at, step, *reach, kappa, std, fitted.unit)


def _mirrored(reach: tuple[float, float], at: float, most: tuple[float, float]) -> tuple[float, float]:
    """A ramp that began off the middle covers more on one side of `at`: that much on either side, within `most`."""
    (low, high), (lowest, highest) = reach, most
    return max(min(low, 2 * at - high), min(low, lowest)), min(max(high, 2 * at - low), max(high, highest))


def _balanced_step(model: DeviceModel) -> float | None:
    grid = np.linspace(model.g_min, model.g_max, 101)[1:-1]
    up, down = model.step_up(grid), model.step_down(grid)
    return float(up.mean()) if np.all(up > 0) and np.allclose(up, -down, rtol=1e-6, atol=0.0) else None
