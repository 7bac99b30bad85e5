"""Signed pulse counts before each reading, from whatever columns tell them; miscounts are noted, nothing is mended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import IntArray
from labshd.runs.tables.mapping import Mapping, Role
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.traces import Trace
from labshd.runs.tables_in import Problems
from protocols.common.protocol import UNKNOWN_COUNT

_UP = {"up", "+", "+1", "1", "1.0", "set", "pot", "potentiation", "ltp", "p", "positive", "pos"}
_DOWN = {"down", "-1", "-1.0", "reset", "dep", "depression", "ltd", "d", "negative", "neg"}
_NONE = {"", "0", "0.0", "none", "read"}
_TELLING = 10  # readings from which a number that rises by one each time is taken for a number of the pulse
PULSED: tuple[Role, ...] = ("pulses", "pulse_number", "pulse_sign", "pulse_voltage")
"""Columns that tell that there were pulses."""


@dataclass(frozen=True)
class Context:
    """Where a trace comes from, for what is said of it."""

    sheet: Sheet
    mapping: Mapping
    problems: Problems

    def note(self, line: int, text: str) -> None:
        """Note a problem of a line."""
        self.problems.add(self.sheet.path, line, self.sheet.told(text))


def counted(trace: Trace, context: Context, *, after_another: bool) -> Trace:
    """The trace with its counts. `after_another`: it follows another cycle, and what was done between is not known."""
    counts = _counts(trace, context)
    if len(counts) and (after_another or trace.direction):
        counts = counts.copy()
        counts[0] = UNKNOWN_COUNT
    return replace(trace, counts=counts, directions=np.full(len(trace), trace.direction, dtype=np.int64))


def _counts(trace: Trace, context: Context) -> IntArray:
    none = np.zeros(len(trace), dtype=np.int64)
    sign = _signs(trace, context)
    if "pulses" in trace.values:
        return _given(trace, sign, context)
    if "pulse_number" in trace.values:
        steps = _steps(trace, context)
        if sign is None and np.any((steps != 0) & (steps != UNKNOWN_COUNT)):
            context.note(
                0, "pulse numbers do not give the direction; add --column pulse_sign=..., --column pulse_voltage=..., "
                "--pulses-are up or --pulses-are down",
            )  # fmt: skip
        return none if sign is None else np.where(steps == UNKNOWN_COUNT, steps, steps * sign)
    if sign is None:
        return none
    counts = sign.astype(np.int64)
    if not any(role in trace.values or role in trace.words for role in PULSED):
        counts[:1] = UNKNOWN_COUNT  # as in ramps: how the first reading came about is not told
    return counts


def _signs(trace: Trace, context: Context) -> IntArray | None:
    """+1, -1 or 0 for each reading; None where nothing tells."""
    if trace.direction:
        return np.full(len(trace), trace.direction, dtype=np.int64)
    if "pulse_sign" in trace.words:
        return _of_words(trace, context)
    if "pulse_voltage" in trace.values:
        signs = np.sign(np.nan_to_num(trace.values["pulse_voltage"])).astype(np.int64)
        width = trace.values.get("pulse_width")
        return signs if width is None else np.where(np.nan_to_num(width) > 0, signs, 0)
    said = context.mapping.pulses_are
    return np.full(len(trace), 1 if said == "up" else -1, dtype=np.int64) if said in ("up", "down") else None


def _of_words(trace: Trace, context: Context) -> IntArray:
    signs = np.zeros(len(trace), dtype=np.int64)
    for at, word in enumerate(trace.words["pulse_sign"]):
        plain = word.lower()
        if plain in _UP or plain in _DOWN:
            signs[at] = 1 if plain in _UP else -1
        elif plain not in _NONE:
            context.note(
                int(trace.lines[at]), f"pulse sign: {word!r} is not a direction; write +1 or up, -1 or down, 0 for none"
            )
    return signs


def _whole(trace: Trace, role: Role, context: Context) -> bool:
    """Whether a column holds whole numbers only; what is none is noted."""
    values = trace.values[role]
    wrong = np.flatnonzero(np.isfinite(values) & ((values != np.round(values)) | (np.abs(values) > 1e15)))
    for at in wrong.tolist():
        context.note(int(trace.lines[at]), f"{role} is {values[at]:.6g}; pulses are counted in whole numbers")
    return not len(wrong)


def _given(trace: Trace, sign: IntArray | None, context: Context) -> IntArray:
    values = trace.values["pulses"]
    if not _whole(trace, "pulses", context):
        return np.zeros(len(trace), dtype=np.int64)
    known = np.isfinite(values)
    counts = np.where(known, np.nan_to_num(values), 0).astype(np.int64)
    rising = len(counts) >= _TELLING and known.all() and np.all(np.diff(counts) == 1) and counts[0] in (0, 1)
    if rising and "pulses" not in context.mapping.columns:
        context.note(
            int(trace.lines[0]),
            f"pulses go {counts[0]}, {counts[1]}, {counts[2]}, ...: is that the count since the previous reading "
            "(--column pulses=NAME), or a running number (--column pulse_number=NAME)?",
        )
    if sign is not None and not np.any(counts < 0):
        counts = np.where(sign < 0, -counts, counts)
    elif sign is not None:
        for at in np.flatnonzero(counts * sign < 0)[:5].tolist():
            context.note(
                int(trace.lines[at]),
                f"pulses is {counts[at]}, but the pulse sign is {sign[at]:+d}; one of them is wrong",
            )
    return np.where(known, counts, UNKNOWN_COUNT)


def _steps(trace: Trace, context: Context) -> IntArray:
    """Pulses since the reading before, of numbers that rise; unknown at the start and where they start again."""
    number = trace.values["pulse_number"]
    none = np.zeros(len(trace), dtype=np.int64)
    if not _whole(trace, "pulse_number", context) or not len(trace):
        return none
    for at in np.flatnonzero(~np.isfinite(number))[:5].tolist():
        context.note(int(trace.lines[at]), "the pulse number is missing; write it in every row, or remove the row")
    for at in np.flatnonzero(number < 0)[:5].tolist():
        context.note(int(trace.lines[at]), f"the pulse number is {number[at]:.0f}; it counts from 0 or 1")
    steps = np.diff(np.nan_to_num(number), prepend=number[0]).astype(np.int64)
    back = np.flatnonzero(steps < 0)
    for at in back.tolist():
        if number[at] > 1:
            context.note(
                int(trace.lines[at]),
                f"the pulse number falls from {number[at - 1]:.0f} to {number[at]:.0f}; it should rise, or start again "
                "at 0 or 1: are the rows out of order, or are two devices mixed (--column device=...)?",
            )
    steps[back] = UNKNOWN_COUNT
    steps[0] = UNKNOWN_COUNT
    return steps
