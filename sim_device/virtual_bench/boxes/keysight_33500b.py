"""Twins of the Keysight 33500B and 33600A waveform generators: pulse function in bus-triggered bursts.

Source: Keysight Trueform Series Operating and Service Guide, SCPI reference. Without a burst, or with the trigger on
IMMediate, the output runs freely, as the box does after ``OUTPut ON``.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sim_device.virtual_bench.boxes.common import generator
from sim_device.virtual_bench.boxes.common.generator import GeneratorTwin, gain
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.scpi_common import common_commands, no_arguments
from sim_device.virtual_bench.languages.scpi_settings import (
    Choice,
    Derived,
    Flag,
    Number,
    Setting,
    SettingsTwin,
    add_settings,
)
from sim_device.virtual_bench.languages.scpi_tree import CommandTree, Entry
from sim_device.virtual_bench.languages.scpi_values import ScpiError

FUNCTIONS: Final = ("SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS", "NOISe", "ARB", "DC")
LEAST_AMPLITUDE: Final = 1e-3  # [V] into 50 ohm
WIDEST_EDGE: Final = 0.625  # an edge may be 0.625 of the width between half heights (FUNCtion:PULSe:TRANsition)


def _window(twin: SettingsTwin, channel: int) -> float:
    return 5.0 * gain(twin, channel)


def _minus_window(twin: SettingsTwin, channel: int) -> float:
    return -5.0 * gain(twin, channel)


def _least(twin: SettingsTwin, channel: int) -> float:
    return LEAST_AMPLITUDE * gain(twin, channel)


def settings(shortest_width: float, shortest_edge: float) -> tuple[Setting, ...]:
    """The table for a model."""
    at = "[:SOURce#2]"
    return (
        Number(":OUTPut#2:LOAD", "load", "OHM", 1, float("inf"), 50),
        Choice(f"{at}:FUNCtion", "function", FUNCTIONS),
        Number(f"{at}:VOLTage:HIGH", "high", "V", _minus_window, _window, 0.05),
        Number(f"{at}:VOLTage:LOW", "low", "V", _minus_window, _window, -0.05),
        Choice(f"{at}:VOLTage:UNIT", "unit", ("VPP", "VRMS", "DBM")),
        Number(f"{at}:VOLTage:LIMit:HIGH", "limit_high", "V", _minus_window, _window, _window),
        Number(f"{at}:VOLTage:LIMit:LOW", "limit_low", "V", _minus_window, _window, _minus_window),
        Flag(f"{at}:VOLTage:LIMit:STATe", "limited", False),
        Number(f"{at}:FUNCtion:PULSe:PERiod", "period", "S", 33e-9, 1e6, 1e-3),
        Number(f"{at}:FUNCtion:PULSe:WIDTh", "width", "S", shortest_width, 1e6, 100e-6),
        Choice(f"{at}:FUNCtion:PULSe:HOLD", "hold", ("WIDTh", "DCYCle")),
        Number(f"{at}:FUNCtion:PULSe:TRANsition:LEADing", "lead", "S", shortest_edge, 1e-6, 10e-9),
        Number(f"{at}:FUNCtion:PULSe:TRANsition:TRAiling", "trail", "S", shortest_edge, 1e-6, 10e-9),
        Number(f"{at}:FUNCtion:SQUare:DCYCle", "square_duty", "PCT", 0.01, 99.99, 50),
        Number(f"{at}:FUNCtion:RAMP:SYMMetry", "symmetry", "PCT", 0, 100, 100),
        Number(f"{at}:PHASe", "phase", "", -360, 360, 0),
        Choice(":OUTPut#2:POLarity", "polarity", ("NORMal", "INVerted")),
        Choice(":TRIGger#2:SOURce", "trigger", ("IMMediate", "EXTernal", "TIMer", "BUS")),
        Choice(":TRIGger#2:SLOPe", "slope", ("POSitive", "NEGative")),
        Flag(f"{at}:BURSt:STATe", "burst", False),
        Choice(f"{at}:BURSt:MODE", "burst_mode", ("TRIGgered", "GATed")),
        Number(f"{at}:BURSt:NCYCles", "cycles", "", 1, 100_000_000, 1, whole=True),
        Number(f"{at}:BURSt:INTernal:PERiod", "burst_period", "S", 1e-6, 8000, 1e-2),
        Flag(":OUTPut#2[:STATe]", "output", False),
    )


def _put_edges(twin: SettingsTwin, channel: int, value: float) -> None:
    twin.put("lead", channel, value)
    twin.put("trail", channel, value)


def derived(shortest_edge: float) -> tuple[Setting, ...]:
    """What is another way to say levels and times."""
    at = "[:SOURce#2]"
    return (
        Derived(
            f"{at}:VOLTage", "amplitude", "V", _least, _window, 0.1,
            get=generator.get_amplitude, apply=generator.put_amplitude,
        ),
        Derived(
            f"{at}:VOLTage:OFFSet", "offset", "V", _minus_window, _window, 0.0,
            get=generator.get_offset, apply=generator.put_offset,
        ),
        Derived(
            f"{at}:FREQuency", "frequency", "HZ", 1e-6, 30e6, 1e3,
            get=generator.get_frequency, apply=generator.put_frequency,
        ),
        Derived(
            f"{at}:FUNCtion:PULSe:DCYCle", "duty", "PCT", 0.01, 99.99, 10,
            get=generator.get_duty, apply=generator.put_duty,
        ),
        Derived(
            f"{at}:FUNCtion:PULSe:TRANsition[:BOTH]", "edges", "S", shortest_edge, 1e-6, 10e-9,
            get=lambda twin, channel: float(twin.value("lead", channel)), apply=_put_edges,
        ),
    )  # fmt: skip


_TIMES: Final = frozenset({"period", "width", "lead", "trail", "function"})
_LEVELS: Final = frozenset({"high", "low", "limit_high", "limit_low", "limited"})
_AT_THE_CONNECTOR: Final = frozenset({"high", "low", "load", "output", "polarity", "function", "trigger", "burst"})


def tree_of(settings: tuple[Setting, ...], shortest_edge: float) -> CommandTree:
    """The command tree for a table of settings."""
    tree = add_settings(common_commands(), (*settings, *derived(shortest_edge)))
    tree.add(":TRIGger#2[:IMMediate]", Entry(set=no_arguments(lambda twin: twin.trigger())))
    tree.add(":ABORt", Entry(set=no_arguments(lambda _: None)))
    return tree


class Keysight33500BTwin(GeneratorTwin):
    """A two-channel 33522B around a circuit; channel 1 is the one that is cabled."""

    settings = settings(16e-9, 8.4e-9)
    channels = 2
    signed_zero = True
    tree: ClassVar[CommandTree] = tree_of(settings, 8.4e-9)
    model: ClassVar[str] = "33522B"

    def __init__(self, circuit: Circuit, serial: str = "MY52801234") -> None:
        self.identity = f"Agilent Technologies,{self.model},{serial},3.05-1.19-2.00-52-00"
        super().__init__(circuit)
        self._gain = [gain(self, channel) for channel in (1, 2)]

    def restore_defaults(self) -> None:
        """Settings after ``*RST``."""
        super().restore_defaults()
        self._gain = [gain(self, channel) for channel in (1, 2)]

    def changed(self, name: str, channel: int) -> None:
        """Levels follow the load as told (OUTPut:LOAD); what conflicts is refused."""
        if name == "load":
            ratio = gain(self, channel) / self._gain[channel - 1]
            for level in ("high", "low", "limit_high", "limit_low"):
                self.assign(level, channel, self.value(level, channel) * ratio)
            self._gain[channel - 1] = gain(self, channel)
        if name in _TIMES and self.value("function", channel) == "PULS":
            self._check_times(channel)
        if name in _LEVELS:
            self._check_levels(channel)
        if channel == 1 and name in _AT_THE_CONNECTOR:
            self.rest()

    def _check_times(self, channel: int) -> None:
        width, edge = self.value("width", channel), max(self.value("lead", channel), self.value("trail", channel))
        if edge > WIDEST_EDGE * width * (1 + 1e-9) or self.value("period", channel) < width + edge:
            raise ScpiError(-221, "Settings conflict; pulse width, edges and period do not fit")

    def _check_levels(self, channel: int) -> None:
        high, low = self.value("high", channel), self.value("low", channel)
        if high - low < _least(self, channel) * (1 - 1e-9):
            raise ScpiError(-221, "Settings conflict; amplitude too small for high and low level")
        limited = self.value("limited", channel)
        if limited and (high > self.value("limit_high", channel) or low < self.value("limit_low", channel)):
            raise ScpiError(-221, "Settings conflict; level beyond the voltage limits")

    def free_running(self) -> bool:
        """Whether it does not wait for a trigger."""
        return not self.value("burst") or self.value("trigger") in ("IMM", "TIM")

    def burst_length(self) -> int:
        """``BURSt:NCYCles``."""
        return int(self.value("cycles"))

    def awaits_edge(self) -> bool:
        """``TRIGger:SOURce EXTernal`` in a burst of so many cycles."""
        return self.value("trigger") == "EXT" and self.value("burst_mode") == "TRIG"

    def trigger(self) -> None:
        """``*TRG``: a burst where the trigger source is the bus."""
        if self.value("trigger") != "BUS":
            raise ScpiError(-211, "Trigger ignored")
        self.burst()


class Keysight33600ATwin(Keysight33500BTwin):
    """A two-channel 33622A."""

    settings = settings(5e-9, 2.9e-9)
    tree: ClassVar[CommandTree] = tree_of(settings, 2.9e-9)
    model: ClassVar[str] = "33622A"


TWINS = {
    "keysight-33500b": "Keysight33500BTwin",
    "keysight-33600a": "Keysight33600ATwin",
}
