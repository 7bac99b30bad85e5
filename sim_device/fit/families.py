"""Device models that can be fitted: how each is started, computed, and turned back into a model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.fit import kernels
from sim_device.fit.estimate import Estimate, Shape, maximum
from sim_device.fit.scatter import local_scatter
from sim_device.fit.trace import Trace
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import ConstantStep, ExponentialStep, LinearStep, PowerStep, SoftBounds
from sim_device.models.table import TableStep

STEEPEST = 20.0  # θ2: a step that falls by e^40 over the range
NODES = 33  # of a table made from curved steps


class Family(ABC):
    """One kind of device model. A fit of it starts from the straight steps that were fitted to the same trace."""

    name: ClassVar[str]

    @abstractmethod
    def fit(self, straight: Estimate) -> Estimate:
        """The maximum for this kind of steps."""

    @abstractmethod
    def model(self, estimate: Estimate) -> DeviceModel:
        """The device model in the unit of the trace. `InputError` where the estimate is none of this kind."""


class SoftBoundsFamily(Family):
    """Straight steps that fall towards bounds."""

    name = SoftBounds.name

    def fit(self, straight: Estimate) -> Estimate:
        """Straight steps, their slopes within (−1, 0)."""
        from sim_device.fit.start import linear_starts

        if straight.theta[1] < 0 and straight.theta[3] < 0:
            return straight
        return maximum(straight.trace, straight.shape, linear_starts(straight.trace), softly_bound=True)

    def model(self, estimate: Estimate) -> DeviceModel:
        """``g_max = c − h u0/u1``, ``g_min = c − h d0/d1``, s = −slope."""
        (u0, u1, d0, d1), t = _floats(estimate.theta[:4]), estimate.trace
        return SoftBounds(t.centre - t.scale * d0 / d1, t.centre - t.scale * u0 / u1, -u1, -d1)


class LinearFamily(Family):
    """Straight steps of any slope."""

    name = LinearStep.name

    def fit(self, straight: Estimate) -> Estimate:
        """What was fitted already."""
        return straight

    def model(self, estimate: Estimate) -> DeviceModel:
        """Steps at the middle of the measured range, and their slopes."""
        (u0, u1, d0, d1), t = _floats(estimate.theta[:4]), estimate.trace
        return LinearStep(*_range(t), t.scale * u0, t.scale * d0, u1, d1)


class ExponentialFamily(Family):
    """``f = θ0 + θ1 (e^{θ2 x} − 1)/θ2`` in each direction."""

    name = ExponentialStep.name

    def fit(self, straight: Estimate) -> Estimate:
        """From a slight bend of either sign."""
        old = straight.theta
        starts = [np.array([old[0], old[1], bend, old[2], old[3], -bend, *old[4:6]]) for bend in (-0.5, 0.5, -2.0)]
        return maximum(straight.trace, Shape(kernels.EXPONENTIAL, 3), starts)

    def model(self, estimate: Estimate) -> DeviceModel:
        """With x = 2ω − 1: ``f = (θ0 − θ1/θ2) + (θ1/θ2) e^{−θ2} e^{2θ2 ω}``; down likewise from the other end."""
        u, d, t = _floats(estimate.theta[:3]), _floats(-estimate.theta[3:6]), estimate.trace
        cu, cd = (c if abs(c) > 1e-6 else 1e-6 for c in (u[2], -d[2]))
        if max(abs(cu), abs(cd)) > STEEPEST:
            raise InputError(
                "the steps fall to nothing within a small part of the range: no exponential describes them"
            )
        return ExponentialStep(
            *_range(t),
            up=t.scale * (u[0] - u[1] / cu),
            down=t.scale * (d[0] - d[1] / cd),
            up_extra=t.scale * u[1] / cu * math.exp(-cu),
            down_extra=t.scale * d[1] / cd * math.exp(cd),
            gamma_up=-2.0 * cu,
            gamma_down=2.0 * cd,
        )


class PowerFamily(Family):
    """``f = θ0 (1 + θ1 x)^θ2`` in each direction, the bound at x = −1/θ1."""

    name = PowerStep.name

    def fit(self, straight: Estimate) -> Estimate:
        """From straight steps with their bounds kept outside of the measured range."""
        (u0, u1, d0, d1), noise = straight.theta[:4], straight.theta[4:6]
        up, down = (
            float(np.clip(ratio, *limits)) for ratio, limits in ((u1 / u0, (-0.9, -0.1)), (d1 / d0, (0.1, 0.9)))
        )
        starts = [np.array([u0, up, p, d0, down, p, *noise]) for p in (1.0, 2.0)]
        return maximum(straight.trace, Shape(kernels.POWER, 3), starts)

    def model(self, estimate: Estimate) -> DeviceModel:
        """Bounds at −1/θ1; ``δ = θ0 (R/xb)^θ2`` with R the distance of the bounds and xb that of a bound from x = 0."""
        (u0, u1, up, d0, d1, dp), t = _floats(estimate.theta[:6]), estimate.trace
        if not (u1 < 0 < d1 and up >= 0 and dp >= 0 and u0 > 0 > d0):
            raise InputError("the steps do not fall as a power of the distance to bounds above and below")
        high, low = -1.0 / u1, -1.0 / d1
        width = high - low
        return PowerStep(
            t.centre + t.scale * low,
            t.centre + t.scale * high,
            up=t.scale * u0 * (width / high) ** up,
            down=-t.scale * d0 * (width / -low) ** dp,
            gamma_up=up,
            gamma_down=dp,
        )


class ConstantFamily(Family):
    """Constant steps up to hard bounds, the corner rounded over half a step so that it has a derivative."""

    name = ConstantStep.name

    def fit(self, straight: Estimate) -> Estimate:
        """From the mean steps, bounds at the ends of the measured range."""
        old = straight.theta
        up, down = max(old[0], 1e-6), max(-old[2], 1e-6)
        shape = Shape(kernels.HARD, 2, np.array([0.5 * min(up, down)]))
        # Readings at a bound scatter beyond it by the read noise.
        out = 2.0 * float(np.exp(old[5] / 2))
        starts = [np.array([up, 1.0 - m, down, -1.0 + m, *old[4:6]]) for m in (0.0, out, 2 * out, 3 * out)]
        return maximum(straight.trace, shape, starts)

    def model(self, estimate: Estimate) -> DeviceModel:
        """Steps and bounds as they are."""
        (up, high, down, low), t = _floats(estimate.theta[:4]), estimate.trace
        return ConstantStep(t.centre + t.scale * low, t.centre + t.scale * high, t.scale * up, t.scale * down)


class TableFamily(Family):
    """Steps of any smooth shape."""

    name = TableStep.name

    def fit(self, straight: Estimate) -> Estimate:
        """A Legendre series, the number of terms chosen by BIC."""
        from sim_device.fit.flexible import flexible

        return flexible(straight)

    def model(self, estimate: Estimate) -> DeviceModel:
        """The steps at nodes over the measured range, with the scatter of steps that was found there."""
        t, x = estimate.trace, np.linspace(-1.0, 1.0, NODES)
        steps = [np.array([estimate.at(at, way)[0] for at in x]) * t.scale for way in (+1, -1)]
        scatter = [t.scale * local_scatter(estimate, x, way) for way in (+1, -1)]
        return TableStep(*_range(t), *(_tuple(column) for column in (t.centre + t.scale * x, *steps, *scatter)))


FAMILIES: tuple[Family, ...] = (
    SoftBoundsFamily(),
    LinearFamily(),
    ExponentialFamily(),
    PowerFamily(),
    ConstantFamily(),
    TableFamily(),
)


def family_named(name: str) -> Family:
    """The family with this `name`. `InputError` lists the known ones."""
    for family in FAMILIES:
        if family.name == name:
            return family
    raise InputError(f"{name!r} cannot be fitted to a trace; these can: {', '.join(f.name for f in FAMILIES)}")


def _range(trace: Trace) -> tuple[float, float]:
    return trace.centre - trace.scale, trace.centre + trace.scale


def _floats(theta: FloatArray) -> list[float]:
    return [float(value) for value in theta]


def _tuple(column: FloatArray) -> tuple[float, ...]:
    return tuple(_floats(column))
