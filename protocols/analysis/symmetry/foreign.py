"""Random, alternating or ramped pulses among the points of another protocol or program, for the symmetry point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.value_text import count_text
from protocols.analysis.common.foreign_trace import RampRows, Trace
from protocols.analysis.common.stretches import stretches
from protocols.analysis.symmetry.estimate import (
    ALTERNATING,
    DRIVE_DOWN,
    DRIVE_UP,
    FROM_ABOVE,
    FROM_BELOW,
    RANDOM,
    REST,
)
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST = 20  # pulses of either direction
_DRIVE = 20  # pulses in a row that chance does not make of random ones
_BEGINS = "begins a piece"
_TAKEN = {
    _BEGINS: "after what is not known",
    REST: "readings before the first pulse",
    DRIVE_UP: f"{_DRIVE} or more pulses up in a row",
    DRIVE_DOWN: f"{_DRIVE} or more pulses down in a row",
    RANDOM: "pulses in no order",
    ALTERNATING: "pulses up and down in turn",
}


def approaches(series: Series, cycles: Cycles | None) -> Foreign:
    """The whole trace, as `symmetry-point` takes it: its estimate is the likelihood of all readings."""
    if cycles is not None:
        raise InputError(f"cycle {cycles}: symmetry-point takes the whole trace; leave it out")
    trace = Trace.of(series)
    trace.one_pair("symmetry-point")
    up, down = (int(np.sum(np.abs(trace.pulses[np.sign(trace.pulses) == sign]))) for sign in (1, -1))
    if min(up, down) < _FEWEST:
        raise InputError(
            f"symmetry-point needs at least {_FEWEST} pulses up and {_FEWEST} down, with readings between them; "
            f"here are {count_text(up)} up and {count_text(down)} down"
        )
    phases = _phases(trace)
    return trace.taken(phases, _said(trace, phases))


def _phases(trace: Trace) -> NDArray[np.str_]:
    phases = np.full(len(trace), _BEGINS, dtype="<U32")
    at_rest = trace.counts == 0
    at_rest[0] = True
    phases[: len(trace) if np.all(at_rest) else int(np.argmin(at_rest))] = (
        REST  # one level: the read noise is told by it
    )
    side, mixed = "", list[RampRows]()
    for ramp in trace.ramps():
        if ramp.pulses < _DRIVE:
            mixed.append(ramp)
            continue
        _name_mixed(phases, mixed, side)
        mixed = []
        phases[ramp.first : ramp.last] = DRIVE_UP if ramp.direction > 0 else DRIVE_DOWN
        side = FROM_ABOVE if ramp.direction > 0 else FROM_BELOW
    _name_mixed(phases, mixed, side)
    return phases


def _name_mixed(phases: NDArray[np.str_], mixed: list[RampRows], side: str) -> None:
    """Pulses in both directions after a drive to one side are an approach from there."""
    if not mixed:
        return
    single = np.mean([ramp.pulses == 1 for ramp in mixed[:-1]] or [True])
    kind = ALTERNATING if single > 0.9 else RANDOM
    for ramp in mixed:
        phases[ramp.first : ramp.last] = kind + side


def _said(trace: Trace, phases: NDArray[np.str_]) -> list[str]:
    found: dict[str, list[tuple[int, int]]] = {}
    for phase, first, last in stretches(phases):
        found.setdefault(phase, []).append((first, last))
    told = {name: _TAKEN[name.split(", ", maxsplit=1)[0]] for name in found}
    said = [f'"{name}" ({told[name]}) is taken from {trace.listed(where)}.' for name, where in found.items()]
    unknown = int(np.sum(~trace.known[1:]))
    if unknown:
        said.append(f"Not known is what came before {count_text(unknown)} of the readings; a piece begins with each.")
    return said
