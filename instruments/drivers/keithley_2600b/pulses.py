"""Channel B of a Keithley 2600B as a slow pulse source, by TSP; channel A is free to measure, in the same box.

Commands: as in `keithley_2600b`. Never tried on the real instrument.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.common.connected import si
from instruments.drivers.common.fixed_ranges import check_compliance, smallest
from instruments.drivers.common.slow_pulses import SlowPulses
from instruments.drivers.common.tsp_scripts import RunsScripts
from instruments.limits import Limits


class Keithley2600BChannelBPulses(RunsScripts, SlowPulses):
    """Pulses of either sign from 0 V, limited to the station's largest current; channel A is left alone."""

    smu: ClassVar[str] = "smub"
    voltage_ranges = (0.2, 2.0, 20.0)
    most_current: ClassVar[float] = 1.5  # [A] that can be limited at

    def __init__(
        self, adapter: Adapter, limits: Limits, name: str = "Keithley 2600B as pulse source", **kwargs: Any
    ) -> None:
        super().__init__(adapter, limits, name, **kwargs)

    def level(self, volts: str) -> str:
        """The command that goes to a level [V]."""
        return f"{self.smu}.source.levelv = {volts}"

    def prepare(self) -> None:
        """Reset of this channel alone, output off, 0 V on the range of the largest pulse; the limit is read back."""
        smu = self.smu
        self._pulse = None
        self.end_script()
        self.write(f"{smu}.reset() errorqueue.clear()")
        self.started = False
        self.settle(
            f"{smu}.source.output = {smu}.OUTPUT_OFF {smu}.source.func = {smu}.OUTPUT_DCVOLTS "
            f"{smu}.sense = {smu}.SENSE_LOCAL {smu}.source.autorangev = {smu}.AUTORANGE_OFF {self._ranges()} "
            "format.data = format.ASCII format.asciiprecision = 10"
        )
        check_compliance(self.name, self.pulse_compliance(), self.values_of(f"{smu}.source.limiti")[0])

    def pulse_compliance(self) -> float:
        """The station's largest current, or the most that can be limited at."""
        return min(self.limits.current, self.most_current)

    def _ranges(self) -> str:
        """0 V on the range of the largest pulse, and the current limit."""
        span = smallest(min(self.limits.pulse_voltage, self.voltage_ranges[-1]), self.voltage_ranges, "V")
        smu = self.smu
        return f"{self.level('0')} {smu}.source.rangev = {si(span)} {smu}.source.limiti = {si(self.pulse_compliance())}"

    def _configure(self, pulse: Pulse) -> None:
        """Range and limit again: the channel may have measured in between. The level goes out with each pulse."""
        super()._configure(pulse)
        self.settle(self._ranges())

    def off(self) -> None:
        """Output off, after the end of a script if one may be running."""
        self.abort_and(f"{self.smu}.source.output = 0")

    def is_off(self) -> bool:
        """Whether the instrument says that the output of this channel is off."""
        return self.values_of(f"{self.smu}.source.output") == [0.0]

    def output_on(self) -> None:
        """Output on, at 0 V."""
        self.write(f"{self.level('0')} {self.smu}.source.output = 1")
