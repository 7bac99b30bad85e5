"""Pulses of several voltages or widths among the points of another protocol or program."""

from __future__ import annotations

import numpy as np

from instruments.errors import InputError
from instruments.units import text
from protocols.analysis.common.foreign_trace import Trace
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series

_FEWEST, _SHAPES = 3, 2  # pulses of a shape and direction; shapes of one direction


def pulses_of_shapes(series: Series, cycles: Cycles | None) -> Foreign:
    """All points, as `pulse-window` takes them: single pulses of known voltage and width with readings around them."""
    if cycles is not None:
        raise InputError(f"cycle {cycles}: pulse-window takes all pulses; leave it out")
    trace = Trace.of(series)
    applied = np.abs(trace.pulses) > 0
    if trace.series.pulse_voltage is None or trace.series.pulse_width is None or not np.any(applied):
        raise InputError(f"pulse-window needs the voltage and width of every pulse; {_none(applied)}")
    volts, widths = trace.series.pulse_voltage[:, 0, 0], trace.series.pulse_width[:, 0, 0]
    told = applied & np.isfinite(volts) & np.isfinite(widths)
    if not np.any(told):
        raise InputError(f"pulse-window needs the voltage and width of every pulse; {_none(applied)}")
    single = told & (np.abs(trace.pulses) == 1)
    shapes: dict[tuple[float, float, int], int] = {}
    for row in np.flatnonzero(single).tolist():
        key = (float(volts[row]), float(widths[row]), int(trace.pulses[row]))
        shapes[key] = shapes.get(key, 0) + 1
    often = {key: count for key, count in shapes.items() if count >= _FEWEST}
    most = max((sum(key[2] == sign for key in often) for sign in (1, -1)), default=0)
    if most < _SHAPES:
        raise InputError(
            f"pulse-window needs single pulses of {_SHAPES} voltages or widths, {_FEWEST} of each in one direction; "
            f"here are {most} such shapes ({int(single.sum())} single pulses of {int(applied.sum())} with pulses)"
        )
    said = [
        f"{text(abs(v), 'V')} for {text(w, 's')} {'up' if d > 0 else 'down'}: {n}" for (v, w, d), n in often.items()
    ]
    sentence = f"Steps are taken from single pulses of {len(often)} shapes: {'; '.join(said[:12])}"
    sentence += f"; and {len(said) - 12} more." if len(said) > 12 else "."
    left = int(applied.sum()) - sum(often.values())
    more = f"{left} readings after other pulses (several at once, of rare shapes, or not known) give no step."
    return trace.taken(np.where(applied, "grid", "rest"), [sentence, more] if left else [sentence])


def _none(applied: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    if not np.any(applied):
        return "here are no pulses of known count"
    return "here they are not known (an imported trace has none; runs of labshd on a bench keep them)"
