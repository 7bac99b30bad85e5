"""A loop in a Keithley 2600B: channel B pulses a gate, channel A reads the channel, timed by the box alone.

Commands: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 6 (a message is a chunk of Lua, which
runs when all of it has arrived) and section 7: delay, smuX.measure.iv into smuX.nvbufferY with appendmode,
bufferVar.timestamps, printbuffer, localnode.linefreq; ``abort`` as in tspnet.tsp.abort. The loop is one message, so
that a line of it cannot be missing; its steps are tables that were sent, and found to be taken, before. It ends with
both outputs off, whether or not anybody still listens. Never tried on the real instrument.
"""

from __future__ import annotations

import logging
from typing import Final

import numpy as np

from instruments.crosspoints import FloatArray, Status
from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import flagged, readings_of, words
from instruments.drivers.common.tsp_scripts import RunsScripts
from instruments.drivers.keithley_2600b.pulses import Keithley2600BChannelBPulses
from instruments.errors import InstrumentError
from instruments.roles import SourceMeasureUnit
from instruments.sequences import LONGEST, Plan, Sequencer, Taken

log = logging.getLogger(__name__)

STEPS: Final = 500  # of one download: its tables are messages of about a kilobyte
COMPLIANCE: Final = 64  # bit of a buffer status (manual, bufferVar.statuses)
BUFFERS: Final = "smua.nvbuffer1, smua.nvbuffer2"


class LoopUnit(RunsScripts, SourceMeasureUnit):
    """A channel in whose box a loop may run; its settings are those of the loop while `in_loop`."""

    in_loop = False


class ScriptedTrace(Sequencer):
    """Tables of steps, a loop over them, readings into the buffers of channel A."""

    title = "loop in the source-measure unit"

    def __init__(self, unit: LoopUnit, gate: Keithley2600BChannelBPulses) -> None:
        self.unit = unit
        self.gate = gate
        self._line = 50.0  # [Hz] asked by `begin`
        self._loop = ""
        self._ends: FloatArray = np.empty(0)  # [s] of each reading since the start, as planned

    def refusal(self, plan: Plan) -> str | None:
        """Pulses as the box takes them step by step."""
        most = self.gate.longest_burst
        if plan.burst > most:
            return f"a step of {plan.burst} pulses is more than the {most} of this pulse source"
        return None

    def _lasts(self, plan: Plan) -> FloatArray:
        """(steps,) [s] of each step: every pulse rests as long as it is wide, as step by step."""
        up, down = plan.pulses.up, plan.pulses.down
        widths = np.where(plan.counts > 0, up.width, down.width)
        return 2 * widths * np.abs(plan.counts) + plan.settle + plan.integration / self._line

    def holds(self, plan: Plan) -> int:
        """As many steps as take a few seconds, at least one."""
        ends = np.cumsum(self._lasts(plan.part(0, STEPS)))
        return max(1, int(np.searchsorted(ends, LONGEST, side="right")))

    def begin(self, plan: Plan) -> None:
        """Both channels reset, ranges and limits set and read back; the zero is taken once, not at every reading."""
        unit, gate = self.unit, self.gate
        unit.limits.check_bias(plan.voltage, plan.compliance)
        for pulse in plan.used:
            gate.check(pulse)
        gate.prepare()
        unit.prepare()
        for pulse in plan.used:
            gate.configure(pulse)
        unit.configure(plan.voltage, plan.compliance, plan.integration)
        unit.in_loop = True
        (self._line,) = unit.values_of("localnode.linefreq")
        up, down = plan.pulses.up, plan.pulses.down
        unit.settle(
            "smua.measure.autozero = smua.AUTOZERO_ONCE "
            f"labshd_level = {{{si(up.voltage)}, {si(down.voltage)}}} "
            f"labshd_width = {{{si(up.width)}, {si(down.width)}}}"
        )

    def load(self, plan: Plan) -> float:
        """Which pulse and how many of it in every step; empty buffers that are appended to, with time stamps."""
        which = ",".join(np.where(plan.counts < 0, "2", "1").tolist())
        count = ",".join(map(str, np.abs(plan.counts).tolist()))
        buffers = " ".join(
            f"{one}.clear() {one}.appendmode = 1 {one}.collecttimestamps = 1" for one in BUFFERS.split(", ")
        )
        self.unit.settle(f"labshd_which = {{{which}}} labshd_count = {{{count}}} {buffers}")
        self._ends = np.cumsum(self._lasts(plan))
        self._loop = _loop(len(plan), plan.settle)
        return float(self._ends[-1])

    def start(self) -> None:
        """The loop, whole in one message, switches its outputs on, and off at its end."""
        self.unit.started = self.gate.started = True
        self.unit.write(self._loop)

    def collect(self) -> Taken:
        """Wait for the end, read the buffers; what the box complains of where all of it came is raised."""
        unit = self.unit
        unit.completed()
        held = self._held()
        errors = unit.errors()
        if errors and held == len(self._ends):
            raise unit.refused(errors, "a loop")
        if errors:
            log.warning("%s ended a loop: %s", unit.name, "; ".join(errors))
        if not held:
            return Taken.nothing()
        buffers = f"{BUFFERS}, smua.nvbuffer1.statuses, smua.nvbuffer1.timestamps"
        table = unit.table(f"printbuffer(1, {held}, {buffers})", held, 4)
        voltage, current, status = readings_of(table[:, 1], table[:, 0])
        limited = words(table[:, 2]) & COMPLIANCE != 0
        planned = self._ends[:held]
        time = planned[0] + table[:, 3]  # counted from the first reading
        sane = np.abs(time - planned) <= 0.5 * planned + 1.0
        return Taken(voltage, current, np.where(sane, time, planned), status | flagged(limited, Status.COMPLIANCE))

    def _held(self) -> int:
        (held,) = self.unit.values_of("smua.nvbuffer1.n")
        if not (0 <= held <= len(self._ends) and held.is_integer()):
            raise InstrumentError(f"{self.unit.name} holds {held:g} readings, where at most {len(self._ends)} belong")
        return int(held)

    def end(self) -> None:
        """Reset of both channels; a buffer is begun anew by each measurement again."""
        self.gate.prepare()
        self.unit.prepare()
        self.unit.settle(" ".join(f"{one}.clear() {one}.appendmode = 0" for one in BUFFERS.split(", ")))


def _loop(steps: int, settle: float) -> str:
    """The chunk that pulses, waits and measures; ``delay`` takes no zero."""
    rest = f"delay({si(settle)}) " if settle > 0 else ""
    return (
        "smub.source.levelv = 0 smub.source.output = 1 smua.source.output = 1 "
        f"for k = 1, {steps} do for n = 1, labshd_count[k] do "
        "smub.source.levelv = labshd_level[labshd_which[k]] delay(labshd_width[labshd_which[k]]) "
        "smub.source.levelv = 0 delay(labshd_width[labshd_which[k]]) end "
        f"{rest}smua.measure.iv({BUFFERS}) end "
        "smua.source.output = 0 smub.source.output = 0"
    )
