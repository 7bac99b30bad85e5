"""Pulses and readings of simulated crosspoints as seen from outside: their time, volts and amperes."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray, PulsePair, Readings


def pulse_time(pulses: PulsePair) -> float:
    """Time [s] of one pulse on crosspoints side by side: as long as the longer of the pair, at half duty."""
    return 2 * max(pulses.up.width, pulses.down.width)


def readings_at(times: FloatArray, conductance: FloatArray, voltage: float) -> Readings:
    """Readings at `times` [s] of `conductance` (readings, rows, columns) at `voltage` [V]; NaN where it has none."""
    return Readings(
        conductance=conductance,
        voltage=np.broadcast_to(np.float64(voltage), conductance.shape),
        current=conductance * voltage,
        time=np.broadcast_to(times[:, np.newaxis, np.newaxis], conductance.shape),
        status=np.broadcast_to(np.uint8(0), conductance.shape),
    )
