"""Ramps up and down among the points of another protocol or program."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.value_text import count_text
from protocols.analysis.common.foreign_trace import RampRows, Trace
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST = 5  # pulses of a ramp: its end is a mean of 5 states
_PLAIN = 20  # pulses in a row that chance does not make of random ones
_SHARE = 0.9  # of the pulses that are in ramps, where these are shorter
_NAMES = {1: "up", -1: "down"}


def ramps_up_and_down(series: Series, cycles: Cycles | None) -> Foreign:
    """The ramps, each with the reading before it, as `update-response` takes them."""
    trace = Trace.of(series)
    ramps = _ramps(trace)
    number = _numbers(ramps)
    most = max(number)
    if cycles is not None:
        cycles.pick(range(most), "cycles of ramps")
        chosen = [ramp for ramp, k in zip(ramps, number, strict=True) if cycles.first <= k <= cycles.last]
        if {ramp.direction for ramp in chosen} != {1, -1}:
            raise InputError(f"cycle {cycles}: no ramp up and down are in it; give another of 1 to {most}")
    else:
        chosen = ramps
    growing = _growing(trace, chosen)
    phases, keep = np.full(len(trace), "before"), np.zeros(len(trace), dtype=bool)
    for ramp in chosen:
        keep[max(ramp.first - 1, 0) : ramp.last] = True
        phases[ramp.first : ramp.last] = _NAMES[ramp.direction]
    first = chosen[0].first
    keep[:first] = keep[:first] | (first == ramps[0].first)  # readings at rest at the beginning
    rows = np.flatnonzero(keep)
    return trace.taken(phases[rows], _said(trace, ramps, chosen, rows, growing), rows, ramp=growing)


def _ramps(trace: Trace) -> list[RampRows]:
    """Ramps that are long beside the longest of their direction; `InputError` unless there are some of either."""
    every = trace.ramps()
    longest = {d: max((r.pulses for r in every if r.direction == d), default=0) for d in (1, -1)}
    lengths = {d: max(_FEWEST, longest[d] / 4) for d in (1, -1)}
    ramps = [ramp for ramp in every if ramp.pulses >= lengths[ramp.direction]]
    states = {d: max((_states(trace, r) for r in ramps if r.direction == d), default=0) for d in (1, -1)}
    of = _of_longest(trace, every)
    if min(states.values()) < _FEWEST:
        raise InputError(
            f"update-response needs ramps of pulses up and down, at least {_FEWEST} in a row with readings between "
            f"them; {of}"
        )
    share = sum(r.pulses for r in ramps) / max(sum(r.pulses for r in every), 1)
    if min(longest.values()) < _PLAIN and share < _SHARE:
        raise InputError(
            f"update-response needs ramps of pulses up and down; pulses that go up and down at random are none ({of}); "
            "symmetry-point takes them"
        )
    return ramps


def _states(trace: Trace, ramp: RampRows) -> int:
    return int(np.count_nonzero(trace.pulses[ramp.first : ramp.last]))


def _of_longest(trace: Trace, ramps: list[RampRows]) -> str:
    said: list[str] = []
    for direction, name in _NAMES.items():
        best = max((r for r in ramps if r.direction == direction), key=lambda r: _states(trace, r), default=None)
        if best is None:
            said.append(f"none {name}")
        else:
            said.append(f"{_states(trace, best)} {name} ({trace.said(best.first, best.end + 1)})")
    return f"the longest here are {' and '.join(said)}"


def _numbers(ramps: list[RampRows]) -> list[int]:
    """The cycle of each ramp, from 1: the first up and the first down make the first."""
    done, numbers = {1: 0, -1: 0}, list[int]()
    for ramp in ramps:
        done[ramp.direction] += 1
        numbers.append(done[ramp.direction])
    return numbers


def _growing(trace: Trace, ramps: list[RampRows]) -> str:
    """What grows along the ramps: "identical" pulses, or their "voltage" or "width"; `InputError` for anything else."""
    shapes = [trace.shapes(sign) for sign in (1, -1)]
    if all(len(one) <= 1 for one in shapes):
        return "identical"
    volts, widths = ({len({shape[k] for shape in one}) for one in shapes} for k in (0, 1))
    for name, array, other in (
        ("voltage", trace.series.pulse_voltage, widths),
        ("width", trace.series.pulse_width, volts),
    ):
        if array is not None and max(other) <= 1 and all(_grows(trace, array[:, 0, 0], ramp) for ramp in ramps):
            return name
    trace.one_pair("update-response")
    return "identical"


def _grows(trace: Trace, values: NDArray[np.float64], ramp: RampRows) -> bool:
    of = np.abs(values[ramp.first : ramp.last][trace.pulses[ramp.first : ramp.last] != 0])
    return bool(np.all(np.diff(of[np.isfinite(of)]) >= 0))


def _said(
    trace: Trace, ramps: list[RampRows], chosen: list[RampRows], rows: NDArray[np.int64], growing: str
) -> list[str]:
    said: list[str] = []
    for direction, name in _NAMES.items():
        of = [ramp for ramp in chosen if ramp.direction == direction]
        listed = trace.listed([(ramp.first, ramp.last) for ramp in of])
        lengths = sorted({ramp.pulses for ramp in of})
        pulses = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
        said.append(f"ramps {name} of {pulses} pulses are taken from {listed}.")
    if growing != "identical":
        said.append(f"Pulses of a ramp grow in {growing}.")
    if len(chosen) < len(ramps):
        said.append(f"{len(ramps) - len(chosen)} ramps are of other cycles and are left out.")
    left = len(trace) - rows.size
    if left and len(chosen) == len(ramps):
        said.append(f"{count_text(left)} readings are of no ramp and are left out.")
    return said
