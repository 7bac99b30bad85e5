"""Keithley 2600B source-measure units by TSP: channel A, or channel B of those that have two.

Commands: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 7 (smuX functions and attributes).
Ranges are fixed by naming the value that they must hold. Never tried on the real instrument.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final

from pymeasure.adapters import Adapter

from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import check_compliance, check_count, check_integration, measurement
from instruments.drivers.keithley_2600b.pulses import Keithley2600BChannelBPulses
from instruments.drivers.keithley_2600b.trace import COMPLIANCE, LoopUnit, ScriptedTrace
from instruments.errors import InstrumentError
from instruments.limits import Limits
from instruments.roles import Measurement, PulseSource
from instruments.sequences import Sequencer

MOST_READINGS: Final = 10_000


class Keithley2600B(LoopUnit):
    """Channel A: sources voltage, measures current and voltage at once, with the compliance of that moment."""

    smu: ClassVar[str] = "smua"

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "Keithley 2600B", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def sequencer(self, generator: PulseSource, *, trigger: bool) -> Sequencer | None:
        """A loop in the box where channel B of the same one is the pulse source and this is channel A."""
        if not isinstance(generator, Keithley2600BChannelBPulses) or self.smu != "smua":
            return None
        return ScriptedTrace(self, generator) if generator.adapter is self.adapter else None

    def prepare(self) -> None:
        """Reset of this channel alone, output off, voltage source, two-wire, enough digits."""
        self._configured = False
        smu = self.smu
        self.end_script()
        self.write(f"{smu}.reset() errorqueue.clear()")
        self.started = self.in_loop = False
        self.settle(
            f"{smu}.source.output = {smu}.OUTPUT_OFF {smu}.source.func = {smu}.OUTPUT_DCVOLTS "
            f"{smu}.sense = {smu}.SENSE_LOCAL {smu}.measure.autozero = {smu}.AUTOZERO_AUTO "
            f"{smu}.source.autorangev = {smu}.AUTORANGE_OFF {smu}.measure.autorangei = {smu}.AUTORANGE_OFF "
            f"{smu}.measure.count = 1 format.data = format.ASCII format.asciiprecision = 10"
        )

    def off(self) -> None:
        """Output off, after the end of a script if one may be running."""
        self.abort_and(f"{self.smu}.source.output = 0")

    def is_off(self) -> bool:
        """Whether the instrument says that the output of this channel is off."""
        return self.values_of(f"{self.smu}.source.output") == [0.0]

    def calibrated(self) -> date | None:
        """Of this channel: seconds since 1970, UTC (smuX.cal.date)."""
        (seconds,) = self.values_of(f"{self.smu}.cal.date", "format.asciiprecision = 10 ")
        return datetime.fromtimestamp(seconds, UTC).date() if seconds > 0 else None

    def _output_on(self) -> None:
        self.write(f"{self.smu}.source.output = 1")

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Limit and ranges before the level; the limit is read back."""
        check_integration(integration, 0.001, 25)
        if self.in_loop:
            self.prepare()
        smu = self.smu
        self.settle(
            f"{smu}.source.rangev = {si(abs(voltage))} {smu}.source.limiti = {si(compliance)} "
            f"{smu}.measure.rangei = {si(compliance)} {smu}.source.levelv = {si(voltage)} "
            f"{smu}.measure.nplc = {si(integration)}"
        )
        check_compliance(self.name, compliance, self.values_of(f"{smu}.source.limiti")[0])

    def _level(self, voltage: float) -> None:
        self.write(f"{self.smu}.source.levelv = {si(voltage)}")

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` readings; current and voltage are taken together, more than one through the buffers."""
        smu = self.smu
        check_count(count, MOST_READINGS)
        if count == 1:
            reply = self.ask(f"i, v = {smu}.measure.iv() print(i, v, {smu}.source.compliance)").strip()
            current, voltage, limited = self._parts(reply, 3)
            return [measurement(float(voltage), float(current), limited=limited == "true")]
        buffers = f"{smu}.nvbuffer1, {smu}.nvbuffer2"
        self.write(f"{smu}.nvbuffer1.clear() {smu}.nvbuffer2.clear() {smu}.measure.count = {count}")
        self.write(f"{smu}.measure.iv({buffers}) {smu}.measure.count = 1")
        flat = self.numbers(f"printbuffer(1, {count}, {buffers}, {smu}.nvbuffer1.statuses)", 3 * count)
        return [
            measurement(flat[at + 1], flat[at], limited=bool(int(flat[at + 2]) & COMPLIANCE))
            for at in range(0, 3 * count, 3)
        ]

    def _parts(self, reply: str, count: int) -> list[str]:
        parts = reply.split("\t")
        if len(parts) != count or parts[-1] not in ("true", "false"):
            raise InstrumentError(
                f"{self.name} answered {reply!r}, where a current, a voltage and true or false belong"
            )
        for part in parts[:2]:
            self.number(part)
        return parts


class Keithley2600BChannelB(Keithley2600B):
    """Channel B of a 2602B, 2604B, 2612B, 2614B, 2634B or 2636B."""

    smu: ClassVar[str] = "smub"
