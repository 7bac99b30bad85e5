"""Conductance of the readings, from conductance, current and voltage, or resistance; and whether it can be one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.units import text
from labshd.runs.tables.counting import Context
from labshd.runs.tables.traces import Trace
from protocols.common.protocol import UNKNOWN_COUNT

WIDEST = 1.0
"""[S] A resistive memory device conducts less."""

NARROWEST = 1e-15
"""[S] What conducts less in the middle of its readings is in another unit, or not connected."""

_TELLING = 10  # readings that must not all be the same, or of one sign
_TWO_DEVICES = 10.0  # neighbours further apart than every other reading, by this much: two devices in turn


def how(trace: Trace, context: Context) -> str:
    """In words how the conductance of a trace is found; empty where it cannot be."""
    if "conductance" in trace.values:
        return "as given"
    if "current" in trace.values and ("voltage" in trace.values or context.mapping.read_voltage is not None):
        return "current / read voltage"
    return "1 / resistance" if "resistance" in trace.values else ""


def with_conductance(trace: Trace, context: Context) -> Trace:
    """The trace with its conductance, current and read voltage; what cannot be is noted."""
    values = dict(trace.values)
    if context.mapping.read_voltage is not None:
        values.setdefault("voltage", np.full(len(trace), context.mapping.read_voltage))
    way = how(trace, context)
    if way == "current / read voltage":
        values["conductance"] = _ratio(values["current"], values["voltage"], trace, context, "read voltage")
    elif way == "1 / resistance":
        ones = np.ones(len(trace))
        values["conductance"] = _ratio(ones, values["resistance"], trace, context, "resistance")
    complete = replace(trace, values=values)
    if way == "as given" and trace.unit == "S":
        _agree(complete, context)
    return complete


def _ratio(above: FloatArray, below: FloatArray, trace: Trace, context: Context, what: str) -> FloatArray:
    for at in np.flatnonzero(np.isfinite(above) & (below == 0))[:5].tolist():
        context.note(int(trace.lines[at]), f"the {what} is zero, which gives no conductance; leave the row out")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / below)


def _agree(trace: Trace, context: Context) -> None:
    """Where a table gives conductance and what it is made of, both must tell the same."""
    g = trace.values["conductance"]
    with np.errstate(divide="ignore", invalid="ignore"):
        if "current" in trace.values and "voltage" in trace.values:
            other, what = trace.values["current"] / trace.values["voltage"], "current / read voltage"
        elif "resistance" in trace.values:
            other, what = 1 / trace.values["resistance"], "1 / resistance"
        else:
            return
        ratio = g / other
    there = np.isfinite(ratio) & (ratio != 0)
    middle = float(np.median(np.abs(ratio[there]))) if np.any(there) else 1.0
    if not 0.5 < middle < 2:
        context.note(
            0,
            f"conductance is {middle:.3g} times {what} (line {int(trace.lines[there][0])}: "
            f"{text(float(g[there][0]), 'S')} and {text(float(other[there][0]), 'S')}); one of the units is wrong: "
            "--unit conductance=... or --unit current=...",
        )


def check(trace: Trace, context: Context) -> None:
    """Note what cannot be measured readings of one memory device."""
    g = trace.values["conductance"]
    there = np.flatnonzero(np.isfinite(g))
    of = f"column {trace.title!r}" + (f", device {trace.device!r}" if trace.device else "")
    if not len(there):
        context.note(0, f"{of} contains no readings")
        return
    middle = float(np.median(g[there]))
    constant = len(there) >= _TELLING and np.ptp(g[there]) == 0
    if constant:
        context.note(
            int(trace.lines[there[0]]),
            f"{of}: all {len(there)} readings are {middle:.6g}; readings of a device scatter: "
            "is this the right column, or is the crosspoint stuck?",
        )
    if trace.unit == "S":
        _check_size(g, there, of, trace, context)
        if len(there) >= _TELLING and np.mean(g[there] < 0) > 0.95:
            context.note(
                int(trace.lines[there[0]]),
                f"{of}: conductance is negative in nearly all readings (median {text(middle, 'S')}); give the "
                'read voltage with its sign, such as --read-voltage "-100 mV"',
            )
    if not context.mapping.one_device and not constant:
        _check_one_device(trace, there, of, context)


def _check_size(g: FloatArray, there: NDArray[np.intp], of: str, trace: Trace, context: Context) -> None:
    at = int(there[int(np.argmax(np.abs(g[there])))])
    largest, middle = abs(float(g[at])), float(np.median(np.abs(g[there])))
    line = int(trace.lines[at])
    units = "check the units (--unit current=uA, --unit conductance=uS, --unit resistance=kOhm) and --read-voltage"
    if largest > WIDEST:
        context.note(
            line, f"{of}: conductance is {text(largest, 'S')}; a memory device conducts less than 1 S: {units}"
        )
    elif 0 < middle < NARROWEST:
        context.note(
            line, f"{of}: the median conductance is {text(middle, 'S')}; less than 1 fS can hardly be measured: {units}"
        )


def _check_one_device(trace: Trace, there: NDArray[np.intp], of: str, context: Context) -> None:
    """Readings that go back and forth between two levels without pulses that do so are those of two devices."""
    counts = trace.counts
    if counts is None or len(there) < 2 * _TELLING:
        return
    known = counts[counts != UNKNOWN_COUNT]
    if np.any(known > 0) and np.any(known < 0):
        return
    g = trace.values["conductance"][there]
    neighbours, every_other = float(np.median(np.abs(np.diff(g)))), float(np.median(np.abs(g[2:] - g[:-2])))
    if neighbours > _TWO_DEVICES * every_other:
        context.note(
            int(trace.lines[there[0]]),
            f"{of}: readings jump back and forth between {text(float(g[0]), 'S')} and {text(float(g[1]), 'S')}, as if "
            "two devices were read in turn; name the column that tells them apart, --column device=NAME, or say "
            "--one-device",
        )
