"""Abrupt devices: a check for single pulses that cross much of the window, as in a filament's reset."""

from __future__ import annotations

import numpy as np

from sim_device.fit.checks import Check
from sim_device.fit.trace import Trace

LEAST_SHARE = 0.5  # of the measured window, by a single pulse
LEAST_MADS = 10.0  # median absolute deviations from the median change in that direction


def abrupt(trace: Trace) -> Check:
    """Whether any single pulse crossed half of the window and stands out from the changes in its direction.

    ``p`` is 0 for an abrupt device and 1 for any other: this is a definition and no test.
    """
    change = np.diff(trace.mean)
    single = ~trace.starts[1:] & (trace.count[1:] > 0) & (trace.count[:-1] > 0) & (np.abs(trace.pulses[1:]) == 1)
    worst, way = 0.0, ""
    for sign, name in ((+1, "up"), (-1, "down")):
        steps = change[single & (np.sign(trace.pulses[1:]) == sign)]
        if len(steps) < 5:
            continue
        spread = float(np.median(np.abs(steps - np.median(steps))))
        largest = float(np.max(np.abs(steps)))
        if largest > 2.0 * LEAST_SHARE and largest > LEAST_MADS * spread and largest > worst:
            worst, way = largest, name
    told = f"the device is abrupt: a single {way} pulse crosses {50 * worst:.0f} % of the measured window"
    return Check("no abrupt step", 0.0 if way else 1.0, bool(way), told, is_test=False)
