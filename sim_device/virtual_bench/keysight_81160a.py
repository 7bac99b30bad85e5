"""Twin of the Keysight 81160A pulse generator: pulse function, levels, polarity, bursts, software trigger.

Source: Keysight 81150A / 81160A User's Guide (trigger modes 3.1, pulse parameters 3.4), and for spelling the commands
that PyMeasure's driver of this instrument sends. Between pulses the output rests at LOW, inverted at HIGH.
"""

from __future__ import annotations

import math
from typing import ClassVar, Final

from sim_device.virtual_bench.circuit import Circuit
from sim_device.virtual_bench.scpi import Arguments, CommandTree, Entry, ScpiTwin, Suffixes, common_commands
from sim_device.virtual_bench.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin, add_settings
from sim_device.virtual_bench.scpi_values import ScpiError

SOURCE_IMPEDANCE: Final = 50.0  # [ohm]
OPEN: Final = 1e6  # [ohm] what a gate or a device under the pulse looks like
WINDOW: Final = 5.0  # [V] into 50 ohm; twice that into an open circuit
LEAST_AMPLITUDE: Final = 0.05  # [V] into 50 ohm
EDGE_SHARE: Final = 1.6  # period > width + 1.6 x edge (User's Guide 3.4.1)


def _gain(twin: SettingsTwin, channel: int) -> float:
    """Levels are told for the programmed load: twice as much into an open circuit as into 50 ohm."""
    load = twin.value("load", channel)
    return 2.0 if math.isinf(load) else 2.0 * load / (load + SOURCE_IMPEDANCE)


def _window(twin: SettingsTwin, channel: int) -> float:
    return WINDOW * _gain(twin, channel)


def _minus_window(twin: SettingsTwin, channel: int) -> float:
    return -WINDOW * _gain(twin, channel)


SETTINGS: Final[tuple[Setting, ...]] = (
    Number(":OUTPut#2:LOAD", "load", "OHM", 0.3, math.inf, 50),
    Choice(":FUNCtion#2", "function", ("SINusoid", "SQUare", "RAMP", "PULSe", "NOISe", "DC", "USER")),
    Number(":VOLTage#2[:LEVel][:IMMediate]:HIGH", "high", "V", _minus_window, _window, 0.5),
    Number(":VOLTage#2[:LEVel][:IMMediate]:LOW", "low", "V", _minus_window, _window, -0.5),
    Number(":VOLTage#2:LIMit[:LEVel]:HIGH", "limit_high", "V", -9.99, 10, 10),
    Number(":VOLTage#2:LIMit[:LEVel]:LOW", "limit_low", "V", -10, 9.99, -10),
    Flag(":VOLTage#2:LIMit:STATe", "limited", False),
    Number(":PULSe:PERiod#2", "period", "S", 3.03e-9, 1e6, 1e-6),
    Number(":PULSe:WIDTh#2", "width", "S", 1.5e-9, 1e6, 100e-9),
    Number(":FUNCtion#2:PULSe:TRANsition[:LEADing]", "lead", "S", 1e-9, 1e3, 1e-9),
    Number(":FUNCtion#2:PULSe:TRANsition:TRAiling", "trail", "S", 1e-9, 1e3, 1e-9),
    Choice(":OUTPut#2:POLarity", "polarity", ("NORMal", "INVerted")),
    Choice(":ARM:SOURce#2", "arm", ("IMMediate", "INTernal2", "EXTernal", "MANual")),
    Number(":TRIGger#2:COUNt", "count", "", 1, 2_147_483_647, 1, whole=True),
    Flag(":BURSt#2:STATe", "burst", False),
    Choice(":BURSt#2:MODE", "burst_mode", ("TRIGgered", "GATed")),
    Number(":BURSt#2:NCYCles", "cycles", "", 2, 2_147_483_647, 2, whole=True),
    Flag(":OUTPut#2[:STATe]", "output", False),
)
_TIMES: Final = frozenset({"period", "width", "lead", "trail"})
_LEVELS: Final = frozenset({"high", "low", "limit_high", "limit_low", "limited", "load"})
_AT_THE_CONNECTOR: Final = frozenset({"high", "low", "load", "output", "polarity", "function", "arm"})


