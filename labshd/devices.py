"""A device by name or file: simulated crosspoints of a preset or of a fitted device."""

from __future__ import annotations

from pathlib import Path

from instruments.crosspoints import PulsePair
from sim_device.crosspoints import NOMINAL, SimCrosspoints
from sim_device.fitted import FittedDevice
from sim_device.presets import preset


def simulated_crosspoints(
    device: str,
    folder: Path | None = None,
    *,
    shape: tuple[int, int] = (1, 1),
    seed: int = 0,
    pulses: PulsePair = NOMINAL,
    name: str = "simulated",
) -> SimCrosspoints:
    """Crosspoints of `device`: the name of a preset, or the ``.json`` file of a fitted device, beside `folder`.

    Raises `InputError` for an unknown preset, or a file that is missing or wrong.
    """
    if device.endswith(".json"):
        fitted = FittedDevice.load((folder or Path()) / device)
        return SimCrosspoints.from_fitted(fitted, shape, seed=seed, pulses=pulses, name=name)
    return SimCrosspoints.from_preset(preset(device), shape, seed=seed, pulses=pulses, name=name)
