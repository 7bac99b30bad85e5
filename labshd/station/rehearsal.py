"""The virtual bench of a station file: twins of its instruments, its wiring, its crosspoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from instruments.bench.wiring import Kind
from instruments.clock import Clock
from instruments.errors import InputError
from labshd.station.boxes import boxes, named_roles
from labshd.station.schema import BenchFile
from sim_device.models.fitted import FittedDevice
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.devices.device import PRESETS, DeviceParameters
from sim_device.virtual_bench.devices.resistor import Resistor


def virtual_bench(
    file: BenchFile, folder: Path, *, seed: int | None = None, clock: Clock | None = None
) -> VirtualBench:
    """Twins and devices for `file`; `folder` is where a fitted device is looked for.

    `seed` replaces that of the file; it decides which individuals the devices are, and their noise.
    `clock` replaces the one that only waiting moves.
    """
    kind: str | DeviceParameters = file.rehearsal.device
    if file.rehearsal.device.endswith(".json"):
        kind = _like_fitted(folder / file.rehearsal.device, file)
    devices = make_devices(file.crosspoints, kind, file.rehearsal.seed if seed is None else seed)
    if file.check is not None:
        parameters = devices[file.check.crosspoint].parameters
        devices[file.check.crosspoint] = Resistor(parameters, 1.0 / file.check.resistor)
    instruments = {box.resource: box.plugged() for box in boxes(named_roles(file.instruments))}
    return VirtualBench(file.bench_wiring(), devices, instruments, clock)


def _like_fitted(path: Path, file: BenchFile) -> DeviceParameters:
    """A virtual device whose steps and noise are those of a fitted one at the pulses of the station.

    What a fit does not know (voltage and width dependence, relaxation, slow noise) is taken from the preset for the
    kind of wiring.
    """
    fitted = FittedDevice.load(path)
    model = fitted.model()
    if fitted.unit != "S" or not isinstance(model, SoftBounds):
        raise InputError(
            f"{path}: a rehearsal needs soft bounds in siemens, this is {fitted.model_name} in {fitted.unit}; "
            'rehearse with "ecram" or "rram" instead'
        )
    base = PRESETS["ecram" if file.wiring.kind is Kind.THREE_TERMINAL else "rram"]
    scale = (model.g_max - model.g_min) / (base.core.g_max - base.core.g_min)
    return replace(
        base,
        core=model,
        reference=file.pulse_pair(),
        cycle_to_cycle=fitted.noise.cycle_to_cycle or 0.0,
        white_noise=fitted.noise.read or 0.0,
        slow_noise=base.slow_noise * scale,
        rest=(model.g_min + model.g_max) / 2,
    )
