"""List sweep of the Keysight B2902B, channel 1: pulses and readings of one electrode, timed by the box alone.

Commands: Keysight B2900 Series SCPI Command Reference, chapter 4: SOURce:LIST, SOURce:PULSe, TRIGger (transient and
acquire actions have timers, counts and delays of their own), TRACe, STATus:QUEStionable, SYSTem:TIME. The source
pulses from the read voltage to the level of each list point and back; a point at the read voltage is a rest. The
acquire action measures once a step, when the last pulse has settled. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from instruments.crosspoints import Status
from instruments.drivers.common.burst_generator import BurstGenerator
from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import flagged, readings_of, words
from instruments.drivers.common.list_unit import ListUnit
from instruments.errors import InstrumentError
from instruments.sequences import Plan, Sequencer, Slots, Taken, in_time, texts
from instruments.units import text

POINTS: Final = 2500  # of a list (SOURce:LIST:VOLTage)
SHORTEST: Final = 50e-6  # [s] of a pulse (data sheet, pulse source)
ROOM: Final = 200e-6  # [s] beside the integration; triggers that come too early are lost, which the box reports
LOST: Final = 2048 | 4096  # questionable status: a trigger of the transient or acquire action of channel 1 was lost
RAMP: Final = 8  # steps of one burst, on average, that are worth a download
EDGE: Final = 1e-4  # [s] of a trigger
NO_TIME: Final = 1e30  # [s] what stands for no number is larger
COMPLIANCE, OVERRANGE = 2 | 4, 8192  # status data (table 1-2)


class ListSweep(Sequencer):
    """Pulses by the list, readings into the trace buffer."""

    title = "list sweep of the source-measure unit"

    def __init__(self, unit: ListUnit) -> None:
        self.unit = unit
        self._slots = Slots(1, 1, 1.0, 0.0)
        self._spell: dict[float, str] = {}
        self._line = 50.0  # [Hz] asked by `begin`

    def refusal(self, plan: Plan) -> str | None:
        """One width, one limit, and a step that fits into the list."""
        widths = {pulse.width for pulse in plan.used}
        if len(widths) > 1:
            return "a list sweep has pulses of one width, these have two"
        if any(width < SHORTEST for width in widths):
            return f"a pulse of {text(min(widths), 's')} is below the shortest of a list sweep, {text(SHORTEST, 's')}"
        if plan.used and plan.limit != plan.compliance:
            return (
                f"a list sweep has one current limit, here pulses have {text(plan.limit, 'A')} (limits.current) and "
                f"readings {text(plan.compliance, 'A')} (read.compliance); make them the same"
            )
        if self._slots_of(plan).points > POINTS:
            return f"a step of {plan.burst} pulses takes more than the {POINTS} points of a list"
        return None

    def _slots_of(self, plan: Plan) -> Slots:
        width = plan.used[0].width if plan.used else SHORTEST
        return Slots.of(plan, width, plan.integration / self._line + ROOM)

    def holds(self, plan: Plan) -> int:
        """As many steps as the list has points for, and no longer than a few seconds."""
        slots = self._slots_of(plan)
        return in_time(slots.step, POINTS // slots.points)

    def begin(self, plan: Plan) -> None:
        """Reset, ranges that hold the pulses, limit, read voltage as the base; pulse shape and the two timers."""
        unit = self.unit
        unit.prepare()
        unit.in_list = True
        unit.hold(max([abs(pulse.voltage) for pulse in plan.used], default=0.0), plan)
        (self._line,) = unit.numbers(":SYST:LFR?", 1)
        slots = self._slots = self._slots_of(plan)
        width = plan.used[0].width if plan.used else SHORTEST
        unit.settle(
            f":SOUR1:FUNC:SHAP PULS;:SOUR1:VOLT:MODE LIST;:SOUR1:PULS:DEL 0;:SOUR1:PULS:WIDT {si(width)};"
            f":TRIG1:TRAN:SOUR TIM;:TRIG1:TRAN:TIM {si(slots.period)};:TRIG1:TRAN:DEL 0;"
            f":TRIG1:ACQ:SOUR TIM;:TRIG1:ACQ:TIM {si(slots.step)};:TRIG1:ACQ:DEL {si(slots.delay)};"
            ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT;:SYST:TIME:TIM:COUN:RES:AUTO ON"
        )
        self._spell = {volts: si(volts) for volts in (plan.voltage, *(pulse.voltage for pulse in plan.used))}

    def load(self, plan: Plan) -> float:
        """The list, and an empty trace buffer of as many readings as there are steps."""
        levels, steps = self._slots.levels(plan), len(plan)
        self.unit.settle(
            f":TRAC1:FEED:CONT NEV;:TRAC1:CLE;:TRAC1:POIN {steps};:TRAC1:FEED SENS;:TRAC1:FEED:CONT NEXT;"
            f":TRIG1:TRAN:COUN {len(levels)};:TRIG1:ACQ:COUN {steps};"
            f":SOUR1:LIST:VOLT {texts(levels, self._spell)}"
        )
        return steps * self._slots.step

    def start(self) -> None:
        """Output on at the read voltage, both actions initiated."""
        self.unit.started = True
        self.unit.write(":OUTP1 ON;:INIT (@1)")

    def collect(self) -> Taken:
        """Wait for the end, refuse lost triggers, read the trace buffer."""
        unit = self.unit
        unit.completed()
        lost, held = self._counters()
        if lost & LOST:
            room = text(self._slots.step - self._slots.delay, "s")
            raise InstrumentError(f"{unit.name} lost triggers: a reading takes longer than the {room} it has")
        if not held:
            return Taken.nothing()
        table = unit.table(":TRAC1:DATA?", held, 4)
        voltage, current, status = readings_of(table[:, 0], table[:, 1])
        word = words(table[:, 3])
        status |= flagged(word & COMPLIANCE != 0, Status.COMPLIANCE) | flagged(word & OVERRANGE != 0, Status.OVERRANGE)
        planned = self._slots.delay + self._slots.step * np.arange(held)
        return Taken(voltage, current, np.where(np.abs(table[:, 2]) < NO_TIME, table[:, 2], planned), status)

    def end(self) -> None:
        """Reset."""
        self.unit.prepare()

    def _counters(self) -> tuple[int, int]:
        reply = self.unit.ask(":STAT:QUES?;:TRAC1:POIN:ACT?").strip()
        try:
            lost, held = (int(float(part)) for part in reply.split(";"))
        except ValueError:
            raise InstrumentError(
                f"{self.unit.name} answered {reply!r}, where status and count were expected"
            ) from None
        return lost, held


class TriggeredBursts(ListSweep):
    """Bursts of a generator that this unit triggers over a cable, and readings into its own trace buffer.

    The transient action steps through a list of the read voltage alone; each of its steps sends a trigger from pin 1 of
    the digital I/O connector (SOURce:TOUTput, SOURce:DIGital:EXTernal). The generator gives one burst for each. All
    steps of one download have the same burst, so that ramps are sequences and alternating pulses are not.
    """

    title = "bursts that the source-measure unit triggers"

    def __init__(self, unit: ListUnit, generator: BurstGenerator) -> None:
        super().__init__(unit)
        self.generator = generator
        self._fires = False

    def refusal(self, plan: Plan) -> str | None:
        """Bursts that stay the same for a while."""
        runs = 1 + int(np.count_nonzero(np.diff(plan.counts)))
        if RAMP * runs > len(plan) and plan.used:
            return f"pulses change more often than every {RAMP} steps, and every change is a download of its own"
        return None

    def _slots_of(self, plan: Plan) -> Slots:
        width = max((pulse.width for pulse in plan.used), default=0.0)
        burst = max(plan.burst, 1) * self.generator.period(width) if plan.used else 0.0
        delay = burst + plan.settle
        return Slots(1, 1, max(delay + plan.integration / self._line + ROOM, SHORTEST), delay)

    def holds(self, plan: Plan) -> int:
        """Steps until the burst changes; no longer than a few seconds."""
        changes = np.flatnonzero(np.diff(plan.counts))
        same = int(changes[0]) + 1 if changes.size else len(plan)
        return in_time(self._slots.step, min(same, POINTS))

    def begin(self, plan: Plan) -> None:
        """Both reset; the unit holds the read voltage, its two actions have timers, pin 1 is a trigger output."""
        unit = self.unit
        self.generator.prepare()
        unit.prepare()
        unit.in_list = True
        unit.hold(0.0, plan)
        (self._line,) = unit.numbers(":SYST:LFR?", 1)
        slots = self._slots = self._slots_of(plan)
        unit.settle(
            ":SOUR1:VOLT:MODE LIST;:SOUR:DIG:EXT1:FUNC TOUT;:SOUR:DIG:EXT1:POL POS;:SOUR:DIG:EXT1:TOUT:EDGE:POS BEF;"
            f":SOUR:DIG:EXT1:TOUT:EDGE:WIDT {si(EDGE)};:SOUR1:TOUT:SIGN EXT1;"
            f":TRIG1:TRAN:SOUR TIM;:TRIG1:TRAN:TIM {si(slots.step)};:TRIG1:TRAN:DEL 0;"
            f":TRIG1:ACQ:SOUR TIM;:TRIG1:ACQ:TIM {si(slots.step)};:TRIG1:ACQ:DEL {si(slots.delay)};"
            ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT;:SYST:TIME:TIM:COUN:RES:AUTO ON"
        )
        self._spell = {plan.voltage: si(plan.voltage)}

    def load(self, plan: Plan) -> float:
        """The burst of all these steps; no trigger where they have none."""
        count, steps = int(plan.counts[0]), len(plan)
        if count:
            self.generator.arm_by_cable(plan.pulses.up if count > 0 else plan.pulses.down, abs(count))
        self._fires = count != 0
        levels = np.full(steps, plan.voltage)
        self.unit.settle(
            f":SOUR1:TOUT:STAT {'ON' if count else 'OFF'};"
            f":TRAC1:FEED:CONT NEV;:TRAC1:CLE;:TRAC1:POIN {steps};:TRAC1:FEED SENS;:TRAC1:FEED:CONT NEXT;"
            f":TRIG1:TRAN:COUN {steps};:TRIG1:ACQ:COUN {steps};:SOUR1:LIST:VOLT {texts(levels, self._spell)}"
        )
        return steps * self._slots.step

    def start(self) -> None:
        """The generator's output on, at rest; then the unit's, and its actions initiated."""
        if self._fires:
            self.generator.output_on()
        super().start()

    def end(self) -> None:
        """Both reset."""
        self.generator.prepare()
        super().end()
