"""Quasi-static sweeps: a source-measure unit holds one voltage after another and measures at each.

One crosspoint after the other is swept from its first level to its last, so that a device is never released to 0 V
between two levels. Voltages and compliances of the whole list are checked before the first byte. Relays move cold;
however a sweep ends, at its last level, at an error, or because whoever asked for it has seen enough, the output is
off before anything else is done. A level above the read voltage is stress, and is counted on the pulse budget.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from instruments.bench.bench import Bench
from instruments.crosspoints import Status, Sweep
from instruments.levels import Levels, spread
from instruments.roles import Measurement


def sweep(bench: Bench, names: NDArray[np.str_], levels: Levels) -> Sweep:
    """Check everything, then hold crosspoint by crosspoint, yielding each level as (1, rows, columns).

    A reading has the numbers of the crosspoint that was held; the others are NaN and `Status.INVALID`.
    """
    levels.check(bench.limits)
    bench.check_budget(names, levels.stress(bench.limits))
    return _swept(bench, names, levels)


def _swept(bench: Bench, names: NDArray[np.str_], levels: Levels) -> Sweep:
    rows, columns = names.shape
    shape = rows, columns
    for place, each in groupby(levels.in_turn(), key=lambda one: one[1:]):
        asked = [
            (float(levels.voltages[at]), float(levels.compliance[at[0]]), float(levels.dwell[at[0]])) for at in each
        ]
        steps = _held(bench, str(names[place]), asked)
        try:
            for (voltage, _, _), (at, measured) in zip(asked, steps, strict=True):
                yield spread(shape, place, *_measured(voltage, at, measured))
        finally:
            steps.close()


def _held(
    bench: Bench, name: str, asked: Sequence[tuple[float, float, float]]
) -> Generator[tuple[float, Measurement], None, None]:
    """(time [s], measurement) at every (voltage [V], compliance [A], dwell [s]).

    The output goes off where the compliance changes.
    Ranges are set while the output is off, for the largest voltage under that compliance: none changes under a device.
    """
    smu = bench.begin_sweep(name)
    try:
        for compliance, part in groupby(asked, key=lambda one: one[1]):
            steps = [(voltage, dwell) for voltage, _, dwell in part]
            smu.off()
            smu.configure_sweep(max(abs(voltage) for voltage, _ in steps), compliance, bench.reading.integration)
            smu.output_on()
            for voltage, dwell in steps:
                bench.switching.permit()
                bench.count_stress(name, voltage)
                smu.level(voltage)
                if dwell:
                    bench.clock.wait(dwell)
                (measured,) = smu.measure(1)
                yield bench.clock.now(), measured
    finally:
        bench.switching.told_off(smu)
        smu.off()


def _measured(voltage: float, at: float, measured: Measurement) -> tuple[float, float, float, float, int]:
    """Conductance [S], voltage, current, time, status of a crosspoint held at `voltage` [V]; no G at 0 V."""
    known = all(map(math.isfinite, (measured.voltage, measured.current))) and not measured.status & Status.INVALID
    if known and voltage != 0 and measured.voltage != 0:
        conductance = measured.current / measured.voltage
        return conductance, measured.voltage, measured.current, at, int(measured.status)
    return math.nan, measured.voltage, measured.current, at, int(measured.status | Status.INVALID)
