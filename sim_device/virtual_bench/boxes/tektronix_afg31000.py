"""Twin of the Tektronix AFG31000 function generator: pulse function in triggered bursts.

Source: AFG31000 Series Programmer Manual, 077-1148. Without a burst, or with the trigger on TIMer, it runs freely.
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

FUNCTIONS: Final = ("SINusoid", "SQUare", "PULSe", "RAMP", "PRNoise", "DC", "SINC", "GAUSsian", "LORentz")
LEAST_AMPLITUDE: Final = 10e-3  # [V] into 50 ohm


def _window(twin: SettingsTwin, channel: int) -> float:
    return 5.0 * gain(twin, channel)


def _minus_window(twin: SettingsTwin, channel: int) -> float:
    return -5.0 * gain(twin, channel)


def _least(twin: SettingsTwin, channel: int) -> float:
    return LEAST_AMPLITUDE * gain(twin, channel)


_AT: Final = "[:SOURce#2]"
_LEVEL: Final = f"{_AT}:VOLTage[:LEVel][:IMMediate]"
SETTINGS: Final[tuple[Setting, ...]] = (
    Number(":OUTPut#2:IMPedance", "load", "OHM", 1, float("inf"), 50),
    Choice(f"{_AT}:FUNCtion[:SHAPe]", "function", FUNCTIONS),
    Number(f"{_LEVEL}:HIGH", "high", "V", _minus_window, _window, 0.5),
    Number(f"{_LEVEL}:LOW", "low", "V", _minus_window, _window, -0.5),
    Choice(f"{_AT}:VOLTage:UNIT", "unit", ("VPP", "VRMS", "DBM")),
    Number(f"{_AT}:VOLTage:LIMit:HIGH", "limit_high", "V", -10, 10, _window),
    Number(f"{_AT}:VOLTage:LIMit:LOW", "limit_low", "V", -10, 10, _minus_window),
    Number(f"{_AT}:PULSe:PERiod", "period", "S", 40e-9, 1e6, 1e-6),
    Number(f"{_AT}:PULSe:WIDTh", "width", "S", 30e-9, 1e6, 500e-9),
    Choice(f"{_AT}:PULSe:HOLD", "hold", ("WIDTh", "DUTY")),
    Number(f"{_AT}:PULSe:DELay", "delay", "S", 0, 1e6, 0),
    Number(f"{_AT}:PULSe:TRANsition[:LEADing]", "lead", "S", 18e-9, 625.0, 18e-9),
    Number(f"{_AT}:PULSe:TRANsition:TRAiling", "trail", "S", 18e-9, 625.0, 18e-9),
    Choice(":OUTPut#2:POLarity", "polarity", ("NORMal", "INVerted")),
    Choice(":TRIGger[:SEQuence]:SOURce", "trigger", ("TIMer", "EXTernal")),
    Flag(f"{_AT}:BURSt[:STATe]", "burst", False),
    Choice(f"{_AT}:BURSt:MODE", "burst_mode", ("TRIGgered", "GATed")),
    Number(f"{_AT}:BURSt:NCYCles", "cycles", "", 1, 1_000_000, 5, whole=True),
    Flag(":OUTPut#2[:STATe]", "output", False),
)
DERIVED: Final[tuple[Setting, ...]] = (
    Derived(
        f"{_LEVEL}[:AMPLitude]", "amplitude", "V", _least, _window, 1.0,
        get=generator.get_amplitude, apply=generator.put_amplitude,
    ),
    Derived(
        f"{_LEVEL}:OFFSet", "offset", "V", _minus_window, _window, 0.0,
        get=generator.get_offset, apply=generator.put_offset,
    ),
    Derived(
        f"{_AT}:FREQuency[:CW]", "frequency", "HZ", 1e-6, 25e6, 1e6,
        get=generator.get_frequency, apply=generator.put_frequency,
    ),
    Derived(
        f"{_AT}:PULSe:DCYCle", "duty", "PCT", 0.001, 99.999, 50,
        get=generator.get_duty, apply=generator.put_duty,
    ),
)  # fmt: skip
_TIMES: Final = frozenset({"period", "width", "lead", "trail", "function"})
_LEVELS: Final = frozenset({"high", "low", "limit_high", "limit_low"})
_AT_THE_CONNECTOR: Final = frozenset({"high", "low", "load", "output", "polarity", "function", "trigger", "burst"})


class TektronixAFG31000Twin(GeneratorTwin):
    """A two-channel AFG31022 around a circuit; channel 1 is the one that is cabled."""

    settings = SETTINGS
    channels = 2
    tree: ClassVar[CommandTree] = add_settings(common_commands(), (*SETTINGS, *DERIVED))

    def __init__(self, circuit: Circuit, serial: str = "C012345") -> None:
        self.identity = f"TEKTRONIX,AFG31022,{serial},SCPI:99.0 FV:1.6.1"
        super().__init__(circuit)

    def changed(self, name: str, channel: int) -> None:
        """Refuse what conflicts; tell the circuit what channel 1 rests at."""
        if name in _TIMES and self.value("function", channel) == "PULS":
            self._check_times(channel)
        if name in _LEVELS:
            self._check_levels(channel)
        if channel == 1 and name in _AT_THE_CONNECTOR:
            self.rest()

    def _check_times(self, channel: int) -> None:
        width, lead, trail = (self.value(name, channel) for name in ("width", "lead", "trail"))
        # Programmer Manual, PULSe:WIDTh: width within period and half of both edges.
        if width < 0.8 * max(lead, trail) or self.value("period", channel) < width + 0.8 * (lead + trail):
            raise ScpiError(-221, "Settings conflict; pulse width, edges and period do not fit")

    def _check_levels(self, channel: int) -> None:
        high, low = self.value("high", channel), self.value("low", channel)
        if high - low < _least(self, channel) * (1 - 1e-9):
            raise ScpiError(-221, "Settings conflict; high level too close to low level")
        if high > self.value("limit_high", channel) * (1 + 1e-9) or low < self.value("limit_low", channel) * (1 + 1e-9):
            raise ScpiError(-222, "Data out of range; level beyond the voltage limits")

    def free_running(self) -> bool:
        """Whether it does not wait for a trigger."""
        return not self.value("burst") or self.value("trigger") == "TIM"

    def burst_length(self) -> int:
        """``BURSt:NCYCles``."""
        return int(self.value("cycles"))

    def trigger(self) -> None:
        """``*TRG`` or ``TRIGger``: a burst on every channel that waits for one."""
        self.burst()


TektronixAFG31000Twin.tree.add(":TRIGger[:SEQuence][:IMMediate]", Entry(set=no_arguments(lambda twin: twin.trigger())))


TWINS = {
    "tektronix-afg31000": "TektronixAFG31000Twin",
}
