"""Devices by name or file: presets, fitted devices, runs that hold one; and simulated crosspoints made of them."""

from __future__ import annotations

from pathlib import Path

from instruments.crosspoints import PulsePair
from instruments.errors import InputError
from labshd.runs.run import open_run
from sim_device.arrays.crosspoints import NOMINAL, SimCrosspoints
from sim_device.models.fitted import FittedDevice
from sim_device.models.presets import PRESETS, Preset, preset
from sim_device.models.voltage_law import VoltageLaw

FITTED = "fitted.json"  # name of the fitted device in the folder of a run


def fitted_or_preset(device: str, folder: Path | None = None) -> FittedDevice | Preset:
    """`device` is a ``.json`` file of a fitted device, a run that was fitted, or the name of a preset.

    A run is given as everywhere: its folder, its id or a part of it, or "last". Files are looked for beside `folder`.
    Raises `InputError` for an unknown preset, or a file that is missing or wrong.
    """
    path = (folder or Path()) / device
    if path.is_dir():
        return FittedDevice.load(path / FITTED)
    if device.endswith(".json"):
        return FittedDevice.load(path)
    if device not in PRESETS and (run := _run_of(device)) is not None:
        return FittedDevice.load(run / FITTED)
    return preset(device)


def _run_of(device: str) -> Path | None:
    """The folder of the run that is meant; None where there is none such."""
    try:
        return open_run(device).folder
    except InputError:
        if device == "last":
            raise
        return None


def simulated_crosspoints(
    device: str,
    folder: Path | None = None,
    *,
    shape: tuple[int, int] = (1, 1),
    seed: int = 0,
    pulses: PulsePair = NOMINAL,
    law: VoltageLaw | None = None,
    name: str = "simulated",
) -> SimCrosspoints:
    """Crosspoints of a device, as `fitted_or_preset` finds it. Its steps are those of `pulses`; others by the `law`."""
    source = fitted_or_preset(device, folder)
    if isinstance(source, FittedDevice):
        made = SimCrosspoints.from_fitted(source, shape, seed=seed, pulses=pulses, law=law)
    else:
        made = SimCrosspoints.from_preset(source, shape, seed=seed, pulses=pulses, law=law)
    made.name = name
    return made
