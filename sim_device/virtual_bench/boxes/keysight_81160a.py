"""Twin of the Keysight 81160A pulse generator: pulse function, levels, polarity, bursts, software trigger.

Source: Keysight 81150A / 81160A User's Guide (trigger modes 3.1, pulse parameters 3.4), and for spelling the commands
that PyMeasure's driver of this instrument sends. Between pulses the output rests at LOW, inverted at HIGH.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sim_device.virtual_bench.boxes.common import generator
from sim_device.virtual_bench.boxes.common.generator import GeneratorTwin, gain
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import (
    Choice,
    Derived,
    Flag,
    Number,
    Setting,
    SettingsTwin,
    add_settings,
)
from sim_device.virtual_bench.languages.scpi_tree import Arguments, CommandTree, Entry, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, choice, number

WINDOW: Final = 5.0  # [V] into 50 ohm; twice that into an open circuit
LEAST_AMPLITUDE: Final = 0.05  # [V] into 50 ohm
EDGE_SHARE: Final = 1.6  # period > width + 1.6 x edge (User's Guide 3.4.1)
FUNCTIONS: Final = ("SINusoid", "SQUare", "RAMP", "PULSe", "NOISe", "DC", "USER")
MOST: Final = 2_147_483_647


def _window(twin: SettingsTwin, channel: int) -> float:
    return WINDOW * gain(twin, channel)


def _minus_window(twin: SettingsTwin, channel: int) -> float:
    return -WINDOW * gain(twin, channel)


def _least(twin: SettingsTwin, channel: int) -> float:
    return LEAST_AMPLITUDE * gain(twin, channel)


SETTINGS: Final[tuple[Setting, ...]] = (
    Number(":OUTPut#2:LOAD", "load", "OHM", 0.3, float("inf"), 50),
    Choice(":FUNCtion#2", "function", FUNCTIONS),
    Number(":VOLTage#2[:LEVel][:IMMediate]:HIGH", "high", "V", _minus_window, _window, 0.5),
    Number(":VOLTage#2[:LEVel][:IMMediate]:LOW", "low", "V", _minus_window, _window, -0.5),
    Choice(":VOLTage#2:UNIT", "unit", ("VPP", "VRMS", "DBM")),
    Number(":VOLTage#2:LIMit[:LEVel]:HIGH", "limit_high", "V", -9.99, 10, 10),
    Number(":VOLTage#2:LIMit[:LEVel]:LOW", "limit_low", "V", -10, 9.99, -10),
    Flag(":VOLTage#2:LIMit:STATe", "limited", False),
    Number(":PULSe:PERiod#2", "period", "S", 3.03e-9, 1e6, 1e-6),
    Number(":PULSe:WIDTh#2", "width", "S", 1.5e-9, 1e6, 100e-9),
    Choice(":PULSe:HOLD#2", "hold", ("WIDTh", "DCYCle")),
    Number(":FUNCtion#2:PULSe:TRANsition[:LEADing]", "lead", "S", 1e-9, 1e3, 1e-9),
    Number(":FUNCtion#2:PULSe:TRANsition:TRAiling", "trail", "S", 1e-9, 1e3, 1e-9),
    Number(":FUNCtion#2:SQUare:DCYCle", "square_duty", "PCT", 0.0001515, 99.9998485, 50),
    Number(":FUNCtion#2:RAMP:SYMMetry", "symmetry", "PCT", 0, 100, 100),
    Choice(":OUTPut#2:POLarity", "polarity", ("NORMal", "INVerted")),
    Choice(":ARM:SOURce#2", "arm", ("IMMediate", "INTernal2", "EXTernal", "MANual")),
    Choice(":ARM:SENSe#2", "arm_sense", ("EDGE", "LEVel")),
    Number(":TRIGger#2:COUNt", "count", "", 1, MOST, 1, whole=True),
    Flag(":BURSt#2:STATe", "burst", False),
    Choice(":BURSt#2:MODE", "burst_mode", ("TRIGgered", "GATed")),
    Number(":BURSt#2:NCYCles", "cycles", "", 2, MOST, 2, whole=True),
    Number(":BURSt#2:INTernal:PERiod", "burst_period", "S", 3.03e-9, 1e6, 1e-2),
    Flag(":TRACk:CHANnel#2", "coupled", False),
    Flag(":OUTPut#2[:STATe]", "output", False),
)
DERIVED: Final[tuple[Setting, ...]] = (
    Derived(
        ":VOLTage#2[:LEVel][:IMMediate][:AMPLitude]", "amplitude", "V", _least, _window, 1.0,
        get=generator.get_amplitude, apply=generator.put_amplitude,
    ),
    Derived(
        ":VOLTage#2[:LEVel][:IMMediate]:OFFSet", "offset", "V", _minus_window, _window, 0.0,
        get=generator.get_offset, apply=generator.put_offset,
    ),
    Derived(
        ":FREQuency#2", "frequency", "HZ", 1e-6, 500e6, 1e6,
        get=generator.get_frequency, apply=generator.put_frequency,
    ),
    Derived(
        ":PULSe:DCYCle#2", "duty", "PCT", 0.15, 99.99, 10,
        get=generator.get_duty, apply=generator.put_duty,
    ),
)  # fmt: skip
_TIMES: Final = frozenset({"period", "width", "lead", "trail", "function"})
_LEVELS: Final = frozenset({"high", "low", "limit_high", "limit_low", "limited", "load"})
_AT_THE_CONNECTOR: Final = frozenset({"high", "low", "load", "output", "polarity", "function", "arm"})


class Keysight81160ATwin(GeneratorTwin):
    """A two-channel Keysight 81160A around a circuit; channel 1 is the one that is cabled."""

    settings = SETTINGS
    channels = 2
    signed_zero = True
    tree: ClassVar[CommandTree] = add_settings(common_commands(), (*SETTINGS, *DERIVED))

    def __init__(self, circuit: Circuit, serial: str = "MY51400123") -> None:
        self.identity = f"Agilent Technologies,81160A,{serial},1.0.3.0-2.6"
        super().__init__(circuit)

    def changed(self, name: str, channel: int) -> None:
        """Refuse what conflicts; tell the circuit what channel 1 rests at."""
        if name in _TIMES and self.value("function", channel) == "PULS":
            self._check_times(channel)
        if name in _LEVELS:
            self._check_levels(channel)
        if name == "count":
            self.assign("burst", channel, self.value("count", channel) > 1)
            self.assign("cycles", channel, max(2, self.value("count", channel)))
        elif name in ("cycles", "burst"):
            self.assign("count", channel, self.value("cycles", channel) if self.value("burst", channel) else 1)
        if channel == 1 and name in _AT_THE_CONNECTOR:
            self.rest()

    def _check_times(self, channel: int) -> None:
        width, edge = self.value("width", channel), max(self.value("lead", channel), self.value("trail", channel))
        if width < edge or self.value("period", channel) < width + EDGE_SHARE * edge:
            raise ScpiError(-221, "Settings conflict; pulse width, edges and period do not fit")

    def _check_levels(self, channel: int) -> None:
        high, low = self.value("high", channel), self.value("low", channel)
        if high - low < _least(self, channel) * (1 - 1e-9):
            raise ScpiError(-221, "Settings conflict; high level too close to low level")
        limited = self.value("limited", channel)
        if limited and (high > self.value("limit_high", channel) or low < self.value("limit_low", channel)):
            raise ScpiError(-221, "Settings conflict; level beyond the programmed limit")

    def free_running(self) -> bool:
        """Whether it does not wait for a trigger."""
        return bool(self.value("arm") == "IMM")

    def burst_length(self) -> int:
        """``TRIGger:COUNt``."""
        return int(self.value("count"))

    def trigger(self) -> None:
        """``*TRG``: one burst on every channel that waits for it."""
        self.trigger_channel(1)

    def trigger_channel(self, channel: int) -> None:
        """One burst; channel 2 is not cabled."""
        if channel == 1 and self.value("arm") == "MAN":
            self.burst()


def _trigger(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keysight81160ATwin)
    if arguments:
        raise ScpiError(-108, "Parameter not allowed")
    twin.trigger_channel(suffixes[0])


def _given(text: str, unit: str) -> float | None:
    return None if text.upper() in ("DEF", "DEFAULT") else number(text, unit)


def _apply(function: str) -> Entry:
    """``APPLy:<function> frequency, amplitude, offset``: everything at once, and the output on."""

    def act(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> None:
        assert isinstance(twin, Keysight81160ATwin)
        if len(arguments) > 3:
            raise ScpiError(-108, "Parameter not allowed")
        channel = suffixes[0]
        values = [_given(text, unit) for text, unit in zip(arguments, ("HZ", "V", "V"), strict=False)]
        frequency, amplitude, offset = (*values, None, None, None)[:3]
        if frequency is not None and function not in ("DC", "NOISe"):
            generator.put_frequency(twin, channel, frequency)
        half = (generator.get_amplitude(twin, channel) if amplitude is None else amplitude) / 2
        middle = 0.0 if offset is None else offset
        generator.put_levels(twin, channel, middle + half, middle - half)
        twin.put("function", channel, choice(function, FUNCTIONS))
        twin.put("output", channel, True)

    return Entry(set=act)


def _complete() -> None:
    tree = Keysight81160ATwin.tree
    tree.add(":TRIGger#2[:IMMediate]", Entry(set=_trigger))
    for function in FUNCTIONS:
        tree.add(f":APPLy#2:{function}", _apply(function))


_complete()


TWINS = {
    "keysight-81160a": "Keysight81160ATwin",
}
