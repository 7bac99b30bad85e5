"""Turns a measurement into a reading: a conductance, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from instruments.crosspoints import Readings, Status
from instruments.roles import Measurement

INVALID: Final = int(Status.INVALID)  # as a number: arithmetic of flags takes as long as a message
HELD_SHARE: Final = 0.5  # of the voltage: where less is measured and nothing limits, an output is off


def held(measured: list[Measurement], voltage: float) -> list[Measurement]:
    """Measurements, marked as no number where the voltage [V] that was asked for was not there."""
    least = HELD_SHARE * abs(voltage)
    if not any(_lost(one, least) for one in measured):
        return measured
    return [replace(one, status=one.status | Status.INVALID) if _lost(one, least) else one for one in measured]


def _lost(one: Measurement, least: float) -> bool:
    return abs(one.voltage) < least and not one.status & Status.COMPLIANCE


def across(measured: list[Measurement], bias: float) -> list[Measurement]:
    """As seen from a source that holds `bias` [V] at the other end: voltage across the device, current through it."""
    return [replace(one, voltage=bias - one.voltage, current=-one.current) for one in measured]


def one_reading(at: float, m: Measurement) -> Readings:
    """One measurement of one crosspoint: what a trace that goes step by step is made of."""
    *values, status = numbers(at, m)
    conductance, voltage, current, time = np.array(values).reshape(4, 1, 1, 1)
    return Readings(conductance, voltage, current, time, np.array([[[status]]], dtype=np.uint8))


def numbers(at: float, m: Measurement) -> tuple[float, float, float, float, int]:
    """Conductance [S], ``G = I / V``, NaN where there is none; voltage, current, time and status as they are."""
    voltage, current, status = m.voltage, m.current, int(m.status)
    valid = math.isfinite(current) and math.isfinite(voltage) and voltage != 0 and not status & INVALID
    if not valid:
        return math.nan, voltage, current, at, status | INVALID
    return current / voltage, voltage, current, at, status
