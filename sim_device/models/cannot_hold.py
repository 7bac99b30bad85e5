"""What of a fitted device a format of other simulators cannot hold: said with each export."""

from __future__ import annotations

from sim_device.models.fitted import FittedDevice
from sim_device.models.measured import MeasuredStep
from sim_device.models.table import TableStep


def cannot_hold(device: FittedDevice, to: str) -> tuple[str, ...]:
    """In words, each part of `device` that an export to "aihwkit" or "crosssim" leaves out; none of "json"."""
    if to == "json":
        return ()
    model, noise = device.model(), device.noise
    found: list[str] = []
    if isinstance(model, MeasuredStep):
        found += _of_steps(model)
    if isinstance(model, TableStep):
        found.append("scatter that depends on G: it is exported as one cycle-to-cycle noise")
    if noise.slow:
        found.append("slow read noise")
    if noise.proportional:
        found.append("read noise that goes with G")
    if noise.drift:
        found.append("drift of the conductance in time")
    if to == "crosssim" and noise.read:
        found.append("read noise: CrossSim sets it apart from its tables")
    if to == "crosssim" and noise.write:
        found.append("write noise")
    return tuple(found)


def _of_steps(model: MeasuredStep) -> list[str]:
    parts = {
        "history after a reversal": any(model.history[k] for k in (0, 2, 3, 5)),
        "a factor for each ramp": any(model.ramps),
        "heavy tails of the steps": bool(model.tails),
        "the share of a step that relaxes": bool(model.relaxing[0]),
        "wear: steps are those at the end of the trace": bool(model.wear[0]),
    }
    return [name for name, there in parts.items() if there]
