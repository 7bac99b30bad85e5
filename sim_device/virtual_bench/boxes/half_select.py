"""Twins of two-channel generators with both outputs cabled; one trigger starts both at once.

Sources: those of the twins for one channel. Channels that differ in width, count or period are no pair: that is noted.
"""

from __future__ import annotations

from sim_device.virtual_bench.boxes.common.generator import OPEN, SOURCE_IMPEDANCE, GeneratorTwin, gain
from sim_device.virtual_bench.boxes.keysight_33500b import Keysight33500BTwin, Keysight33600ATwin
from sim_device.virtual_bench.boxes.keysight_81160a import Keysight81160ATwin
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.circuit.terminals import MoreTerminals


class BothOutputs(GeneratorTwin):
    """What a twin with both outputs in the circuit adds to one with the first."""

    count_setting: str  # name of the setting for the pulses of one trigger

    def __init__(self, circuit: Circuit) -> None:
        if not isinstance(circuit, MoreTerminals):
            raise TypeError("this circuit has no terminals for a second output")
        self.bench: MoreTerminals = circuit
        super().__init__(circuit)

    @property
    def output_on(self) -> bool:
        """Whether either channel is connected."""
        return bool(self.value("output") or self.value("output", 2))

    def changed(self, name: str, channel: int) -> None:
        """Channel 2 is at the connector as well."""
        super().changed(name, channel)
        if channel == 2:
            self.rest()

    def rest(self) -> None:
        """Tell the circuit what each output rests at."""
        for channel, rests in ((1, self.circuit.generator_rests), (2, self.bench.second_rests)):
            on = self.value("output", channel)
            rests(self._level("high" if self._inverted(channel) else "low", channel) if on else None)
            if on and self._runs_freely(channel):
                self.circuit.fault("the generator runs freely")

    def burst(self) -> None:
        """One burst on every channel that is on and waits for a trigger."""
        now = self.circuit.clock.now()
        ready = [c for c in (1, 2) if self.value("output", c) and not self._runs_freely(c)]
        if now < self._busy_until or not ready:
            return
        if len(ready) < 2 or len({self._times(channel) for channel in ready}) > 1:
            self.circuit.fault("the two halves of a pulse do not come together")
            return
        count, width, period, trail = self._times(1)
        self._busy_until = now + (count - 1) * period + width + trail
        first, second = (self._level("low" if self._inverted(c) else "high", c) for c in (1, 2))
        self.bench.both_pulse(first, second, width, count)

    def _times(self, channel: int) -> tuple[int, float, float, float]:
        width, period, trail = (float(self.value(name, channel)) for name in ("width", "period", "trail"))
        return int(self.value(self.count_setting, channel)), width, period, trail

    def _inverted(self, channel: int) -> bool:
        return bool(self.value("polarity", channel) == "INV")

    def _level(self, name: str, channel: int) -> float:
        """Voltage [V] of a level at a device of high impedance."""
        return float(self.value(name, channel)) * 2.0 / gain(self, channel) * OPEN / (OPEN + SOURCE_IMPEDANCE)

    def _runs_freely(self, channel: int) -> bool:
        raise TypeError(f"{type(self).__name__} does not say when channel {channel} runs freely")


class HalfSelect81160ATwin(BothOutputs, Keysight81160ATwin):
    """An 81160A."""

    count_setting = "count"

    def _runs_freely(self, channel: int) -> bool:
        return bool(self.value("arm", channel) == "IMM")


class HalfSelect33500BTwin(BothOutputs, Keysight33500BTwin):
    """A 33522B."""

    count_setting = "cycles"

    def _runs_freely(self, channel: int) -> bool:
        return not self.value("burst", channel) or self.value("trigger", channel) in ("IMM", "TIM")


class HalfSelect33600ATwin(BothOutputs, Keysight33600ATwin):
    """A 33622A."""

    count_setting = "cycles"

    def _runs_freely(self, channel: int) -> bool:
        return not self.value("burst", channel) or self.value("trigger", channel) in ("IMM", "TIM")


TWINS = {
    "keysight-33500b-halves": "HalfSelect33500BTwin",
    "keysight-33600a-halves": "HalfSelect33600ATwin",
    "keysight-81160a-halves": "HalfSelect81160ATwin",
}
