"""Makes the array of devices that a model and its noise need: plain, or one that remembers."""

from __future__ import annotations

from numpy.typing import ArrayLike

from sim_device.arrays.device_array import DeviceArray, SimNoise, start_of
from sim_device.arrays.measured_array import MeasuredArray, remembers
from sim_device.models.device_model import DeviceModel
from sim_device.models.measured import MeasuredStep
from sim_device.models.population import Population, Spread


def array_of(
    model: DeviceModel,
    shape: tuple[int, int],
    noise: SimNoise,
    spread: Spread,
    seed: int,
    initial: ArrayLike | None,
) -> DeviceArray:
    """Draw the devices and put them at `initial` [unit], or in the middle of the range of the model."""
    population = Population.of(model, shape, spread, seed)
    middle = (model.g_min + model.g_max) / 2
    start = start_of(middle if initial is None else initial, population, shape, seed)
    if isinstance(model, MeasuredStep) and remembers(model, noise):
        return MeasuredArray(population, noise, seed, start, step=model)
    return DeviceArray(population, noise, seed, start)