class Keysight81160ATwin(SettingsTwin):
    """A two-channel Keysight 81160A around a circuit; channel 1 is the one that is cabled."""

    settings = SETTINGS
    channels = 2
    signed_zero = True
    tree: ClassVar[CommandTree]

    def __init__(self, circuit: Circuit, serial: str = "MY51400123") -> None:
        self.circuit = circuit
        self.identity = f"Agilent Technologies,81160A,{serial},1.0.3.0-2.6"
        self._busy_until = -math.inf
        super().__init__()

    def reset(self) -> None:
        """Defaults, outputs off, whatever was pulsing ends."""
        self.restore_defaults()
        self._busy_until = -math.inf
        self._rest()

    @property
    def output_on(self) -> bool:
        """Whether channel 1 is connected."""
        return bool(self.value("output"))

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
            self._rest()

    def _check_times(self, channel: int) -> None:
        width, edge = self.value("width", channel), max(self.value("lead", channel), self.value("trail", channel))
        if width < edge or self.value("period", channel) < width + EDGE_SHARE * edge:
            raise ScpiError(-221, "Settings conflict; pulse width, edges and period do not fit")

    def _check_levels(self, channel: int) -> None:
        high, low = self.value("high", channel), self.value("low", channel)
        if high - low < LEAST_AMPLITUDE * _gain(self, channel) * (1 - 1e-9):
            raise ScpiError(-221, "Settings conflict; high level too close to low level")
        limited = self.value("limited", channel)
        if limited and (high > self.value("limit_high", channel) or low < self.value("limit_low", channel)):
            raise ScpiError(-221, "Settings conflict; level beyond the programmed limit")

    # -- what reaches the connector --------------------------------------------------------------------------------

    def _at_open(self, level: float) -> float:
        """Voltage at a device of high impedance [V] when `level` was programmed for the load that is set."""
        return level * 2.0 / _gain(self, 1) * OPEN / (OPEN + SOURCE_IMPEDANCE)

    def _rest(self) -> None:
        if not self.output_on:
            self.circuit.generator_rests(None)
            return
        inverted = self.value("polarity") == "INV"
        self.circuit.generator_rests(self._at_open(self.value("high" if inverted else "low")))
        if self.value("arm") == "IMM":
            self._pulse(1)  # free-running: it does not wait for a trigger

    def trigger(self) -> None:
        """``*TRG``: one burst on every channel that waits for it."""
        for channel in range(1, self.channels + 1):
            self.trigger_channel(channel)

    def trigger_channel(self, channel: int) -> None:
        """One burst; a trigger that comes while the last one still runs is ignored (User's Guide 3.1)."""
        if self.value("arm", channel) != "MAN" or channel != 1 or not self.output_on:
            return
        if self.value("function") != "PULS" or self.circuit.clock.now() < self._busy_until:
            return
        self._pulse(self.value("count"))

    def _pulse(self, count: int) -> None:
        inverted = self.value("polarity") == "INV"
        voltage = self._at_open(self.value("low" if inverted else "high"))
        width, period = self.value("width"), self.value("period")
        self._busy_until = self.circuit.clock.now() + (count - 1) * period + width + self.value("trail")
        self.circuit.generator_pulses(voltage, width, count)

    def finish(self) -> None:
        """Wait for the burst."""
        remaining = self._busy_until - self.circuit.clock.now()
        if remaining > 0:
            self.circuit.clock.wait(remaining)


def _trigger(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keysight81160ATwin)
    if arguments:
        raise ScpiError(-108, "Parameter not allowed")
    twin.trigger_channel(suffixes[0])


def _commands() -> CommandTree:
    tree = add_settings(common_commands(), SETTINGS)
    tree.add(":TRIGger#2[:IMMediate]", Entry(set=_trigger))
    return tree


Keysight81160ATwin.tree = _commands()
