"""What twins of generators share: two levels, a load, a resting level, bursts that take time."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.scpi_settings import SettingsTwin
from sim_device.virtual_bench.languages.scpi_values import ScpiError

SOURCE_IMPEDANCE: Final = 50.0  # [ohm]
OPEN: Final = 1e6  # [ohm] what a gate or a device under the pulse looks like


def gain(twin: SettingsTwin, channel: int) -> float:
    """Levels are told for the programmed load: twice as much into an open circuit as into 50 ohm."""
    load = twin.value("load", channel)
    return 2.0 if math.isinf(load) else 2.0 * load / (load + SOURCE_IMPEDANCE)


class Burst(NamedTuple):
    """`pulses` of `voltage` [V] and `width` [s], `period` [s] from start to start."""

    voltage: float
    width: float
    period: float
    pulses: int


class GeneratorTwin(SettingsTwin):
    """A generator whose channel 1 is cabled into a circuit.

    A subclass has settings "load", "high", "low", "polarity", "output", "width", "period", "trail", "function".
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._busy_until = -math.inf
        super().__init__()

    def reset(self) -> None:
        """Defaults, outputs off, whatever was pulsing ends."""
        self.restore_defaults()
        self._busy_until = -math.inf
        self.rest()

    @property
    def output_on(self) -> bool:
        """Whether channel 1 is connected."""
        return bool(self.value("output"))

    def free_running(self) -> bool:
        """Whether channel 1 pulses without waiting for a trigger."""
        raise TypeError(f"{type(self).__name__} does not say when it runs freely")

    def burst_length(self) -> int:
        """Pulses of channel 1 for one trigger."""
        raise TypeError(f"{type(self).__name__} does not say how long a burst is")

    def at_device(self, level: float) -> float:
        """Voltage at a device of high impedance [V] when `level` was programmed for the load that is set."""
        return level * 2.0 / gain(self, 1) * OPEN / (OPEN + SOURCE_IMPEDANCE)

    def rest(self) -> None:
        """Tell the circuit what channel 1 rests at: its low level, inverted its high one."""
        if not self.output_on:
            self.circuit.generator_rests(None)
            return
        inverted = self.value("polarity") == "INV"
        self.circuit.generator_rests(self.at_device(self.value("high" if inverted else "low")))
        if self.free_running():
            self.circuit.fault("the generator runs freely")
            self._pulse(1)

    def burst(self) -> None:
        """One burst on channel 1; a trigger that comes while the last one still runs is ignored."""
        if self.output_on and not self.free_running() and self.circuit.clock.now() >= self._busy_until:
            self._pulse(self.burst_length())

    def _pulse(self, count: int) -> None:
        if self.value("function") != "PULS":
            self.circuit.fault(f"the generator gives a waveform that is no pulse: {self.value('function')}")
            return
        inverted = self.value("polarity") == "INV"
        width, period = self.value("width"), self.value("period")
        self._busy_until = self.circuit.clock.now() + (count - 1) * period + width + self.value("trail")
        self.circuit.generator_pulses(self.at_device(self.value("low" if inverted else "high")), width, count)

    def by_cable(self) -> Burst | None:
        """What an edge at the trigger input of channel 1 gives; None where it is not awaited."""
        if not self.output_on or self.free_running() or not self.awaits_edge() or self.value("function") != "PULS":
            return None
        voltage = self.at_device(self.value("low" if self.value("polarity") == "INV" else "high"))
        return Burst(voltage, self.value("width"), self.value("period"), self.burst_length())

    def awaits_edge(self) -> bool:
        """Whether an edge at the trigger input gives a burst; not modelled for every generator."""
        return False

    def finish(self) -> None:
        """Wait for the burst."""
        remaining = self._busy_until - self.circuit.clock.now()
        if remaining > 0:
            self.circuit.clock.wait(remaining)


# -- amplitude and offset are another way to say the levels ----------------------------------------------------------


def get_amplitude(twin: SettingsTwin, channel: int) -> float:
    """HIGH minus LOW [V]."""
    return float(twin.value("high", channel) - twin.value("low", channel))


def get_offset(twin: SettingsTwin, channel: int) -> float:
    """Middle of HIGH and LOW [V]."""
    return float(twin.value("high", channel) + twin.value("low", channel)) / 2


def put_amplitude(twin: SettingsTwin, channel: int, value: float) -> None:
    """Levels around the present offset."""
    put_levels(twin, channel, get_offset(twin, channel) + value / 2, get_offset(twin, channel) - value / 2)


def put_offset(twin: SettingsTwin, channel: int, value: float) -> None:
    """Levels around another offset."""
    half = get_amplitude(twin, channel) / 2
    put_levels(twin, channel, value + half, value - half)


def put_levels(twin: SettingsTwin, channel: int, high: float, low: float) -> None:
    """Both levels at once; -222 where one is beyond the window, and neither changes."""
    window = 5.0 * gain(twin, channel) * (1 + 1e-9)
    if max(abs(high), abs(low)) > window:
        raise ScpiError(-222, "Data out of range")
    before = twin.value("high", channel)
    twin.assign("high", channel, high)
    try:
        twin.put("low", channel, low)
    except ScpiError:
        twin.assign("high", channel, before)
        raise


def get_frequency(twin: SettingsTwin, channel: int) -> float:
    """One over the period [Hz]."""
    return 1.0 / float(twin.value("period", channel))


def put_frequency(twin: SettingsTwin, channel: int, value: float) -> None:
    """The period that belongs to a frequency."""
    twin.put("period", channel, 1.0 / value)


def get_duty(twin: SettingsTwin, channel: int) -> float:
    """Width in percent of the period."""
    return 100.0 * float(twin.value("width", channel)) / float(twin.value("period", channel))


def put_duty(twin: SettingsTwin, channel: int, value: float) -> None:
    """The width that belongs to a duty cycle."""
    twin.put("width", channel, value / 100.0 * float(twin.value("period", channel)))
