"""List sweep of the Keithley 2450: pulses and readings of one electrode, run by the box alone.

Commands: Model 2450 Reference Manual, 2450-901-01, section 6: SOURce:LIST (100 values a command, 2500 in all),
SOURce:SWEep:LIST, INITiate, ABORt, TRACe:DATA. The sweep measures at every level, after a delay that is the same at
all of them: a pulse is one level, and the rest after it as many at the read voltage as its settling time takes. Whether
the limit held a pulse back is known, because it is measured, too. Never tried on the real instrument.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from instruments.crosspoints import FloatArray, Status
from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import flagged, readings_of, words
from instruments.drivers.common.list_unit import ListUnit
from instruments.errors import InstrumentError
from instruments.sequences import Plan, Sequencer, Taken, in_time, texts
from instruments.units import text

POINTS: Final = 2500  # of a list
AT_ONCE: Final = 100  # values of one command
SHORTEST: Final = 10e-3  # [s] of a pulse: what the box needs between two levels is not specified, so a pulse is long
LEAST_DELAY: Final = 50e-6  # [s]
LIMITED: Final = 32  # source status: the source function was limited


class SteppedList(Sequencer):
    """Levels by the list, a reading at each into defbuffer1; those after the rests are the readings of the plan."""

    title = "list sweep of the source-measure unit"

    def __init__(self, unit: ListUnit) -> None:
        self.unit = unit
        self._line = 50.0  # [Hz] asked by `begin`
        self._rests = 1
        self._points_each = 1
        self._dwell = 1.0
        self._spell: dict[float, str] = {}
        self._sent = 0

    def refusal(self, plan: Plan) -> str | None:
        """One width, long enough to measure in, one limit, and a step that fits into the list."""
        widths = {pulse.width for pulse in plan.used}
        if len(widths) > 1:
            return "a list sweep has pulses of one width, these have two"
        least = max(SHORTEST, self._reading(plan) + LEAST_DELAY)
        if any(width < least for width in widths):
            return f"a pulse of {text(min(widths), 's')} is below the shortest of this list sweep, {text(least, 's')}"
        if plan.used and plan.limit != plan.compliance:
            return (
                f"a list sweep has one current limit, here pulses have {text(plan.limit, 'A')} (limits.current) and "
                f"readings {text(plan.compliance, 'A')} (read.compliance); make them the same"
            )
        if self._points(plan) > POINTS:
            return f"a step of {plan.burst} pulses takes more than the {POINTS} points of a list"
        return None

    def _reading(self, plan: Plan) -> float:
        return plan.integration / self._line

    def _width(self, plan: Plan) -> float:
        return plan.used[0].width if plan.used else max(SHORTEST, self._reading(plan) + LEAST_DELAY)

    def _rests_of(self, plan: Plan) -> int:
        """Levels at the read voltage after the last pulse; the last of them is measured when it has settled."""
        return max(1, math.ceil((plan.settle + self._reading(plan)) / self._width(plan) - 1e-9))

    def _points(self, plan: Plan) -> int:
        """Of one step: pulses with a rest between each two, and the rests after the last."""
        return max(0, 2 * plan.burst - 1) + self._rests_of(plan)

    def holds(self, plan: Plan) -> int:
        """As many steps as the list has points for, and no longer than a few seconds."""
        points = self._points(plan)
        return in_time(points * self._width(plan), POINTS // points)

    def begin(self, plan: Plan) -> None:
        """Reset, ranges that hold the pulses, limit, no automatic zero between readings: it would take time."""
        unit = self.unit
        unit.prepare()
        unit.in_list = True
        unit.hold(max([abs(pulse.voltage) for pulse in plan.used], default=0.0), plan)
        (self._line,) = unit.numbers(":SYST:LFR?", 1)
        unit.settle(":SENS:CURR:AZER OFF;:SENS:AZER:ONCE")
        self._rests, self._dwell = self._rests_of(plan), self._width(plan)
        self._spell = {volts: si(volts) for volts in (plan.voltage, *(pulse.voltage for pulse in plan.used))}

    def _levels(self, plan: Plan) -> FloatArray:
        """(steps, points) level [V] of each point; a step with fewer pulses begins with rests."""
        points = max(0, 2 * plan.burst - 1) + self._rests
        counts = plan.counts[:, np.newaxis]
        slot = np.arange(points)
        pulsed = (slot % 2 == 0) & (slot < 2 * plan.burst) & (slot >= 2 * (plan.burst - np.abs(counts)))
        volts = np.where(counts > 0, plan.pulses.up.voltage, plan.pulses.down.voltage)
        return np.where(pulsed, volts, plan.voltage)

    def load(self, plan: Plan) -> float:
        """The list by hundreds, the sweep over it, an empty buffer."""
        levels = self._levels(plan)
        flat = levels.ravel()
        for first in range(0, len(flat), AT_ONCE):
            more = ":APP" if first else ""
            self.unit.write(f":SOUR:LIST:VOLT{more} {texts(flat[first : first + AT_ONCE], self._spell)}")
        delay = self._dwell - self._reading(plan)
        self.unit.settle(f':SOUR:SWE:VOLT:LIST 1,{si(delay)},1,OFF;:TRAC:CLE "defbuffer1"')
        self._points_each, self._sent = levels.shape[1], len(flat)
        return len(flat) * self._dwell

    def start(self) -> None:
        """The sweep switches its output on, and off at its end."""
        self.unit.started = True
        self.unit.write(":INIT")

    def collect(self) -> Taken:
        """Wait for the end, read the buffer; the last reading of each step is that of the plan."""
        unit = self.unit
        unit.completed()
        held = self._held()
        if not held:
            return Taken.nothing()
        table = unit.table(f':TRAC:DATA? 1,{held},"defbuffer1",SOUR,READ,SOURSTAT,REL', held, 4)
        each = self._points_each
        whole = held // each
        rows = table[: whole * each].reshape(whole, each, 4)
        voltage, current, status = readings_of(rows[:, -1, 0], rows[:, -1, 1])
        limited = np.any(words(rows[:, :, 2]) & LIMITED != 0, axis=1)  # in a pulse, or in the reading
        # Times are counted from the first reading, which ends one dwell after the start.
        time = self._dwell + rows[:, -1, 3] - table[0, 3]
        planned = self._dwell * each * np.arange(1, whole + 1)
        sane = np.abs(time - planned) <= 0.5 * self._dwell * each * whole + 1.0
        return Taken(voltage, current, np.where(sane, time, planned), status | flagged(limited, Status.COMPLIANCE))

    def _held(self) -> int:
        reply = self.unit.ask(':TRAC:ACT? "defbuffer1"').strip()
        try:
            held = int(float(reply))
        except ValueError:
            held = -1
        if not 0 <= held <= self._sent:
            raise InstrumentError(f"{self.unit.name} answered {reply!r}, where at most {self._sent} readings belong")
        return held

    def end(self) -> None:
        """Reset."""
        self.unit.prepare()
