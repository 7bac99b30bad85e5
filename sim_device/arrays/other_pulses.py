"""Pulses other than the model's own pair: the same devices, with steps scaled by a voltage law.

A pulse that counts as `x` pulses of reference (`sim_device.models.voltage_law`) goes as far as `x` of them in a row,
noise aside. Where steps are linear in the conductance, which soft bounds and constant steps are, that is in closed
form, with s the step as a share of the range and σ the saturation of `sim_device.arrays.linear_rows`,

    1 - σ s_x = (1 - σ s)^x,    s_x = x s where σ = 0:

the law of the virtual bench, `1 - s_x = (1 - s)^x`. Steps from a table are repeated as often as x has whole pulses, and
the rest p < 1 takes the table as linear where it stands, ``ΔG_p = ΔG (1 - r^p)/(1 - r)``, r = 1 + dΔG/dG.

It is one pulse, and its noise that of one: cycle-to-cycle noise is relative to its own step, as for the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, PulsePair
from instruments.errors import InputError
from sim_device.models.population import Floats, Population
from sim_device.models.voltage_law import VoltageLaw

_MOST = 1e9  # reference pulses that one counts for at most: any device is at its bound long before
_LOG_LARGEST = 60.0  # of the growth of a step: e^60 ranges are beyond any bound, and still a float32


@dataclass(frozen=True)
class AppliedPair:
    """A pair as it is applied: `times` (up, down), the reference pulses that what moves up and down counts as [1].

    `sign` is -1 where the pulse called up moves down, and the one called down moves up.
    """

    pulses: PulsePair
    times: tuple[float, float] = (1.0, 1.0)
    sign: int = 1


def applied(pulses: PulsePair | None, reference: PulsePair, law: VoltageLaw | None, name: str) -> AppliedPair:
    """How `pulses` (None: the reference) act on devices whose steps are those of `reference`.

    Raises `InputError` where nobody can tell, and for a pair that moves one way only.
    """
    if pulses is None or pulses == reference:
        return AppliedPair(reference)
    if law is None:
        raise InputError(
            f"{name} is simulated by a model that knows no pulse voltage or width: it can apply its own pair "
            f"({reference}) but not {pulses}; give it a law of voltage and width ([simulated.law] in the station "
            "file, law=VoltageLaw(...) in Python), or rehearse on the virtual bench"
        )
    rising = reference.up.voltage > 0
    up, down = ((one.voltage > 0) == rising for one in (pulses.up, pulses.down))
    if up == down:
        raise InputError(f"both pulses of {pulses} move {name} the same way; give them voltages of opposite sign")
    first, second = (pulses.up, pulses.down) if up else (pulses.down, pulses.up)
    times = (law.times(first, reference.up), law.times(second, reference.down))
    return AppliedPair(pulses, times, 1 if up else -1)


def under(population: Population, times: tuple[float, float]) -> Population:
    """The devices with steps as of pulses that count as `times` (up, down) [1] pulses of reference.

    A device's own factor on a table multiplies the step of the pulse, so that it is exact for small steps only.
    """
    if population.table.shape[1]:
        return replace(population, table=_tables(population.table, times))
    steps = zip((population.s_up, population.s_down), population.saturation, times, strict=True)
    s_up, s_down = (_linear(s, share, x) for s, share, x in steps)
    return replace(population, s_up=s_up, s_down=s_down)


def _linear(s: Floats, share: float, x: float) -> Floats:
    if x == 1:
        return s
    x, whole = min(x, _MOST), s.astype(np.float64)
    if share == 0:
        return (x * whole).astype(np.float32)
    slope = np.minimum(whole * share, 1 - 1e-12)  # a step that goes all the way goes no further
    return (-np.expm1(np.minimum(x * np.log1p(-slope), _LOG_LARGEST)) / share).astype(np.float32)


def _tables(table: Floats, times: tuple[float, float]) -> Floats:
    """A table (2 or 4, nodes) of other pulses; a measured scatter stays the same share of the step."""
    rows = table.astype(np.float64)
    steps = [_repeated(row, x) for row, x in zip(rows[:2], times, strict=True)]
    scatters = [
        np.minimum(scatter * _ratio(new, old, x), 1.0)
        for scatter, new, old, x in zip(rows[2:], steps, rows[:2], times, strict=False)
    ]
    return np.ascontiguousarray(np.stack(steps + scatters), dtype=np.float32)


def _ratio(new: FloatArray, old: FloatArray, x: float) -> FloatArray:
    """``|new / old|``, and x where there is no step to compare with."""
    size = np.abs(old)
    there = size > 1e-9 * float(size.max(initial=0.0))
    return np.divide(np.abs(new), size, out=np.full_like(size, min(x, _MOST)), where=there)


def _repeated(steps: NDArray[np.float64], x: float) -> FloatArray:
    """Steps [ranges] at equally spaced nodes, x of them in a row: by squaring, as 2^k pulses are twice 2^(k - 1)."""
    at = np.linspace(0.0, 1.0, len(steps))
    whole, part = divmod(min(x, _MOST), 1.0)
    here, jump, left = at.copy(), at + steps, int(whole)
    while left:
        if left % 2:
            here = np.interp(here, at, jump)
        left //= 2
        jump = np.interp(jump, at, jump)
    rate = np.log(np.maximum(1.0 + np.interp(here, at, np.gradient(steps, at)), 1e-6))
    flat = np.abs(rate) < 1e-9
    share = np.where(flat, part, np.expm1(part * rate) / np.expm1(np.where(flat, 1.0, rate)))
    return here - at + share * np.interp(here, at, steps)
