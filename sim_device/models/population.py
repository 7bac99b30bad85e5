"""A population of devices: one model, and how devices differ from it (spread, stuck ones)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError, all_at_once
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import ConstantStep, LinearStep, SoftBounds
from sim_device.models.measured import MeasuredStep
from sim_device.models.table import TableStep

Floats: TypeAlias = NDArray[np.float32]
NODES = 1025  # of a tabulated model: linear interpolation of e^(−5ω) is then within 3e-6 of the step


@dataclass(frozen=True)
class Spread:
    """How devices differ: relative standard deviations.

    Attributes
    ----------
    step
        of the size of both steps of a device (lognormal where `lognormal`, else normal and cut at 5 % of the mean).
    up_down
        of the imbalance: up steps times (1 + x), down steps times (1 − x).
    low, high
        of the lower and upper bound, as a fraction of half the range; the range is kept above a tenth of the model's.
    stuck
        fraction of crosspoints that do not move at all, at a conductance uniform within the range.
    """

    step: float = 0.0
    up_down: float = 0.0
    low: float = 0.0
    high: float = 0.0
    lognormal: bool = False
    stuck: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no standard deviation or fraction."""
        numbers = {k: v for k, v in vars(self).items() if k != "lognormal"}
        wrong = [f"{k} = {v:g} must be 0 or more" for k, v in numbers.items() if not v >= 0]
        if not self.stuck <= 1:
            wrong.append(f"stuck = {self.stuck:g} is a fraction of the crosspoints, at most 1")
        if wrong:
            raise InputError(all_at_once("device-to-device spread", wrong))


@dataclass(frozen=True)
class Population:
    """Parameters of every device as the compiled loops take them; arrays of shape (rows, columns).

    `low`, `high` [unit] bound the conductance; `s_up`, `s_down` [1] scale the steps; `saturation` (up, down) tells the
    linear step (1 soft bounds, 0 constant); `table` tells any other, in ranges: rows of up and down steps at (nodes),
    and two of their scatters where those were measured.
    """

    low: Floats
    high: Floats
    s_up: Floats
    s_down: Floats
    saturation: tuple[float, float]
    table: Floats

    @staticmethod
    def of(model: DeviceModel, shape: tuple[int, int], spread: Spread, seed: int) -> Population:
        """Draw the devices of an array; the same seed draws the same devices."""
        shares, saturation, table = _form(model)
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, 0x9E37])))
        gain, imbalance = _gain(rng, spread, shape), spread.up_down * rng.standard_normal(shape)
        bottom, top = _box(model)
        width = top - bottom
        low = bottom + spread.low * width / 2 * rng.standard_normal(shape)
        if bottom >= 0:
            low = np.maximum(low, 0.0)  # no device conducts less than nothing
        high = np.maximum(top + spread.high * width / 2 * rng.standard_normal(shape), low + width / 10)
        moves = rng.random(shape) >= spread.stuck
        # A factor below 0 would turn a device round; a soft-bounds fraction above 1 would jump over its bound.
        largest = 1.0 if table.shape[1] == 0 else np.inf
        s_up = np.clip(shares[0] * np.maximum(gain + imbalance, 0.05), 0.0, largest) * moves
        s_down = np.clip(shares[1] * np.maximum(gain - imbalance, 0.05), 0.0, largest) * moves
        return Population(_floats(low), _floats(high), _floats(s_up), _floats(s_down), saturation, table)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Which crosspoints do not move."""
        return (self.s_up == 0) & (self.s_down == 0)


def _floats(array: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float32)


def _gain(rng: np.random.Generator, spread: Spread, shape: tuple[int, int]) -> NDArray[np.float64]:
    drawn = spread.step * rng.standard_normal(shape)
    return np.exp(drawn) if spread.lognormal else np.maximum(1.0 + drawn, 0.05)


def _form(model: DeviceModel) -> tuple[tuple[float, float], tuple[float, float], Floats]:
    """Steps of a model as (s up, s down), (saturation up, down), table: see `sim_device.arrays.kernels`."""
    none = np.empty((2, 0), dtype=np.float32)
    width = model.g_max - model.g_min
    if isinstance(model, SoftBounds):
        return (model.s_up, model.s_down), (1.0, 1.0), none
    if isinstance(model, ConstantStep):
        return (model.up / width, model.down / width), (0.0, 0.0), none
    if isinstance(model, LinearStep):
        # s is the step where it has the whole range before it, σ the share of that which is gone at the other end.
        first_up, first_down = float(model.step_up(model.g_min)), -float(model.step_down(model.g_max))
        if first_up > 0 and first_down > 0:
            shares = (first_up / width, first_down / width)
            return shares, (-model.up_slope / shares[0], -model.down_slope / shares[1]), none
    return (1.0, 1.0), (1.0, 1.0), _tabulated(model)


def _box(model: DeviceModel) -> tuple[float, float]:
    """Between which conductances a device lives; a measured one as far as its table goes, beyond what was measured.

    Nothing conducts less than nothing.
    """
    if isinstance(model, MeasuredStep):
        bottom, top = model.reach
        return (max(bottom, 0.0) if model.g_min >= 0 else bottom), top
    return model.g_min, model.g_max


def _tabulated(model: DeviceModel) -> Floats:
    bottom, top = _box(model)
    at, width = np.linspace(bottom, top, NODES), top - bottom
    columns = [model.step_up(at), model.step_down(at)]
    if isinstance(model, TableStep):
        columns += [model.scatter_up(at), model.scatter_down(at)]
    return _floats(np.stack(columns) / width)


def nearly_linear_for(table: Floats, gain: float, most: int) -> int:
    """Pulses in a row, at most `most`, over which every step is linear to half a percent of the largest one.

    `gain` is the largest factor of a device on the table.
    """
    steps = table[:2].astype(np.float64) * gain
    largest = float(np.abs(steps).max())
    n = most
    while n > 1 and largest > 0:
        ahead = max(1, int(np.ceil(n * largest * (NODES - 1))))
        slope = np.diff(steps, axis=1)
        if ahead < NODES - 1:
            off = steps[:, ahead:] - steps[:, :-ahead] - ahead * slope[:, : NODES - ahead]
            if np.abs(off).max() < 0.005 * largest:
                break
        n //= 2
    return max(1, n)
