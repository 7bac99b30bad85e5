"""A two-channel generator as a source of half-select voltages: +V/2 and -V/2 at the same moment.

A pulse of V is told to both channels as one half each, of opposite sign; one software trigger starts both, so that the
box itself keeps them together, and between pulses both rest at 0 V. A crosspoint between the two lines sees V, the
others on these lines see half of it, and no line is ever held at a voltage. Commands are those of the drivers for one
channel. Never tried on the real instruments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.common.burst_generator import BurstGenerator, Commands, trigger
from instruments.drivers.common.known import Known
from instruments.drivers.common.scpi import Scpi
from instruments.drivers.keysight_33500b import Keysight33500B, Keysight33600A
from instruments.drivers.keysight_81160a import Keysight81160A
from instruments.limits import Limits
from instruments.roles import PulseSource


def on_second(command: str) -> str:
    """A command for channel 1 as it is for channel 2: the number stands in the header, not in the value."""
    header, space, value = command.partition(" ")
    return header.replace("1", "2") + space + value


class Second81160A(Keysight81160A):
    """Channel 2."""

    commands: ClassVar[Commands] = Commands(*map(on_second, Keysight81160A.commands))

    def _setup(self, most: float) -> list[str]:
        return [on_second(command) for command in super()._setup(most)]


class Second33500B(Keysight33500B):
    """Channel 2."""

    commands: ClassVar[Commands] = Commands(*map(on_second, Keysight33500B.commands))

    def _setup(self, most: float) -> list[str]:
        return [on_second(command) for command in super()._setup(most)]


class Second33600A(Keysight33600A):
    """Channel 2."""

    commands: ClassVar[Commands] = Commands(*map(on_second, Keysight33600A.commands))

    def _setup(self, most: float) -> list[str]:
        return [on_second(command) for command in super()._setup(most)]


class HalfSelect(Scpi, PulseSource):
    """Both channels as one source: `row` gives the half with the sign of the pulse, `column` the other."""

    first: ClassVar[type[BurstGenerator]]
    second: ClassVar[type[BurstGenerator]]

    def __init__(self, adapter: Adapter, limits: Limits, name: str = "half-select", **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        halves = limits.model_copy(update={"pulse_voltage": limits.pulse_voltage / 2})
        self.row = self.first(adapter, halves, f"{name}, channel 1", **kwargs)
        self.column = self.second(adapter, halves, f"{name}, channel 2", **kwargs)
        self.shortest_width = self.row.shortest_width
        self.longest_burst = self.row.longest_burst

    def prepare(self) -> None:
        """Reset, both outputs off, both channels set up; each is told half the station's largest pulse as its limit."""
        self.write("*RST;*CLS")
        self.row.set_up()
        self.column.set_up()

    def off(self) -> None:
        """Both outputs off."""
        for one in self._both():
            one.goes_off()
        self.switch_off(f"{self.row.commands.output.format('OFF')};{self.column.commands.output.format('OFF')}")

    def is_off(self) -> bool:
        """Whether the instrument says that both outputs are off."""
        return all(self.ask(one.commands.output.format("").strip() + "?").strip() == "0" for one in self._both())

    def output_on(self) -> None:
        """Both outputs on, at rest at 0 V."""
        for one in self._both():
            one.output_on()

    def remembered(self) -> dict[str, Any]:
        """That of both channels."""
        return {"row": self.row.remembered(), "column": self.column.remembered()}

    def recall(self, remembered: Mapping[str, Any]) -> None:
        """As `remembered`."""
        self.row.recall(remembered.get("row", {}))
        self.column.recall(remembered.get("column", {}))

    def _both(self) -> tuple[BurstGenerator, BurstGenerator]:
        return self.row, self.column

    def _configure(self, pulse: Pulse) -> None:
        """Half each, of opposite sign."""
        self.row.configure(Pulse(pulse.voltage / 2, pulse.width))
        self.column.configure(Pulse(-pulse.voltage / 2, pulse.width))

    def _fire(self, count: int) -> float:
        """Both armed, then one trigger for both."""
        duration = max(one.arm(count) for one in self._both())
        trigger(self, duration, count)
        return duration


class HalfSelect81160A(HalfSelect):
    """A two-channel 81160A."""

    first, second = Keysight81160A, Second81160A


class HalfSelect33500B(HalfSelect):
    """A 33512B or 33522B."""

    first, second = Keysight33500B, Second33500B


class HalfSelect33600A(HalfSelect):
    """A 33612A or 33622A."""

    first, second = Keysight33600A, Second33600A


DRIVERS = {
    "keysight-33500b-halves": Known(
        "HalfSelect33500B", "generator", ",335", "Keysight 33500B, both channels as half-select voltages"
    ),
    "keysight-33600a-halves": Known(
        "HalfSelect33600A", "generator", ",336", "Keysight 33600A, both channels as half-select voltages"
    ),
    "keysight-81160a-halves": Known(
        "HalfSelect81160A", "generator", "81160A", "Keysight 81160A, both channels as half-select voltages"
    ),
}
