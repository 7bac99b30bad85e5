"""What a fitted device, or a preset, says about crosspoints that are simulated of it."""

from __future__ import annotations

from typing import Any

from sim_device.arrays.device_array import SimNoise
from sim_device.models.fitted import FittedDevice, Noise
from sim_device.models.presets import Preset


def of_fitted(fitted: FittedDevice) -> dict[str, Any]:
    """Arguments of `SimCrosspoints`; noise that was not identified is taken as 0."""
    given: dict[str, Any] = {
        "noise": noise_of(fitted.noise),
        "initial": fitted.measured.last if fitted.measured else None,
        "unit": fitted.unit,
        "details": {"fitted_from": fitted.provenance.run, "accepted": fitted.verdict.accepted},
    }
    if fitted.provenance.read_voltage_V:
        given["read_voltage"] = fitted.provenance.read_voltage_V
    return given


def noise_of(found: Noise) -> SimNoise:
    """As the crosspoints take it."""
    plain = found.cycle_to_cycle or 0.0, found.read or 0.0, found.write or 0.0
    if not (found.proportional or found.slow):
        return SimNoise(*plain)
    from sim_device.arrays.measured_array import MeasuredNoise

    return MeasuredNoise(*plain, found.proportional or 0.0, found.slow or 0.0, found.slow_readings or 1.0)


def of_preset(chosen: Preset) -> dict[str, Any]:
    """Arguments of `SimCrosspoints`."""
    return {
        "noise": SimNoise(chosen.cycle_to_cycle, chosen.read_noise, chosen.write_noise),
        "spread": chosen.spread,
        "details": {"preset": chosen.name, "source": chosen.source},
    }
